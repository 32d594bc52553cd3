/* cli/load_run.h: sends requests when they are due.
 *
 * Open loop: a request leaves at its scheduled instant whether or not earlier ones were answered,
 * and its latency counts from that instant, however late it left; so a server that stalls is
 * charged for everybody who would have come meanwhile. When all connections are busy requests wait
 * here, in a bounded backlog, their clocks running.
 */
#pragma once
#include "base/loop.h"
#include "cli/load_result.h"
#include "cli/load_schedule.h"
#include "cli/load_target.h"
#include "cli/load_timeline.h"

struct load_run;

struct load_run_settings {
    const struct load_plan *plan; /* borrowed, as the rest */
    enum load_arrivals arrivals;
    uint64_t seed;
    const struct load_target *target;
    unsigned connections_max;
    unsigned backlog_max;
    ms_t timeout_ms;                /* for each request, from its scheduled instant */
    struct load_timeline *timeline; /* NULL: none */
};

/** load_run_new() - start now; @done is called once, from the loop, when every request has ended */
int load_run_new(struct loop *loop, const struct load_run_settings *settings,
                 void (*done)(void *context), void *context, struct load_run **ret_run);
struct load_run *load_run_free(struct load_run *run);
DEFINE_AUTOFREE(struct load_run *, load_run_free)

/** load_run_stop() - nothing more becomes due; what is under way, or waits, goes on */
void load_run_stop(struct load_run *run);
/** load_run_cancel() - everything under way ends now */
void load_run_cancel(struct load_run *run);

/** load_run_result() - so far; `seconds` is up to date */
const struct load_result *load_run_result(struct load_run *run);

struct load_run_now {
    uint64_t n_due, n_in_flight, n_waiting;
};
struct load_run_now load_run_now(const struct load_run *run);
