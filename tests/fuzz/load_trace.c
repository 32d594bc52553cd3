/* Recorded traffic: the plan of a trace has an end, and its arrivals do not go back. */
#include "cli/load_trace.h"
#include "fuzz.h"

static void walk(const struct load_plan *plan)
{
    struct load_schedule schedule;
    us_t at, before = 0;

    load_schedule_init(&schedule, plan, LOAD_POISSON, 1);
    for (int i = 0; i < 1000 && load_schedule_next(&schedule, &at) == 0; i++) {
        MUST(at >= before);
        before = at;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct load_trace_options options = { .speedup = 60, .scale = 1.5 };
    char why[LOAD_WHY_BYTES] = "";
    struct load_plan plan = { 0 };
    int r;

    r = load_trace_parse(fuzz_slice(data, size), &options, &plan, why);
    MUST(r == 0 || why[0]);
    if (r == 0)
        walk(&plan);
    load_plan_deinit(&plan);
    return 0;
}
