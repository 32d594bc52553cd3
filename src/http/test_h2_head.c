#include "http/h2_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

/* @fields: name, value, name, value .. NULL */
static int read_fields(struct h2_head *h, bool ends, struct http_head *ret,
                       const char *const *fields)
{
    const char *why = NULL;
    int r = 0;

    h2_head_init(h, &limits);
    for (; *fields && !r; fields += 2)
        r = h2_head_field(h, slice_from(fields[0]), slice_from(fields[1]), &limits, &why);
    if (!r)
        r = h2_head_finish(h, ends, &limits, ret, &why);
    if (r > 0)
        assert_non_null(why);
    return r;
}

#define FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define GET         ":method", "GET", ":scheme", "https", ":authority", "w", ":path", "/a?b=c"

static void a_request_reads_as_in_http_1(void **state)
{
    struct h2_head h;
    struct http_head head;
    (void)state;

    assert_int_equal(read_fields(&h, true, &head,
                                 FIELDS(GET, "x-one", "1", "cookie", "a=b", "x-two", "", "cookie",
                                        "c=d", "te", "trailers")),
                     0);
    assert_string_equal(buffer_cstr(&h.text), "GET /a?b=c HTTP/1.1\r\nhost: w\r\nx-one: 1\r\n"
                                              "x-two: \r\nte: trailers\r\n"
                                              "cookie: a=b; c=d\r\n\r\n");
    assert_true(slice_is(head.target, "/a?b=c"));
    assert_true(slice_is(http_header_value(&head, "Host"), "w"));
    assert_int_equal(head.framing, HTTP_BODY_NONE);
    h2_head_deinit(&h);
}

static void a_body_has_its_length_or_none(void **state)
{
    static const struct {
        bool ends;
        const char *length;
        int outcome;
        enum http_framing framing;
    } cases[] = {
        { false, NULL, 0, HTTP_BODY_CHUNKED },
        { false, "5", 0, HTTP_BODY_LENGTH },
        { false, "0", 0, HTTP_BODY_LENGTH },
        { true, "0", 0, HTTP_BODY_LENGTH },
        { true, NULL, 0, HTTP_BODY_NONE },
        { true, "5", HTTP_E_MALFORMED, 0 },
        { false, "5x", HTTP_E_MALFORMED, 0 },
        { false, "-1", HTTP_E_MALFORMED, 0 },
        { false, "99999999999999999999", HTTP_E_MALFORMED, 0 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct h2_head h;
        struct http_head head;
        const char *const *fields =
            cases[i].length ? FIELDS(GET, "content-length", cases[i].length) : FIELDS(GET);

        assert_int_equal(read_fields(&h, cases[i].ends, &head, fields), cases[i].outcome);
        if (cases[i].outcome == 0)
            assert_int_equal(head.framing, cases[i].framing);
        h2_head_deinit(&h);
    }
}

static const struct {
    const char *const *fields;
    int outcome;
} ambiguous[] = {
    { FIELDS(GET, "x", "a\r\nb: c"), HTTP_E_MALFORMED },
    { FIELDS(GET, "x\r\ny", "a"), HTTP_E_MALFORMED },
    { FIELDS(GET, "x y", "a"), HTTP_E_MALFORMED },
    { FIELDS(GET, "X", "a"), HTTP_E_MALFORMED },
    { FIELDS(GET, "", "a"), HTTP_E_MALFORMED },
    { FIELDS(GET, "x:", "a"), HTTP_E_MALFORMED },
    { FIELDS(GET, "connection", "close"), HTTP_E_MALFORMED },
    { FIELDS(GET, "transfer-encoding", "chunked"), HTTP_E_MALFORMED },
    { FIELDS(GET, "upgrade", "h2c"), HTTP_E_MALFORMED },
    { FIELDS(GET, "te", "gzip"), HTTP_E_MALFORMED },
    { FIELDS(GET, "content-length", "1", "content-length", "1"), HTTP_E_MALFORMED },
    { FIELDS(GET, "content-length", "1, 1"), HTTP_E_MALFORMED },
    { FIELDS(GET, "host", "other"), HTTP_E_MALFORMED },
    { FIELDS(GET, ":path", "/b"), HTTP_E_MALFORMED },
    { FIELDS(GET, "x", "1", ":path", "/b"), HTTP_E_MALFORMED },
    { FIELDS(GET, ":protocol", "websocket"), HTTP_E_MALFORMED },
    { FIELDS(":method", "GET", ":scheme", "http", ":path", "/"), HTTP_E_MALFORMED },
    { FIELDS(":method", "GET", ":path", "/", "host", "w"), HTTP_E_MALFORMED },
    { FIELDS(":method", "GET", ":scheme", "ftp", ":path", "/", "host", "w"), HTTP_E_MALFORMED },
    { FIELDS(":method", "G T", ":scheme", "http", ":path", "/", "host", "w"), HTTP_E_MALFORMED },
    { FIELDS(":method", "GET", ":scheme", "http", ":path", "/ HTTP/1.1", "host", "w"),
      HTTP_E_MALFORMED },
    { FIELDS(":method", "GET", ":scheme", "http", ":path", "", "host", "w"), HTTP_E_MALFORMED },
    { FIELDS(":method", "GET", ":scheme", "http", ":path", "http://x/", "host", "w"),
      HTTP_E_MALFORMED },
    { FIELDS(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a b"),
      HTTP_E_MALFORMED },
    { FIELDS(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "u@w"),
      HTTP_E_MALFORMED },
    { FIELDS(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "", "host", "w"),
      HTTP_E_MALFORMED },
    { FIELDS(":method", "CONNECT", ":authority", "w:1"), HTTP_E_NOT_SUPPORTED },
};

static void what_is_ambiguous_is_refused(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof(ambiguous) / sizeof(*ambiguous); i++) {
        struct h2_head h;
        struct http_head head;
        int r = read_fields(&h, false, &head, ambiguous[i].fields);

        if (r != ambiguous[i].outcome)
            fail_msg("case %zu: %d, not %d", i, r, ambiguous[i].outcome);
        h2_head_deinit(&h);
    }
}

static void host_may_be_said_once_or_twice_the_same(void **state)
{
    struct h2_head h;
    struct http_head head;
    (void)state;

    assert_int_equal(read_fields(&h, true, &head, FIELDS(GET, "host", "W")), 0);
    assert_string_equal(buffer_cstr(&h.text), "GET /a?b=c HTTP/1.1\r\nhost: w\r\n\r\n");
    h2_head_deinit(&h);
    assert_int_equal(
        read_fields(&h, true, &head,
                    FIELDS(":method", "GET", ":scheme", "http", ":path", "/", "host", "w:80")),
        0);
    assert_true(slice_is(http_header_value(&head, "Host"), "w:80"));
    h2_head_deinit(&h);
}

static void too_much_is_refused(void **state)
{
    struct http_limits small = { .head_bytes = 400, .target_bytes = 20 };
    struct http_head head;
    struct h2_head h;
    const char *why;
    char big[300];
    int r = 0;
    (void)state;

    memset(big, 'a', sizeof(big));
    h2_head_init(&h, &small);
    assert_int_equal(h2_head_field(&h, SLICE("x"), (struct slice){ big, 300 }, &small, &why), 0);
    assert_int_equal(h2_head_field(&h, SLICE("x"), (struct slice){ big, 80 }, &small, &why),
                     HTTP_E_TOO_LARGE);
    h2_head_deinit(&h);

    h2_head_init(&h, &limits);
    for (int i = 0; i <= HTTP_HEADERS_MAX && !r; i++)
        r = h2_head_field(&h, SLICE("x"), SLICE("y"), &limits, &why);
    assert_int_equal(r, HTTP_E_TOO_LARGE);
    h2_head_deinit(&h);

    h2_head_init(&h, &small);
    big[0] = '/';
    h2_head_field(&h, SLICE(":method"), SLICE("GET"), &small, &why);
    h2_head_field(&h, SLICE(":scheme"), SLICE("http"), &small, &why);
    h2_head_field(&h, SLICE(":path"), (struct slice){ big, 21 }, &small, &why);
    assert_int_equal(h2_head_finish(&h, true, &small, &head, &why), HTTP_E_URI_TOO_LONG);
    h2_head_deinit(&h);
}

static void trailers_are_lines(void **state)
{
    autobuffer struct buffer lines = BUFFER_INIT(1024);
    const char *why;
    (void)state;

    assert_int_equal(h2_trailer_field(&lines, SLICE("grpc-status"), SLICE("0"), &why), 0);
    assert_int_equal(h2_trailer_field(&lines, SLICE("content-length"), SLICE("0"), &why),
                     HTTP_E_MALFORMED);
    assert_int_equal(h2_trailer_field(&lines, SLICE(":path"), SLICE("/"), &why), HTTP_E_MALFORMED);
    assert_int_equal(h2_trailer_field(&lines, SLICE("x"), SLICE("\n"), &why), HTTP_E_MALFORMED);
    assert_string_equal(buffer_cstr(&lines), "grpc-status: 0\r\n");
}

static void an_answer_is_taken_apart(void **state)
{
    char text[] = "HTTP/1.1 404 Not Found\r\nContent-Type:  a/b \r\nConnection: close\r\nX-E:\r\n";
    char broken[] = "HTTP/1.1 200 OK\r\nno colon\r\n";
    char lines[] = "Grpc-Status: 0\r\n";
    struct h2_fields f;
    (void)state;

    assert_int_equal(h2_fields_read(text, strlen(text), false, &f), 0);
    assert_int_equal(f.n, 3);
    assert_true(slice_is(f.all[0].name, ":status") && slice_is(f.all[0].value, "404"));
    assert_true(slice_is(f.all[1].name, "content-type") && slice_is(f.all[1].value, "a/b"));
    assert_true(slice_is(f.all[2].name, "x-e") && f.all[2].value.size == 0);
    assert_int_not_equal(h2_fields_read(broken, strlen(broken), false, &f), 0);
    assert_int_equal(h2_fields_read(lines, strlen(lines), true, &f), 0);
    assert_true(f.n == 1 && slice_is(f.all[0].name, "grpc-status"));
}

static void a_request_is_taken_apart(void **state)
{
    char text[] = "POST /a?b HTTP/1.1\r\nHost: w:80\r\nX-One: 1\r\nTE: trailers\r\n"
                  "Connection: TE\r\nTransfer-Encoding: chunked\r\n\r\n";
    char nobody[] = "OPTIONS * HTTP/1.1\r\nHost: \r\nX: y\r\n\r\n";
    static const char *const names[] = {
        ":method", ":scheme", ":path", ":authority", "x-one", "te"
    };
    static const char *const values[] = { "POST", "http", "/a?b", "w:80", "1", "trailers" };
    struct h2_fields f;
    (void)state;

    assert_int_equal(h2_fields_read_request(text, strlen(text), &f), 0);
    assert_int_equal(f.n, 6);
    for (size_t i = 0; i < f.n; i++)
        assert_true(slice_is(f.all[i].name, names[i]) && slice_is(f.all[i].value, values[i]));
    assert_int_equal(h2_fields_read_request(nobody, strlen(nobody), &f), 0);
    assert_true(f.n == 4 && slice_is(f.all[2].value, "*") && slice_is(f.all[3].name, "x"));
}

static void what_is_no_request_cannot_be_taken_apart(void **state)
{
    static const char *const texts[] = { "",
                                         "GET",
                                         "GET /\r\n\r\n",
                                         " / HTTP/1.1\r\n\r\n",
                                         "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                                         "GET / HTTP/1.1\r\n\r\nmore" };
    struct h2_fields f;
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char copy[64];

        strcpy(copy, texts[i]);
        assert_int_not_equal(h2_fields_read_request(copy, strlen(copy), &f), 0);
    }
}

/* @fields: name, value, name, value .. NULL */
static int read_answer(struct h2_answer *a, bool ends, const char *method, struct http_head *ret,
                       const char *const *fields)
{
    const char *why = NULL;
    int r = 0;

    h2_answer_init(a, &limits);
    for (; *fields && !r; fields += 2)
        r = h2_answer_field(a, slice_from(fields[0]), slice_from(fields[1]), &limits, &why);
    if (!r)
        r = h2_answer_finish(a, ends, slice_from(method), &limits, ret, &why);
    assert_true(r == 0 || why);
    return r;
}

static void an_answer_reads_as_in_http_1(void **state)
{
    static const struct {
        const char *fields[8], *method;
        bool ends;
        unsigned status;
        enum http_framing framing;
    } cases[] = {
        { { ":status", "200", "x", "y" }, "GET", false, 200, HTTP_BODY_CHUNKED },
        { { ":status", "200", "content-length", "3" }, "GET", false, 200, HTTP_BODY_LENGTH },
        { { ":status", "200", "content-length", "3" }, "HEAD", true, 200, HTTP_BODY_NONE },
        { { ":status", "200", "content-length", "3" }, "HEAD", false, 200, HTTP_BODY_NONE },
        { { ":status", "200" }, "GET", true, 200, HTTP_BODY_NONE },
        { { ":status", "200", "content-length", "0" }, "GET", true, 200, HTTP_BODY_NONE },
        { { ":status", "204" }, "GET", false, 204, HTTP_BODY_NONE },
        { { ":status", "304", "content-length", "3" }, "GET", false, 304, HTTP_BODY_NONE },
        { { ":status", "103", "link", "</a>" }, "GET", false, 103, HTTP_BODY_NONE },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct h2_answer a;
        struct http_head head;

        assert_int_equal(read_answer(&a, cases[i].ends, cases[i].method, &head, cases[i].fields),
                         0);
        assert_int_equal(head.status, cases[i].status);
        assert_int_equal(head.framing, cases[i].framing);
        assert_true(head.keep_alive);
        h2_answer_deinit(&a);
    }
}

static void what_is_no_answer_is_refused(void **state)
{
    static const char *const cases[][8] = {
        { "x", "y" },
        { ":status", "200", ":status", "200" },
        { ":status", "200", "x", "y", ":status", "200" },
        { ":status", "20" },
        { ":status", "2000" },
        { ":status", "099" },
        { ":status", "+20" },
        { ":status", "101" },
        { ":path", "/" },
        { ":status", "200", "X", "y" },
        { ":status", "200", "", "y" },
        { ":status", "200", "x y", "z" },
        { ":status", "200", "x", "a\r\nb" },
        { ":status", "200", "connection", "close" },
        { ":status", "200", "transfer-encoding", "chunked" },
        { ":status", "200", "content-length", "1", "content-length", "1" },
        { ":status", "200", "content-length", "-1" },
        { ":status", "200", "content-length", "7" },
        { ":status", "204", "content-length", "7" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct h2_answer a;
        struct http_head head;

        if (read_answer(&a, true, "GET", &head, cases[i]) == 0)
            fail_msg("case %zu was taken", i);
        h2_answer_deinit(&a);
    }
}

static void an_answer_may_follow_others(void **state)
{
    struct h2_answer a;
    struct http_head head;
    const char *why;
    (void)state;

    h2_answer_init(&a, &limits);
    assert_int_equal(h2_answer_field(&a, SLICE(":status"), SLICE("103"), &limits, &why), 0);
    assert_int_equal(h2_answer_finish(&a, false, SLICE("GET"), &limits, &head, &why), 0);
    h2_answer_reset(&a);
    assert_int_equal(h2_answer_field(&a, SLICE(":status"), SLICE("200"), &limits, &why), 0);
    assert_int_equal(h2_answer_finish(&a, false, SLICE("GET"), &limits, &head, &why), 0);
    assert_true(head.status == 200 && head.n_headers == 1);
    h2_answer_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_reads_as_in_http_1),
        cmocka_unit_test(a_body_has_its_length_or_none),
        cmocka_unit_test(what_is_ambiguous_is_refused),
        cmocka_unit_test(host_may_be_said_once_or_twice_the_same),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(trailers_are_lines),
        cmocka_unit_test(an_answer_is_taken_apart),
        cmocka_unit_test(a_request_is_taken_apart),
        cmocka_unit_test(what_is_no_request_cannot_be_taken_apart),
        cmocka_unit_test(an_answer_reads_as_in_http_1),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(an_answer_may_follow_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
