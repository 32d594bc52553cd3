/* weir explain: why a decision was taken, and the same decision again from its record. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cli/aws_client.h"
#include "cli/command.h"
#include "cli/explain_page.h"
#include "control/explanation.h"

enum { PREFIX_BYTES = 256, RECORD_INDENT = 2, EXACT_DIGITS = 17 };

static const char help[] =
    "usage: weir explain ENDPOINT|URL [--variant NAME] [--at TIME] [--json] [--state DIR]\n"
    "       weir explain --replay FILE\n"
    "\n"
    "Tells why a scaling decision was taken, also one to do nothing: what was seen, what each\n"
    "policy wanted, what bounds and cooldowns did, and which number would have changed it.\n"
    "A custom resource is named by its URL.\n"
    "\n"
    "Options:\n"
    "  --variant NAME  of this variant (default: any)\n"
    "  --at TIME       the newest decision up to then, 2026-07-01T08:00:00Z or seconds since 1970\n"
    "                  (default: the newest)\n"
    "  --json          print the decision's record, for --replay and for programs\n"
    "  --replay FILE   take the decision again from a record (-: standard input) and compare;\n"
    "                  no server is asked. Exit status 1 if it is another one.\n"
    "  --state DIR     the server's state directory (default: $WEIR_STATE or ./weir-state;\n"
    "                  AWS_ENDPOINT_URL is heeded too)\n"
    "  --help          show this\n";

struct options {
    const char *endpoint, *variant, *state, *replay;
    double at; /* seconds since 1970 */
    bool json;
};

/* --- replay ----------------------------------------------------------------------------------- */

static json_t *load_record(const char *path, json_error_t *error)
{
    return strcmp(path, "-") == 0 ? json_loadf(stdin, 0, error) : json_load_file(path, 0, error);
}

static int replay(const char *path)
{
    autofree(explanation_free) struct explanation_file *f = NULL;
    struct wish scratch[EXPLANATION_WISHES_MAX];
    json_error_t error;
    json_auto_t *record = load_record(path, &error);
    struct decision again;
    int r;

    if (strcmp(path, "-") == 0)
        path = "standard input";
    if (!record && error.line < 0)
        return command_failed("%s", error.text);
    if (!record)
        return command_failed("cannot read %s: %s (line %d)", path, error.text, error.line);
    r = explanation_read(record, &f);
    if (r == EXPLANATION_E_MALFORMED)
        return command_failed("%s is no record of a decision, or one of another version", path);
    if (r)
        return command_failed("out of memory");
    again = explain_replay(&f->x, scratch);
    if (!explain_same(&again, &f->x.decision)) {
        explain_decision(&again, &f->x.input, stdout);
        return command_failed("the decision is another one than %s says", path);
    }
    fputs("the same decision: ", stdout);
    explain_decision(&again, &f->x.input, stdout);
    return COMMAND_OK;
}

/* --- asking the server ------------------------------------------------------------------------ */

/* a custom resource is named by its URL */
static bool is_url(const char *name)
{
    return strstr(name, "://") != NULL;
}

static bool is_of(const struct options *o, const char *resource)
{
    char prefix[PREFIX_BYTES];
    size_t n;

    if (is_url(o->endpoint))
        return strcmp(resource, o->endpoint) == 0;
    snprintf(prefix, sizeof prefix, "endpoint/%s/variant/", o->endpoint);
    n = strlen(prefix);
    return strncasecmp(resource, prefix, n) == 0 &&
           (!o->variant || strcasecmp(resource + n, o->variant) == 0);
}

/* A decision of the endpoint's, at or before the time, that has a record. */
static bool is_wanted(const struct options *o, json_t *activity)
{
    const char *resource = json_string_value(json_object_get(activity, "ResourceId"));

    return resource && is_of(o, resource) &&
           json_number_value(json_object_get(activity, "StartTime")) <= o->at &&
           json_object_get(activity, "Details");
}

/* @ret: a new reference; NULL if there is none on this page */
static void find_on_page(const struct options *o, json_t *page, json_t **ret)
{
    json_t *activity;
    size_t i;

    json_array_foreach (json_object_get(page, "ScalingActivities"), i, activity)
        if (!*ret && is_wanted(o, activity))
            *ret = json_incref(activity);
}

static int find_activity(struct aws_client *client, const struct options *o, json_t **ret)
{
    json_auto_t *token = NULL;
    struct aws_failure failure;

    do {
        json_auto_t *page = NULL;
        json_t *input = json_pack("{s:s, s:b}", "ServiceNamespace",
                                  is_url(o->endpoint) ? "custom-resource" : "sagemaker",
                                  "IncludeNotScaledActivities", 1);
        int r;

        if (input && token)
            json_object_set(input, "NextToken", token);
        r = scaling_call(client, "DescribeScalingActivities", input, &page, &failure);
        if (r)
            return aws_command_failed(r, &failure);
        find_on_page(o, page, ret);
        json_decref(token);
        token = json_incref(json_object_get(page, "NextToken"));
    } while (!*ret && token);
    return COMMAND_OK;
}

static int show(const struct options *o, json_t *activity)
{
    autofree(explanation_free) struct explanation_file *f = NULL;
    json_auto_t *record =
        json_loads(json_string_value(json_object_get(activity, "Details")), 0, NULL);
    int r = record ? explanation_read(record, &f) : EXPLANATION_E_MALFORMED;

    if (r)
        return command_failed("the server's record of the decision cannot be read: it is of "
                              "another version of weir");
    if (o->json) {
        json_dumpf(record, stdout, JSON_INDENT(RECORD_INDENT) | JSON_REAL_PRECISION(EXACT_DIGITS));
        putchar('\n');
        return COMMAND_OK;
    }
    explain_page(activity, record, f, stdout);
    return COMMAND_OK;
}

static int ask(const struct options *o)
{
    autofree(access_free) struct access *access = NULL;
    autofree(aws_client_free) struct aws_client *client = NULL;
    json_auto_t *activity = NULL;
    int r = aws_client_for_command(o->state, &access, &client);

    if (!r)
        r = find_activity(client, o, &activity);
    if (r)
        return r;
    if (!activity)
        return command_failed("no scaling decision of %s %s is known%s%s",
                              is_url(o->endpoint) ? "the custom resource" : "endpoint", o->endpoint,
                              o->variant ? " for variant " : "", o->variant ? o->variant : "");
    return show(o, activity);
}

/* --- options ---------------------------------------------------------------------------------- */

static int parse_time(const char *text, double *ret)
{
    struct tm parts = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    char *rest;

    if (end && (*end == '\0' || strcmp(end, "Z") == 0)) {
        *ret = (double)timegm(&parts);
        return 0;
    }
    *ret = strtod(text, &rest);
    return rest != text && *rest == '\0' && isfinite(*ret) ? 0 : -EINVAL;
}

enum { OPTION_VARIANT = 256, OPTION_AT, OPTION_JSON, OPTION_REPLAY, OPTION_STATE, OPTION_HELP };

static const struct option option_table[] = {
    { "variant", required_argument, NULL, OPTION_VARIANT },
    { "at", required_argument, NULL, OPTION_AT },
    { "json", no_argument, NULL, OPTION_JSON },
    { "replay", required_argument, NULL, OPTION_REPLAY },
    { "state", required_argument, NULL, OPTION_STATE },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static int take(struct options *o, int id)
{
    switch (id) {
    case OPTION_VARIANT:
        o->variant = optarg;
        break;
    case OPTION_AT:
        if (parse_time(optarg, &o->at) != 0)
            return command_misused("explain", "'%s' is no time such as 2026-07-01T08:00:00Z",
                                   optarg);
        break;
    case OPTION_JSON:
        o->json = true;
        break;
    case OPTION_REPLAY:
        o->replay = optarg;
        break;
    case OPTION_STATE:
        o->state = optarg;
        break;
    default:
        return command_misused("explain", NULL);
    }
    return COMMAND_OK;
}

/* Return: a COMMAND_* code, or -1 after --help. */
static int read_options(int argc, char **argv, struct options *o)
{
    int id;

    while ((id = getopt_long(argc, argv, "", option_table, NULL)) != -1) {
        int r;
        if (id == OPTION_HELP) {
            fputs(help, stdout);
            return -1;
        }
        r = take(o, id);
        if (r)
            return r;
    }
    if (o->replay)
        return optind < argc ? command_misused("explain", "unexpected argument '%s'", argv[optind])
                             : COMMAND_OK;
    if (argc - optind != 1)
        return command_misused("explain", "one ENDPOINT or URL is needed");
    o->endpoint = argv[optind];
    return COMMAND_OK;
}

int command_explain(int argc, char **argv)
{
    struct options o = { .endpoint = "", .at = (double)INFINITY };
    int r = read_options(argc, argv, &o);

    if (r)
        return r < 0 ? COMMAND_OK : r;
    return o.replay ? replay(o.replay) : ask(&o);
}
