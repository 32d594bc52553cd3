#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/parser.h"
#include "http/writer.h"

struct reading {
    int result;
    size_t consumed;
    char content[65536];
    size_t size;
    char trailers[16384];
};

/* Feed @text in pieces of @step bytes. Stops when the body ends, or at the end of the input. */
static void read_body(enum http_framing framing, uint64_t length, struct slice text, size_t step,
                      struct reading *ret)
{
    struct http_head head = { .framing = framing, .content_length = length };
    autobuffer struct buffer trailers = BUFFER_INIT(sizeof(ret->trailers) - 1);
    struct http_body body;
    size_t given = 0;

    memset(ret, 0, offsetof(struct reading, content));
    ret->size = 0;
    http_body_init(&body, &head);
    body.trailers = &trailers;
    ret->result = HTTP_AGAIN;
    do {
        size_t n;
        struct slice content;
        const char *why = NULL;

        if (given < text.size && given == ret->consumed)
            given = given + step < text.size ? given + step : text.size;
        ret->result = http_body_next(&body, text.data + ret->consumed, given - ret->consumed, &n,
                                     &content, &why);
        if (ret->result == HTTP_E_MALFORMED) {
            assert_non_null(why);
            return;
        }
        assert_true(n <= given - ret->consumed);
        assert_true(n > 0 || given - ret->consumed == 0 || ret->result == 0);
        ret->consumed += n;
        assert_true(ret->size + content.size <= sizeof(ret->content));
        memcpy(ret->content + ret->size, content.data, content.size);
        ret->size += content.size;
    } while (ret->result == HTTP_AGAIN && ret->consumed < text.size);
    assert_int_equal(http_body_done(&body), ret->result == 0);
    sprintf(ret->trailers, "%s", buffer_cstr(&trailers));
}

static struct reading whole, piecewise;

/* Any cut of the input must give the same content and the same outcome. */
static const struct reading *read_all_ways(enum http_framing framing, uint64_t length,
                                           struct slice text)
{
    read_body(framing, length, text, SIZE_MAX / 2, &whole);
    for (size_t step = 1; step < 8; step++) {
        read_body(framing, length, text, step, &piecewise);
        assert_int_equal(piecewise.result, whole.result);
        if (whole.result != HTTP_E_MALFORMED) {
            assert_int_equal(piecewise.consumed, whole.consumed);
            assert_int_equal(piecewise.size, whole.size);
            assert_memory_equal(piecewise.content, whole.content, whole.size);
            assert_string_equal(piecewise.trailers, whole.trailers);
        }
    }
    return &whole;
}

static void reads_chunks(void **state)
{
    const struct {
        struct slice text;
        const char *content;
        size_t left_over; /* bytes that belong to the next message */
    } cases[] = {
        { SLICE("0\r\n\r\n"), "", 0 },
        { SLICE("5\r\nhello\r\n0\r\n\r\n"), "hello", 0 },
        { SLICE("1\r\na\r\n1\r\nb\r\n00\r\n\r\nGET /"), "ab", 5 },
        { SLICE("00000000000A\r\n0123456789\r\n0\r\n\r\n"), "0123456789", 0 },
        { SLICE("a\r\n0123456789\r\n0\r\n\r\n\r\n"), "0123456789", 2 },
        { SLICE("5;name=value\r\nhello\r\n0;last\r\n\r\n"), "hello", 0 },
        { SLICE("5 \t ; name=\"quo ted\"\r\nhello\r\n0\r\n\r\n"), "hello", 0 },
        { SLICE("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n", 0 },
        { SLICE("1\r\na\r\n0\r\nTrailer: x\r\nB:\r\n\r\nrest"), "a", 4 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct reading *r = read_all_ways(HTTP_BODY_CHUNKED, 0, cases[i].text);

        assert_int_equal(r->result, 0);
        assert_int_equal(r->consumed, cases[i].text.size - cases[i].left_over);
        assert_int_equal(r->size, strlen(cases[i].content));
        assert_memory_equal(r->content, cases[i].content, r->size);
    }
}

static void keeps_the_lines_of_trailers(void **state)
{
    static const struct {
        struct slice text;
        const char *trailers;
    } cases[] = {
        { SLICE("0\r\n\r\n"), "" },
        { SLICE("1\r\na\r\n0\r\n\r\nA: b\r\n\r\n"), "" },
        { SLICE("1\r\na\r\n0;x=y\r\nA: b\r\n\r\n"), "A: b\r\n" },
        { SLICE("0\r\nA:\t b \r\nx-c:\r\nA:d\r\n\r\n"), "A:\t b \r\nx-c:\r\nA:d\r\n" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(read_all_ways(HTTP_BODY_CHUNKED, 0, cases[i].text)->trailers,
                            cases[i].trailers);
}

static void trailers_need_room(void **state)
{
    autobuffer struct buffer room = BUFFER_INIT(5);
    struct http_head head = { .framing = HTTP_BODY_CHUNKED };
    struct http_body body;
    struct slice content;
    const char *why = NULL;
    size_t n;
    (void)state;

    http_body_init(&body, &head);
    body.trailers = &room;
    assert_int_equal(http_body_next(&body, "0\r\nA: b\r\n\r\n", 13, &n, &content, &why),
                     HTTP_E_MALFORMED);
    assert_non_null(why);
}

static void refuses_broken_chunk_framing(void **state)
{
    const struct slice cases[] = {
        SLICE("\r\n"),
        SLICE("g\r\n"),
        SLICE("-1\r\n"),
        SLICE("+1\r\n"),
        SLICE("0x1\r\na"),
        SLICE(" 1\r\na"),
        SLICE("1 \r\na"),
        SLICE("1 2\r\na"),
        SLICE("1\na"),
        SLICE("1\r\r\na"),
        SLICE("1;a\nb\r\n"),
        SLICE("1;a\rb\r\n"),
        SLICE("1;\x01\r\n"),
        SLICE(";a\r\n"),
        SLICE("1\r\nab\r\n"),
        SLICE("1\r\na\n"),
        SLICE("1\r\na\rx"),
        SLICE("1\r\na\r\n\r\n"),
        SLICE("8000000000000000\r\n"),
        SLICE("10000000000000000\r\n"),
        SLICE("00000000000000001\r\na"),
        SLICE("fffffffffffffffffffffffff\r\n"),
        SLICE("0\r\n\n"),
        SLICE("0\r\n\rx"),
        SLICE("0\r\n folded: x\r\n\r\n"),
        SLICE("0\r\n: x\r\n\r\n"),
        SLICE("0\r\nno colon\r\n\r\n"),
        SLICE("0\r\nA : x\r\n\r\n"),
        SLICE("0\r\nA: x\n\r\n"),
        SLICE("0\r\nA: \x7f\r\n\r\n"),
        SLICE("0\r\nA\r\n\r\n"),
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct reading *r = read_all_ways(HTTP_BODY_CHUNKED, 0, cases[i]);

        if (r->result != HTTP_E_MALFORMED)
            print_error("case: %.*s\n", (int)cases[i].size, cases[i].data);
        assert_int_equal(r->result, HTTP_E_MALFORMED);
    }
}

static void the_greatest_chunk_size_is_taken(void **state)
{
    const struct reading *r = read_all_ways(HTTP_BODY_CHUNKED, 0, SLICE("7fffffffffffffff\r\nabc"));

    assert_int_equal(r->result, HTTP_AGAIN);
    assert_int_equal(r->size, 3);
}

/* @prefix, @n times "x", @suffix as one chunked body. Return: the outcome. */
static int read_padded(const char *prefix, size_t n, const char *suffix)
{
    static char text[70000];
    size_t size = (size_t)sprintf(text, "%s", prefix);

    memset(text + size, 'x', n);
    size += n;
    size += (size_t)sprintf(text + size, "%s", suffix);
    return read_all_ways(HTTP_BODY_CHUNKED, 0, (struct slice){ text, size })->result;
}

static void extensions_and_trailers_are_bounded(void **state)
{
    assert_int_equal(read_padded("1;", 8191, "\r\na\r\n0\r\n\r\n"), 0);
    assert_int_equal(read_padded("1;", 8192, "\r\na\r\n0\r\n\r\n"), HTTP_E_MALFORMED);
    assert_int_equal(read_padded("0\r\nA:", 8190, "\r\n\r\n"), 0);
    assert_int_equal(read_padded("0\r\nA:", 8191, "\r\n\r\n"), HTTP_E_MALFORMED);
    assert_int_equal(read_padded("0\r\n", 8193, ":\r\n\r\n"), HTTP_E_MALFORMED);
    assert_int_equal(read_padded("1;", 5000, "\r\na\r\n0\r\nA: b\r\n\r\n"), 0);
}

/* Write @n chunks of @content bytes, each with an extension of 100. Return: the outcome. */
static int read_extended_chunks(unsigned n, unsigned content)
{
    static char text[400000];
    size_t size = 0;

    for (unsigned i = 0; i < n; i++)
        size += (size_t)sprintf(text + size, "%x;%0100d\r\n%0*d\r\n", content, 0, (int)content, 0);
    size += (size_t)sprintf(text + size, "0\r\n\r\n");
    read_body(HTTP_BODY_CHUNKED, 0, (struct slice){ text, size }, 1000, &whole);
    return whole.result;
}

static void extensions_cost_no_more_than_their_content(void **state)
{
    assert_int_equal(read_extended_chunks(500, 101), 0);
    assert_int_equal(read_extended_chunks(500, 1), HTTP_E_MALFORMED);
}

static void reads_bodies_of_known_length(void **state)
{
    const struct reading *r = read_all_ways(HTTP_BODY_LENGTH, 3, SLICE("abcGET"));

    assert_int_equal(r->result, 0);
    assert_int_equal(r->consumed, 3);
    assert_memory_equal(r->content, "abc", 3);

    r = read_all_ways(HTTP_BODY_LENGTH, 4, SLICE("abc"));
    assert_int_equal(r->result, HTTP_AGAIN);
    assert_int_equal(r->size, 3);

    r = read_all_ways(HTTP_BODY_LENGTH, 0, SLICE("GET"));
    assert_int_equal(r->result, 0);
    assert_int_equal(r->consumed, 0);

    r = read_all_ways(HTTP_BODY_NONE, 0, SLICE("GET"));
    assert_int_equal(r->result, 0);
    assert_int_equal(r->consumed, 0);
}

static void end_of_stream_ends_only_some_bodies(void **state)
{
    const struct {
        enum http_framing framing;
        uint64_t length;
        const char *text;
        int eof;
    } cases[] = {
        { HTTP_BODY_CLOSE, 0, "any", 0 },
        { HTTP_BODY_CLOSE, 0, "", 0 },
        { HTTP_BODY_NONE, 0, "", 0 },
        { HTTP_BODY_LENGTH, 3, "abc", 0 },
        { HTTP_BODY_LENGTH, 3, "ab", HTTP_E_MALFORMED },
        { HTTP_BODY_CHUNKED, 0, "0\r\n\r\n", 0 },
        { HTTP_BODY_CHUNKED, 0, "0\r\n", HTTP_E_MALFORMED },
        { HTTP_BODY_CHUNKED, 0, "1\r\na\r\n", HTTP_E_MALFORMED },
        { HTTP_BODY_CHUNKED, 0, "", HTTP_E_MALFORMED },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_head head = { .framing = cases[i].framing, .content_length = cases[i].length };
        struct http_body body;
        struct slice content;
        const char *why;
        size_t n;

        http_body_init(&body, &head);
        http_body_next(&body, cases[i].text, strlen(cases[i].text), &n, &content, &why);
        assert_int_equal(n, strlen(cases[i].text));
        assert_int_equal(http_body_eof(&body), cases[i].eof);
        assert_int_equal(http_body_done(&body), cases[i].eof == 0);
    }
}

static void after_the_end_nothing_is_consumed(void **state)
{
    struct http_head head = { .framing = HTTP_BODY_CHUNKED };
    struct http_body body;
    struct slice content;
    const char *why;
    size_t n;

    http_body_init(&body, &head);
    assert_int_equal(http_body_next(&body, "0\r\n\r\nX", 6, &n, &content, &why), 0);
    assert_int_equal(n, 5);
    assert_int_equal(http_body_next(&body, "X", 1, &n, &content, &why), 0);
    assert_int_equal(n, 0);
}

static void written_chunks_are_read_back(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(100000);
    const struct reading *r;
    char text[40000];

    memset(text, 'z', sizeof(text));
    assert_int_equal(http_write_chunk(&b, (struct slice){ text, sizeof(text) }), 0);
    assert_int_equal(http_write_chunk(&b, (struct slice){ text, 0 }), 0);
    assert_int_equal(http_write_chunk(&b, SLICE("\r\n0\r\n\r\n")), 0);
    assert_int_equal(http_write_last_chunk(&b), 0);

    r = read_all_ways(HTTP_BODY_CHUNKED, 0, (struct slice){ buffer_data(&b), buffer_size(&b) });
    assert_int_equal(r->result, 0);
    assert_int_equal(r->size, sizeof(text) + 7);
    assert_memory_equal(r->content + sizeof(text), "\r\n0\r\n\r\n", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_chunks),
        cmocka_unit_test(keeps_the_lines_of_trailers),
        cmocka_unit_test(trailers_need_room),
        cmocka_unit_test(refuses_broken_chunk_framing),
        cmocka_unit_test(the_greatest_chunk_size_is_taken),
        cmocka_unit_test(extensions_and_trailers_are_bounded),
        cmocka_unit_test(extensions_cost_no_more_than_their_content),
        cmocka_unit_test(reads_bodies_of_known_length),
        cmocka_unit_test(end_of_stream_ends_only_some_bodies),
        cmocka_unit_test(after_the_end_nothing_is_consumed),
        cmocka_unit_test(written_chunks_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
