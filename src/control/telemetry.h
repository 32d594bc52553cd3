/* control/telemetry.h: turns what proxies and drivers saw into SageMaker's metrics.
 *
 * Once a second for every variant, by the name of endpoint and variant:
 *   AWS/SageMaker                Invocations, InvocationsPerInstance, Invocation4XXErrors,
 *                                Invocation5XXErrors, InvocationModelErrors, ModelLatency,
 *                                OverheadLatency, ConcurrentRequestsPerModel
 *   /aws/sagemaker/Endpoints     CPUUtilization, MemoryUtilization: a sample per instance
 * An idle variant has zeros, so that alarms on it keep judging; a second without a report has
 * nothing. Names, units and meaning are AWS's, the resolution is a second.
 * Source: Amazon SageMaker developer guide, "Metrics for monitoring Amazon SageMaker with
 * CloudWatch".
 */
#pragma once
#include "control/control.h"
#include "wire/link.h"

/** telemetry_new() - @c is borrowed; of it metrics and log are used. Return: 0 or -ENOMEM. */
int telemetry_new(struct control *c, struct telemetry **ret);
struct telemetry *telemetry_free(struct telemetry *t);
DEFINE_AUTOFREE(struct telemetry *, telemetry_free)

/* Numbers that cannot be kept are dropped, and the log says so at most once a minute. */

/** telemetry_report() - a variant's second as a proxy saw it; @in_service: its instances then */
void telemetry_report(struct telemetry *t, const char *endpoint, const char *variant,
                      unsigned in_service, const struct link_report_group *g, wall_ms_t now);

/** telemetry_usage() - what one instance used lately
 * @cpu_percent:    100 is one core
 * @memory_percent: of what its instance type has */
void telemetry_usage(struct telemetry *t, const char *endpoint, const char *variant,
                     double cpu_percent, double memory_percent, wall_ms_t now);
