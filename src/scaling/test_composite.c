/* Rules of composite alarms: what they mean, what is refused, and what holds their actions back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scaling/composite.h"
#include "scaling/suppression.h"

/* a is in ALARM, o is OK, i has no data */
static enum alarm_state state_of(const char *name)
{
    return *name == 'a' ? ALARM_ALARM : *name == 'o' ? ALARM_OK : ALARM_INSUFFICIENT_DATA;
}

static bool asks(const char *text)
{
    autofree(composite_free) struct composite *c = NULL;
    enum alarm_state states[COMPOSITE_ALARMS_MAX];
    struct composite_error error;

    if (composite_parse(text, &c, &error) != 0)
        fail_msg("%s: %s at %zu", text, error.text, error.position);
    for (size_t i = 0; i < composite_n_alarms(c); i++)
        states[i] = state_of(composite_alarm(c, i));
    return composite_holds(c, states);
}

static void means_what_it_says(void **state)
{
    static const struct {
        const char *text;
        bool holds;
    } table[] = {
        { "TRUE", true },
        { "False", false },
        { "ALARM(a)", true },
        { "ALARM(o)", false },
        { "OK(o)", true },
        { "INSUFFICIENT_DATA(i)", true },
        { " ALARM ( \"a\" ) ", true },
        { "NOT ALARM(a)", false },
        { "NOT NOT ALARM(a)", true },
        { "ALARM(a) AND OK(o)", true },
        { "ALARM(a) AND ALARM(o)", false },
        { "ALARM(o) OR OK(o)", true },
        { "TRUE OR TRUE AND FALSE", true },
        { "(TRUE OR TRUE) AND FALSE", false },
        { "NOT FALSE AND FALSE", false },
        { "NOT (FALSE AND FALSE)", true },
        { "(ALARM(a) OR ALARM(o)) AND NOT INSUFFICIENT_DATA('i x')", false },
        { "ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:x)", true },
        { "AT_LEAST(2, ALARM, (a1, a2, o))", true },
        { "AT_LEAST(3, ALARM, (a1, a2, o))", false },
        { "AT_LEAST(50%, OK, (o, a))", true },
        { "AT_LEAST(51%, OK, (o, a))", false },
        { "AT_LEAST(2, NOT OK, (o, a, \"i\"))", true },
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (asks(table[i].text) != table[i].holds)
            fail_msg("%s", table[i].text);
}

static void names_each_alarm_once(void **state)
{
    autofree(composite_free) struct composite *c = NULL;
    struct composite_error error;

    assert_int_equal(
        composite_parse("ALARM(\"my \\\"alarm\\\"\") OR OK(b) OR ALARM('b')", &c, &error), 0);
    assert_int_equal(composite_n_alarms(c), 2);
    assert_string_equal(composite_alarm(c, 0), "my \"alarm\"");
    assert_string_equal(composite_alarm(c, 1), "b");
}

static void refuses_what_is_no_rule(void **state)
{
    static const struct {
        const char *text;
        size_t position;
    } table[] = {
        { "", 1 },
        { "ALARM", 6 },
        { "ALARM()", 7 },
        { "ALARM(a", 8 },
        { "ALARM(\"a)", 7 },
        { "ALARM(a) ALARM(b)", 10 },
        { "ALARM(a) AND", 13 },
        { "a", 1 },
        { "(TRUE", 6 },
        { "TRUE)", 5 },
        { "AT_LEAST(0, ALARM, (a))", 11 },
        { "AT_LEAST(101, ALARM, (a))", 13 },
        { "AT_LEAST(1, TRUE, (a))", 13 },
        { "AT_LEAST(1, ALARM, ())", 21 },
        { "AND TRUE", 1 },
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct composite *c;
        struct composite_error error = { 0 };

        assert_int_equal(composite_parse(table[i].text, &c, &error), COMPOSITE_E_REFUSED);
        if (error.position != table[i].position)
            fail_msg("%s: %s at %zu", table[i].text, error.text, error.position);
    }
}

/* @times @part, then @end */
static int parse_repeated(const char *begin, const char *part, int times, const char *end)
{
    size_t size = strlen(begin) + strlen(part) * (size_t)times + strlen(end) + 1;
    char *text = malloc(size), *at;
    struct composite *c = NULL;
    struct composite_error error;
    int r;

    assert_non_null(text);
    at = stpcpy(text, begin);
    for (int i = 0; i < times; i++)
        at = stpcpy(at, part);
    stpcpy(at, end);
    r = composite_parse(text, &c, &error);
    composite_free(c);
    free(text);
    return r;
}

static void has_limits(void **state)
{
    assert_int_equal(parse_repeated("", "NOT ", COMPOSITE_DEPTH_MAX - 1, "TRUE"), 0);
    assert_int_equal(parse_repeated("", "NOT ", COMPOSITE_DEPTH_MAX, "TRUE"), COMPOSITE_E_REFUSED);
    assert_int_equal(parse_repeated("", "(", COMPOSITE_TEXT_MAX, ""), COMPOSITE_E_REFUSED);
    assert_int_equal(parse_repeated("TRUE", " OR TRUE", COMPOSITE_ELEMENTS_MAX - 2, ""), 0);
    assert_int_equal(parse_repeated("TRUE", " OR TRUE", COMPOSITE_ELEMENTS_MAX, ""),
                     COMPOSITE_E_REFUSED);
    assert_int_equal(parse_repeated("TRUE", " ", COMPOSITE_TEXT_MAX, ""), COMPOSITE_E_REFUSED);
}

/* --- suppression ------------------------------------------------------------------------------ */

enum { WAIT = 60000, EXTENSION = 90000 };

static void runs_actions_when_nothing_holds_them(void **state)
{
    struct suppression s = { 0 };

    assert_true(suppression_changed(&s, ALARM_OK, ALARM_ALARM, ALARM_OK, 0, 1000));
    assert_false(suppression_tick(&s, ALARM_ALARM, ALARM_OK, EXTENSION, 2000));
    assert_true(suppression_changed(&s, ALARM_ALARM, ALARM_OK, ALARM_OK, 0, 3000));
}

static void waits_for_a_late_suppressor(void **state)
{
    struct suppression s = { 0 };

    assert_false(suppression_changed(&s, ALARM_OK, ALARM_ALARM, ALARM_OK, WAIT, 0));
    assert_string_equal(suppression_text(s.by), "WaitPeriod");
    assert_false(suppression_tick(&s, ALARM_ALARM, ALARM_OK, EXTENSION, WAIT - 1));
    assert_true(suppression_tick(&s, ALARM_ALARM, ALARM_OK, EXTENSION, WAIT));
    assert_null(suppression_text(s.by));
    assert_false(suppression_tick(&s, ALARM_ALARM, ALARM_OK, EXTENSION, WAIT + 1));

    s = (struct suppression){ 0 };
    assert_false(suppression_changed(&s, ALARM_OK, ALARM_ALARM, ALARM_OK, WAIT, 0));
    assert_false(suppression_tick(&s, ALARM_ALARM, ALARM_ALARM, EXTENSION, 1000));
    assert_string_equal(suppression_text(s.by), "Alarm");
    assert_false(suppression_tick(&s, ALARM_ALARM, ALARM_ALARM, EXTENSION, 10 * WAIT));
}

static void acts_after_the_extension_if_still_in_alarm(void **state)
{
    struct suppression s = { 0 };

    assert_false(suppression_changed(&s, ALARM_OK, ALARM_ALARM, ALARM_ALARM, WAIT, 0));
    assert_string_equal(suppression_text(s.by), "Alarm");
    assert_false(suppression_tick(&s, ALARM_ALARM, ALARM_OK, EXTENSION, 1000));
    assert_string_equal(suppression_text(s.by), "ExtensionPeriod");
    assert_false(suppression_tick(&s, ALARM_ALARM, ALARM_OK, EXTENSION, 1000 + EXTENSION - 1));
    assert_true(suppression_tick(&s, ALARM_ALARM, ALARM_OK, EXTENSION, 1000 + EXTENSION));
}

static void ends_quietly_what_began_quietly(void **state)
{
    struct suppression s = { 0 };

    assert_false(suppression_changed(&s, ALARM_OK, ALARM_ALARM, ALARM_ALARM, WAIT, 0));
    assert_false(suppression_changed(&s, ALARM_ALARM, ALARM_OK, ALARM_ALARM, WAIT, 1000));
    assert_null(suppression_text(s.by));
    /* the next time is a new one */
    assert_true(suppression_changed(&s, ALARM_OK, ALARM_ALARM, ALARM_OK, 0, 2000));
    assert_true(suppression_changed(&s, ALARM_ALARM, ALARM_OK, ALARM_OK, 0, 3000));
}

static void a_first_ok_is_told(void **state)
{
    struct suppression s = { 0 };

    assert_true(
        suppression_changed(&s, ALARM_INSUFFICIENT_DATA, ALARM_OK, ALARM_ALARM, WAIT, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_what_it_says),
        cmocka_unit_test(names_each_alarm_once),
        cmocka_unit_test(refuses_what_is_no_rule),
        cmocka_unit_test(has_limits),
        cmocka_unit_test(runs_actions_when_nothing_holds_them),
        cmocka_unit_test(waits_for_a_late_suppressor),
        cmocka_unit_test(acts_after_the_extension_if_still_in_alarm),
        cmocka_unit_test(ends_quietly_what_began_quietly),
        cmocka_unit_test(a_first_ok_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
