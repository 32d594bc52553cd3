#include "metrics/exposition.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_BYTES = 32 };

/* --- what is asked for ------------------------------------------------------------------------ */

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* The q of one entry of an Accept field, which ends at @end; 1 where there is none. */
static double quality(const char *at, const char *end)
{
    while ((at = memchr(at, ';', (size_t)(end - at)))) {
        at = skip_blanks(at + 1);
        if (at < end && strncasecmp(at, "q=", 2) == 0)
            return strtod(at + 2, NULL);
    }
    return 1;
}

enum exposition_format exposition_format(const char *accept)
{
    static const char open[] = "application/openmetrics-text", plain[] = "text/plain";
    double open_q = 0, plain_q = 0;

    while (*(accept = skip_blanks(accept))) {
        const char *end = strchrnul(accept, ',');

        if (strncasecmp(accept, open, sizeof(open) - 1) == 0)
            open_q = fmax(open_q, quality(accept, end));
        else if (strncasecmp(accept, plain, sizeof(plain) - 1) == 0)
            plain_q = fmax(plain_q, quality(accept, end));
        accept = *end ? end + 1 : end;
    }
    return open_q > 0 && open_q >= plain_q ? EXPOSITION_OPENMETRICS : EXPOSITION_PROMETHEUS;
}

const char *exposition_content_type(enum exposition_format format)
{
    return format == EXPOSITION_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

/* --- writing ---------------------------------------------------------------------------------- */

static void say(struct exposition *e, const char *text)
{
    if (!e->error)
        e->error = buffer_puts(e->out, text);
}

static void say_value(struct exposition *e, const char *text)
{
    char two[2] = { 0 };

    for (; *text; text++) {
        two[0] = *text;
        say(e, *text == '\n' ? "\\n" : *text == '"' ? "\\\"" : *text == '\\' ? "\\\\" : two);
    }
}

/* The shortest text that reads back as the same number. */
static void number_text(double v, char ret[NUMBER_BYTES])
{
    if (isnan(v) || isinf(v)) {
        snprintf(ret, NUMBER_BYTES, "%s", isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(ret, NUMBER_BYTES, "%.*g", digits, v);
        if (strtod(ret, NULL) == v)
            return;
    }
}

static void say_labels(struct exposition *e, const struct exposition_label *labels, size_t n,
                       const char *bound)
{
    const char *separator = "{";

    for (size_t i = 0; i < n; i++) {
        say(e, separator);
        say(e, labels[i].name);
        say(e, "=\"");
        say_value(e, labels[i].value);
        say(e, "\"");
        separator = ",";
    }
    if (bound) {
        say(e, separator);
        say(e, "le=\"");
        say(e, bound);
        say(e, "\"");
    }
    if (n > 0 || bound)
        say(e, "}");
}

static void say_sample(struct exposition *e, const char *suffix,
                       const struct exposition_label *labels, size_t n, const char *bound,
                       double value)
{
    char text[NUMBER_BYTES];

    number_text(value, text);
    say(e, e->family);
    say(e, suffix);
    say_labels(e, labels, n, bound);
    say(e, " ");
    say(e, text);
    say(e, "\n");
}

void exposition_begin(struct exposition *e, enum exposition_format format, struct buffer *out)
{
    *e = (struct exposition){ .out = out, .format = format };
}

/* Prometheus's own format calls a counter's family as its samples, OpenMetrics does not. */
static void say_about(struct exposition *e, const char *what, const char *text)
{
    say(e, what);
    say(e, e->family);
    if (e->type == EXPOSITION_COUNTER && e->format == EXPOSITION_PROMETHEUS)
        say(e, "_total");
    say(e, " ");
    say(e, text);
    say(e, "\n");
}

void exposition_family(struct exposition *e, const char *name, enum exposition_type type,
                       const char *help)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };

    e->family = name;
    e->type = type;
    say_about(e, "# HELP ", help);
    say_about(e, "# TYPE ", types[type]);
}

void exposition_sample(struct exposition *e, const struct exposition_label *labels, size_t n,
                       double value)
{
    say_sample(e, e->type == EXPOSITION_COUNTER ? "_total" : "", labels, n, NULL, value);
}

void exposition_buckets(struct exposition *e, const struct exposition_label *labels, size_t n,
                        const struct exposition_histogram *h)
{
    uint64_t count = 0;

    assert(e->type == EXPOSITION_HISTOGRAM && h->n_bounds <= EXPOSITION_BOUNDS_MAX);
    for (size_t i = 0; i <= h->n_bounds; i++) {
        char bound[NUMBER_BYTES];

        number_text(i < h->n_bounds ? h->bounds[i] : INFINITY, bound);
        if (e->format == EXPOSITION_OPENMETRICS && !strpbrk(bound, ".eI"))
            strncat(bound, ".0", sizeof(bound) - strlen(bound) - 1); /* its canonical form */
        count += h->counts[i];
        say_sample(e, "_bucket", labels, n, bound, (double)count);
    }
    say_sample(e, "_sum", labels, n, NULL, h->sum);
    say_sample(e, "_count", labels, n, NULL, (double)count);
}

int exposition_end(struct exposition *e)
{
    if (e->format == EXPOSITION_OPENMETRICS)
        say(e, "# EOF\n");
    return e->error;
}
