/* weir deploy: from a model file or a command to an endpoint that scales, in one go. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/deployment.h"
#include "http/url.h"

static const char help[] =
    "usage: weir deploy NAME (--model FILE | --command 'PROGRAM ARGUMENT...') [OPTION...]\n"
    "\n"
    "Makes model, endpoint configuration and endpoint NAME, and a scaling policy for it. If a "
    "step\n"
    "fails, what the earlier ones made is removed.\n"
    "\n"
    "What to run:\n"
    "  --model FILE               an XGBoost model, bare or as model.tar.gz\n"
    "  --command 'PROGRAM ...'    a program that answers GET /ping and POST /invocations on the "
    "port\n"
    "                             in $SAGEMAKER_BIND_TO_PORT; may be combined with --model\n"
    "  --image NAME               an image that the server's configuration file names\n"
    "  --env KEY=VALUE            a variable of the instances' environment; may be repeated\n"
    "  --concurrency-max N        requests that an instance is sent at a time; others wait in the\n"
    "                             proxy (default: no bound). The same as --env\n"
    "                             WEIR_CONCURRENCY_MAX=N\n"
    "  --instance-type TYPE       default: ml.m5.large\n"
    "\n"
    "How many:\n"
    "  --min N                    instances to start with and at least (default: 1); 0: one to\n"
    "                             start with, none when idle, one again for the next request\n"
    "  --max N                    at most; needs one of:\n"
    "  --target-concurrency X     keep X requests in flight per instance\n"
    "  --target-invocations X     keep X requests per instance and minute\n"
    "\n"
    "Other:\n"
    "  --wait                     until the endpoint is in service\n"
    "  --state DIR                the server's state directory (default: $WEIR_STATE, or\n"
    "                             ./weir-state; AWS_ENDPOINT_URL is heeded too)\n"
    "  --help                     show this\n";

enum { COUNT_MAX = 10000, DONE = 100 /* --help was printed */ };

static const char xgboost_image[] = "weir/xgboost:latest";

struct options {
    struct deployment deployment;
    const char *model, *command, *state;
    bool has_min, has_max;
    char *image; /* made of --command */
    char *url;   /* made of --model */
};

/* --- reading options -------------------------------------------------------------------------- */

static int read_count(const char *option, const char *text, unsigned least, unsigned *ret)
{
    uint64_t n;

    if (text_to_u64(slice_from(text), COUNT_MAX, &n) != 0 || n < least)
        return command_misused("deploy", "%s takes a number from %u to %d, not '%s'", option, least,
                               COUNT_MAX, text);
    *ret = (unsigned)n;
    return COMMAND_OK;
}

static int read_target(struct deployment *d, const char *metric, const char *text)
{
    if (d->metric)
        return command_misused("deploy",
                               "only one of --target-concurrency and --target-invocations");
    if (text_to_double(slice_from(text), &d->target) != 0 || d->target <= 0)
        return command_misused("deploy", "a target is a number above 0, not '%s'", text);
    d->metric = metric;
    return COMMAND_OK;
}

static int read_variable(struct deployment *d, const char *text)
{
    const char *equals = strchr(text, '=');
    autofree(mem_free) char *key = NULL;

    if (!equals || equals == text)
        return command_misused("deploy", "--env takes KEY=VALUE, not '%s'", text);
    key = slice_dup((struct slice){ text, (size_t)(equals - text) });
    if (!d->environment)
        d->environment = json_object();
    if (!key || json_object_set_new(d->environment, key, json_string(equals + 1)) != 0)
        return command_failed("'%s' cannot be passed on", text);
    return COMMAND_OK;
}

static int read_concurrency(struct deployment *d, const char *text)
{
    char variable[64];
    unsigned n = 0;
    int r = read_count("--concurrency-max", text, 1, &n);

    if (r)
        return r;
    snprintf(variable, sizeof(variable), "WEIR_CONCURRENCY_MAX=%u", n);
    return read_variable(d, variable);
}

static int read_option(struct options *o, int option)
{
    switch (option) {
    case 'm':
        o->model = optarg;
        return COMMAND_OK;
    case 'c':
        o->command = optarg;
        return COMMAND_OK;
    case 'i':
        o->deployment.image = optarg;
        return COMMAND_OK;
    case 'e':
        return read_variable(&o->deployment, optarg);
    case 'p':
        return read_concurrency(&o->deployment, optarg);
    case 't':
        o->deployment.instance_type = optarg;
        return COMMAND_OK;
    case 'n':
        o->has_min = true;
        return read_count("--min", optarg, 0, &o->deployment.min);
    case 'x':
        o->has_max = true;
        return read_count("--max", optarg, 1, &o->deployment.max);
    case 'C':
        return read_target(&o->deployment,
                           "SageMakerVariantConcurrentRequestsPerModelHighResolution", optarg);
    case 'I':
        return read_target(&o->deployment, "SageMakerVariantInvocationsPerInstance", optarg);
    case 'w':
        o->deployment.wait = true;
        return COMMAND_OK;
    case 's':
        o->state = optarg;
        return COMMAND_OK;
    case 'h':
        fputs(help, stdout);
        return DONE;
    default:
        return command_misused("deploy", NULL);
    }
}

static int check(struct options *o, int argc, char **argv)
{
    struct deployment *d = &o->deployment;

    if (optind >= argc)
        return command_misused("deploy", "which NAME is the endpoint to have?");
    if (optind + 1 < argc)
        return command_misused("deploy", "unexpected argument '%s'", argv[optind + 1]);
    d->name = argv[optind];
    if (o->command && d->image)
        return command_misused("deploy", "only one of --command and --image");
    if (!o->model && !o->command && !d->image)
        return command_misused("deploy", "what is to run: --model, --command or --image?");
    if (!o->has_max)
        d->max = d->min;
    if (d->max < d->min)
        return command_misused("deploy", "--max %u is below --min %u", d->max, d->min);
    if (d->min == 0 && !d->metric)
        return command_misused("deploy", "--min 0 needs --target-concurrency or "
                                         "--target-invocations too");
    if (d->metric && !o->has_max)
        return command_misused("deploy", "a target needs --max too");
    if (!d->metric && d->max > d->min)
        return command_misused("deploy", "--max needs --target-concurrency or "
                                         "--target-invocations too");
    return COMMAND_OK;
}

static int read_options(struct options *o, int argc, char **argv)
{
    static const struct option options[] = {
        { "model", required_argument, NULL, 'm' },
        { "command", required_argument, NULL, 'c' },
        { "image", required_argument, NULL, 'i' },
        { "env", required_argument, NULL, 'e' },
        { "concurrency-max", required_argument, NULL, 'p' },
        { "instance-type", required_argument, NULL, 't' },
        { "min", required_argument, NULL, 'n' },
        { "max", required_argument, NULL, 'x' },
        { "target-concurrency", required_argument, NULL, 'C' },
        { "target-invocations", required_argument, NULL, 'I' },
        { "wait", no_argument, NULL, 'w' },
        { "state", required_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    int option, r;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        r = read_option(o, option);
        if (r)
            return r;
    }
    return check(o, argc, argv);
}

/* --- what they come to ------------------------------------------------------------------------ */

static int set_image(struct options *o)
{
    struct deployment *d = &o->deployment;

    if (o->command) {
        o->image = text_format("command:%s", o->command);
        if (!o->image)
            return command_failed("%s", strerror(ENOMEM));
        d->image = o->image;
    } else if (!d->image) {
        d->image = xgboost_image;
    }
    return COMMAND_OK;
}

/* A path may have characters that mean something in a URL. */
static char *file_url(const char *path)
{
    autobuffer struct buffer coded = BUFFER_INIT(3 * PATH_MAX + 1);

    if (url_encode(slice_from(path), true, &coded) || !buffer_cstr(&coded))
        return NULL;
    return text_format("file://%s", buffer_cstr(&coded));
}

static int set_model(struct options *o)
{
    autofree(mem_free) char *path = NULL;

    if (!o->model)
        return COMMAND_OK;
    path = realpath(o->model, NULL);
    if (!path || access(path, R_OK) != 0)
        return command_failed("%s: %s", o->model, strerror(errno));
    o->url = file_url(path);
    if (!o->url)
        return command_failed("%s", strerror(ENOMEM));
    o->deployment.model_data_url = o->url;
    return COMMAND_OK;
}

static void print_result(const struct deployment *d)
{
    printf("endpoint %s: %s on %s, ", d->name, d->image, d->instance_type);
    if (d->metric)
        printf("%u to %u instances, %s kept at %g\n", d->min, d->max, d->metric, d->target);
    else
        printf("%u instance%s\n", d->min, d->min == 1 ? "" : "s");
    printf("invoke it with: aws sagemaker-runtime invoke-endpoint --endpoint-name %s --body "
           "fileb://FILE --content-type text/csv /dev/stdout\n",
           d->name);
}

static int deploy(struct options *o)
{
    autofree(access_free) struct access *access = NULL;
    autofree(aws_client_free) struct aws_client *client = NULL;
    int r = set_image(o);

    if (!r)
        r = set_model(o);
    if (!r)
        r = aws_client_for_command(o->state, &access, &client);
    if (r)
        return r;
    o->deployment.client = client;
    r = deployment_run(&o->deployment);
    if (!r)
        print_result(&o->deployment);
    return r;
}

int command_deploy(int argc, char **argv)
{
    struct options o = { .deployment = { .instance_type = "ml.m5.large", .min = 1 } };
    int r = read_options(&o, argc, argv);

    if (!r)
        r = deploy(&o);
    json_decref(o.deployment.environment);
    free(o.image);
    free(o.url);
    return r == DONE ? COMMAND_OK : r;
}
