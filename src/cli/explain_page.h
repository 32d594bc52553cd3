/* cli/explain_page.h: a decision's record as a page to read. */
#pragma once
#include <jansson.h>
#include <stdio.h>

#include "control/explanation.h"

/** explain_decision() - one line: "out, from 1 to 4" ... */
void explain_decision(const struct decision *d, const struct decide_input *in, FILE *out);

/**
 * explain_page() - all that is known of a decision
 * @activity: as DescribeScalingActivities shows it
 * @record:   its Details
 * @f:        the same, read
 */
void explain_page(json_t *activity, json_t *record, const struct explanation_file *f, FILE *out);
