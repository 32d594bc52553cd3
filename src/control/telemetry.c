#include "control/telemetry.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char invocation_metrics[] = "AWS/SageMaker";
static const char instance_metrics[] = "/aws/sagemaker/Endpoints";
static const char balancer_metrics[] = "AWS/ApplicationELB";

static const ms_t complain_every = 60 * MS_PER_S;

struct telemetry {
    struct metrics *metrics;
    struct log *log;
    uint64_t dropped; /* since the log last said so */
    wall_ms_t complained;
};

/* whose numbers, and when */
struct subject {
    struct metric_dimension dimensions[2];
    size_t n;
    wall_ms_t now;
};

static struct subject variant_subject(const char *endpoint, const char *variant, wall_ms_t now)
{
    return (struct subject){ { { "EndpointName", endpoint }, { "VariantName", variant } }, 2, now };
}

int telemetry_new(struct control *c, struct telemetry **ret)
{
    struct telemetry *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    t->metrics = c->metrics;
    t->log = c->log;
    *ret = t;
    return 0;
}

struct telemetry *telemetry_free(struct telemetry *t)
{
    free(t);
    return NULL;
}

static void complain(struct telemetry *t, const char *metric, wall_ms_t now)
{
    t->dropped++;
    if (t->complained && now >= t->complained && now - t->complained < complain_every)
        return;
    log_warn(t->log, "metric data dropped", "metric=%s dropped=%" PRIu64 " series=%zu", metric,
             t->dropped, metrics_series(t->metrics));
    t->dropped = 0;
    t->complained = now;
}

static void put(struct telemetry *t, const struct subject *s, const char *namespace,
                const char *metric, enum metric_unit unit, struct metric_datum d)
{
    struct metric_name name = { .namespace = namespace, .name = metric, .n_dimensions = s->n };

    memcpy(name.dimensions, s->dimensions, s->n * sizeof(*s->dimensions));
    d.at = s->now;
    d.unit = unit;
    d.resolution_s = 1;
    if (metrics_put(t->metrics, &name, &d, s->now) != 0)
        complain(t, metric, s->now);
}

/* @count times the same value; a zero when there was nothing */
static void put_repeated(struct telemetry *t, const struct subject *s, const char *namespace,
                         const char *metric, enum metric_unit unit, double count, double sum)
{
    double each = count > 0 ? sum / count : 0;
    struct metric_datum d = {
        .count = count > 0 ? count : 1, .sum = count > 0 ? sum : 0, .min = each, .max = each
    };
    put(t, s, namespace, metric, unit, d);
}

/* 1 for each request that failed and 0 for each other. Failures are counted when a request ends,
 * and so may outnumber the requests that began in that second. */
static void put_failures(struct telemetry *t, const struct subject *s, const char *metric,
                         uint64_t failures, uint64_t requests)
{
    uint64_t others = requests > failures ? requests - failures : 0;
    struct metric_datum d = {
        .count = (double)(failures + others),
        .sum = (double)failures,
        .min = others == 0,
        .max = 1,
    };

    if (failures == 0)
        d = (struct metric_datum){ .count = others > 0 ? (double)others : 1 };
    put(t, s, invocation_metrics, metric, METRIC_UNIT_NONE, d);
}

/* @us_per_unit: what the microseconds of @h are divided by */
static void put_latency(struct telemetry *t, const struct subject *s, const char *namespace,
                        const char *metric, enum metric_unit unit, double us_per_unit,
                        const struct histogram *h)
{
    double values[HISTOGRAM_BUCKETS], counts[HISTOGRAM_BUCKETS];
    struct metric_datum d = {
        .count = (double)h->count,
        .sum = (double)h->sum / us_per_unit,
        .min = (double)h->min / us_per_unit,
        .max = (double)h->max / us_per_unit,
        .values = values,
        .counts = counts,
    };

    if (h->count == 0)
        return;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h->bucket[i] > 0) {
            values[d.n_values] = histogram_bucket_value(i) / us_per_unit;
            counts[d.n_values++] = h->bucket[i];
        }
    }
    put(t, s, namespace, metric, unit, d);
}

/* Without an instance requests wait as if for one. */
static void put_concurrency(struct telemetry *t, const struct subject *s, unsigned in_service,
                            const struct link_report_group *g)
{
    double models = in_service > 0 ? in_service : 1;
    struct metric_datum d = {
        .count = g->concurrency_samples,
        .sum = g->concurrency_sum / models,
        .min = g->concurrency_min / models,
        .max = g->concurrency_max / models,
    };

    if (g->concurrency_samples > 0)
        put(t, s, invocation_metrics, "ConcurrentRequestsPerModel", METRIC_UNIT_COUNT, d);
}

static void report_variant(struct telemetry *t, const struct subject *s, unsigned in_service,
                           const struct link_report_group *g)
{
    const char *const ns = invocation_metrics;
    double n = (double)g->arrivals, unserved = (double)g->no_capacity;

    put_repeated(t, s, ns, "Invocations", METRIC_UNIT_NONE, n, n);
    put_repeated(t, s, ns, "InvocationsPerInstance", METRIC_UNIT_NONE, n, g->arrivals_per_target);
    put_repeated(t, s, ns, "NoCapacityInvocationFailures", METRIC_UNIT_COUNT, unserved, unserved);
    put_failures(t, s, "Invocation4XXErrors", g->errors_4xx, g->requests);
    put_failures(t, s, "Invocation5XXErrors", g->errors_5xx, g->requests);
    put_failures(t, s, "InvocationModelErrors", g->model_errors, g->requests);
    put_latency(t, s, ns, "ModelLatency", METRIC_UNIT_MICROSECONDS, 1, &g->model_latency_us);
    put_latency(t, s, ns, "OverheadLatency", METRIC_UNIT_MICROSECONDS, 1, &g->overhead_us);
    put_concurrency(t, s, in_service, g);
}

/* One value, as a gauge is sampled. */
static void put_level(struct telemetry *t, const struct subject *s, const char *namespace,
                      const char *metric, enum metric_unit unit, double value)
{
    put(t, s, namespace, metric, unit, (struct metric_datum){ .values = &value, .n_values = 1 });
}

static void report_answers(struct telemetry *t, const struct subject *s,
                           const struct link_report_group *g)
{
    const struct {
        const char *metric;
        uint64_t count;
    } counts[] = {
        { "RequestCount", g->requests },
        { "HTTPCode_Target_2XX_Count", g->answers_2xx },
        { "HTTPCode_Target_3XX_Count", g->answers_3xx },
        { "HTTPCode_Target_4XX_Count", g->answers_4xx },
        { "HTTPCode_Target_5XX_Count", g->answers_5xx },
        { "TargetConnectionErrorCount", g->connection_errors },
    };

    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        put_repeated(t, s, balancer_metrics, counts[i].metric, METRIC_UNIT_COUNT,
                     (double)counts[i].count, (double)counts[i].count);
}

static void report_group(struct telemetry *t, unsigned in_service,
                         const struct link_report_group *g, wall_ms_t now)
{
    const char *const ns = balancer_metrics;
    char group[sizeof(g->id) + sizeof("targetgroup/")];
    struct subject s = { .n = 2, .now = now };
    unsigned unhealthy = g->targets_unhealthy < in_service ? g->targets_unhealthy : in_service;

    snprintf(group, sizeof(group), "targetgroup/%s", g->id);
    s.dimensions[0] = (struct metric_dimension){ "TargetGroup", group };
    s.dimensions[1] = (struct metric_dimension){ "LoadBalancer", "app/weir/weir" };
    report_answers(t, &s, g);
    put_latency(t, &s, ns, "TargetResponseTime", METRIC_UNIT_SECONDS, (double)US_PER_S,
                &g->first_byte_us);
    put_level(t, &s, ns, "HealthyHostCount", METRIC_UNIT_COUNT, in_service - unhealthy);
    put_level(t, &s, ns, "UnHealthyHostCount", METRIC_UNIT_COUNT, unhealthy);
    put_repeated(t, &s, ns, "RequestCountPerTarget", METRIC_UNIT_COUNT, (double)g->requests,
                 g->requests_per_target);
    s.n = 1; /* as policies name it */
    put_repeated(t, &s, ns, "RequestCountPerTarget", METRIC_UNIT_COUNT, (double)g->requests,
                 g->requests_per_target);
}

void telemetry_report(struct telemetry *t, const char *endpoint, const char *variant,
                      unsigned in_service, const struct link_report_group *g, wall_ms_t at)
{
    const struct subject s = variant_subject(endpoint, variant, at);

    report_variant(t, &s, in_service, g);
    report_group(t, in_service, g, at);
}

void telemetry_usage(struct telemetry *t, const char *endpoint, const char *variant,
                     const struct telemetry_usage *u, wall_ms_t now)
{
    const struct subject s = variant_subject(endpoint, variant, now);
    const char *const ns = instance_metrics;

    put_level(t, &s, ns, "CPUUtilization", METRIC_UNIT_PERCENT, u->cpu_percent);
    put_level(t, &s, ns, "MemoryUtilization", METRIC_UNIT_PERCENT, u->memory_percent);
    if (!isnan(u->disk_percent))
        put_level(t, &s, ns, "DiskUtilization", METRIC_UNIT_PERCENT, u->disk_percent);
}
