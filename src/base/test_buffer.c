#include "base/buffer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

static void appends_and_consumes_keep_order(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(100);

    (void)state;
    assert_int_equal(buffer_puts(&b, "hello "), 0);
    assert_int_equal(buffer_printf(&b, "%s %d", "world", 7), 0);
    assert_string_equal(buffer_cstr(&b), "hello world 7");
    buffer_consume(&b, 6);
    assert_int_equal(buffer_size(&b), 7);
    assert_memory_equal(buffer_data(&b), "world 7", 7);
    buffer_clear(&b);
    assert_string_equal(buffer_cstr(&b), "");
}

static void the_ceiling_counts_unread_bytes_and_changes_nothing(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(10);

    (void)state;
    assert_int_equal(buffer_append(&b, "0123456789", 10), 0);
    assert_int_equal(buffer_append(&b, "x", 1), -ENOBUFS);
    assert_int_equal(buffer_printf(&b, "%d", 1), -ENOBUFS);
    assert_int_equal(buffer_reserve(&b, SIZE_MAX), -ENOBUFS);
    assert_string_equal(buffer_cstr(&b), "0123456789");
    buffer_consume(&b, 4);
    assert_int_equal(buffer_append(&b, "abcd", 4), 0);
    assert_string_equal(buffer_cstr(&b), "456789abcd");
}

static void stays_usable_after_deinit(void **state)
{
    struct buffer b = BUFFER_INIT(10);

    (void)state;
    assert_int_equal(buffer_puts(&b, "one"), 0);
    buffer_deinit(&b);
    assert_int_equal(buffer_size(&b), 0);
    assert_int_equal(buffer_puts(&b, "two"), 0);
    assert_string_equal(buffer_cstr(&b), "two");
    buffer_deinit(&b);
}

/* A long random run of writes and reads is a stream: what comes out is what went in, and the memory
 * stays in proportion to what was unread at most. */
static void memory_is_reused_as_bytes_pass_through(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(4096);
    struct random random;
    unsigned char in = 0, out = 0;

    (void)state;
    random_init(&random, 42);
    for (unsigned i = 0; i < 20000; i++) {
        size_t n = random_below(&random, 300), unread;

        if (buffer_reserve(&b, n) == 0) {
            for (size_t j = 0; j < n; j++)
                buffer_tail(&b)[j] = (char)in++;
            buffer_commit(&b, n);
        }
        unread = buffer_size(&b);
        n = random_below(&random, 300);
        n = n < unread ? n : unread;
        for (size_t j = 0; j < n; j++)
            assert_int_equal((unsigned char)buffer_data(&b)[j], out++);
        buffer_consume(&b, n);
    }
    assert_true(b.capacity <= 16384);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_consumes_keep_order),
        cmocka_unit_test(the_ceiling_counts_unread_bytes_and_changes_nothing),
        cmocka_unit_test(stays_usable_after_deinit),
        cmocka_unit_test(memory_is_reused_as_bytes_pass_through),
    };

    return cmocka_run_group_tests_name("base/buffer", tests, NULL, NULL);
}
