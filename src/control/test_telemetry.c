#include "control/telemetry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NOW ((wall_ms_t)1767322800000)

struct fixture {
    struct control control;
    struct telemetry *telemetry;
};

static void set_up(struct fixture *f, size_t max_series)
{
    *f = (struct fixture){ 0 };
    assert_int_equal(metrics_new(max_series, &f->control.metrics), 0);
    assert_int_equal(telemetry_new(&f->control, &f->telemetry), 0);
}

static void tear_down(struct fixture *f)
{
    telemetry_free(f->telemetry);
    metrics_free(f->control.metrics);
}

static double read_one(const struct fixture *f, const char *namespace, const char *metric,
                       enum metric_unit unit, const char *statistic, wall_ms_t at)
{
    struct metric_name name = {
        namespace, metric, { { "EndpointName", "e" }, { "VariantName", "v" } }, 2
    };
    struct metric_statistic s;
    double value;

    assert_int_equal(metric_statistic_parse(statistic, &s), 0);
    metrics_read(f->control.metrics, &name, unit, at, 1, 1, &s, &value, NULL);
    return value;
}

static double invocations(const struct fixture *f, const char *metric, const char *statistic)
{
    return read_one(f, "AWS/SageMaker", metric, METRIC_UNIT_NONE, statistic, NOW);
}

static const struct {
    const char *metric, *statistic;
    enum metric_unit unit;
    double expected, within;
} busy_second[] = {
    { "ModelLatency", "Average", METRIC_UNIT_MICROSECONDS, 4500, 0 },
    { "ModelLatency", "Maximum", METRIC_UNIT_MICROSECONDS, 8000, 0 },
    { "ModelLatency", "SampleCount", METRIC_UNIT_MICROSECONDS, 8, 0 },
    { "ModelLatency", "p50", METRIC_UNIT_MICROSECONDS, 4000, 120 },
    { "ModelLatency", "p100", METRIC_UNIT_MICROSECONDS, 8000, 160 },
    { "OverheadLatency", "Average", METRIC_UNIT_MICROSECONDS, 150, 0 },
    { "ConcurrentRequestsPerModel", "Average", METRIC_UNIT_COUNT, 1.5, 0 },
    { "ConcurrentRequestsPerModel", "Minimum", METRIC_UNIT_COUNT, 1, 0 },
    { "ConcurrentRequestsPerModel", "Maximum", METRIC_UNIT_COUNT, 3, 0 },
};

static void a_busy_second_is_told_in_aws_s_terms(void **state)
{
    static struct link_report_group g = {
        .arrivals = 9, /* one of them waits */
        .arrivals_per_target = 2.25,
        .requests = 8,
        .requests_per_target = 2,
        .errors_4xx = 1,
        .errors_5xx = 2,
        .model_errors = 4,
        .concurrency_samples = 10,
        .concurrency_sum = 60,
        .concurrency_min = 4,
        .concurrency_max = 12,
    };
    struct fixture f;

    (void)state;
    set_up(&f, 100);
    for (unsigned i = 1; i <= 8; i++)
        histogram_record(&g.model_latency_us, i * 1000);
    histogram_record(&g.overhead_us, 150);
    telemetry_report(f.telemetry, "e", "v", 4, &g, NOW);

    assert_true(invocations(&f, "Invocations", "Sum") == 9);
    assert_true(invocations(&f, "Invocations", "SampleCount") == 9);
    assert_true(invocations(&f, "InvocationsPerInstance", "Sum") == 2.25);
    assert_true(invocations(&f, "Invocation4XXErrors", "Sum") == 1);
    assert_true(invocations(&f, "Invocation4XXErrors", "Average") == 0.125);
    assert_true(invocations(&f, "Invocation5XXErrors", "Sum") == 2);
    assert_true(invocations(&f, "InvocationModelErrors", "Average") == 0.5);
    for (size_t i = 0; i < sizeof(busy_second) / sizeof(*busy_second); i++)
        assert_true(fabs(read_one(&f, "AWS/SageMaker", busy_second[i].metric, busy_second[i].unit,
                                  busy_second[i].statistic, NOW) -
                         busy_second[i].expected) <= busy_second[i].within);
    tear_down(&f);
}

static void an_idle_second_has_zeros_and_no_latency(void **state)
{
    static const struct link_report_group g = { .concurrency_samples = 10 };
    struct fixture f;

    (void)state;
    set_up(&f, 100);
    telemetry_report(f.telemetry, "e", "v", 1, &g, NOW);
    assert_true(invocations(&f, "Invocations", "Sum") == 0);
    assert_true(invocations(&f, "InvocationsPerInstance", "Sum") == 0);
    assert_true(invocations(&f, "Invocation5XXErrors", "Average") == 0);
    assert_true(read_one(&f, "AWS/SageMaker", "ConcurrentRequestsPerModel", METRIC_UNIT_COUNT,
                         "Maximum", NOW) == 0);
    assert_true(isnan(read_one(&f, "AWS/SageMaker", "ModelLatency", METRIC_UNIT_ANY, "Sum", NOW)));
    tear_down(&f);
}

/* one line for each metric: "namespace name unit dimension=value ..." */
struct listed {
    const struct metrics *metrics;
    char text[8192];
};

static int list_one(const struct metric_name *name, void *context)
{
    enum metric_unit units[METRIC_UNIT_ANY];
    struct listed *l = context;
    size_t n = strlen(l->text);

    assert_int_equal(metrics_units(l->metrics, name, units), 1);
    n += (size_t)snprintf(l->text + n, sizeof(l->text) - n, "%s %s %s", name->namespace, name->name,
                          metric_unit_text(units[0]));
    for (size_t i = 0; i < name->n_dimensions; i++)
        n += (size_t)snprintf(l->text + n, sizeof(l->text) - n, " %s=%s", name->dimensions[i].name,
                              name->dimensions[i].value);
    snprintf(l->text + n, sizeof(l->text) - n, "\n");
    return 0;
}

/* the tables of SageMaker and Elastic Load Balancing, row by row: all that can exist here */
#define VARIANT  " EndpointName=e VariantName=v\n"
#define GROUP    " LoadBalancer=app/weir/weir TargetGroup=targetgroup/e/v\n"
#define BALANCER "AWS/ApplicationELB "
#define MODEL    "AWS/SageMaker "
#define INSTANCE "/aws/sagemaker/Endpoints "

static const char *const rows[] = {
    INSTANCE "CPUUtilization Percent" VARIANT,
    INSTANCE "DiskUtilization Percent" VARIANT,
    INSTANCE "MemoryUtilization Percent" VARIANT,
    BALANCER "HTTPCode_Target_2XX_Count Count" GROUP,
    BALANCER "HTTPCode_Target_3XX_Count Count" GROUP,
    BALANCER "HTTPCode_Target_4XX_Count Count" GROUP,
    BALANCER "HTTPCode_Target_5XX_Count Count" GROUP,
    BALANCER "HealthyHostCount Count" GROUP,
    BALANCER "RequestCount Count" GROUP,
    BALANCER "RequestCountPerTarget Count" GROUP,
    BALANCER "RequestCountPerTarget Count TargetGroup=targetgroup/e/v\n",
    BALANCER "TargetConnectionErrorCount Count" GROUP,
    BALANCER "UnHealthyHostCount Count" GROUP,
    MODEL "ConcurrentRequestsPerModel Count" VARIANT,
    MODEL "Invocation4XXErrors None" VARIANT,
    MODEL "Invocation5XXErrors None" VARIANT,
    MODEL "InvocationModelErrors None" VARIANT,
    MODEL "Invocations None" VARIANT,
    MODEL "InvocationsPerInstance None" VARIANT,
    MODEL "NoCapacityInvocationFailures Count" VARIANT,
};

static void every_metric_has_awss_name_unit_and_dimensions(void **state)
{
    static const struct link_report_group g = { .id = "e/v", .concurrency_samples = 10 };
    const struct telemetry_usage usage = { 0, 0, 0 };
    struct listed listed;
    struct fixture f;
    size_t at = 0;

    (void)state;
    set_up(&f, 100);
    telemetry_report(f.telemetry, "e", "v", 1, &g, NOW);
    telemetry_usage(f.telemetry, "e", "v", &usage, NOW);
    listed = (struct listed){ .metrics = f.control.metrics };
    assert_int_equal(
        metrics_list(f.control.metrics, &(struct metrics_filter){ 0 }, list_one, &listed), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (strncmp(listed.text + at, rows[i], strlen(rows[i])) != 0)
            print_error("%s expected before %s\n", rows[i], listed.text + at);
        assert_memory_equal(listed.text + at, rows[i], strlen(rows[i]));
        at += strlen(rows[i]);
    }
    assert_string_equal(listed.text + at, "");
    tear_down(&f);
}

static void some_metrics_only_requests_have(void **state)
{
    static struct link_report_group g = { .id = "e/v", .concurrency_samples = 10 };
    struct fixture f;

    (void)state;
    histogram_record(&g.model_latency_us, 1);
    histogram_record(&g.overhead_us, 1);
    histogram_record(&g.first_byte_us, 1);
    set_up(&f, 100);
    telemetry_report(f.telemetry, "e", "v", 1, &g, NOW);
    assert_int_equal(metrics_series(f.control.metrics), 17 + 3);
    assert_true(
        read_one(&f, "AWS/SageMaker", "ModelLatency", METRIC_UNIT_MICROSECONDS, "Sum", NOW) == 1);
    assert_true(read_one(&f, "AWS/SageMaker", "OverheadLatency", METRIC_UNIT_MICROSECONDS, "Sum",
                         NOW) == 1);
    tear_down(&f);
}

static double unserved(const struct fixture *f)
{
    return read_one(f, "AWS/SageMaker", "NoCapacityInvocationFailures", METRIC_UNIT_COUNT, "Sum",
                    NOW);
}

static void without_an_instance_there_are_zeros_until_requests_wait(void **state)
{
    static const struct link_report_group idle = { .concurrency_samples = 10 };
    static const struct link_report_group waiting = { .arrivals = 5,
                                                      .arrivals_per_target = 5,
                                                      .no_capacity = 5,
                                                      .concurrency_samples = 10,
                                                      .concurrency_sum = 30,
                                                      .concurrency_max = 5 };
    struct fixture f;

    (void)state;
    set_up(&f, 100);
    telemetry_report(f.telemetry, "e", "v", 0, &idle, NOW);
    assert_true(unserved(&f) == 0);
    assert_true(invocations(&f, "InvocationsPerInstance", "Sum") == 0);
    telemetry_report(f.telemetry, "e", "v", 0, &waiting, NOW);
    assert_true(unserved(&f) == 5);
    assert_true(invocations(&f, "Invocations", "Sum") == 5);
    assert_true(read_one(&f, "AWS/SageMaker", "ConcurrentRequestsPerModel", METRIC_UNIT_COUNT,
                         "Maximum", NOW) == 5);
    tear_down(&f);
}

static void failures_of_earlier_requests_count(void **state)
{
    static const struct link_report_group g = { .requests = 1, .model_errors = 3 };
    struct fixture f;

    (void)state;
    set_up(&f, 100);
    telemetry_report(f.telemetry, "e", "v", 1, &g, NOW);
    assert_true(invocations(&f, "InvocationModelErrors", "Sum") == 3);
    assert_true(invocations(&f, "InvocationModelErrors", "SampleCount") == 3);
    tear_down(&f);
}

static double balanced(const struct fixture *f, size_t n_dimensions, const char *metric,
                       enum metric_unit unit, const char *statistic)
{
    struct metric_name name = {
        "AWS/ApplicationELB",
        metric,
        { { "TargetGroup", "targetgroup/e/v" }, { "LoadBalancer", "app/weir/weir" } },
        n_dimensions,
    };
    struct metric_statistic s;
    double value;

    assert_int_equal(metric_statistic_parse(statistic, &s), 0);
    metrics_read(f->control.metrics, &name, unit, NOW, 1, 1, &s, &value, NULL);
    return value;
}

static void target_groups_have_a_balancer_s_metrics(void **state)
{
    static struct link_report_group g = {
        .id = "e/v",
        .requests = 9,
        .requests_per_target = 3,
        .answers_2xx = 5,
        .answers_4xx = 1,
        .answers_5xx = 2,
        .connection_errors = 1,
        .targets_unhealthy = 1,
    };
    static const struct {
        const char *metric;
        double sum;
    } counts[] = {
        { "RequestCount", 9 },
        { "RequestCountPerTarget", 3 },
        { "HTTPCode_Target_2XX_Count", 5 },
        { "HTTPCode_Target_3XX_Count", 0 },
        { "HTTPCode_Target_4XX_Count", 1 },
        { "HTTPCode_Target_5XX_Count", 2 },
        { "TargetConnectionErrorCount", 1 },
        { "HealthyHostCount", 2 },
        { "UnHealthyHostCount", 1 },
    };
    struct fixture f;
    double p50;

    (void)state;
    set_up(&f, 100);
    histogram_record(&g.first_byte_us, 250000);
    telemetry_report(f.telemetry, "e", "v", 3, &g, NOW);
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        assert_true(balanced(&f, 2, counts[i].metric, METRIC_UNIT_COUNT, "Sum") == counts[i].sum);
    assert_true(balanced(&f, 1, "RequestCountPerTarget", METRIC_UNIT_COUNT, "Sum") == 3);
    assert_true(balanced(&f, 2, "TargetResponseTime", METRIC_UNIT_SECONDS, "Maximum") == 0.25);
    p50 = balanced(&f, 2, "TargetResponseTime", METRIC_UNIT_SECONDS, "p50");
    assert_true(p50 > 0.24 && p50 <= 0.25);
    tear_down(&f);
}

static void each_instance_is_a_sample(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, 100);
    telemetry_usage(f.telemetry, "e", "v", &(struct telemetry_usage){ 150, 20, 70 }, NOW);
    telemetry_usage(f.telemetry, "e", "v", &(struct telemetry_usage){ 50, 40, 70 }, NOW + 500);
    assert_true(read_one(&f, "/aws/sagemaker/Endpoints", "CPUUtilization", METRIC_UNIT_PERCENT,
                         "Average", NOW) == 100);
    assert_true(read_one(&f, "/aws/sagemaker/Endpoints", "CPUUtilization", METRIC_UNIT_PERCENT,
                         "SampleCount", NOW) == 2);
    assert_true(read_one(&f, "/aws/sagemaker/Endpoints", "MemoryUtilization", METRIC_UNIT_PERCENT,
                         "Maximum", NOW) == 40);
    assert_true(read_one(&f, "/aws/sagemaker/Endpoints", "DiskUtilization", METRIC_UNIT_PERCENT,
                         "Minimum", NOW) == 70);
    tear_down(&f);
}

static void dropped_data_are_logged_once_a_minute(void **state)
{
    char path[] = "/tmp/weir-test-XXXXXX", text[4096];
    struct log log = { .fd = mkstemp(path), .program = "control", .clock = clock_real() };
    const struct telemetry_usage usage = { 1, 1, NAN };
    struct fixture f;
    ssize_t n;

    (void)state;
    unlink(path);
    set_up(&f, 1);
    f.telemetry = telemetry_free(f.telemetry);
    f.control.log = &log;
    assert_int_equal(telemetry_new(&f.control, &f.telemetry), 0);
    for (int i = 0; i < 90; i++)
        telemetry_usage(f.telemetry, "e", "v", &usage, NOW + i * MS_PER_S);

    n = pread(log.fd, text, sizeof(text) - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    assert_non_null(strstr(text, "metric data dropped metric=MemoryUtilization dropped=1 "));
    assert_non_null(strstr(text, "metric data dropped metric=MemoryUtilization dropped=60 "));
    assert_int_equal(strchr(strchr(text, '\n') + 1, '\n')[1], '\0'); /* two lines */
    fd_close(log.fd);
    tear_down(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_second_is_told_in_aws_s_terms),
        cmocka_unit_test(an_idle_second_has_zeros_and_no_latency),
        cmocka_unit_test(every_metric_has_awss_name_unit_and_dimensions),
        cmocka_unit_test(some_metrics_only_requests_have),
        cmocka_unit_test(without_an_instance_there_are_zeros_until_requests_wait),
        cmocka_unit_test(failures_of_earlier_requests_count),
        cmocka_unit_test(target_groups_have_a_balancer_s_metrics),
        cmocka_unit_test(each_instance_is_a_sample),
        cmocka_unit_test(dropped_data_are_logged_once_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
