#include "wire/frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_message_comes_back_whatever_the_cuts(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 20);
    autobuffer struct buffer in = BUFFER_INIT(1 << 20);
    json_t *sent = json_pack("{s:s,s:i}", "type", "ack", "revision", 7);
    json_t *got = NULL;
    size_t n;
    (void)state;

    assert_int_equal(frame_write(&out, sent), 0);
    n = buffer_size(&out);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(frame_read(&in, &got), FRAME_AGAIN);
        assert_int_equal(buffer_append(&in, buffer_data(&out) + i, 1), 0);
    }
    assert_int_equal(frame_read(&in, &got), 0);
    assert_true(json_equal(sent, got));
    assert_int_equal(buffer_size(&in), 0);
    json_decref(sent);
    json_decref(got);
}

static void messages_stay_in_order(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(1 << 20);
    (void)state;

    for (int i = 0; i < 3; i++) {
        json_t *m = json_pack("{s:i}", "revision", i);
        assert_int_equal(frame_write(&b, m), 0);
        json_decref(m);
    }
    for (int i = 0; i < 3; i++) {
        json_t *m;
        assert_int_equal(frame_read(&b, &m), 0);
        assert_int_equal(json_integer_value(json_object_get(m, "revision")), i);
        json_decref(m);
    }
}

static void a_full_buffer_gets_nothing_of_a_message(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(16);
    json_t *m = json_pack("{s:s}", "text", "longer than sixteen bytes");
    (void)state;

    assert_int_equal(frame_write(&b, m), -ENOBUFS);
    assert_int_equal(buffer_size(&b), 0);
    json_decref(m);
}

static void what_is_no_message_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        { "\x04\x00\x00\x01", 4 },                   /* over 64 MiB */
        { "\xff\xff\xff\xff{}", 6 },                 /* far over */
        { "\x00\x00\x00\x00", 4 },                   /* nothing */
        { "\x00\x00\x00\x02[]", 6 },                 /* not an object */
        { "\x00\x00\x00\x03{} ", 7 },                /* fine, below */
        { "\x00\x00\x00\x03{}x", 7 },                /* something after it */
        { "\x00\x00\x00\x0d{\"a\":1,\"a\":2}", 17 }, /* the same member twice */
        { "\x00\x00\x00\x05{\"a\":", 9 },            /* cut off */
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autobuffer struct buffer b = BUFFER_INIT(1 << 20);
        json_t *m = NULL;

        assert_int_equal(buffer_append(&b, cases[i].bytes, cases[i].size), 0);
        assert_int_equal(frame_read(&b, &m), i == 4 ? 0 : FRAME_E_MALFORMED);
        json_decref(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_back_whatever_the_cuts),
        cmocka_unit_test(messages_stay_in_order),
        cmocka_unit_test(a_full_buffer_gets_nothing_of_a_message),
        cmocka_unit_test(what_is_no_message_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
