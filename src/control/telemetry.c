#include "control/telemetry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const char invocation_metrics[] = "AWS/SageMaker";
static const char instance_metrics[] = "/aws/sagemaker/Endpoints";

static const ms_t complain_every = 60 * MS_PER_S;

struct telemetry {
    struct metrics *metrics;
    struct log *log;
    uint64_t dropped; /* since the log last said so */
    wall_ms_t complained;
};

/* whose numbers, and when */
struct subject {
    const char *endpoint, *variant;
    wall_ms_t now;
};

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
    struct metric_name name = {
        namespace, metric, { { "EndpointName", s->endpoint }, { "VariantName", s->variant } }, 2
    };

    d.at = s->now;
    d.unit = unit;
    d.resolution_s = 1;
    if (metrics_put(t->metrics, &name, &d, s->now) != 0)
        complain(t, metric, s->now);
}

/* @count times the same value; a zero when there was nothing */
static void put_repeated(struct telemetry *t, const struct subject *s, const char *metric,
                         double count, double sum)
{
    double each = count > 0 ? sum / count : 0;
    struct metric_datum d = {
        .count = count > 0 ? count : 1, .sum = count > 0 ? sum : 0, .min = each, .max = each
    };
    put(t, s, invocation_metrics, metric, METRIC_UNIT_NONE, d);
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

static void put_latency(struct telemetry *t, const struct subject *s, const char *metric,
                        const struct histogram *h)
{
    double values[HISTOGRAM_BUCKETS], counts[HISTOGRAM_BUCKETS];
    struct metric_datum d = {
        .count = (double)h->count,
        .sum = (double)h->sum,
        .min = (double)h->min,
        .max = (double)h->max,
        .values = values,
        .counts = counts,
    };

    if (h->count == 0)
        return;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h->bucket[i] > 0) {
            values[d.n_values] = histogram_bucket_value(i);
            counts[d.n_values++] = h->bucket[i];
        }
    }
    put(t, s, invocation_metrics, metric, METRIC_UNIT_MICROSECONDS, d);
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

void telemetry_report(struct telemetry *t, const char *endpoint, const char *variant,
                      unsigned in_service, const struct link_report_group *g, wall_ms_t now)
{
    const struct subject s = { endpoint, variant, now };

    if (in_service == 0 && g->requests == 0 && g->concurrency_max == 0)
        return; /* not in service yet */

    put_repeated(t, &s, "Invocations", (double)g->requests, (double)g->requests);
    put_repeated(t, &s, "InvocationsPerInstance", (double)g->requests, g->requests_per_target);
    put_failures(t, &s, "Invocation4XXErrors", g->errors_4xx, g->requests);
    put_failures(t, &s, "Invocation5XXErrors", g->errors_5xx, g->requests);
    put_failures(t, &s, "InvocationModelErrors", g->model_errors, g->requests);
    put_latency(t, &s, "ModelLatency", &g->model_latency_us);
    put_latency(t, &s, "OverheadLatency", &g->overhead_us);
    put_concurrency(t, &s, in_service, g);
}

void telemetry_usage(struct telemetry *t, const char *endpoint, const char *variant,
                     double cpu_percent, double memory_percent, wall_ms_t now)
{
    const struct subject s = { endpoint, variant, now };
    struct metric_datum cpu = { .values = &cpu_percent, .n_values = 1 };
    struct metric_datum memory = { .values = &memory_percent, .n_values = 1 };

    put(t, &s, instance_metrics, "CPUUtilization", METRIC_UNIT_PERCENT, cpu);
    put(t, &s, instance_metrics, "MemoryUtilization", METRIC_UNIT_PERCENT, memory);
}
