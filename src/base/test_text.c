#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/random.h"

static void slices_compare(void **state)
{
    autofree(mem_free) char *copy = slice_dup(slice_trim(SLICE(" \ta b\t ")));

    (void)state;
    assert_string_equal(copy, "a b");
    assert_true(slice_is(SLICE("abc"), "abc"));
    assert_false(slice_is(SLICE("abc"), "abcd"));
    assert_true(slice_is_nocase(SLICE("Content-Type"), "content-TYPE"));
    assert_false(slice_is_nocase(SLICE("a["), "A{")); /* letters only */
    assert_true(slice_equal(slice_from(NULL), SLICE("")));
    assert_int_equal(slice_trim(SLICE(" \t ")).size, 0);
}

static void words_become_sixteen_digits(void **state)
{
    struct random random;
    char digits[17] = "", expected[17];

    (void)state;
    random_init(&random, 11);
    for (int round = 0; round < 1000; round++) {
        uint64_t value = random_u64(&random) >> (round % 64);

        text_hex_u64(value, digits);
        snprintf(expected, sizeof(expected), "%016llx", (unsigned long long)value);
        assert_string_equal(digits, expected);
    }
}

static bool slowly_equal(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool letters = ((a[i] | 0x20) >= 'a' && (a[i] | 0x20) <= 'z');

        if (a[i] != b[i] && (!letters || (a[i] ^ b[i]) != 0x20))
            return false;
    }
    return true;
}

/* Words at a time or byte by byte, with one byte of them changed in one bit, or a few letters' case. */
static void case_matters_for_letters_only(void **state)
{
    struct random random;
    char a[40], b[40];

    (void)state;
    random_init(&random, 7);
    for (int round = 0; round < 200000; round++) {
        size_t n = random_below(&random, sizeof(a) + 1);

        for (size_t i = 0; i < n; i++) {
            a[i] = (char)random_below(&random, round % 3 ? 128 : 256);
            b[i] = a[i];
            if (((a[i] | 0x20) >= 'a' && (a[i] | 0x20) <= 'z') && random_below(&random, 2))
                b[i] = (char)(a[i] ^ 0x20);
        }
        if (n && random_below(&random, 2))
            b[random_below(&random, (uint32_t)n)] ^= (char)(1 << random_below(&random, 8));
        assert_int_equal(text_equal_nocase(a, b, n), slowly_equal(a, b, n));
    }
}

static void whole_numbers(void **state)
{
    static const struct {
        const char *text;
        int r;
        int64_t value;
    } cases[] = {
        { "0", 0, 0 },         { "007", 0, 7 },
        { "-5", 0, -5 },       { "100", 0, 100 },
        { "101", -ERANGE, 0 }, { "-101", -ERANGE, 0 },
        { "", -EINVAL, 0 },    { "-", -EINVAL, 0 },
        { "+1", -EINVAL, 0 },  { " 1", -EINVAL, 0 },
        { "1 ", -EINVAL, 0 },  { "0x1", -EINVAL, 0 },
        { "--1", -EINVAL, 0 }, { "99999999999999999999999", -ERANGE, 0 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t value = 0;

        assert_int_equal(text_to_i64(slice_from(cases[i].text), -100, 100, &value), cases[i].r);
        assert_int_equal(value, cases[i].value);
    }
}

static void whole_numbers_reach_both_ends(void **state)
{
    int64_t i = 0;
    uint64_t u = 0;

    (void)state;
    assert_int_equal(text_to_i64(SLICE("-9223372036854775808"), INT64_MIN, INT64_MAX, &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(text_to_i64(SLICE("9223372036854775808"), INT64_MIN, INT64_MAX, &i), -ERANGE);
    assert_int_equal(text_to_u64(SLICE("18446744073709551615"), UINT64_MAX, &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(text_to_u64(SLICE("18446744073709551616"), UINT64_MAX, &u), -ERANGE);
    assert_int_equal(text_to_u64(SLICE("-1"), UINT64_MAX, &u), -EINVAL);
}

static void decimal_numbers(void **state)
{
    static const char *const bad[] = { "", ".", "nan", "inf", "0x1p3", "1e", "1e+", " 1", "1,5" };
    double value = 0;

    (void)state;
    assert_int_equal(text_to_double(SLICE("-1.5e-2"), &value), 0);
    assert_true(value == -0.015);
    assert_int_equal(text_to_double(SLICE(".5"), &value), 0);
    assert_true(value == 0.5);
    assert_int_equal(text_to_double(SLICE("1e999"), &value), -ERANGE);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(text_to_double(slice_from(bad[i]), &value), -EINVAL);
}

static void hex_goes_both_ways(void **state)
{
    unsigned char bytes[3];
    char hex[7];

    (void)state;
    text_hex("\x00\x7f\xff", 3, hex);
    assert_string_equal(hex, "007fff");
    assert_int_equal(text_unhex(SLICE("007FfF"), bytes, 3), 0);
    assert_memory_equal(bytes, "\x00\x7f\xff", 3);
    assert_int_equal(text_unhex(SLICE("007ff"), bytes, 3), -EINVAL);
    assert_int_equal(text_unhex(SLICE("00zz00"), bytes, 3), -EINVAL);
}

static void what_is_not_utf8_is_shown_as_such(void **state)
{
    static const struct {
        const char *text, *repaired;
    } cases[] = {
        { "", "" },
        { "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z" },
        { "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf" },
        { "\x80"
          "a\xff",
          "?a?" },
        { "\xc3", "?" }, /* ends early */
        { "\xe2\x82"
          "a",
          "??a" },                 /* another begins */
        { "\xc0\xaf", "??" },      /* "/" in two bytes */
        { "\xe0\x9f\xbf", "???" }, /* U+07FF in three */
        { "\xed\xa0\x80", "???" }, /* a surrogate */
        { "\xf4\x90\x80\x80", "????" },
        { "\xf5\x80\x80\x80", "????" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = slice_dup(slice_from(cases[i].text));

        assert_non_null(text);
        text_repair_utf8(text);
        assert_string_equal(text, cases[i].repaired);
        free(text);
    }
}

static void calendar_time_goes_both_ways(void **state)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        { "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z" },
        { "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z" },
        { "2026-01-02T03:04:05.5+01:30", "2026-01-02T01:34:05.500Z" },
        { "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z" },
        { "2024-02-29T00:00:00.1239-0100", "2024-02-29T01:00:00.123Z" },
        { "0026-01-02T03:04:05Z", "0026-01-02T03:04:05.000Z" },
        { "2026-01-02T03:04:05", NULL },
        { "2026-13-02T03:04:05Z", NULL },
        { "2025-02-29T00:00:00Z", NULL },
        { "2026-01-02 03:04:05Z", NULL },
        { "2026-01-02T24:00:00Z", NULL },
        { "2026-01-02T03:04:05.Z", NULL },
        { "2026-01-02T03:04:05Zx", NULL },
        { "", NULL },
        { "2026-01-02T03:04:05+1:00", NULL },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[TEXT_ISO8601_BYTES];
        wall_ms_t t;
        int r = text_from_iso8601(slice_from(cases[i].text), &t);

        assert_int_equal(r, cases[i].canonical ? 0 : -EINVAL);
        if (r == 0) {
            text_iso8601(t, text);
            assert_string_equal(text, cases[i].canonical);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare),
        cmocka_unit_test(words_become_sixteen_digits),
        cmocka_unit_test(case_matters_for_letters_only),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(whole_numbers_reach_both_ends),
        cmocka_unit_test(decimal_numbers),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(what_is_not_utf8_is_shown_as_such),
        cmocka_unit_test(calendar_time_goes_both_ways),
    };

    return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
