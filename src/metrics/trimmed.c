#include "metrics/trimmed.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* What lies below the bounds, between them and above, and where the bounds are. */
struct cut {
    double below, kept, above; /* how many */
    double sum;                /* of those between */
    double lower, upper;       /* values at the bounds */
};

/* --- computing -------------------------------------------------------------------------------- */

static double value_in(const struct trimmed_bin *bin, double share)
{
    return bin->least + (bin->greatest - bin->least) * share;
}

/* Bounds are ranks: the part of each bin that lies between them counts. */
static struct cut cut_by_rank(const struct trimmed_bin *bins, size_t n, double from, double to)
{
    struct cut c = { .lower = NAN, .upper = NAN };
    double before = 0;

    for (size_t i = 0; i < n; i++) {
        double begin = fmax(from - before, 0), end = fmin(to - before, bins[i].count);

        c.below += fmin(begin, bins[i].count);
        c.above += fmin(bins[i].count - end, bins[i].count);
        if (begin < end) {
            double first = begin / bins[i].count, last = end / bins[i].count;

            c.kept += end - begin;
            c.sum += (end - begin) * value_in(&bins[i], (first + last) / 2);
            if (isnan(c.lower))
                c.lower = value_in(&bins[i], first);
            c.upper = value_in(&bins[i], last);
        }
        before += bins[i].count;
    }
    return c;
}

static struct cut cut_by_value(const struct trimmed_bin *bins, size_t n, double lower, double upper)
{
    struct cut c = { .lower = lower, .upper = upper };

    for (size_t i = 0; i < n; i++) {
        if (bins[i].least <= lower) {
            c.below += bins[i].count;
        } else if (bins[i].least > upper) {
            c.above += bins[i].count;
        } else {
            c.kept += bins[i].count;
            c.sum += bins[i].count * value_in(&bins[i], 0.5);
        }
    }
    return c;
}

/* An open bound has nothing beyond it, so its value does not count. */
static double times(double count, double value)
{
    return count > 0 ? count * value : 0;
}

double trimmed_statistic(const struct trimmed_bin *bins, size_t n, double total,
                         const struct metric_statistic *s)
{
    struct cut c = s->by_value
                       ? cut_by_value(bins, n, s->lower, s->upper)
                       : cut_by_rank(bins, n, total * s->lower / 100, total * s->upper / 100);

    switch (s->kind) {
    case STATISTIC_TRIMMED_MEAN:
        return c.kept > 0 ? c.sum / c.kept : (double)NAN;
    case STATISTIC_WINSORIZED_MEAN:
        return (times(c.below, c.lower) + c.sum + times(c.above, c.upper)) / total;
    case STATISTIC_TRIMMED_COUNT:
        return c.kept;
    case STATISTIC_TRIMMED_SUM:
        return c.kept > 0 ? c.sum : (double)NAN;
    case STATISTIC_PERCENTILE_RANK:
        return c.kept / total * 100;
    default:
        return NAN;
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static const struct {
    const char *brief, *full; /* brief NULL: there is none */
    unsigned kind;
} families[] = {
    { "tm", "TM(", STATISTIC_TRIMMED_MEAN },    { "wm", "WM(", STATISTIC_WINSORIZED_MEAN },
    { "tc", "TC(", STATISTIC_TRIMMED_COUNT },   { "ts", "TS(", STATISTIC_TRIMMED_SUM },
    { NULL, "PR(", STATISTIC_PERCENTILE_RANK },
};
enum { N_FAMILIES = sizeof(families) / sizeof(*families) };

/* digits, and a point with at most ten more */
bool statistic_percentage(const char *text, size_t size, double *ret_percent)
{
    enum { DECIMALS_MAX = 10, WHOLE_MAX = 3 };
    size_t whole = 0;
    double percent;

    while (whole < size && text[whole] >= '0' && text[whole] <= '9')
        whole++;
    if (whole == 0 || whole > WHOLE_MAX)
        return false;
    if (whole < size) {
        if (text[whole] != '.' || size - whole - 1 > DECIMALS_MAX || size == whole + 1)
            return false;
        for (size_t i = whole + 1; i < size; i++)
            if (text[i] < '0' || text[i] > '9')
                return false;
    }
    if (text_to_double((struct slice){ text, size }, &percent) != 0 || percent > 100)
        return false;
    *ret_percent = percent;
    return true;
}

/* One bound; *@ret_percent tells how it is written. An empty one leaves all as it is. */
static bool read_bound(struct slice text, double *ret, bool *ret_percent)
{
    if (text.size == 0)
        return true;
    *ret_percent = text.data[text.size - 1] == '%';
    return *ret_percent ? statistic_percentage(text.data, text.size - 1, ret)
                        : text_to_double(text, ret) == 0;
}

/* "10%:90%", ":300" ...: both bounds of one sort, and at least one of them */
static bool read_bounds(struct slice text, struct metric_statistic *s)
{
    const char *colon = memchr(text.data, ':', text.size);
    bool lower_percent, upper_percent;
    struct slice lower, upper;

    if (!colon || text.size == 1)
        return false;
    lower = (struct slice){ text.data, (size_t)(colon - text.data) };
    upper = (struct slice){ colon + 1, text.size - lower.size - 1 };
    s->lower = -INFINITY;
    s->upper = INFINITY;
    lower_percent = upper.size > 0 && upper.data[upper.size - 1] == '%';
    upper_percent = lower.size > 0 && lower.data[lower.size - 1] == '%';
    if (!read_bound(lower, &s->lower, &lower_percent) ||
        !read_bound(upper, &s->upper, &upper_percent) || lower_percent != upper_percent)
        return false;
    s->by_value = !lower_percent;
    if (!s->by_value) {
        s->lower = fmax(s->lower, 0);
        s->upper = fmin(s->upper, 100);
    }
    return s->lower < s->upper;
}

static bool read_family(const char *text, unsigned family, struct metric_statistic *s)
{
    size_t n = strlen(text), full = strlen(families[family].full);

    s->kind = families[family].kind;
    if (families[family].brief && strncmp(text, families[family].brief, 2) == 0)
        return statistic_percentage(text + 2, n - 2, &s->upper);
    if (strncmp(text, families[family].full, full) != 0 || text[n - 1] != ')')
        return false;
    return read_bounds((struct slice){ text + full, n - full - 1 }, s) &&
           (families[family].brief || s->by_value);
}

int trimmed_parse(const char *text, struct metric_statistic *ret)
{
    if (strcmp(text, "IQM") == 0) {
        *ret =
            (struct metric_statistic){ .kind = STATISTIC_TRIMMED_MEAN, .lower = 25, .upper = 75 };
        return 0;
    }
    for (unsigned i = 0; i < N_FAMILIES; i++) {
        struct metric_statistic s = { 0 };

        if (!read_family(text, i, &s))
            continue;
        *ret = s;
        return 0;
    }
    return METRICS_E_INVALID;
}
