#include "scaling/fast_math.h"

#include <assert.h>
#include <math.h>

#include "scaling/fast.h"

enum {
    LATE_MAX_S = 2,
    COARSE_LOOK_S = 180,
    POINTS_MAX = FAST_SECONDS / FAST_MATH_PERIOD_S,
    ROW_MAX = POINTS_MAX + FAST_MATH_LEAD_S / FAST_MATH_PERIOD_S,
};

static size_t read_counts(const struct metric_query *q, const struct metrics *metrics,
                          wall_ms_t end, unsigned period_s, size_t n, double *ret_counts)
{
    double values[COARSE_LOOK_S];

    assert(n <= COARSE_LOOK_S);
    return metrics_read(metrics, &q->name, q->unit, end - (wall_ms_t)n * period_s * MS_PER_S,
                        period_s, n, &q->statistic, values, ret_counts);
}

/* --- points ----------------------------------------------------------------------------------- */

static unsigned seconds_late(const struct tracking *t, const struct scaling_view *view,
                             wall_ms_t end, size_t i)
{
    double values[LATE_MAX_S];
    const struct metric_query *q = queries_nth(t->math, i);
    unsigned late = 0;

    metrics_read(view->metrics, &q->name, q->unit, end - LATE_MAX_S * MS_PER_S, 1, LATE_MAX_S,
                 &q->statistic, values, NULL);
    while (late < LATE_MAX_S && isnan(values[LATE_MAX_S - 1 - late]))
        late++;
    return late;
}

wall_ms_t fast_math_end(const struct tracking *t, const struct scaling_view *view)
{
    wall_ms_t end = view->now / MS_PER_S * MS_PER_S;
    unsigned late = 0;

    for (size_t i = 0; i < queries_count(t->math); i++) {
        unsigned n = queries_used(t->math, i) ? seconds_late(t, view, end, i) : 0;

        late = n > late ? n : late;
    }
    return end - late * MS_PER_S;
}

/* Mean of the instances that each of a period's seconds had; 0: not known */
static double instances(const struct scaling_view *view, wall_ms_t start, unsigned period_s)
{
    double total = 0;

    for (unsigned s = 0; s < period_s; s++)
        total += capacity_history_least(view->history, start + (ms_t)s * MS_PER_S);
    return total / period_s;
}

void fast_math_demand(const struct tracking *t, const struct scaling_view *view, wall_ms_t end,
                      unsigned period_s, size_t n, double *ret)
{
    double values[ROW_MAX];
    size_t lead = FAST_MATH_LEAD_S / period_s;
    const struct queries_row row = {
        .end = end, .period_s = period_s, .n = lead + n, .strict = true
    };
    bool known;

    assert(n <= POINTS_MAX && lead + n <= ROW_MAX);
    known = queries_read(t->math, t->math_result, view->metrics, &row, values) == 0;
    for (size_t i = 0; i < n; i++) {
        double count = instances(view, end - (wall_ms_t)(n - i) * period_s * MS_PER_S, period_s);

        ret[i] = known && count > 0 ? values[lead + i] * count : (double)NAN;
    }
}

/* --- chance, and whether to look at all ------------------------------------------------------- */

double fast_math_count(const struct tracking *t, const struct scaling_view *view, wall_ms_t end,
                       unsigned seconds)
{
    double variance = 0;

    for (size_t i = 0; i < queries_count(t->math); i++) {
        const struct metric_query *q = queries_nth(t->math, i);
        double count;

        if (!queries_used(t->math, i) || !metric_statistic_grows(&q->statistic))
            continue;
        /* what is filled with a constant adds no chance of its own */
        if (read_counts(q, view->metrics, end, seconds, 1, &count) == 1 && count > 0)
            variance += 1 / count;
    }
    return variance > 0 ? 1 / variance : (double)INFINITY;
}

static double total_count(const struct metric_query *q, const struct metrics *metrics,
                          wall_ms_t end, unsigned period_s)
{
    double counts[COARSE_LOOK_S], total = 0;
    size_t n = COARSE_LOOK_S / period_s;

    if (read_counts(q, metrics, end, period_s, n, counts) == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        total += isnan(counts[i]) ? 0 : counts[i];
    return total;
}

bool fast_math_coarse(const struct tracking *t, const struct metrics *metrics, wall_ms_t end)
{
    for (size_t i = 0; i < queries_count(t->math); i++) {
        const struct metric_query *q = queries_nth(t->math, i);

        if (queries_used(t->math, i) &&
            total_count(q, metrics, end, 60) > total_count(q, metrics, end, 1))
            return true;
    }
    return false;
}
