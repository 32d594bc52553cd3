#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/trace_id.h"

/* 0x67891233 seconds, and a bit */
static const wall_ms_t now = (wall_ms_t)0x67891233 * MS_PER_S + 999;

/* What is made of a request with the field @value; NULL: without it. Hex digits that are drawn by
 * lot are written "x". */
static const char *made_of(const char *value)
{
    static char text[512];
    autobuffer struct buffer out = BUFFER_INIT(512);
    struct http_head head = { 0 };
    struct random random;
    char *at;

    if (value) {
        head.n_headers = 1;
        head.headers[0] = (struct http_header){ SLICE("x-amzn-trace-id"), slice_from(value) };
    }
    random_init(&random, 7);
    assert_int_equal(trace_id_write(&out, &head, &random, now), 0);
    snprintf(text, sizeof(text), "%s", buffer_cstr(&out));
    at = strstr(text, "1-67891233-");
    assert_non_null(at);
    assert_int_equal(strspn(at + 11, "0123456789abcdef"), 24);
    memset(at + 11, 'x', 24);
    return text;
}

#define ID    "1-67891233-xxxxxxxxxxxxxxxxxxxxxxxx"
#define FIELD "X-Amzn-Trace-Id: "

static void follows_the_load_balancers_rules(void **state)
{
    static const struct {
        const char *value, *made;
    } cases[] = {
        { NULL, FIELD "Root=" ID "\r\n" },
        { "", FIELD "Root=" ID "\r\n" },
        { "Root=1-a-b", FIELD "Self=" ID ";Root=1-a-b\r\n" },
        { "Root=1-a-b;CalledFrom=app", FIELD "Self=" ID ";Root=1-a-b;CalledFrom=app\r\n" },
        { "Self=1-c-d;Root=1-a-b", FIELD "Self=" ID ";Root=1-a-b\r\n" },
        { "Root=1-a-b; Self=1-c-d ;; X=y", FIELD "Self=" ID ";Root=1-a-b;X=y\r\n" },
        { "CalledFrom=app", FIELD "Root=" ID ";CalledFrom=app\r\n" },
        { "Self=1-c-d", FIELD "Root=" ID "\r\n" },
        { "Rooted=1;Root", FIELD "Root=" ID ";Rooted=1;Root\r\n" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(made_of(cases[i].value), cases[i].made);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(follows_the_load_balancers_rules) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
