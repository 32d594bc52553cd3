#include "control/tally.h"

const double tally_bounds_s[TALLY_BOUNDS] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                              0.25,   0.5,   1,      2.5,   5,    10,    30,   60 };

/* The report's buckets are much finer; one that lies across a bound counts by its middle. */
static void add_times(struct tally_times *t, const struct histogram *h)
{
    size_t bound = 0;

    if (h->count == 0)
        return;
    t->sum_s += (double)h->sum / (double)US_PER_S;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h->bucket[i] == 0)
            continue;
        while (bound < TALLY_BOUNDS &&
               histogram_bucket_value(i) > tally_bounds_s[bound] * (double)US_PER_S)
            bound++;
        t->counts[bound] += h->bucket[i];
    }
}

void tally_report(struct variant_tally *t, const struct link_report_group *g)
{
    t->requests += g->requests;
    t->errors_4xx += g->errors_4xx;
    t->errors_5xx += g->errors_5xx;
    t->model_errors += g->model_errors;
    t->queue_overflows += g->queue_overflows;
    t->queue_timeouts += g->queue_timeouts;
    t->connection_errors += g->connection_errors;
    add_times(&t->total, &g->total_us);
    add_times(&t->model, &g->model_latency_us);
    add_times(&t->overhead, &g->overhead_us);
    add_times(&t->queue, &g->queue_us);
}

void tally_state(struct variant_tally *t, const struct link_report_group *g)
{
    t->queued = g->queued;
    t->oldest_queued_s = (double)g->oldest_queued_ms / (double)MS_PER_S;
    if (g->concurrency_samples > 0)
        t->concurrency = g->concurrency_sum / g->concurrency_samples;
}

void tally_scaled(struct variant_tally *t, unsigned from, unsigned to)
{
    t->scaled_out += to > from;
    t->scaled_in += to < from;
}
