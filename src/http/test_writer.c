#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/parser.h"
#include "http/writer.h"

static void writes_a_request_that_parses_back(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(4096);
    static struct http_head head;
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    size_t scanned = 0, size;
    const char *why;

    assert_int_equal(http_write_request_line(&b, SLICE("PUT"), SLICE("/a?b=%20")), 0);
    assert_int_equal(http_write_header_text(&b, "Host", "h"), 0);
    assert_int_equal(http_write_header_number(&b, "Content-Length", 120), 0);
    assert_int_equal(http_write_header_number(&b, "X-Zero", 0), 0);
    assert_int_equal(http_write_header_number(&b, "X-Max", UINT64_MAX), 0);
    assert_int_equal(http_write_end(&b), 0);
    assert_string_equal(buffer_cstr(&b),
                        "PUT /a?b=%20 HTTP/1.1\r\nHost: h\r\nContent-Length: 120\r\n"
                        "X-Zero: 0\r\nX-Max: 18446744073709551615\r\n\r\n");
    assert_int_equal(
        http_parse_request(buffer_data(&b), buffer_size(&b), &limits, &scanned, &head, &size, &why),
        0);
    assert_int_equal(head.content_length, 120);
}

static void writes_an_answer(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(4096);

    assert_int_equal(http_write_status_line(&b, 503), 0);
    assert_int_equal(http_write_date(&b, 0), 0);
    assert_int_equal(http_write_end(&b), 0);
    assert_string_equal(buffer_cstr(&b), "HTTP/1.1 503 Service Unavailable\r\n"
                                         "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n");
    assert_int_equal(http_write_status_line(&b, 99), -EINVAL);
    assert_int_equal(http_write_status_line(&b, 1000), -EINVAL);
}

static void refuses_bytes_that_would_start_a_field_of_their_own(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(4096);

    assert_int_equal(http_write_header(&b, "A", SLICE("x\r\nB: y")), -EINVAL);
    assert_int_equal(http_write_header(&b, "A", SLICE("x\ny")), -EINVAL);
    assert_int_equal(http_write_header(&b, "A", SLICE("x\0y")), -EINVAL);
    assert_int_equal(http_write_header(&b, "A: x\r\nB", SLICE("y")), -EINVAL);
    assert_int_equal(http_write_header(&b, "", SLICE("y")), -EINVAL);
    assert_int_equal(http_write_request_line(&b, SLICE("GET /"), SLICE("/")), -EINVAL);
    assert_int_equal(http_write_request_line(&b, SLICE(""), SLICE("/")), -EINVAL);
    assert_int_equal(http_write_request_line(&b, SLICE("GET"), SLICE("/ x")), -EINVAL);
    assert_int_equal(http_write_request_line(&b, SLICE("GET"), SLICE("/\r\n")), -EINVAL);
    assert_int_equal(http_write_request_line(&b, SLICE("GET"), SLICE("")), -EINVAL);
    assert_int_equal(buffer_size(&b), 0);
}

static void a_full_buffer_is_an_error(void **state)
{
    for (size_t max = 0; max < 40; max++) {
        autobuffer struct buffer b = BUFFER_INIT(max);

        assert_int_equal(
            http_write_request_line(&b, SLICE("GET"), SLICE("/a/long/path/of/32/chars/or/so")),
            -ENOBUFS);
        buffer_clear(&b);
        assert_int_equal(
            http_write_header_text(&b, "Content-Type", "application/octet-stream, etc"), -ENOBUFS);
        buffer_clear(&b);
        assert_int_equal(http_write_chunk(&b, SLICE("some content that is over forty bytes long")),
                         -ENOBUFS);
    }
}

static void dates_are_written_and_read(void **state)
{
    const struct {
        wall_ms_t t;
        const char *text;
    } cases[] = {
        { 784111777000, "Sun, 06 Nov 1994 08:49:37 GMT" },
        { 1767323045000, "Fri, 02 Jan 2026 03:04:05 GMT" },
        { 951782400000, "Tue, 29 Feb 2000 00:00:00 GMT" },
        { 253402300799000, "Fri, 31 Dec 9999 23:59:59 GMT" },
    };
    char text[HTTP_DATE_BYTES];
    wall_ms_t t;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        http_date(cases[i].t + 999, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(http_date_parse(slice_from(text), &t), 0);
        assert_int_equal(t, cases[i].t);
    }
    http_date(INT64_MAX, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
    http_date(-1, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void refuses_other_dates(void **state)
{
    const char *const cases[] = {
        "",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Tue, 30 Feb 2000 00:00:00 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
    };
    wall_ms_t t;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(http_date_parse(slice_from(cases[i]), &t), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_request_that_parses_back),
        cmocka_unit_test(writes_an_answer),
        cmocka_unit_test(refuses_bytes_that_would_start_a_field_of_their_own),
        cmocka_unit_test(a_full_buffer_is_an_error),
        cmocka_unit_test(dates_are_written_and_read),
        cmocka_unit_test(refuses_other_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
