/* cli/deployment.h: what `weir deploy` makes, step by step, and how it is undone.
 *
 * Model, endpoint configuration and endpoint all bear the endpoint's name; the endpoint has one
 * variant,
 * "AllTraffic", as AWS's own tools call it. Whatever step fails, what the earlier ones made is
 * removed.
 */
#pragma once
#include <stdbool.h>

#include "cli/aws_client.h"

struct deployment {
    const char *name;
    const char *image;          /* "weir/xgboost:latest", "command:..." */
    const char *model_data_url; /* NULL: none */
    json_t *environment;        /* object of strings, or NULL */
    const char *instance_type;
    unsigned min, max;
    const char *metric; /* predefined metric to track, or NULL: a fleet of fixed size */
    double target;
    bool wait; /* until the endpoint is in service */

    struct aws_client *client;
    struct aws_failure failure;
};

/** deployment_run() - make it all, telling about progress on stderr. Return: a COMMAND_* code; on
 * failure it has been said what failed, and nothing is left. */
int deployment_run(struct deployment *d);
