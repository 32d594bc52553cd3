/* control/telemetry.h: turns what proxies and drivers saw into SageMaker's metrics.
 *
 * Once a second for every variant, by the name of endpoint and variant:
 *   AWS/SageMaker                Invocations, InvocationsPerInstance, Invocation4XXErrors,
 *                                Invocation5XXErrors, InvocationModelErrors, ModelLatency,
 *                                OverheadLatency, ConcurrentRequestsPerModel,
 *                                NoCapacityInvocationFailures
 *   /aws/sagemaker/Endpoints     CPUUtilization, MemoryUtilization, DiskUtilization: a sample per
 *                                instance
 * and by target group, which is called targetgroup/ENDPOINT/VARIANT, of the balancer app/weir/weir:
 *   AWS/ApplicationELB           RequestCount, RequestCountPerTarget (also by target group alone),
 *                                TargetResponseTime, HTTPCode_Target_{2,3,4,5}XX_Count,
 *                                TargetConnectionErrorCount, HealthyHostCount, UnHealthyHostCount
 * An invocation counts when it comes, one that waits for an instance too: NoCapacityInvocationFailures
 * are those that found none in service, and waited rather than failed.
 * An idle variant has zeros, one without instances too, so that alarms on it keep judging; a second
 * without a report has nothing. Names, units and meaning are AWS's, the resolution is a second.
 * Source: Amazon SageMaker developer guide, "Metrics for monitoring Amazon SageMaker with
 * CloudWatch"; Elastic Load Balancing, "CloudWatch metrics for your Application Load Balancer".
 */
#pragma once
#include "control/control.h"
#include "wire/link.h"

/** telemetry_new() - @c is borrowed; of it metrics and log are used. Return: 0 or -ENOMEM. */
int telemetry_new(struct control *c, struct telemetry **ret);
struct telemetry *telemetry_free(struct telemetry *t);
DEFINE_AUTOFREE(struct telemetry *, telemetry_free)

/* Numbers that cannot be kept are dropped, and the log says so at most once a minute. */

/** telemetry_report() - a variant's second as a proxy saw it
 * @in_service: its instances then
 * @at:         the second's start */
void telemetry_report(struct telemetry *t, const char *endpoint, const char *variant,
                      unsigned in_service, const struct link_report_group *g, wall_ms_t at);

struct telemetry_usage {
    double cpu_percent;    /* 100 is one core */
    double memory_percent; /* of what its instance type has */
    double disk_percent;   /* of the file system that instances live on; NAN: not known */
};
/** telemetry_usage() - what one instance used lately */
void telemetry_usage(struct telemetry *t, const char *endpoint, const char *variant,
                     const struct telemetry_usage *u, wall_ms_t now);
