/* cli/load_options.h: what `weir load` was asked to do. */
#pragma once
#include "cli/load_run.h"
#include "cli/load_trace.h"

struct load_options {
    const char *endpoint, *url; /* one of them */
    const char *state;
    const char *rate, *ramp, *trace; /* one of them, as typed */
    double duration_s;               /* 0: not given */
    struct load_trace_options slice;
    bool has_slice_options;
    enum load_arrivals arrivals;
    uint64_t seed;
    const char *body, *body_lines;
    const char *content_type;
    unsigned connections, backlog;
    double timeout_s;
    const char *timeline;
    bool json, quiet;
};

enum { LOAD_OPTIONS_DONE = 100 }; /* --help was printed */

/** load_options_parse() - Return: COMMAND_OK, COMMAND_USAGE (the mistake has been printed) or
 * LOAD_OPTIONS_DONE. */
int load_options_parse(int argc, char **argv, struct load_options *ret);

/** load_options_plan() - when requests shall leave. Return: COMMAND_OK, or another code when what
 * is wrong has been printed. */
int load_options_plan(const struct load_options *o, struct load_plan *ret_plan);

/** load_options_target() - where they go, and with what; as above */
int load_options_target(const struct load_options *o, struct load_target *target);
