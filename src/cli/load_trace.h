/* cli/load_trace.h: recorded traffic to a plan.
 *
 * Two kinds of CSV files. With the header `timestamp,value`, a row says how many requests came in
 * the period from its timestamp to the next one's. Any other file has one request per row, and its
 * first column is the timestamp; a first row without a timestamp is a header.
 *
 * Timestamps: "2014-04-10 00:04:00", with "T", fractions and zones too (without a zone: UTC), or
 * seconds as a number. They may not go back.
 */
#pragma once
#include "base/text.h"
#include "cli/load_schedule.h"

struct load_trace_options {
    bool has_from, has_to;
    wall_ms_t from, to; /* which part: from <= timestamp < to */
    double speedup;     /* > 0: time runs so much faster */
    double scale;       /* > 0: so many requests for each recorded one */
};

enum { LOAD_WHY_BYTES = 256 };

/**
 * load_trace_parse() - the plan of a trace; it starts at `from`, else with the first row
 * @ret_why: on -EINVAL, what is wrong and in which line
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int load_trace_parse(struct slice text, const struct load_trace_options *options,
                     struct load_plan *ret_plan, char ret_why[LOAD_WHY_BYTES]);

/** load_timestamp_parse() - one of the forms above. Return: 0 or -EINVAL. */
int load_timestamp_parse(struct slice s, wall_ms_t *ret_time);
