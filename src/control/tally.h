/* control/tally.h: what a variant did since control started, counted for scrapers.
 *
 * Scrapers want sums that only grow and histograms with a few fixed buckets; alarms and policies
 * want to know of each second, for which there are src/metrics. A restart begins anew, as scrapers
 * expect. Plain values inside struct variant.
 */
#pragma once
#include "wire/link.h"

enum { TALLY_BOUNDS = 16 };
extern const double tally_bounds_s[TALLY_BOUNDS];

struct tally_times {
    uint64_t counts[TALLY_BOUNDS + 1]; /* by bound; the last is above all */
    double sum_s;
};

struct variant_tally {
    uint64_t requests, errors_4xx, errors_5xx, model_errors;
    uint64_t queue_overflows, queue_timeouts, connection_errors;
    uint64_t scaled_out, scaled_in;
    struct tally_times total, model, overhead, queue;
    /* as of the newest proxy's last report */
    unsigned queued;
    double oldest_queued_s, concurrency;
};

/** tally_report() - what a proxy counted */
void tally_report(struct variant_tally *t, const struct link_report_group *g);
/** tally_state() - how things stand, by the proxy that serves what comes */
void tally_state(struct variant_tally *t, const struct link_report_group *g);
/** tally_scaled() - scaling set another count */
void tally_scaled(struct variant_tally *t, unsigned from, unsigned to);
