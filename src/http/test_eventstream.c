#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <zlib.h>

#include "http/eventstream.h"

#define STRING(n, v)                                                                               \
    {                                                                                              \
        .name = SLICE(n), .type = EVENTSTREAM_STRING, .value = SLICE(v)                            \
    }

static const struct eventstream_header part[] = {
    STRING(":event-type", "PayloadPart"),
    STRING(":content-type", "application/octet-stream"),
    STRING(":message-type", "event"),
};

/* what boto3's own encoder makes of the same message */
static const char hello[] =
    "0000006e000000595197ff150b3a6576656e742d7479706507000b5061796c6f6164506172740d3a636f6e74656e"
    "742d747970650700186170706c69636174696f6e2f6f637465742d73747265616d0d3a6d6573736167652d747970"
    "650700056576656e7468656c6c6f29738ab4";

static struct eventstream_message m;
static size_t message_size;
static const char *why;

static int read_all(const struct buffer *b)
{
    return eventstream_read(buffer_data(b), buffer_size(b), &m, &message_size, &why);
}

static void writes_what_aws_clients_expect(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    char hex[sizeof(hello)];
    (void)state;

    assert_int_equal(eventstream_write(&out, part, 3, SLICE("hello")), 0);
    assert_int_equal(buffer_size(&out), 110);
    text_hex(buffer_data(&out), buffer_size(&out), hex);
    assert_string_equal(hex, hello);
}

static void reads_what_it_wrote(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    (void)state;

    assert_int_equal(eventstream_write(&out, part, 3, SLICE("hello")), 0);
    assert_int_equal(eventstream_write(&out, NULL, 0, SLICE("")), 0);
    assert_int_equal(read_all(&out), 0);
    assert_int_equal(message_size, 110);
    assert_int_equal(m.n_headers, 3);
    assert_true(slice_is(eventstream_find(&m, ":event-type"), "PayloadPart"));
    assert_true(slice_is(m.payload, "hello"));
    assert_null(eventstream_find(&m, ":exception-type").data);
    buffer_consume(&out, message_size);
    assert_int_equal(read_all(&out), 0);
    assert_int_equal(m.n_headers, 0);
    assert_int_equal(m.payload.size, 0);
    assert_int_equal(message_size, 16);
}

static void waits_for_the_whole_message(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    (void)state;

    assert_int_equal(eventstream_write(&out, part, 3, SLICE("hello")), 0);
    for (size_t n = 0; n < buffer_size(&out); n++)
        assert_int_equal(eventstream_read(buffer_data(&out), n, &m, &message_size, &why),
                         EVENTSTREAM_AGAIN);
}

static void notices_every_changed_bit(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(4096);
    (void)state;

    assert_int_equal(eventstream_write(&out, part, 3, SLICE("hello")), 0);
    for (size_t i = 0; i < 8 * buffer_size(&out); i++) {
        buffer_data(&out)[i / 8] ^= (char)(1 << i % 8);
        assert_int_equal(read_all(&out), EVENTSTREAM_E_MALFORMED);
        buffer_data(&out)[i / 8] ^= (char)(1 << i % 8);
    }
}

static void put32(char *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (char)(value >> (24 - 8 * i));
}

/* A message around raw header bytes, with all CRCs right. */
static void write_raw(struct buffer *out, struct slice headers, uint32_t total, uint32_t length)
{
    char *at;

    buffer_clear(out);
    assert_int_equal(buffer_reserve(out, 16 + headers.size), 0);
    at = buffer_tail(out);
    put32(at, total);
    put32(at + 4, length);
    put32(at + 8, (uint32_t)crc32_z(0, (unsigned char *)at, 8));
    memcpy(at + 12, headers.data, headers.size);
    put32(at + 12 + headers.size, (uint32_t)crc32_z(0, (unsigned char *)at, 12 + headers.size));
    buffer_commit(out, 16 + headers.size);
}

static void reads_headers_of_every_type(void **state)
{
    static const struct slice headers = SLICE("\1a\0"
                                              "\1b\1"
                                              "\1c\2\x7f"
                                              "\1d\3\1\2"
                                              "\1e\4\1\2\3\4"
                                              "\1f\5\1\2\3\4\5\6\7\10"
                                              "\1g\6\0\2xy"
                                              "\1h\7\0\3abc"
                                              "\1i\10\1\2\3\4\5\6\7\10"
                                              "\1j\11"
                                              "0123456789abcdef");
    static const size_t sizes[] = { 0, 0, 1, 2, 4, 8, 2, 3, 8, 16 };
    autobuffer struct buffer out = BUFFER_INIT(4096);
    (void)state;

    write_raw(&out, headers, (uint32_t)(16 + headers.size), (uint32_t)headers.size);
    assert_int_equal(read_all(&out), 0);
    assert_int_equal(m.n_headers, 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(m.headers[i].type, i);
        assert_int_equal(m.headers[i].value.size, sizes[i]);
    }
    assert_true(slice_is(eventstream_find(&m, "h"), "abc"));
    assert_null(eventstream_find(&m, "g").data); /* bytes are no string */
}

static void refuses_headers_that_do_not_add_up(void **state)
{
    static const struct slice cases[] = {
        SLICE("\0\0"),
        SLICE("\1"),
        SLICE("\1a"),
        SLICE("\1a\12"),
        SLICE("\1a\2"),
        SLICE("\1a\7"),
        SLICE("\1a\7\0"),
        SLICE("\1a\7\0\2x"),
        SLICE("\1a\6\377\377"),
        SLICE("\5abc\0"),
        SLICE("\1a\0\1"),
        SLICE("\1a\11"
              "0123456789abcde"),
    };
    autobuffer struct buffer out = BUFFER_INIT(4096), many = BUFFER_INIT(4096);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        write_raw(&out, cases[i], (uint32_t)(16 + cases[i].size), (uint32_t)cases[i].size);
        assert_int_equal(read_all(&out), EVENTSTREAM_E_MALFORMED);
    }
    for (unsigned i = 0; i <= EVENTSTREAM_HEADERS_MAX; i++)
        assert_int_equal(buffer_append(&many, "\1a\0", 3), 0);
    write_raw(&out, (struct slice){ buffer_data(&many), buffer_size(&many) },
              (uint32_t)(16 + buffer_size(&many)), (uint32_t)buffer_size(&many));
    assert_int_equal(read_all(&out), EVENTSTREAM_E_MALFORMED);
}

static void refuses_impossible_lengths_at_once(void **state)
{
    static const struct {
        uint32_t total, headers;
    } cases[] = {
        { 0, 0 },
        { 15, 0 },
        { 16, 1 },
        { 20, UINT32_MAX },
        { UINT32_MAX, 0 },
        { UINT32_MAX, UINT32_MAX - 16 },
        { 16 + EVENTSTREAM_PAYLOAD_MAX + 1, 0 },
        { 16 + EVENTSTREAM_HEADER_BYTES_MAX + 1, EVENTSTREAM_HEADER_BYTES_MAX + 1 },
    };
    autobuffer struct buffer out = BUFFER_INIT(4096);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        write_raw(&out, SLICE(""), cases[i].total, cases[i].headers);
        assert_int_equal(eventstream_read(buffer_data(&out), 12, &m, &message_size, &why),
                         EVENTSTREAM_E_MALFORMED);
    }
}

static void does_not_write_what_has_no_room(void **state)
{
    static char long_text[4096];
    struct eventstream_header h = STRING("a", "b");
    autobuffer struct buffer out = BUFFER_INIT(4096);
    (void)state;

    h.value = (struct slice){ long_text, EVENTSTREAM_FRAME_MAX + 1 };
    assert_int_equal(eventstream_write(&out, &h, 1, SLICE("")), -EINVAL);
    h.value = (struct slice){ long_text, EVENTSTREAM_FRAME_MAX - 16 };
    assert_int_equal(eventstream_write(&out, &h, 1, SLICE("")), -EINVAL);
    h.value.size--; /* prelude, length of the name, name, type, length of the value */
    assert_int_equal(eventstream_write(&out, &h, 1, SLICE("")), 0);
    h.name = (struct slice){ long_text, 256 };
    assert_int_equal(eventstream_write(&out, &h, 1, SLICE("")), -EINVAL);
    h.name.size = 0;
    assert_int_equal(eventstream_write(&out, &h, 1, SLICE("")), -EINVAL);
    assert_int_equal(
        eventstream_write(&out, part, 3, (struct slice){ "", EVENTSTREAM_PAYLOAD_MAX + (size_t)1 }),
        -EINVAL);
    assert_int_equal(
        eventstream_write(&out, part, 3, (struct slice){ long_text, sizeof(long_text) }), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_aws_clients_expect),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(waits_for_the_whole_message),
        cmocka_unit_test(notices_every_changed_bit),
        cmocka_unit_test(reads_headers_of_every_type),
        cmocka_unit_test(refuses_headers_that_do_not_add_up),
        cmocka_unit_test(refuses_impossible_lengths_at_once),
        cmocka_unit_test(does_not_write_what_has_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
