#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "metrics/math_expression.h"

enum { SLOTS = 5, ARENA_BYTES = 1 << 18 };
#define GAP NAN

/* Five minutes from 2026-01-02T03:00:00Z, a Friday. */
static const wall_ms_t start = 1767322800000;

/* slow has a point each other minute; sum and both are the results of other expressions. */
static double points[][SLOTS] = {
    { 1, 1, 0, 0, GAP },     { 30, GAP, 0, 0, 30 },       { 0, 0, 20, GAP, 20 },
    { 30, 20, 0, 0, GAP },   { 20, GAP, 20, GAP, GAP },   { GAP, 2, GAP, 6, GAP },
    { 1, GAP, GAP, GAP, 5 }, { GAP, GAP, GAP, GAP, GAP }, { 4, 9, 16, 25, 36 },
    { -1.5, 1.5, 0, 2, -2 }, { 10, 20, 30, 40, 1.5e308 },
};
static struct math_series series[] = {
    { points[0], 0, 1, 0 }, { points[1], 0, 1, 1 },   { points[2], 0, 1, 2 },
    { points[3], 0, 1, 3 }, { points[4], 0, 1, 4 },   { points[5], 0, 1, 5 },
    { points[6], 0, 2, 6 }, { points[7], 0, 1, 7 },   { points[8], 0, 1, 8 },
    { points[9], 0, 1, 9 }, { points[10], 0, 1, 10 },
};
#define METRIC(id, i, period)                                                                      \
    {                                                                                              \
        id, true, period,                                                                          \
        {                                                                                          \
            MATH_SERIES, 0, &series[i], 1                                                          \
        }                                                                                          \
    }
static const struct math_input inputs[] = {
    METRIC("m1", 0, 60),
    METRIC("m2", 1, 60),
    METRIC("m3", 2, 60),
    METRIC("left", 3, 60),
    METRIC("right", 4, 60),
    METRIC("gaps", 5, 60),
    METRIC("slow", 6, 120),
    METRIC("none", 7, 60),
    METRIC("squares", 8, 60),
    METRIC("signs", 9, 60),
    METRIC("huge", 10, 60),
    { "scalar", false, 0, { MATH_SCALAR, 7, NULL, 0 } },
    { "both", false, 0, { MATH_ARRAY, 0, &series[0], 2 } },
};
enum { N_INPUTS = sizeof(inputs) / sizeof(*inputs) };
static const struct math_scope scope = { 0, 60, SLOTS, inputs, N_INPUTS };

static size_t find(const void *context, const char *id)
{
    (void)context;
    for (size_t i = 0; i < N_INPUTS; i++)
        if (strcmp(inputs[i].id, id) == 0)
            return i;
    return MATH_NONE;
}

static void write_series(const struct math_series *s, char *out)
{
    strcat(out, "[");
    for (size_t i = 0; i < SLOTS; i++)
        sprintf(out + strlen(out), isnan(s->values[i]) ? "%s-" : "%s%.6g", i ? " " : "",
                s->values[i]);
    strcat(out, "]");
}

/* A scalar as "3", a series as "[1 - 2 3 4]", an array as "[..] [..];" */
static void write_value(const struct math_value *v, char *out)
{
    *out = '\0';
    if (v->type == MATH_SCALAR)
        sprintf(out, isnan(v->scalar) ? "none" : "%.6g", v->scalar);
    for (size_t k = 0; v->type != MATH_SCALAR && k < v->n_series; k++) {
        strcat(out, k ? " " : "");
        write_series(&v->series[k], out);
    }
    if (v->type == MATH_ARRAY)
        strcat(out, ";");
}

/* What becomes of @text: its value, or "position: what is wrong". */
static void run(const char *text, char *out)
{
    struct math_arena arena = MATH_ARENA_INIT(ARENA_BYTES);
    autofree(math_free) struct math *m = NULL;
    struct math_scope from_start = scope;
    struct math_error error = { 0 };
    struct math_value value;
    int r = math_parse(text, &m, &error);

    from_start.start = start;
    if (!r)
        r = math_bind(m, find, NULL, &error);
    if (!r)
        r = math_evaluate(m, &from_start, &arena, &value, &error);
    if (!r)
        write_value(&value, out);
    else if (r == MATH_E_REFUSED)
        sprintf(out, "%zu: %s", error.position, error.text);
    else
        sprintf(out, "limit");
    assert_true(r == 0 || r == MATH_E_REFUSED || r == MATH_E_LIMIT);
    math_arena_deinit(&arena);
}

struct example {
    const char *text, *result;
};

static void expect(const struct example *examples)
{
    static char out[1 << 16];

    for (const struct example *e = examples; e->text; e++) {
        run(e->text, out);
        if (strcmp(out, e->result) != 0)
            fail_msg("%s: %s, not %s", e->text, out, e->result);
    }
}

/* --- operators -------------------------------------------------------------------------------- */

static void operators_bind_as_in_arithmetic(void **state)
{
    static const struct example examples[] = {
        { "1 + 2 * 3", "7" },
        { "(1 + 2) * 3", "9" },
        { "7 - 2 - 1", "4" },
        { "8 / 4 / 2", "1" },
        { "2 ^ 3 ^ 2", "512" },
        { "-2 ^ 2", "-4" },
        { "(-2) ^ 2", "4" },
        { "2 ^ -1", "0.5" },
        { "--3", "3" },
        { "2 * -3", "-6" },
        { ".5 + 1e2 + 1.5E-1", "100.65" },
        { "1 < 2", "1" },
        { "1 + 1 == 2", "1" },
        { "2 != 2", "0" },
        { "2 >= 2 AND 2 <= 2", "1" },
        { "1 > 2 || 3 > 2 && 1 > 2", "0" },
        { "1 OR 0 AND 0", "1" },
        { "1 == 1 && 0", "0" },
        { "5 / 0", "none" },
        { "-(5 / 0)", "none" },
        { "1e308 * 10", "none" },
        { NULL },
    };
    expect(examples);
}

static void a_missing_point_counts_as_zero_beside_one_that_is_there(void **state)
{
    static const struct example examples[] = {
        { "left < right", "[0 0 1 0 -]" },
        { "left >= 30", "[1 0 0 0 -]" },
        { "left > 15 AND right > 15", "[1 0 0 0 -]" },
        { "left + right", "[50 20 20 0 -]" },
        { "m1 - m2", "[-29 1 0 0 -30]" },
        { "right * 2", "[40 - 40 - -]" },
        { "2 * -right", "[-40 - -40 - -]" },
        { "right / (5 / 0)", "[- - - - -]" },
        { "left OR m1", "[1 1 0 0 -]" },
        { NULL },
    };
    expect(examples);
}

static void what_is_divided_by_zero_is_dropped(void **state)
{
    static const struct example examples[] = {
        { "1 / m1", "[1 1 - - -]" },
        { "left / right", "[1.5 - 0 - -]" },
        { "huge * 2", "[20 40 60 80 -]" },
        { "(0 - squares) ^ 0.5", "[- - - - -]" },
        { NULL },
    };
    expect(examples);
}

static void arrays_are_computed_series_by_series(void **state)
{
    static const struct example examples[] = {
        { "[m1, m2] * 2", "[2 2 0 0 -] [60 - 0 0 60];" },
        { "both * 2", "[2 2 0 0 -] [60 - 0 0 60];" },
        { "100 / [m1, m2]", "[100 100 - - -] [3.33333 - - - 3.33333];" },
        { "[m1, m2] - m1", "[0 0 0 0 -] [29 -1 0 0 30];" },
        { "m1 - [m1, m2]", "[0 0 0 0 -] [-29 1 0 0 -30];" },
        { "[m1, m2] + [m2, m1]", "[31 1 0 0 30] [31 1 0 0 30];" },
        { "-[m1, m2]", "[-1 -1 -0 -0 -] [-30 - -0 -0 -30];" },
        { "[both, m3]", "[1 1 0 0 -] [30 - 0 0 30] [0 0 20 - 20];" },
        { "[]", ";" },
        { "[] * 2", ";" },
        { "[m1, m2] + [m1]", "10: + between arrays of 2 and 1 time series" },
        { "[m1, 2]", "6: a list holds time series, not a scalar; use TIME_SERIES" },
        { NULL },
    };
    expect(examples);
}

/* --- functions -------------------------------------------------------------------------------- */

static void if_follows_the_table_of_the_user_guide(void **state)
{
    static const struct example examples[] = {
        { "IF(m1, m2, m3)", "[30 0 20 - -]" },
        { "IF(m1, 5, m3)", "[5 5 20 - -]" },
        { "IF(m1, m2, 5)", "[30 0 5 5 -]" },
        { "IF(m1, m2)", "[30 0 - - -]" },
        { "IF(m1, 5)", "[5 5 - - -]" },
        { "IF(m1, 10, 2)", "[10 10 2 2 -]" },
        { "IF(signs, 1, 0)", "[1 1 0 1 1]" },
        { "IF(left < 25, left)", "[- 20 0 0 -]" },
        { "IF(0, m2, m3)", "[0 0 20 - 20]" },
        { "IF(1, m2)", "[30 - 0 0 30]" },
        { "IF(0, m2)", "[- - - - -]" },
        { "IF(0, m2, 4)", "[4 4 4 4 4]" },
        { "IF(1, 4, slow)", "[4 - 4 - 4]" },
        { "IF(5 / 0, m2, 4)", "[- - - - -]" },
        { "IF(1, 2, 3)", "1: IF needs a time series among its arguments" },
        { "IF(both, 1, 0)", "4: IF takes a scalar or a time series here, not an array of time "
                            "series" },
        { NULL },
    };
    expect(examples);
}

static void reductions_make_scalars_of_series_and_series_of_arrays(void **state)
{
    static const struct example examples[] = {
        { "SUM(left)", "50" },
        { "SUM(none)", "none" },
        { "SUM([left, right])", "[50 20 20 0 -]" },
        { "SUM([])", "[- - - - -]" },
        { "AVG(gaps)", "4" },
        { "AVG([left, right])", "[25 10 10 0 -]" },
        { "MIN(signs)", "-2" },
        { "MIN([left, right])", "[20 20 0 0 -]" },
        { "MAX(signs)", "2" },
        { "MAX([left, right])", "[30 20 20 0 -]" },
        { "STDDEV(gaps)", "2" },
        { "STDDEV([left, right])", "[5 0 10 0 -]" },
        { "DATAPOINT_COUNT(left)", "4" },
        { "DATAPOINT_COUNT(none)", "0" },
        { "DATAPOINT_COUNT([left, right])", "[2 1 2 1 -]" },
        { "left - AVG(left)", "[17.5 7.5 -12.5 -12.5 -]" },
        { "SUM(5)", "5: SUM takes a time series or an array of them here, not a scalar" },
        { NULL },
    };
    expect(examples);
}

static void functions_of_values_keep_gaps(void **state)
{
    static const struct example examples[] = {
        { "ABS(signs)", "[1.5 1.5 0 2 2]" },
        { "ABS([signs, gaps])", "[1.5 1.5 0 2 2] [- 2 - 6 -];" },
        { "CEIL(signs)", "[-1 2 0 2 -2]" },
        { "FLOOR(signs)", "[-2 1 0 2 -2]" },
        { "LOG(gaps)", "[- 0.693147 - 1.79176 -]" },
        { "LOG(signs)", "[- 0.405465 - 0.693147 -]" },
        { "LOG10(m2 * 10 / 3)", "[2 - - - 2]" },
        { "ABS(scalar)", "5: ABS takes a time series or an array of them here, not a scalar" },
        { NULL },
    };
    expect(examples);
}

static void differences_are_to_the_point_before(void **state)
{
    static const struct example examples[] = {
        { "DIFF(squares)", "[- 5 7 9 11]" },
        { "DIFF(gaps)", "[- - - 4 -]" },
        { "DIFF([squares, none])", "[- 5 7 9 11] [- - - - -];" },
        { "DIFF_TIME(gaps)", "[- - - 120 -]" },
        { "DIFF_TIME(squares)", "[- 60 60 60 60]" },
        { "RATE(squares * 60)", "[- 5 7 9 11]" },
        { "RATE(gaps)", "[- - - 0.0333333 -]" },
        { "RUNNING_SUM(gaps)", "[- 2 - 8 -]" },
        { "RUNNING_SUM([squares])", "[4 13 29 54 90];" },
        { NULL },
    };
    expect(examples);
}

static void fill_closes_gaps_in_the_series_own_periods(void **state)
{
    static const struct example examples[] = {
        { "FILL(gaps, 0)", "[0 2 0 6 0]" },
        { "FILL(gaps, -1)", "[-1 2 -1 6 -1]" },
        { "FILL(gaps, MIN(gaps))", "[2 2 2 6 2]" },
        { "FILL(gaps, m2)", "[30 2 0 6 30]" },
        { "FILL(gaps, right)", "[20 2 20 6 -]" },
        { "FILL(gaps, REPEAT)", "[- 2 2 6 6]" },
        { "FILL(gaps, LINEAR)", "[- 2 4 6 -]" },
        { "FILL(slow, 0)", "[1 - 0 - 5]" },
        { "FILL(slow, REPEAT)", "[1 - 1 - 5]" },
        { "FILL(slow, LINEAR)", "[1 - 3 - 5]" },
        { "FILL(slow + gaps, 9)", "[1 2 9 6 5]" },
        { "FILL(none, 3)", "[3 3 3 3 3]" },
        { "FILL(none, REPEAT)", "[- - - - -]" },
        { "FILL(none, LINEAR)", "[- - - - -]" },
        { "FILL([gaps, none], 0)", "[0 2 0 6 0] [0 0 0 0 0];" },
        { "FILL([gaps, none], LINEAR)", "[- 2 4 6 -] [- - - - -];" },
        { "FILL(gaps, [m1])", "12: FILL takes a scalar, a time series, REPEAT or LINEAR here, not "
                              "an array of time series" },
        { "FILL(gaps, AVG)", "12: a value, REPEAT or LINEAR expected" },
        { NULL },
    };
    expect(examples);
}

static void sort_and_slice_choose_from_arrays(void **state)
{
    static const struct example examples[] = {
        { "SORT([m1, left, none, m2], SUM, DESC)",
          "[30 - 0 0 30] [30 20 0 0 -] [1 1 0 0 -] [- - - - -];" },
        { "SORT([none, m2, left, m1], SUM, ASC)",
          "[1 1 0 0 -] [30 20 0 0 -] [30 - 0 0 30] [- - - - -];" },
        { "SORT([m1, gaps], MIN, DESC, 1)", "[- 2 - 6 -];" },
        { "SORT([m1, gaps], MAX, ASC, 1)", "[1 1 0 0 -];" },
        { "SORT([m1, gaps], AVG, DESC, 9)", "[- 2 - 6 -] [1 1 0 0 -];" },
        { "SORT([m1, gaps], AVG, DESC, -1)", ";" },
        { "SLICE([m1, m2, m3], 1)", "[30 - 0 0 30] [0 0 20 - 20];" },
        { "SLICE([m1, m2, m3], 1, 2)", "[30 - 0 0 30];" },
        { "SLICE([m1, m2, m3], 2, 1)", ";" },
        { "SLICE([m1], 5, 9)", ";" },
        { "SLICE([m1], 5 / 0)", "[1 1 0 0 -];" },
        { "FIRST([m1, m2])", "[1 1 0 0 -]" },
        { "LAST([m1, m2])", "[30 - 0 0 30]" },
        { "LAST([])", "[- - - - -]" },
        { "REMOVE_EMPTY([none, gaps, none])", "[- 2 - 6 -];" },
        { "METRIC_COUNT(SLICE([m1, m2], 0, 1))", "1" },
        { "METRIC_COUNT(REMOVE_EMPTY(METRICS()))", "10" },
        { "IF(FIRST(SORT([m1, m2], AVG, DESC)) > 10, 1, 0)", "[1 - 0 0 1]" },
        { "SORT([m1], STDDEV, ASC)", "12: AVG, MIN, MAX or SUM expected" },
        { "SORT([m1], SU, ASC)", "12: AVG, MIN, MAX or SUM expected" },
        { "SORT([m1], SUM, UP)", "17: ASC or DESC expected" },
        { "FIRST(m1)", "7: FIRST takes an array of time series here, not a time series" },
        { NULL },
    };
    expect(examples);
}

static void metrics_are_chosen_by_their_ids(void **state)
{
    static const struct example examples[] = {
        { "METRICS(\"m\")", "[1 1 0 0 -] [30 - 0 0 30] [0 0 20 - 20];" },
        { "METRICS('m3') / 2", "[0 0 10 - 10];" },
        { "METRICS('zz')", ";" },
        { "METRIC_COUNT(METRICS())", "11" },
        { "SUM([METRICS('m1'), METRICS('m2')])", "[31 1 0 0 30]" },
        { "METRICS('scalar')", ";" },
        { "METRICS(m1)", "9: a string expected" },
        { "PERIOD(m1)", "60" },
        { "PERIOD(slow)", "120" },
        { "squares / PERIOD(squares) * 60", "[4 9 16 25 36]" },
        { "PERIOD(both)", "8: PERIOD takes a metric here, not the result of an expression" },
        { "PERIOD(m1 + m2)", "11: the id of a metric expected" },
        { "m1 * scalar", "[7 7 0 0 -]" },
        { NULL },
    };
    expect(examples);
}

static void functions_of_time_fill_every_period(void **state)
{
    static const struct example examples[] = {
        { "MINUTE(none)", "[0 1 2 3 4]" },
        { "MINUTE(slow)", "[0 - 2 - 4]" },
        { "HOUR(m1)", "[3 3 3 3 3]" },
        { "DAY(m1)", "[5 5 5 5 5]" },
        { "DATE(m1)", "[2 2 2 2 2]" },
        { "MONTH(m1)", "[1 1 1 1 1]" },
        { "YEAR(m1)", "[2026 2026 2026 2026 2026]" },
        { "EPOCH(m1) - 1767322800", "[0 60 120 180 240]" },
        { "IF(MINUTE(m2) < 2, FILL(m2, 0))", "[30 0 - - -]" },
        { "TIME_SERIES(5)", "[5 5 5 5 5]" },
        { "TIME_SERIES(MAX(gaps))", "[6 6 6 6 6]" },
        { "TIME_SERIES(MAX(none))", "[- - - - -]" },
        { "DAY(both)", "5: DAY takes a time series here, not an array of time series" },
        { "TIME_SERIES(m1)", "13: TIME_SERIES takes a scalar here, not a time series" },
        { NULL },
    };
    expect(examples);
}

/* --- errors ----------------------------------------------------------------------------------- */

static void errors_say_what_and_where(void **state)
{
    static const struct example examples[] = {
        { "", "1: a value expected, but the expression ends" },
        { "m1 +", "5: a value expected, but the expression ends" },
        { "m1 m2", "4: an operator expected, not 'm'" },
        { "m1 = m2", "4: an operator expected, not '='" },
        { "m1 & m2", "4: an operator expected, not '&'" },
        { "(m1", "4: an operator or ')' expected, but the expression ends" },
        { "[m1", "4: ',' or ']' expected, but the expression ends" },
        { "SUM(m1", "7: ',' or ')' expected, but the expression ends" },
        { "m1 + %", "6: a value expected, not '%'" },
        { "m1 \xe2", "4: an operator expected, not byte 0xe2" },
        { "1.2.3", "1: this is not a number" },
        { "1e999", "1: this is not a number" },
        { "2e", "2: an operator expected, not 'e'" },
        { "m1 + m9", "6: there is no query with the id 'm9'" },
        { "METRICS('m", "9: the string does not end" },
        { "'m1'", "1: a string is no value" },
        { "sum(m1)", "4: an operator expected, not '('" },
        { "AVG + 1", "1: 'AVG' is no value" },
        { "SUMM(m1)", "1: Function 'SUMM' not found" },
        { "1 + SEARCH('{ns} m', 'Sum', 60)", "5: SEARCH is not supported here" },
        { "SEARCH('{ns', 'Sum')", "12: a comma or } was expected" },
        { "SEARCH('m', 'Total')", "13: 'Total' is not a statistic" },
        { "SEARCH('m', 'Sum', 7)", "20: a period is 1, 5, 10, 20, 30 or a multiple of 60 seconds" },
        { "SEARCH('m', 'Sum', m1)", "20: a number expected" },
        { "SEARCH(m1, 'Sum')", "8: a string expected" },
        { "ANOMALY_DETECTION_BAND(m1)", "1: Function 'ANOMALY_DETECTION_BAND' is not supported" },
        { "SELECT AVG(x) FROM \"ns\"", "1: SELECT queries are not supported" },
        { "SUM()", "1: SUM needs more arguments" },
        { "SUM(m1, m2)", "9: SUM takes fewer arguments" },
        { "IF(m1)", "1: IF needs more arguments" },
        { "IF(m1, 1, 2, 3)", "14: IF takes fewer arguments" },
        { NULL },
    };
    expect(examples);
}

/* @n times @open, 1, @n times @close */
static void nest(char *text, unsigned n, const char *open, const char *close)
{
    *text = '\0';
    for (unsigned i = 0; i < n; i++)
        strcat(text, open);
    strcat(text, "1");
    for (unsigned i = 0; i < n; i++)
        strcat(text, close);
}

static void depth_length_and_memory_are_limited(void **state)
{
    static const char *const pairs[][2] = { { "(", ")" }, { "-", "" }, { "1^", "" } };
    static char text[MATH_TEXT_MAX + 2], out[1 << 16];

    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        nest(text, MATH_DEPTH_MAX / 2 - 1, pairs[i][0], pairs[i][1]);
        run(text, out);
        assert_null(strstr(out, "deep"));
        nest(text, MATH_DEPTH_MAX, pairs[i][0], pairs[i][1]);
        run(text, out);
        assert_non_null(strstr(out, ": this nests more than 64 deep"));
    }
    memset(text, '1', sizeof(text) - 1);
    run(text, out);
    assert_string_equal(out, "2049: an expression has at most 2048 characters");
    for (size_t i = 0; i < MATH_TEXT_MAX - 1; i += 2)
        memcpy(text + i, "1+", 3);
    text[MATH_TEXT_MAX - 1] = '\0';
    run(text, out);
    assert_string_equal(out, "1024");
    strcpy(text, "METRICS()");
    while (strlen(text) + 20 < MATH_TEXT_MAX)
        strcat(text, "+METRICS()");
    run(text, out);
    assert_string_equal(out, "limit");
}

static void an_expression_tells_what_it_names(void **state)
{
    autofree(math_free) struct math *m = NULL;
    struct math_error error;
    size_t cursor = 0;

    assert_int_equal(math_parse("m2 + SUM([m1, m2]) + 1", &m, &error), 0);
    assert_int_equal(math_bind(m, find, NULL, &error), 0);
    assert_false(math_uses_metrics(m));
    assert_int_equal(math_next_input(m, &cursor), 1);
    assert_int_equal(math_next_input(m, &cursor), 0);
    assert_int_equal(math_next_input(m, &cursor), 1);
    assert_int_equal(math_next_input(m, &cursor), MATH_NONE);
    m = math_free(m);
    assert_int_equal(math_parse("SUM(METRICS())", &m, &error), 0);
    assert_true(math_uses_metrics(m));
}

/* --- random expressions ----------------------------------------------------------------------- */

static void add_random(struct random *random, char *text, unsigned depth);

static const char *pick(struct random *random, const char *const *from, uint32_t n)
{
    return from[random_below(random, n)];
}
#define PICK(random, ...)                                                                          \
    pick(random, (const char *const[]){ __VA_ARGS__ },                                             \
         sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void add_random_call(struct random *random, char *text, unsigned depth)
{
    const char *name = PICK(random, "SUM", "AVG", "MIN", "MAX", "STDDEV", "ABS", "CEIL", "RATE",
                            "DIFF", "DIFF_TIME", "FILL", "IF", "SORT", "SLICE", "LAST", "LOG",
                            "RUNNING_SUM", "REMOVE_EMPTY", "TIME_SERIES", "HOUR", "METRIC_COUNT");

    sprintf(text + strlen(text), "%s(", name);
    add_random(random, text, depth - 1);
    if (strcmp(name, "FILL") == 0)
        strcat(text, PICK(random, ", REPEAT", ",LINEAR", ", 1.5"));
    if (strcmp(name, "SORT") == 0)
        strcat(text, PICK(random, ", SUM, ASC", ", MIN, DESC,2"));
    if (strcmp(name, "IF") == 0 || strcmp(name, "SLICE") == 0) {
        strcat(text, ", ");
        add_random(random, text, depth - 1);
    }
    strcat(text, ")");
}

static void add_random(struct random *random, char *text, unsigned depth)
{
    uint32_t kind = depth == 0 || strlen(text) > 800 ? 0 : random_below(random, 7);

    if (kind == 0) {
        strcat(text, PICK(random, "m1", "slow", "left", "none", "both", "scalar", "0", "3.25",
                          "1e-7", "METRICS()", "METRICS('m')", "[m1, gaps]", "[]", "signs"));
    } else if (kind == 1) {
        strcat(text, PICK(random, "-", "- -"));
        add_random(random, text, depth - 1);
    } else if (kind == 2) {
        strcat(text, "(");
        add_random(random, text, depth - 1);
        strcat(text, ")");
    } else if (kind == 3) {
        add_random_call(random, text, depth);
    } else {
        add_random(random, text, depth - 1);
        strcat(text, PICK(random, "+", " - ", "*", "/", "^", "<", " >=", "==", "!=", " AND ",
                          " OR ", "&&", "||"));
        add_random(random, text, depth - 1);
    }
}

static char *print_again(const char *text)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 16);
    autofree(math_free) struct math *m = NULL;
    struct math_error error;

    if (math_parse(text, &m, &error) != 0)
        return NULL;
    assert_int_equal(math_print(m, &out), 0);
    return strdup(buffer_cstr(&out));
}

static void a_printed_expression_is_the_same_expression(void **state)
{
    static char text[1 << 14], value[1 << 16], value_printed[1 << 16];
    unsigned n_evaluated = 0;
    struct random random;

    for (uint64_t seed = 0; seed < 3000; seed++) {
        char *printed, *twice;

        random_init(&random, seed);
        *text = '\0';
        add_random(&random, text, 1 + random_below(&random, 6));
        printed = print_again(text);
        if (!printed)
            fail_msg("seed %d: %s", (int)seed, text);
        run(text, value);
        if (strlen(printed) <= MATH_TEXT_MAX) {
            twice = print_again(printed);
            assert_non_null(twice);
            assert_string_equal(twice, printed);
            run(printed, value_printed);
            /* positions differ, as spaces do */
            if (!strstr(value, ": "))
                assert_string_equal(value_printed, value);
            free(twice);
        }
        n_evaluated += !strstr(value, ": ");
        free(printed);
    }
    assert_true(n_evaluated > 1000);
}

static void any_bytes_are_read_or_refused(void **state)
{
    static const char bytes[] = "m1 2.+-*/^<>=!&|()[],'\"eANDSUM(FILL(REPEAT\t\xff";
    char text[64], out[1 << 12];
    struct random random;

    random_init(&random, 4);
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t n = random_below(&random, sizeof(text));

        for (uint32_t k = 0; k < n; k++)
            text[k] = bytes[random_below(&random, sizeof(bytes) - 1)];
        text[n] = '\0';
        run(text, out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_bind_as_in_arithmetic),
        cmocka_unit_test(a_missing_point_counts_as_zero_beside_one_that_is_there),
        cmocka_unit_test(what_is_divided_by_zero_is_dropped),
        cmocka_unit_test(arrays_are_computed_series_by_series),
        cmocka_unit_test(if_follows_the_table_of_the_user_guide),
        cmocka_unit_test(reductions_make_scalars_of_series_and_series_of_arrays),
        cmocka_unit_test(functions_of_values_keep_gaps),
        cmocka_unit_test(differences_are_to_the_point_before),
        cmocka_unit_test(fill_closes_gaps_in_the_series_own_periods),
        cmocka_unit_test(sort_and_slice_choose_from_arrays),
        cmocka_unit_test(metrics_are_chosen_by_their_ids),
        cmocka_unit_test(functions_of_time_fill_every_period),
        cmocka_unit_test(errors_say_what_and_where),
        cmocka_unit_test(depth_length_and_memory_are_limited),
        cmocka_unit_test(an_expression_tells_what_it_names),
        cmocka_unit_test(a_printed_expression_is_the_same_expression),
        cmocka_unit_test(any_bytes_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
