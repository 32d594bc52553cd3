/* scaling/cause.h: a decision in words and numbers.
 *
 * The first sentence is Application Auto Scaling's own, where it has one; the second says what was measured, what was
 * computed from it and what became of it, so that a reader can redo the sum.
 */
#pragma once
#include "scaling/decide.h"
#include "scaling/target_tracking.h"

enum { CAUSE_BYTES = 1600 };

struct cause {
    const char *alarm, *policy;      /* names; none of what waits in the queue */
    const struct tracking *tracking; /* of a tracking policy */
    const struct wish *wish;         /* the winner */
    const struct decision *decision;
    int in_service, min, max;
    int base;         /* that steps add to */
    int floor;        /* of forecasts, as decide_floor() has it */
    const char *unit; /* what is counted: "instance" */
};

void cause_text(const struct cause *c, char ret_text[CAUSE_BYTES]);
/** cause_statistic() - "Sum" ...; the five that policies can name */
const char *cause_statistic(const struct metric_statistic *s);
