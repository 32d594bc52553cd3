/* weir status: endpoints, instances, load, and why the last scaling happened. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/report.h"
#include "cli/table.h"

static const char help[] =
    "usage: weir status [--json] [--state DIR]\n"
    "\n"
    "Shows a server's endpoints, their instances and load, and why each last scaled.\n"
    "\n"
    "Options:\n"
    "  --json        print what the server knows, as JSON\n"
    "  --state DIR   the server's state directory (default: $WEIR_STATE or ./weir-state;\n"
    "                AWS_ENDPOINT_URL is heeded too)\n"
    "  --help        show this\n";

static const char *const variant_headings[] = {
    "ENDPOINT", "STATUS",     "VARIANT", "TYPE",    ">INSTANCES", ">WANTED",
    ">REQ/S",   ">IN FLIGHT", ">P50 MS", ">P99 MS", ">CPU %",     NULL,
};
static const char *const instance_headings[] = {
    "INSTANCE", "OF", "STATE", ">AGE", "ADDRESS", ">CPU %", ">MEMORY", NULL,
};

static const char *text(json_t *object, const char *member)
{
    const char *t = json_string_value(json_object_get(object, member));

    return t ? t : "";
}

static double number(json_t *object, const char *member)
{
    return json_number_value(json_object_get(object, member));
}

/* A number that the server may not know. */
static void add_known(struct table *t, json_t *object, const char *member, int decimals)
{
    if (json_object_get(object, member))
        table_add(t, "%.*f", decimals, number(object, member));
    else
        table_add(t, "%s", "");
}

static void add_age(struct table *t, double seconds)
{
    long s = (long)seconds;

    if (s < 120)
        table_add(t, "%lds", s);
    else if (s < 2 * 3600)
        table_add(t, "%ldm", s / 60);
    else if (s < 2 * 86400)
        table_add(t, "%ldh", s / 3600);
    else
        table_add(t, "%ldd", s / 86400);
}

static void add_memory(struct table *t, double bytes)
{
    if (bytes < 1e9)
        table_add(t, "%.0f MB", bytes / 1e6);
    else
        table_add(t, "%.1f GB", bytes / 1e9);
}

static void add_variant(struct table *t, json_t *endpoint, json_t *variant)
{
    table_add(t, "%s", text(endpoint, "EndpointName"));
    table_add(t, "%s", text(endpoint, "EndpointStatus"));
    table_add(t, "%s", text(variant, "VariantName"));
    table_add(t, "%s", text(variant, "InstanceType"));
    table_add(t, "%.0f", number(variant, "CurrentInstanceCount"));
    table_add(t, "%.0f", number(variant, "DesiredInstanceCount"));
    add_known(t, variant, "InvocationsPerSecond", 1);
    add_known(t, variant, "ConcurrentRequests", 1);
    add_known(t, variant, "ModelLatencyP50Ms", 1);
    add_known(t, variant, "ModelLatencyP99Ms", 1);
    add_known(t, variant, "CPUUtilization", 0);
}

static void add_instance(struct table *t, json_t *endpoint, json_t *variant, json_t *instance)
{
    bool sick = json_is_false(json_object_get(instance, "Healthy"));

    table_add(t, "%s", text(instance, "InstanceId"));
    table_add(t, "%s/%s", text(endpoint, "EndpointName"), text(variant, "VariantName"));
    table_add(t, "%s%s", text(instance, "State"), sick ? ", unhealthy" : "");
    add_age(t, number(instance, "AgeSeconds"));
    table_add(t, "%s", text(instance, "Address"));
    table_add(t, "%.0f", number(instance, "CpuPercent"));
    add_memory(t, number(instance, "MemoryBytes"));
}

/* --- in words --------------------------------------------------------------------------------- */

static void print_failure(json_t *endpoint)
{
    const char *reason = text(endpoint, "FailureReason");

    if (*reason)
        printf("\n%s: %s\n", text(endpoint, "EndpointName"), reason);
}

static void print_scaling(json_t *endpoint, json_t *variant, double now)
{
    json_t *activity = json_object_get(variant, "LastScalingActivity");
    const char *message = text(activity, "StatusMessage");

    if (!activity)
        return;
    printf("\n%s/%s scaled %.0f s ago (%s): %s\n  Cause: %s\n", text(endpoint, "EndpointName"),
           text(variant, "VariantName"), now - number(activity, "StartTime"),
           text(activity, "StatusCode"), text(activity, "Description"), text(activity, "Cause"));
    if (*message)
        printf("  %s\n", message);
}

static int print_status(json_t *answer)
{
    autotable struct table variants, instances;
    json_t *endpoints = json_object_get(answer, "Endpoints");
    json_t *endpoint, *variant, *instance;
    size_t e, v, i;

    table_init(&variants, variant_headings);
    table_init(&instances, instance_headings);
    if (json_array_size(endpoints) == 0)
        puts("There are no endpoints.");
    json_array_foreach (endpoints, e, endpoint) {
        json_array_foreach (json_object_get(endpoint, "Variants"), v, variant) {
            add_variant(&variants, endpoint, variant);
            json_array_foreach (json_object_get(variant, "Instances"), i, instance)
                add_instance(&instances, endpoint, variant, instance);
        }
    }
    if (table_print(&variants, stdout) != 0)
        return command_failed("out of memory");
    if (instances.n_cells > instances.n_columns)
        putchar('\n');
    if (table_print(&instances, stdout) != 0)
        return command_failed("out of memory");
    json_array_foreach (endpoints, e, endpoint) {
        print_failure(endpoint);
        json_array_foreach (json_object_get(endpoint, "Variants"), v, variant)
            print_scaling(endpoint, variant, number(answer, "Time"));
    }
    if (json_is_false(json_object_get(answer, "ProxyConnected")))
        puts("\nThe proxy is not connected to control; it serves with what it knew last.");
    return COMMAND_OK;
}

int command_status(int argc, char **argv)
{
    static const struct report report = {
        .command = "status",
        .help = help,
        .operation = "GetStatus",
        .print = print_status,
    };

    return report_run(&report, argc, argv);
}
