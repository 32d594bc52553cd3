/* weir cost: what ran, what it cost, and what a fleet fixed at the peak would have cost. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/report.h"
#include "cli/table.h"

static const char help[] =
    "usage: weir cost [--json] [--state DIR]\n"
    "\n"
    "Shows what each variant's instances used, from launch until they were gone, at AWS's "
    "published\n"
    "price of their type; and, beside it, a fleet of fixed size: as many instances as were in "
    "service\n"
    "at the peak, for as long as any ran.\n"
    "\n"
    "Options:\n"
    "  --json        print what the server knows, as JSON\n"
    "  --state DIR   the server's state directory (default: $WEIR_STATE or ./weir-state;\n"
    "                AWS_ENDPOINT_URL is heeded too)\n"
    "  --help        show this\n";

static const char *const headings[] = {
    "ENDPOINT", "VARIANT",        "TYPE", ">NOW",   ">PEAK", ">INSTANCE-SECONDS",
    ">USD",     ">FIXED AT PEAK", ">USD", ">SAVED", NULL,
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

/* Prices may be unknown. */
static void add_usd(struct table *t, json_t *line, const char *member)
{
    if (json_object_get(line, member))
        table_add(t, "%.4f", number(line, member));
    else
        table_add(t, "%s", "");
}

static void add_saved(struct table *t, double used, double fixed)
{
    if (fixed > 0)
        table_add(t, "%.0f %%", 100 * (1 - used / fixed));
    else
        table_add(t, "%s", "");
}

static void add_line(struct table *t, json_t *line)
{
    table_add(t, "%s", text(line, "EndpointName"));
    table_add(t, "%s", text(line, "VariantName"));
    table_add(t, "%s", text(line, "InstanceType"));
    table_add(t, "%.0f", number(line, "RunningInstances"));
    table_add(t, "%.0f", number(line, "PeakInstances"));
    table_add(t, "%.1f", number(line, "InstanceSeconds"));
    add_usd(t, line, "Usd");
    table_add(t, "%.1f", number(line, "StaticPeakInstanceSeconds"));
    add_usd(t, line, "StaticPeakUsd");
    add_saved(t, number(line, "InstanceSeconds"), number(line, "StaticPeakInstanceSeconds"));
}

/* The sum of a member over all lines that have it. */
static double total(json_t *lines, const char *member)
{
    double sum = 0;
    json_t *line;
    size_t i;

    json_array_foreach (lines, i, line)
        sum += number(line, member);
    return sum;
}

static void add_total(struct table *t, json_t *lines)
{
    double used = total(lines, "InstanceSeconds");
    double fixed = total(lines, "StaticPeakInstanceSeconds");

    table_add(t, "total");
    table_add(t, "%s", "");
    table_add(t, "%s", "");
    table_add(t, "%.0f", total(lines, "RunningInstances"));
    table_add(t, "%s", "");
    table_add(t, "%.1f", used);
    table_add(t, "%.4f", total(lines, "Usd"));
    table_add(t, "%.1f", fixed);
    table_add(t, "%.4f", total(lines, "StaticPeakUsd"));
    add_saved(t, used, fixed);
}

static int print_cost(json_t *answer)
{
    autotable struct table t;
    json_t *lines = json_object_get(answer, "Lines");
    json_t *line;
    size_t i;

    table_init(&t, headings);
    if (json_array_size(lines) == 0) {
        puts("Nothing has run yet.");
        return COMMAND_OK;
    }
    json_array_foreach (lines, i, line)
        add_line(&t, line);
    if (json_array_size(lines) > 1)
        add_total(&t, lines);
    return table_print(&t, stdout) ? command_failed("out of memory") : COMMAND_OK;
}

int command_cost(int argc, char **argv)
{
    static const struct report report = {
        .command = "cost",
        .help = help,
        .operation = "GetCost",
        .print = print_cost,
    };

    return report_run(&report, argc, argv);
}
