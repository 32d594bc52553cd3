#include "metrics/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static void the_format_is_what_accept_likes_best(void **state)
{
    static const struct {
        const char *accept;
        enum exposition_format format;
    } cases[] = {
        { "", EXPOSITION_PROMETHEUS },
        { "*/*", EXPOSITION_PROMETHEUS },
        { "text/plain", EXPOSITION_PROMETHEUS },
        { "application/openmetrics-text", EXPOSITION_OPENMETRICS },
        { "Application/OpenMetrics-Text; version=1.0.0", EXPOSITION_OPENMETRICS },
        { "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/"
          "*;q=0.1",
          EXPOSITION_OPENMETRICS },
        { "text/plain, application/openmetrics-text; q=0.5", EXPOSITION_PROMETHEUS },
        { "application/openmetrics-text;q=0", EXPOSITION_PROMETHEUS },
        { ",,; ,q", EXPOSITION_PROMETHEUS },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(exposition_format(cases[i].accept), cases[i].format);
}

/* Everything there is, in one text. */
static void write_all(enum exposition_format format, struct buffer *out)
{
    static const double bounds[] = { 0.5, 1, 1e10 };
    static const uint64_t counts[] = { 1, 0, 2, 1 };
    const struct exposition_label labels[] = { { "a", "x\"y\\z\n" }, { "b", "" } };
    struct exposition e;

    exposition_begin(&e, format, out);
    exposition_family(&e, "c", EXPOSITION_COUNTER, "Counts.");
    exposition_sample(&e, labels, 2, 1e15);
    exposition_family(&e, "g", EXPOSITION_GAUGE, "Gauges.");
    exposition_sample(&e, NULL, 0, 0.1);
    exposition_sample(&e, labels, 1, -INFINITY);
    exposition_sample(&e, labels + 1, 1, NAN);
    exposition_family(&e, "h", EXPOSITION_HISTOGRAM, "Times.");
    exposition_buckets(&e, labels + 1, 1, &(struct exposition_histogram){ bounds, 3, counts, 2.5 });
    assert_int_equal(exposition_end(&e), 0);
}

static void prometheus_names_counters_as_their_samples(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 16);

    (void)state;
    write_all(EXPOSITION_PROMETHEUS, &out);
    assert_string_equal(buffer_cstr(&out), "# HELP c_total Counts.\n"
                                           "# TYPE c_total counter\n"
                                           "c_total{a=\"x\\\"y\\\\z\\n\",b=\"\"} 1e+15\n"
                                           "# HELP g Gauges.\n"
                                           "# TYPE g gauge\n"
                                           "g 0.1\n"
                                           "g{a=\"x\\\"y\\\\z\\n\"} -Inf\n"
                                           "g{b=\"\"} NaN\n"
                                           "# HELP h Times.\n"
                                           "# TYPE h histogram\n"
                                           "h_bucket{b=\"\",le=\"0.5\"} 1\n"
                                           "h_bucket{b=\"\",le=\"1\"} 1\n"
                                           "h_bucket{b=\"\",le=\"1e+10\"} 3\n"
                                           "h_bucket{b=\"\",le=\"+Inf\"} 4\n"
                                           "h_sum{b=\"\"} 2.5\n"
                                           "h_count{b=\"\"} 4\n");
}

static void openmetrics_names_them_without_and_has_an_end(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 16);
    const char *text;

    (void)state;
    write_all(EXPOSITION_OPENMETRICS, &out);
    text = buffer_cstr(&out);
    assert_non_null(strstr(text, "# TYPE c counter\nc_total{"));
    assert_non_null(strstr(text, "h_bucket{b=\"\",le=\"1.0\"} 1\n"));
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void a_buffer_that_is_full_is_told_at_the_end(void **state)
{
    autobuffer struct buffer out = BUFFER_INIT(20);
    struct exposition e;

    (void)state;
    exposition_begin(&e, EXPOSITION_PROMETHEUS, &out);
    exposition_family(&e, "long", EXPOSITION_GAUGE, "More than there is room for.");
    assert_int_equal(exposition_end(&e), -ENOBUFS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_format_is_what_accept_likes_best),
        cmocka_unit_test(prometheus_names_counters_as_their_samples),
        cmocka_unit_test(openmetrics_names_them_without_and_has_an_end),
        cmocka_unit_test(a_buffer_that_is_full_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
