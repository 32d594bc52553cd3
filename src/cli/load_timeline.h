/* cli/load_timeline.h: a CSV row for each second of a run.
 *
 * A request belongs to the second it was scheduled in, whenever its answer came: a row tells what
 * became of the requests that were due then. Rows are written as soon as nothing is left open in
 * them, so that memory stays within the seconds that requests may take.
 */
#pragma once
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/list.h"

enum load_outcome {
    LOAD_COMPLETED,
    LOAD_FAILED,
    LOAD_UNSENT, /* failed, too: there was no connection for it, and nobody has seen it */
};

struct load_second; /* valid while a request of it is open */

struct load_timeline {
    FILE *file;          /* borrowed */
    struct list seconds; /* not yet written, oldest first */
    uint64_t n_seconds;  /* begun so far */
};

/** load_timeline_init() - writes the header */
void load_timeline_init(struct load_timeline *t, FILE *file);

/** load_timeline_scheduled() - a request is due @at (from the start, not before an earlier call's).
 * Return: its second, or NULL if no memory. */
struct load_second *load_timeline_scheduled(struct load_timeline *t, us_t at);
void load_timeline_ended(struct load_timeline *t, struct load_second *second,
                         enum load_outcome outcome, us_t latency);

/** load_timeline_finish() - write the rest and free all. Return: 0, or -EIO if the file is not
 * whole. */
int load_timeline_finish(struct load_timeline *t);
