#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/parser.h"

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

struct outcome {
    int result;
    size_t size;
    const char *why;
};

typedef struct outcome parse_function(const char *data, size_t size, size_t *scanned,
                                      struct http_head *head);

static struct outcome as_request(const char *data, size_t size, size_t *scanned,
                                 struct http_head *head)
{
    struct outcome o = { 0 };

    o.result = http_parse_request(data, size, &limits, scanned, head, &o.size, &o.why);
    return o;
}

static struct outcome as_response(const char *data, size_t size, size_t *scanned,
                                  struct http_head *head)
{
    struct outcome o = { 0 };

    o.result =
        http_parse_response(data, size, SLICE("GET"), &limits, scanned, head, &o.size, &o.why);
    return o;
}

/* Parse all at once and byte by byte; both must agree in everything. Each attempt has its bytes in
 * memory of exactly their size, so that the sanitizer sees a step too far. */
static struct outcome parse(parse_function *function, struct slice text, struct http_head *ret_head)
{
    static struct http_head stepwise;
    struct outcome whole, step = { .result = HTTP_AGAIN };
    size_t scanned = 0;

    whole = function(text.data, text.size, &scanned, ret_head);
    scanned = 0;
    for (size_t n = 1; n <= text.size && step.result == HTTP_AGAIN; n++) {
        char *copy = malloc(n);

        assert_non_null(copy);
        memcpy(copy, text.data, n);
        step = function(copy, n, &scanned, &stepwise);
        free(copy);
    }
    assert_int_equal(step.result, whole.result);
    assert_ptr_equal(step.why, whole.why);
    if (whole.result == 0) {
        assert_int_equal(step.size, whole.size);
        assert_int_equal(stepwise.n_headers, ret_head->n_headers);
        assert_int_equal(stepwise.framing, ret_head->framing);
        assert_int_equal(stepwise.keep_alive, ret_head->keep_alive);
    }
    return whole;
}

struct refusal {
    const char *name;
    struct slice text;
    int result;
};

#define H         "Host: a\r\n"
#define GET(rest) SLICE("GET / HTTP/1.1\r\n" rest "\r\n")

static const struct refusal request_refusals[] = {
    { "bare LF after the request line", SLICE("GET / HTTP/1.1\nHost: a\r\n\r\n"),
      HTTP_E_MALFORMED },
    { "bare LF after a field", SLICE("GET / HTTP/1.1\r\nHost: a\n\r\n"), HTTP_E_MALFORMED },
    { "bare LF as the empty line", SLICE("GET / HTTP/1.1\r\nHost: a\r\n\n"), HTTP_E_MALFORMED },
    { "bare LF first", SLICE("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP_E_MALFORMED },
    { "bare CR in the request line", SLICE("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
      HTTP_E_MALFORMED },
    { "bare CR in a value", GET(H "A: b\rc\r\n"), HTTP_E_MALFORMED },
    { "bare CR in a name", GET(H "A\rb: c\r\n"), HTTP_E_MALFORMED },
    { "two CR before LF", GET(H "A: b\r\r\n"), HTTP_E_MALFORMED },
    { "folded with a space", GET(H "A: b\r\n c\r\n"), HTTP_E_MALFORMED },
    { "folded with a tab", GET(H "A: b\r\n\tc\r\n"), HTTP_E_MALFORMED },
    { "space before the first field", GET(" " H), HTTP_E_MALFORMED },
    { "space before the colon", GET(H "A : b\r\n"), HTTP_E_MALFORMED },
    { "tab before the colon", GET(H "A\t: b\r\n"), HTTP_E_MALFORMED },
    { "no colon", GET(H "A\r\n"), HTTP_E_MALFORMED },
    { "empty field name", GET(H ": b\r\n"), HTTP_E_MALFORMED },
    { "NUL in a value", GET(H "A: b\0c\r\n"), HTTP_E_MALFORMED },
    { "NUL in a name", GET(H "A\0: b\r\n"), HTTP_E_MALFORMED },
    { "NUL in the target", SLICE("GET /\0 HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "control byte in a value", GET(H "A: long enough to fill words \x01 here\r\n"),
      HTTP_E_MALFORMED },
    { "DEL in a value", GET(H "A: long enough to fill words \x7f here\r\n"), HTTP_E_MALFORMED },
    { "byte over 127 in a name", GET(H "\xc3\xa4: b\r\n"), HTTP_E_MALFORMED },
    { "separator in a name", GET(H "A(b): c\r\n"), HTTP_E_MALFORMED },

    { "length and coding", GET(H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
      HTTP_E_MALFORMED },
    { "coding and length", GET(H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
      HTTP_E_MALFORMED },
    { "differing lengths", GET(H "Content-Length: 1\r\nContent-Length: 2\r\n"), HTTP_E_MALFORMED },
    { "repeated length", GET(H "Content-Length: 1\r\ncontent-length: 1\r\n"), HTTP_E_MALFORMED },
    { "list of lengths", GET(H "Content-Length: 1, 1\r\n"), HTTP_E_MALFORMED },
    { "empty length", GET(H "Content-Length:\r\n"), HTTP_E_MALFORMED },
    { "signed length", GET(H "Content-Length: +1\r\n"), HTTP_E_MALFORMED },
    { "negative length", GET(H "Content-Length: -1\r\n"), HTTP_E_MALFORMED },
    { "hex length", GET(H "Content-Length: 0x10\r\n"), HTTP_E_MALFORMED },
    { "length with space", GET(H "Content-Length: 1 0\r\n"), HTTP_E_MALFORMED },
    { "length 2^63", GET(H "Content-Length: 9223372036854775808\r\n"), HTTP_E_MALFORMED },
    { "length 2^64 + 1", GET(H "Content-Length: 18446744073709551617\r\n"), HTTP_E_MALFORMED },
    { "endless length", GET(H "Content-Length: 99999999999999999999999999\r\n"), HTTP_E_MALFORMED },

    { "unknown coding", GET(H "Transfer-Encoding: gzip\r\n"), HTTP_E_NOT_SUPPORTED },
    { "identity", GET(H "Transfer-Encoding: identity\r\n"), HTTP_E_NOT_SUPPORTED },
    { "gzip before chunked", GET(H "Transfer-Encoding: gzip, chunked\r\n"), HTTP_E_NOT_SUPPORTED },
    { "chunked not last", GET(H "Transfer-Encoding: chunked, gzip\r\n"), HTTP_E_MALFORMED },
    { "chunked twice", GET(H "Transfer-Encoding: chunked, chunked\r\n"), HTTP_E_MALFORMED },
    { "coding field twice", GET(H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
      HTTP_E_MALFORMED },
    { "empty coding", GET(H "Transfer-Encoding: \r\n"), HTTP_E_MALFORMED },
    { "almost chunked", GET(H "Transfer-Encoding: xchunked\r\n"), HTTP_E_NOT_SUPPORTED },
    { "quoted chunked", GET(H "Transfer-Encoding: \"chunked\"\r\n"), HTTP_E_NOT_SUPPORTED },
    { "chunked with a vertical tab", GET(H "Transfer-Encoding: \vchunked\r\n"), HTTP_E_MALFORMED },
    { "HTTP/1.0 with coding", SLICE("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"),
      HTTP_E_MALFORMED },

    { "no Host", GET("A: b\r\n"), HTTP_E_MALFORMED },
    { "two Hosts", GET(H H), HTTP_E_MALFORMED },
    { "two Hosts in HTTP/1.0", SLICE("GET / HTTP/1.0\r\n" H H "\r\n"), HTTP_E_MALFORMED },
    { "Host with a path", GET("Host: a/b\r\n"), HTTP_E_MALFORMED },
    { "Host with a user", GET("Host: u@a\r\n"), HTTP_E_MALFORMED },
    { "Host with a space", GET("Host: a b\r\n"), HTTP_E_MALFORMED },
    { "Host list", GET("Host: a, b\r\n"), HTTP_E_MALFORMED },
    { "Host with a long port", GET("Host: a:123456\r\n"), HTTP_E_MALFORMED },
    { "Host with a port out of range", GET("Host: a:65536\r\n"), HTTP_E_MALFORMED },
    { "Host with a named port", GET("Host: a:http\r\n"), HTTP_E_MALFORMED },
    { "Host with an open bracket", GET("Host: [::1\r\n"), HTTP_E_MALFORMED },
    { "Host with empty brackets", GET("Host: []\r\n"), HTTP_E_MALFORMED },
    { "Host with bytes after the bracket", GET("Host: [::1]a\r\n"), HTTP_E_MALFORMED },
    { "absolute target without Host", SLICE("GET http://a/ HTTP/1.1\r\n\r\n"), HTTP_E_MALFORMED },

    { "empty request line", SLICE(" \r\n\r\n"), HTTP_E_MALFORMED },
    { "method alone", SLICE("GET\r\n\r\n"), HTTP_E_MALFORMED },
    { "no version", SLICE("GET /\r\n\r\n"), HTTP_E_MALFORMED },
    { "empty target", SLICE("GET  HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "two spaces before the target", SLICE("GET  / HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "two spaces before the version", SLICE("GET /  HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "space after the version", SLICE("GET / HTTP/1.1 \r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "tab for a space", SLICE("GET\t/ HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "space before the method", SLICE(" GET / HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "method with a separator", SLICE("G:T / HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "space in the target", SLICE("GET /a b HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "fragment in the target", SLICE("GET /a#b HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "backslash in the target", SLICE("GET /a\\b HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "quote in the target", SLICE("GET /\" HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "byte over 127 in the target", SLICE("GET /\xff HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "relative target", SLICE("GET a HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "unknown scheme", SLICE("GET ftp://a/ HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "absolute target without host", SLICE("GET http:/// HTTP/1.1\r\n" H "\r\n"),
      HTTP_E_MALFORMED },
    { "absolute target with a port alone", SLICE("GET http://:80/ HTTP/1.1\r\n" H "\r\n"),
      HTTP_E_MALFORMED },
    { "absolute target with a user", SLICE("GET http://u@a/ HTTP/1.1\r\n" H "\r\n"),
      HTTP_E_MALFORMED },
    { "star with GET", SLICE("GET * HTTP/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "CONNECT", SLICE("CONNECT a:443 HTTP/1.1\r\n" H "\r\n"), HTTP_E_NOT_SUPPORTED },
    { "TRACE", SLICE("TRACE / HTTP/1.1\r\n" H "\r\n"), HTTP_E_NOT_SUPPORTED },
    { "HTTP/2 preface", SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HTTP_E_VERSION },
    { "HTTP/1.2", SLICE("GET / HTTP/1.2\r\n" H "\r\n"), HTTP_E_VERSION },
    { "HTTP/0.9", SLICE("GET / HTTP/0.9\r\n" H "\r\n"), HTTP_E_VERSION },
    { "lower-case version", SLICE("GET / http/1.1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "long version", SLICE("GET / HTTP/1.10\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "no minor version", SLICE("GET / HTTP/1\r\n" H "\r\n"), HTTP_E_MALFORMED },
    { "TLS hello", SLICE("\x16\x03\x01\x02"), HTTP_E_MALFORMED },

    { "unknown expectation", GET(H "Expect: 200-ok\r\n"), HTTP_E_EXPECTATION },
    { "one expectation of two unknown", GET(H "Expect: 100-continue, x\r\n"), HTTP_E_EXPECTATION },
    { "a second expectation", GET(H "Expect: 100-continue\r\nExpect: x\r\n"), HTTP_E_EXPECTATION },
    { "empty expectation", GET(H "Expect:\r\n"), HTTP_E_EXPECTATION },
};

static const struct refusal response_refusals[] = {
    { "not HTTP", SLICE("SSH-2.0-OpenSSH"), HTTP_E_MALFORMED },
    { "empty line first", SLICE("\r\nHTTP/1.1 200 OK\r\n\r\n"), HTTP_E_MALFORMED },
    { "version only", SLICE("HTTP/1.1\r\n\r\n"), HTTP_E_MALFORMED },
    { "HTTP/2", SLICE("HTTP/2.0 200 OK\r\n\r\n"), HTTP_E_VERSION },
    { "two digits", SLICE("HTTP/1.1 99 Low\r\n\r\n"), HTTP_E_MALFORMED },
    { "status 099", SLICE("HTTP/1.1 099 Low\r\n\r\n"), HTTP_E_MALFORMED },
    { "four digits", SLICE("HTTP/1.1 2000 OK\r\n\r\n"), HTTP_E_MALFORMED },
    { "status in words", SLICE("HTTP/1.1 abc OK\r\n\r\n"), HTTP_E_MALFORMED },
    { "two spaces", SLICE("HTTP/1.1  200 OK\r\n\r\n"), HTTP_E_MALFORMED },
    { "control byte in the reason", SLICE("HTTP/1.1 200 O\x01K\r\n\r\n"), HTTP_E_MALFORMED },
    { "bare LF", SLICE("HTTP/1.1 200 OK\n\n"), HTTP_E_MALFORMED },
    { "length and coding",
      SLICE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
      HTTP_E_MALFORMED },
    { "differing lengths",
      SLICE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
      HTTP_E_MALFORMED },
    { "unknown coding", SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
      HTTP_E_NOT_SUPPORTED },
    { "HTTP/1.0 with coding", SLICE("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
      HTTP_E_MALFORMED },
    { "204 with a length", SLICE("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
      HTTP_E_MALFORMED },
    { "204 with a coding", SLICE("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
      HTTP_E_MALFORMED },
    { "100 with a length", SLICE("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n"),
      HTTP_E_MALFORMED },
    { "folded field", SLICE("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), HTTP_E_MALFORMED },
};

static void check_refusals(parse_function *function, const struct refusal *cases, size_t n)
{
    static struct http_head head;

    for (size_t i = 0; i < n; i++) {
        struct outcome o = parse(function, cases[i].text, &head);

        if (o.result != cases[i].result)
            print_error("case: %s (%s)\n", cases[i].name, o.why ? o.why : "no reason");
        assert_int_equal(o.result, cases[i].result);
        assert_non_null(o.why);
    }
}

static void refuses_what_could_be_read_in_two_ways(void **state)
{
    check_refusals(as_request, request_refusals,
                   sizeof(request_refusals) / sizeof(request_refusals[0]));
    check_refusals(as_response, response_refusals,
                   sizeof(response_refusals) / sizeof(response_refusals[0]));
}

struct acceptance {
    const char *name;
    struct slice text;
    struct http_head want; /* framing, content_length, keep_alive, upgrade, expect_continue, ... */
};

static const struct acceptance request_acceptances[] = {
    { "the least", GET(H), { .minor = 1, .keep_alive = true, .n_headers = 1 } },
    { "HTTP/1.0 without Host", SLICE("GET / HTTP/1.0\r\n\r\n"), { .minor = 0 } },
    { "HTTP/1.0 kept alive",
      SLICE("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
      { .keep_alive = true, .n_headers = 1 } },
    { "close", GET(H "Connection: close\r\n"), { .minor = 1, .n_headers = 2 } },
    { "close in a list, any case",
      GET(H "Connection: x, CLOSE ,y\r\n"),
      { .minor = 1, .n_headers = 2 } },
    { "close wins",
      GET(H "Connection: keep-alive\r\nConnection: close\r\n"),
      { .minor = 1, .n_headers = 3 } },
    { "upgrade",
      GET(H "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
      { .minor = 1, .keep_alive = true, .upgrade = true, .n_headers = 3 } },
    { "Upgrade without Connection",
      GET(H "Upgrade: h2c\r\n"),
      { .minor = 1, .keep_alive = true, .n_headers = 2 } },
    { "upgrade in HTTP/1.0",
      SLICE("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n"),
      { .n_headers = 2 } },
    { "expectation",
      GET(H "Expect: 100-Continue\r\n"),
      { .minor = 1, .keep_alive = true, .expect_continue = true, .n_headers = 2 } },
    { "expectation in HTTP/1.0",
      SLICE("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"),
      { .n_headers = 1 } },
    { "other expectation in HTTP/1.0",
      SLICE("GET / HTTP/1.0\r\nExpect: x\r\n\r\n"),
      { .n_headers = 1 } },
    { "trailers wanted",
      GET(H "TE: gzip;q=0.5, Trailers\r\n"),
      { .minor = 1, .keep_alive = true, .takes_trailers = true, .n_headers = 2 } },
    { "other codings wanted",
      GET(H "TE: trailers;q=1, deflate\r\n"),
      { .minor = 1, .keep_alive = true, .n_headers = 2 } },
    { "length",
      GET(H "Content-Length: 0012\r\n"),
      { .minor = 1,
        .keep_alive = true,
        .framing = HTTP_BODY_LENGTH,
        .content_length = 12,
        .n_headers = 2 } },
    { "length 0",
      GET(H "Content-Length: 0\r\n"),
      { .minor = 1, .keep_alive = true, .framing = HTTP_BODY_LENGTH, .n_headers = 2 } },
    { "the greatest length",
      GET(H "Content-Length: 9223372036854775807\r\n"),
      { .minor = 1,
        .keep_alive = true,
        .framing = HTTP_BODY_LENGTH,
        .content_length = INT64_MAX,
        .n_headers = 2 } },
    { "chunked, any case",
      GET(H "transfer-encoding:\t Chunked \t\r\n"),
      { .minor = 1, .keep_alive = true, .framing = HTTP_BODY_CHUNKED, .n_headers = 2 } },
    { "empty lines first",
      SLICE("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"),
      { .minor = 1, .keep_alive = true, .n_headers = 1 } },
    { "empty value", GET(H "A:\r\n"), { .minor = 1, .keep_alive = true, .n_headers = 2 } },
    { "tabs and UTF-8 in a value",
      GET(H "A: \xc3\xa4\tb, and so on for some words\r\n"),
      { .minor = 1, .keep_alive = true, .n_headers = 2 } },
    { "absolute target",
      SLICE("GET HTTP://a.b:80/c?d HTTP/1.1\r\nHost: A.b:80\r\n\r\n"),
      { .minor = 1, .keep_alive = true, .n_headers = 1 } },
    { "absolute target without path",
      SLICE("GET https://a?b HTTP/1.1\r\nHost: a\r\n\r\n"),
      { .minor = 1, .keep_alive = true, .n_headers = 1 } },
    { "star",
      SLICE("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
      { .minor = 1, .keep_alive = true, .n_headers = 1 } },
    { "Host with IPv6",
      GET("Host: [::1]:8080\r\n"),
      { .minor = 1, .keep_alive = true, .n_headers = 1 } },
    { "Host with an empty port",
      GET("Host: a:\r\n"),
      { .minor = 1, .keep_alive = true, .n_headers = 1 } },
    { "empty Host", GET("Host:\r\n"), { .minor = 1, .keep_alive = true, .n_headers = 1 } },
    { "braces in the target",
      SLICE("GET /{a}|b^`~%zz HTTP/1.1\r\n" H "\r\n"),
      { .minor = 1, .keep_alive = true, .n_headers = 1 } },
};

static const struct acceptance response_acceptances[] = {
    { "with length",
      SLICE("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"),
      { .minor = 1,
        .status = 200,
        .keep_alive = true,
        .framing = HTTP_BODY_LENGTH,
        .content_length = 3,
        .n_headers = 1 } },
    { "until close",
      SLICE("HTTP/1.1 200 OK\r\n\r\n"),
      { .minor = 1, .status = 200, .framing = HTTP_BODY_CLOSE } },
    { "no reason",
      SLICE("HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n"),
      { .minor = 1,
        .status = 599,
        .keep_alive = true,
        .framing = HTTP_BODY_LENGTH,
        .n_headers = 1 } },
    { "no reason and no space",
      SLICE("HTTP/1.0 200\r\n\r\n"),
      { .status = 200, .framing = HTTP_BODY_CLOSE } },
    { "100",
      SLICE("HTTP/1.1 100 Continue\r\n\r\n"),
      { .minor = 1, .status = 100, .keep_alive = true } },
    { "101",
      SLICE("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
      { .minor = 1, .status = 101, .keep_alive = true, .upgrade = true, .n_headers = 2 } },
    { "204",
      SLICE("HTTP/1.1 204 No Content\r\n\r\n"),
      { .minor = 1, .status = 204, .keep_alive = true } },
    { "204 with length 0",
      SLICE("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
      { .minor = 1, .status = 204, .keep_alive = true, .n_headers = 1 } },
    { "304 with the length of what it spares",
      SLICE("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
      { .minor = 1, .status = 304, .keep_alive = true, .n_headers = 1 } },
    { "chunked",
      SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
      { .minor = 1,
        .status = 200,
        .keep_alive = true,
        .framing = HTTP_BODY_CHUNKED,
        .n_headers = 1 } },
};

static void check_acceptances(parse_function *function, const struct acceptance *cases, size_t n)
{
    static struct http_head head;

    for (size_t i = 0; i < n; i++) {
        const struct http_head *want = &cases[i].want;
        struct outcome o = parse(function, cases[i].text, &head);

        if (o.result != 0)
            print_error("case: %s (%s)\n", cases[i].name, o.why);
        assert_int_equal(o.result, 0);
        assert_int_equal(o.size, cases[i].text.size);
        assert_int_equal(head.minor, want->minor);
        assert_int_equal(head.status, want->status);
        assert_int_equal(head.keep_alive, want->keep_alive);
        assert_int_equal(head.upgrade, want->upgrade);
        assert_int_equal(head.expect_continue, want->expect_continue);
        assert_int_equal(head.takes_trailers, want->takes_trailers);
        assert_int_equal(head.framing, want->framing);
        assert_int_equal(head.content_length, want->content_length);
        assert_int_equal(head.n_headers, want->n_headers);
    }
}

static void reads_what_is_well_formed(void **state)
{
    check_acceptances(as_request, request_acceptances,
                      sizeof(request_acceptances) / sizeof(request_acceptances[0]));
    check_acceptances(as_response, response_acceptances,
                      sizeof(response_acceptances) / sizeof(response_acceptances[0]));
}

static void slices_point_into_the_input(void **state)
{
    static struct http_head head;
    struct slice text = SLICE("POST /endpoints/a/invocations?x=1 HTTP/1.1\r\nHost: h:80\r\n"
                              "Content-Type: \t text/csv \t\r\nX-Empty: \r\n\r\n1,2");
    struct outcome o = parse(as_request, text, &head);

    assert_int_equal(o.result, 0);
    assert_int_equal(o.size, text.size - 3);
    assert_true(slice_is(head.method, "POST"));
    assert_ptr_equal(head.method.data, text.data);
    assert_true(slice_is(head.target, "/endpoints/a/invocations?x=1"));
    assert_true(slice_is(head.headers[1].name, "Content-Type"));
    assert_true(slice_is(http_header_value(&head, "content-TYPE"), "text/csv"));
    assert_int_equal(http_header_value(&head, "x-empty").size, 0);
    assert_non_null(http_header_find(&head, "x-empty"));
    assert_null(http_header_find(&head, "x-absent"));
    assert_null(http_header_value(&head, "x-absent").data);
}

static void the_target_says_whom_it_is_for_before_host_does(void **state)
{
    static const struct {
        struct slice text;
        const char *host;
    } cases[] = {
        { GET("hOST: a.b:80 \r\n"), "a.b:80" },
        { SLICE("GET http://c/ HTTP/1.1\r\n" H "\r\n"), "c" },
        { SLICE("GET HTTPS://[::1]:443?q HTTP/1.1\r\n" H "\r\n"), "[::1]:443" },
        { SLICE("GET http://c HTTP/1.0\r\n\r\n"), "c" },
        { SLICE("GET / HTTP/1.0\r\n\r\n"), "" },
        { GET("Host:\r\n"), "" },
    };
    static struct http_head head;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(parse(as_request, cases[i].text, &head).result, 0);
        assert_true(slice_is(head.host, cases[i].host));
    }
}

static void reason_and_status_are_read(void **state)
{
    static struct http_head head;
    struct outcome o =
        parse(as_response, SLICE("HTTP/1.1 404 Not here\r\nContent-Length: 0\r\n\r\n"), &head);

    assert_int_equal(o.result, 0);
    assert_int_equal(head.status, 404);
    assert_true(slice_is(head.reason, "Not here"));
    assert_string_equal(http_reason(404), "Not Found");
    assert_string_equal(http_reason(431), "Request Header Fields Too Large");
    assert_string_equal(http_reason(299), "Unknown");
    assert_string_equal(http_reason(1000), "Unknown");
    assert_string_equal(http_reason(0), "Unknown");
}

static void answers_to_head_have_no_body(void **state)
{
    static struct http_head head;
    struct slice texts[] = {
        SLICE("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        SLICE("HTTP/1.1 200 OK\r\n\r\n"),
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t scanned = 0, size;
        const char *why;

        assert_int_equal(http_parse_response(texts[i].data, texts[i].size, SLICE("HEAD"), &limits,
                                             &scanned, &head, &size, &why),
                         0);
        assert_int_equal(head.framing, HTTP_BODY_NONE);
        assert_true(head.keep_alive);
    }
}

static void pipelined_requests_are_read_one_by_one(void **state)
{
    static struct http_head head;
    const char text[] = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                        "GET /3 HTTP/1.1\r\nHost: a\r\n\r\nGET /4";
    size_t at = 0, n = sizeof(text) - 1, scanned, size;
    const char *why;

    for (char i = '1'; i <= '3'; i++) {
        scanned = 0;
        assert_int_equal(
            http_parse_request(text + at, n - at, &limits, &scanned, &head, &size, &why), 0);
        assert_int_equal(head.target.data[1], i);
        at += size;
    }
    scanned = 0;
    assert_int_equal(http_parse_request(text + at, n - at, &limits, &scanned, &head, &size, &why),
                     HTTP_AGAIN);
    assert_int_equal(scanned, 6);
}

/* "GET <target> HTTP/1.1", Host and fields of any number and size, to free() */
static struct slice long_request(size_t target, unsigned fields, size_t value)
{
    char *text = malloc(target + 64 + fields * (value + 8)), *at = text;

    assert_non_null(text);
    at += sprintf(at, "GET /");
    at = (char *)memset(at, 'a', target - 1) + target - 1;
    at += sprintf(at, " HTTP/1.1\r\nHost: a\r\n");
    for (unsigned i = 0; i < fields; i++) {
        at += sprintf(at, "A: ");
        at = (char *)memset(at, 'b', value) + value;
        at += sprintf(at, "\r\n");
    }
    at += sprintf(at, "\r\n");
    return (struct slice){ text, (size_t)(at - text) };
}

static void limits_hold_to_the_byte(void **state)
{
    static struct http_head head;
    const struct {
        size_t target;
        unsigned fields;
        size_t value;
        size_t head_bytes, target_bytes; /* 0: no limit to speak of; else over or at the limit */
        int result;
    } cases[] = {
        { 16384, 0, 0, 65536, 16384, 0 },
        { 16385, 0, 0, 65536, 16384, HTTP_E_URI_TOO_LONG },
        { 70000, 0, 0, 65536, 16384, HTTP_E_URI_TOO_LONG },
        { 1, HTTP_HEADERS_MAX - 1, 1, 65536, 16384, 0 },
        { 1, HTTP_HEADERS_MAX, 1, 65536, 16384, HTTP_E_TOO_LARGE },
        { 1, 1, 70000, 65536, 16384, HTTP_E_TOO_LARGE },
        { 1, 1, 10, 42, 16384, 0 },
        { 1, 1, 10, 41, 16384, HTTP_E_TOO_LARGE },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_limits l = { cases[i].head_bytes, cases[i].target_bytes };
        struct slice text = long_request(cases[i].target, cases[i].fields, cases[i].value);
        size_t scanned = 0, size, n;
        const char *why;
        int r = HTTP_AGAIN;

        assert_int_equal(http_parse_request(text.data, text.size, &l, &scanned, &head, &size, &why),
                         cases[i].result);
        scanned = 0;
        for (n = 1; n <= text.size && r == HTTP_AGAIN; n++)
            r = http_parse_request(text.data, n, &l, &scanned, &head, &size, &why);
        assert_int_equal(r, cases[i].result);
        assert_true(n - 1 <= l.head_bytes);
        free((char *)text.data);
    }
}

static void endless_empty_lines_are_refused(void **state)
{
    static struct http_head head;
    char text[200];
    size_t scanned = 0, size;
    const char *why;
    struct http_limits l = { .head_bytes = sizeof(text), .target_bytes = 10 };

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 ? '\n' : '\r';
    assert_int_equal(http_parse_request(text, 150, &l, &scanned, &head, &size, &why), HTTP_AGAIN);
    assert_int_not_equal(http_parse_request(text, sizeof(text), &l, &scanned, &head, &size, &why),
                         HTTP_AGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_could_be_read_in_two_ways),
        cmocka_unit_test(reads_what_is_well_formed),
        cmocka_unit_test(slices_point_into_the_input),
        cmocka_unit_test(the_target_says_whom_it_is_for_before_host_does),
        cmocka_unit_test(reason_and_status_are_read),
        cmocka_unit_test(answers_to_head_have_no_body),
        cmocka_unit_test(pipelined_requests_are_read_one_by_one),
        cmocka_unit_test(limits_hold_to_the_byte),
        cmocka_unit_test(endless_empty_lines_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
