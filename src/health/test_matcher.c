#include "health/matcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void codes_and_ranges_match(void **state)
{
    static const struct {
        const char *text;
        unsigned code;
        bool has;
    } cases[] = {
        { "200", 200, true },         { "200", 201, false },        { "200,204", 204, true },
        { "200-299", 299, true },     { "200-299", 300, false },    { "0-99", 0, true },
        { "12", 12, true },           { "0-5,12,20-30", 25, true }, { "0-5,12,20-30", 13, false },
        { "200-299,404", 404, true },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_true(matcher_is_valid(cases[i].text));
        assert_int_equal(matcher_has(cases[i].text, cases[i].code), cases[i].has);
    }
}

static void what_is_no_matcher_matches_nothing(void **state)
{
    static const char *const texts[] = { "",        ",",        "200,",    ",200",
                                         "2xx",     "-200",     "200-",    "300-200",
                                         "200 204", "1000",     "0000",    "200--299",
                                         "+200",    "200-1000", "200;204", "99999999999" };
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_false(matcher_is_valid(texts[i]));
        assert_false(matcher_has(texts[i], 200));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_ranges_match),
        cmocka_unit_test(what_is_no_matcher_matches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
