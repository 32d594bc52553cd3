/* Recorded traffic: arrivals of an accepted trace never go back, and never lie before its start. */
#include "cli/load_trace.h"

#include <math.h>

#include "fuzz.h"

enum { DRAWN_MAX = 200 };

static void check_arrivals(const struct load_plan *plan, enum load_arrivals arrivals)
{
    struct load_schedule schedule;
    us_t last = 0, at;

    load_schedule_init(&schedule, plan, arrivals, 1);
    for (unsigned i = 0; i < DRAWN_MAX; i++) {
        if (load_schedule_next(&schedule, &at) != 0)
            break;
        MUST(at >= last);
        last = at;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct load_trace_options whole = { .speedup = 1, .scale = 1 };
    const struct load_trace_options part = { .has_from = true,
                                             .from = 1397088240000,
                                             .has_to = true,
                                             .to = 1397091240000,
                                             .speedup = 60,
                                             .scale = 0.5 };
    const struct load_trace_options slow = { .speedup = 1e-6, .scale = 1e9 };
    const struct load_trace_options *const all[] = { &whole, &part, &slow };
    char why[LOAD_WHY_BYTES];

    for (size_t i = 0; i < 3; i++) {
        struct load_plan plan;

        if (load_trace_parse(fuzz_slice(data, size), all[i], &plan, why) != 0)
            continue;
        MUST(load_plan_requests(&plan) >= 0 && isfinite(load_plan_requests(&plan)));
        MUST(load_plan_length_s(&plan) >= 0 && isfinite(load_plan_length_s(&plan)));
        check_arrivals(&plan, LOAD_UNIFORM);
        check_arrivals(&plan, LOAD_POISSON);
        load_plan_deinit(&plan);
    }
    return 0;
}
