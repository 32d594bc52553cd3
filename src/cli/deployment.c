#include "cli/deployment.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"

#define VARIANT   "AllTraffic"
#define NAMESPACE "sagemaker"
#define DIMENSION "sagemaker:variant:DesiredInstanceCount"

enum { POLL_MS = 500, WAIT_MS = 20 * 60 * 1000 /* more than any start-up timeout */ };

/* --- steps ------------------------------------------------------------------------------------ */

static int create_model(struct deployment *d)
{
    json_t *input =
        json_pack("{s:s, s:{s:s, s:s*, s:O*}}", "ModelName", d->name, "PrimaryContainer", "Image",
                  d->image, "ModelDataUrl", d->model_data_url, "Environment", d->environment);

    return sagemaker_call(d->client, "CreateModel", input, NULL, &d->failure);
}

static int delete_model(struct deployment *d)
{
    return sagemaker_call(d->client, "DeleteModel", json_pack("{s:s}", "ModelName", d->name), NULL,
                          &d->failure);
}

static int create_config(struct deployment *d)
{
    json_t *input = json_pack("{s:s, s:[{s:s, s:s, s:s, s:i, s:{s:s}}]}", "EndpointConfigName",
                              d->name, "ProductionVariants", "VariantName", VARIANT, "ModelName",
                              d->name, "InstanceType", d->instance_type, "InitialInstanceCount",
                              d->min > 0 ? (int)d->min : 1, "RoutingConfig", "RoutingStrategy",
                              "LEAST_OUTSTANDING_REQUESTS");

    return sagemaker_call(d->client, "CreateEndpointConfig", input, NULL, &d->failure);
}

static int delete_config(struct deployment *d)
{
    return sagemaker_call(d->client, "DeleteEndpointConfig",
                          json_pack("{s:s}", "EndpointConfigName", d->name), NULL, &d->failure);
}

static int create_endpoint(struct deployment *d)
{
    return sagemaker_call(
        d->client, "CreateEndpoint",
        json_pack("{s:s, s:s}", "EndpointName", d->name, "EndpointConfigName", d->name), NULL,
        &d->failure);
}

/* The members that name the variant to Application Auto Scaling, and @more; takes @more over. */
static json_t *scalable(const struct deployment *d, json_t *more)
{
    autofree(mem_free) char *id = text_format("endpoint/%s/variant/" VARIANT, d->name);
    json_t *input = id ? json_pack("{s:s, s:s, s:s}", "ServiceNamespace", NAMESPACE, "ResourceId",
                                   id, "ScalableDimension", DIMENSION)
                       : NULL;

    if (input && json_object_update(input, more) != 0) {
        json_decref(input);
        input = NULL;
    }
    json_decref(more);
    return input;
}

static int register_target(struct deployment *d)
{
    json_t *bounds;

    if (!d->metric)
        return 0;
    bounds = json_pack("{s:i, s:i}", "MinCapacity", (int)d->min, "MaxCapacity", (int)d->max);
    return scaling_call(d->client, "RegisterScalableTarget", scalable(d, bounds), NULL,
                        &d->failure);
}

static int deregister_target(struct deployment *d)
{
    return d->metric ? scaling_call(d->client, "DeregisterScalableTarget",
                                    scalable(d, json_object()), NULL, &d->failure)
                     : 0;
}

static int put_policy(struct deployment *d)
{
    json_t *policy;

    if (!d->metric)
        return 0;
    policy = json_pack("{s:s, s:s, s:{s:f, s:{s:s}}}", "PolicyName", "target-tracking",
                       "PolicyType", "TargetTrackingScaling",
                       "TargetTrackingScalingPolicyConfiguration", "TargetValue", d->target,
                       "PredefinedMetricSpecification", "PredefinedMetricType", d->metric);
    return scaling_call(d->client, "PutScalingPolicy", scalable(d, policy), NULL, &d->failure);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int describe(struct deployment *d, json_t **ret_endpoint)
{
    return sagemaker_call(d->client, "DescribeEndpoint",
                          json_pack("{s:s}", "EndpointName", d->name), ret_endpoint, &d->failure);
}

static bool in_progress(json_t *endpoint)
{
    const char *status = json_string_value(json_object_get(endpoint, "EndpointStatus"));

    return status && (strcmp(status, "Creating") == 0 || strcmp(status, "Updating") == 0 ||
                      strcmp(status, "Deleting") == 0);
}

/* Until nothing is under way any more. Return: 0 and the endpoint, or as aws_call(). */
static int settle(struct deployment *d, json_t **ret_endpoint)
{
    struct clock *clock = clock_real();
    us_t end = clock->mono_us(clock) + WAIT_MS * US_PER_MS;

    for (;;) {
        json_t *endpoint = NULL;
        int r = describe(d, &endpoint);

        if (r)
            return r;
        if (!in_progress(endpoint) || clock->mono_us(clock) >= end) {
            *ret_endpoint = endpoint;
            return 0;
        }
        json_decref(endpoint);
        poll(NULL, 0, POLL_MS);
    }
}

static int wait_in_service(struct deployment *d)
{
    json_t *endpoint = NULL;
    const char *status, *reason;
    int r;

    if (!d->wait)
        return 0;
    fprintf(stderr, "waiting until the endpoint is in service ...\n");
    r = settle(d, &endpoint);
    if (r)
        return r;
    status = json_string_value(json_object_get(endpoint, "EndpointStatus"));
    reason = json_string_value(json_object_get(endpoint, "FailureReason"));
    if (!status || strcmp(status, "InService") != 0) {
        snprintf(d->failure.code, sizeof(d->failure.code), "%s", status ? status : "?");
        snprintf(d->failure.why, sizeof(d->failure.why), "%s", reason ? reason : "no reason given");
        r = AWS_CLIENT_REFUSED;
    }
    json_decref(endpoint);
    return r;
}

/* Waits before, as an endpoint that is being created cannot be deleted yet, and after, so that the
 * name is free again. */
static int delete_endpoint(struct deployment *d)
{
    json_t *endpoint = NULL;
    int r = settle(d, &endpoint);

    json_decref(endpoint);
    if (r)
        return r;
    r = sagemaker_call(d->client, "DeleteEndpoint", json_pack("{s:s}", "EndpointName", d->name),
                       NULL, &d->failure);
    if (r)
        return r;
    endpoint = NULL;
    r = settle(d, &endpoint); /* refused: there is no such endpoint any more */
    json_decref(endpoint);
    return r == AWS_CLIENT_REFUSED ? 0 : r;
}

/* --- in order, and back ----------------------------------------------------------------------- */

static const struct step {
    const char *what; /* "could not ..." */
    int (*make)(struct deployment *d);
    int (*undo)(struct deployment *d); /* NULL: leaves nothing */
} steps[] = {
    { "create the model", create_model, delete_model },
    { "create the endpoint configuration", create_config, delete_config },
    { "create the endpoint", create_endpoint, delete_endpoint },
    { "register the endpoint for scaling", register_target, deregister_target },
    { "put the scaling policy", put_policy, NULL },
    { "bring the endpoint into service", wait_in_service, NULL },
};

enum { N_STEPS = sizeof(steps) / sizeof(*steps) };

static void undo(struct deployment *d, size_t n_made)
{
    while (n_made-- > 0) {
        const struct step *s = &steps[n_made];
        int r = s->undo ? s->undo(d) : 0;

        if (r)
            fprintf(stderr, "weir: could not undo '%s': %s\n", s->what,
                    r < 0 ? strerror(-r) : d->failure.why);
    }
}

int deployment_run(struct deployment *d)
{
    for (size_t i = 0; i < N_STEPS; i++) {
        int r = steps[i].make(d);

        if (r == 0)
            continue;
        if (r < 0)
            command_failed("could not %s: %s", steps[i].what, strerror(-r));
        else
            command_failed("could not %s: %s%s%s", steps[i].what, d->failure.code,
                           d->failure.code[0] ? ": " : "", d->failure.why);
        undo(d, i);
        return COMMAND_FAILED;
    }
    return COMMAND_OK;
}
