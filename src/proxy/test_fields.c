#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/parser.h"
#include "proxy/fields.h"

static struct http_head head;

static void parse(const char *fields)
{
    static char text[1024];
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    size_t scanned = 0, size;
    const char *why = NULL;

    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", fields);
    assert_int_equal(http_parse_request(text, strlen(text), &limits, &scanned, &head, &size, &why),
                     0);
}

static bool drops_cookies(struct slice name)
{
    return slice_is_nocase(name, "Cookie");
}

static void fields_for_one_connection_end_here(void **state)
{
    static const struct {
        const char *fields, *passed;
        bool trailers;
    } cases[] = {
        { "Host: a\r\n", "Host: a\r\n", false },
        { "A: b\r\nHost:  a \r\nC:d\r\n", "Host: a\r\nA: b\r\nC: d\r\n", false },
        { "Host:\r\nA:\r\n", "Host: \r\nA: \r\n", false },
        { "Host: a\r\nCookie: x\r\nKeep-Alive: 1\r\nB: c\r\n", "Host: a\r\nB: c\r\n", false },
        { "Host: a\r\nConnection: b, c\r\nB: 1\r\nC: 2\r\nD: 3\r\n", "Host: a\r\nD: 3\r\n", false },
        { "Host: a\r\nConnection: host\r\n", "Host: a\r\n", false },
        { "Host: a\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\n", "Host: a\r\n", false },
        { "Host: a\r\nTE: trailers\r\nTrailer: X\r\n", "Host: a\r\n", false },
        { "Host: a\r\nTE: gzip, trailers\r\nTrailer: X\r\n",
          "Host: a\r\nTrailer: X\r\nTE: trailers\r\nConnection: TE\r\n", true },
        { "Host: a\r\nTE: gzip\r\n", "Host: a\r\n", true },
        { "Host: a\r\nContent-Length: 1\r\nUpgrade: x\r\nExpect: 100-continue\r\n", "Host: a\r\n",
          true },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autobuffer struct buffer out = BUFFER_INIT(4096);

        parse(cases[i].fields);
        assert_int_equal(fields_write_request(&out, &head, drops_cookies, cases[i].trailers), 0);
        assert_string_equal(buffer_cstr(&out), cases[i].passed);
    }
}

static void trailers_may_not_say_what_heads_say(void **state)
{
    static const struct {
        const char *lines, *kept;
    } cases[] = {
        { "", "" },
        { "X-Sum: 1\r\n", "X-Sum: 1\r\n" },
        { "grpc-status:0\r\ngrpc-message: \r\n", "grpc-status:0\r\ngrpc-message: \r\n" },
        { "content-length: 1\r\nA: b\r\nTRANSFER-ENCODING: chunked\r\nC: d\r\nHost: e\r\n",
          "A: b\r\nC: d\r\n" },
        { "X-Forwarded-For: 1\r\nProxy-Authorization: 2\r\nIf-Match: 3\r\nX-Weir-Principal: 4\r\n",
          "" },
        { "Set-Cookie: a\r\nAuthorization: b\r\nConnection: c\r\nContent-Encoding: d\r\nIf: e\r\n",
          "If: e\r\n" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autobuffer struct buffer lines = BUFFER_INIT(4096);

        assert_int_equal(buffer_puts(&lines, cases[i].lines), 0);
        fields_keep_trailers(&lines);
        assert_string_equal(buffer_cstr(&lines), cases[i].kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_for_one_connection_end_here),
        cmocka_unit_test(trailers_may_not_say_what_heads_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
