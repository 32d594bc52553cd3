#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "http/url.h"

static void splits_targets(void **state)
{
    const struct {
        const char *target, *path, *query;
    } cases[] = {
        { "/", "/", "" },           { "/a/b?c=d?e", "/a/b", "c=d?e" },
        { "/?", "/", "" },          { "//a", "//a", "" },
        { "http://h", "/", "" },    { "http://h:80/a?b", "/a", "b" },
        { "http://h?b", "/", "b" }, { "https://[::1]/x", "/x", "" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct url_target t;

        assert_int_equal(url_split_target(slice_from(cases[i].target), &t), 0);
        assert_true(slice_is(t.path, cases[i].path));
        assert_true(slice_is(t.query, cases[i].query));
    }
}

static void refuses_other_targets(void **state)
{
    const char *const cases[] = {
        "", "*", "a", "http:", "http:/", "http://", "http:///a", "://h/"
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct url_target t;

        assert_int_equal(url_split_target(slice_from(cases[i]), &t), -EINVAL);
    }
}

static void walks_queries(void **state)
{
    struct slice rest = SLICE("&a=b&&c&=d&e=&f=g=h&"), name, value;
    const char *const want[][2] = {
        { "a", "b" }, { "c", "" }, { "", "d" }, { "e", "" }, { "f", "g=h" }
    };

    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_true(url_query_next(&rest, &name, &value));
        assert_true(slice_is(name, want[i][0]));
        assert_true(slice_is(value, want[i][1]));
    }
    assert_false(url_query_next(&rest, &name, &value));
    rest = (struct slice){ 0 };
    assert_false(url_query_next(&rest, &name, &value));
}

static void decodes(void **state)
{
    const struct {
        const char *text;
        bool form;
        const char *want; /* NULL: refused */
    } cases[] = {
        { "", false, "" },         { "a+b", false, "a+b" },   { "a+b", true, "a b" },
        { "%41%2f", false, "A/" }, { "%4a%4A", false, "JJ" }, { "%", false, NULL },
        { "%4", false, NULL },     { "%4g", false, NULL },    { "%g4", false, NULL },
        { "a%2", false, NULL },    { "%%41", false, NULL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        autobuffer struct buffer b = BUFFER_INIT(100);
        int r = url_decode(slice_from(cases[i].text), cases[i].form, &b);

        assert_int_equal(r, cases[i].want ? 0 : -EINVAL);
        assert_string_equal(buffer_cstr(&b), cases[i].want ? cases[i].want : "");
    }
}

/* more text before the first bad escape than would be left if all of them were good */
static void a_bad_escape_at_the_end_writes_nothing(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(400);
    char text[340];

    memset(text, 'a', sizeof(text));
    memset(text + 260, '%', 80);
    assert_int_equal(url_decode((struct slice){ text, sizeof(text) }, false, &b), -EINVAL);
    assert_int_equal(buffer_size(&b), 0);
}

static void encodes(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(100);

    assert_int_equal(url_encode(SLICE("aZ09-._~ /%\xff+"), false, &b), 0);
    assert_string_equal(buffer_cstr(&b), "aZ09-._~%20%2F%25%FF%2B");
    buffer_clear(&b);
    assert_int_equal(url_encode(SLICE("a/b c"), true, &b), 0);
    assert_string_equal(buffer_cstr(&b), "a/b%20c");
}

static void a_full_buffer_is_an_error_and_adds_nothing(void **state)
{
    autobuffer struct buffer b = BUFFER_INIT(5);

    assert_int_equal(url_encode(SLICE("  "), false, &b), -ENOBUFS);
    assert_int_equal(url_decode(SLICE("abcdef"), false, &b), -ENOBUFS);
    assert_int_equal(buffer_size(&b), 0);
}

static void decoding_undoes_encoding(void **state)
{
    const uint64_t seed = 20260102;
    struct random random;

    print_message("seed %llu\n", (unsigned long long)seed);
    random_init(&random, seed);
    for (int i = 0; i < 1000; i++) {
        autobuffer struct buffer coded = BUFFER_INIT(300), plain = BUFFER_INIT(100);
        char text[64];
        struct slice s = { text, random_below(&random, sizeof(text)) };

        for (size_t j = 0; j < s.size; j++)
            text[j] = (char)random_below(&random, 256);
        assert_int_equal(url_encode(s, i % 2, &coded), 0);
        assert_int_equal(
            url_decode((struct slice){ buffer_data(&coded), buffer_size(&coded) }, true, &plain),
            0);
        assert_int_equal(buffer_size(&plain), s.size);
        if (s.size > 0)
            assert_memory_equal(buffer_data(&plain), text, s.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_targets),
        cmocka_unit_test(refuses_other_targets),
        cmocka_unit_test(walks_queries),
        cmocka_unit_test(decodes),
        cmocka_unit_test(a_bad_escape_at_the_end_writes_nothing),
        cmocka_unit_test(encodes),
        cmocka_unit_test(a_full_buffer_is_an_error_and_adds_nothing),
        cmocka_unit_test(decoding_undoes_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
