#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/permission.h"

static void patterns_name_endpoints(void **state)
{
    static const struct {
        const char *patterns, *name;
        bool may;
    } cases[] = {
        { "", "a", false },           { "a", "a", true },           { "a", "ab", false },
        { "*", "anything", true },    { "team-*", "team-x", true }, { "team-*", "tea", false },
        { "team-*", "team-", true },  { "*-prod", "a-prod", true }, { "*-prod", "a-prod-b", false },
        { "a*b*c", "axbxbc", true },  { "a*b*c", "axbxb", false },  { "one two", "two", true },
        { "one two", "one", true },   { "one two", "on", false },   { "  one  ", "one", true },
        { "Team-*", "tEAM-9", true }, { "**", "", true },           { "a**", "a", true },
        { "*aab", "aaaab", true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (permission_may_invoke(cases[i].patterns, cases[i].name) != cases[i].may)
            fail_msg("'%s' for '%s'", cases[i].patterns, cases[i].name);
}

static void patterns_are_checked(void **state)
{
    char longest[PERMISSION_PATTERN_CHARS + 2];
    (void)state;

    assert_true(permission_pattern_is_valid("team-*"));
    assert_false(permission_pattern_is_valid(""));
    assert_false(permission_pattern_is_valid("a b"));
    assert_false(permission_pattern_is_valid("a/b"));
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_false(permission_pattern_is_valid(longest));
    assert_true(permission_pattern_is_valid(longest + 1));
}

static void operations_that_show_are_known_by_their_verb(void **state)
{
    (void)state;
    assert_true(permission_reads("DescribeEndpoint"));
    assert_true(permission_reads("ListEndpoints"));
    assert_true(permission_reads("GetMetricData"));
    assert_false(permission_reads("CreateEndpoint"));
    assert_false(permission_reads("PutMetricData"));
    assert_false(permission_reads("DeleteEndpoint"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_name_endpoints),
        cmocka_unit_test(patterns_are_checked),
        cmocka_unit_test(operations_that_show_are_known_by_their_verb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
