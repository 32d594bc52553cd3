/* control/policy_reading.h: what a policy's metric math was made of, for the record of a decision. */
#pragma once
#include <jansson.h>

#include "metrics/metrics.h"
#include "scaling/target_tracking.h"

/**
 * policy_reading_document() - every query's points in the periods that @w was made of
 *
 * {"end": ms, "periodSeconds": s, "strict": whether what lacks an operand has no point,
 *  "points": {"m1": [...], ...}}, oldest first; null is no point. Sums of a period that is not the
 * query's own are told as of that. What is no single series is left out.
 *
 * Read again, in the same second, from what the wish was read from, so that it is the same.
 * @ret: a new reference; NULL if the policy has no metric math or none of its alarms is on
 * Return: 0 or -ENOMEM.
 */
int policy_reading_document(const struct tracking *t, const struct wish *w,
                            const struct metrics *metrics, json_t **ret);
