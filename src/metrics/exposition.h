/* metrics/exposition.h: metrics as text, for scrapers: Prometheus's format, and OpenMetrics.
 *
 * Families are begun and their samples follow; a histogram's samples are made from its counts.
 * Errors are kept until the end, so that callers write straight on. Names are constants that keep
 * the conventions (snake case, base units, counters named without _total, which is added here).
 * Sources: Prometheus, "Exposition formats" 0.0.4; OpenMetrics 1.0.0.
 */
#pragma once
#include <stdint.h>

#include "base/buffer.h"

enum exposition_format { EXPOSITION_PROMETHEUS, EXPOSITION_OPENMETRICS };

enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

struct exposition {
    struct buffer *out; /* borrowed */
    enum exposition_format format;
    const char *family;
    enum exposition_type type;
    int error; /* the first one */
};

struct exposition_label {
    const char *name, *value; /* any text; it is escaped */
};

enum { EXPOSITION_BOUNDS_MAX = 32 };

struct exposition_histogram {
    const double *bounds; /* rising; the last bucket, above all, is not among them */
    size_t n_bounds;
    const uint64_t *counts; /* n_bounds + 1, of each bucket alone */
    double sum;
};

/** exposition_format() - what @accept, an Accept field or "", asks for: OpenMetrics where it is
 * named and not refused with q=0, unless plain text is liked better */
enum exposition_format exposition_format(const char *accept);
const char *exposition_content_type(enum exposition_format format);

void exposition_begin(struct exposition *e, enum exposition_format format, struct buffer *out);
/** exposition_family() - @name, @help are constants that outlive its samples */
void exposition_family(struct exposition *e, const char *name, enum exposition_type type,
                       const char *help);
void exposition_sample(struct exposition *e, const struct exposition_label *labels, size_t n,
                       double value);
void exposition_buckets(struct exposition *e, const struct exposition_label *labels, size_t n,
                        const struct exposition_histogram *h);
/** exposition_end() - Return: 0, -ENOBUFS or -ENOMEM: what was written is not whole then */
int exposition_end(struct exposition *e);
