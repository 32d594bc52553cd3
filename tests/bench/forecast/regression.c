#include <math.h>
#include <string.h>

#include "methods.h"
#include "scaling/weighted_median.h"

enum {
    DAY = 24,
    WEEK = 7 * DAY,
    DAY_WAVES = 8,
    WEEK_WAVES = 20, /* without those that the day has */
    WEEK_FROM = 8 * DAY,
    WAVES_MAX = 1 + 2 * (DAY_WAVES + WEEK_WAVES),
    ROUNDS = 4, /* of giving less weight to what fits worst */
    RECENT_HOURS = 6,
};

static const double ridge = 4.8, half_life_hours = 288, fade = 0.9, recent_weight = 0.6;
static const double tolerance = 1.5, sigma_per_median = 1.4826; /* Huber's */

struct model {
    size_t n_waves;
    double waves[FORECAST_HISTORY_HOURS + FORECAST_HOURS][WAVES_MAX];
    double coefficients[WAVES_MAX];
    double spread; /* 0: not known yet */
};

static size_t waves(size_t t, size_t n, double *ret)
{
    size_t k = 0;

    ret[k++] = 1;
    for (size_t i = 1; i <= DAY_WAVES; i++) {
        ret[k++] = cos(2 * M_PI * (double)(i * t) / DAY);
        ret[k++] = sin(2 * M_PI * (double)(i * t) / DAY);
    }
    for (size_t i = 1; n >= WEEK_FROM && i <= WEEK_WAVES; i++)
        if (i % 7 != 0) {
            ret[k++] = cos(2 * M_PI * (double)(i * t) / WEEK);
            ret[k++] = sin(2 * M_PI * (double)(i * t) / WEEK);
        }
    return k;
}

static double fitted(const struct model *m, size_t t)
{
    double sum = 0;

    for (size_t i = 0; i < m->n_waves; i++)
        sum += m->coefficients[i] * m->waves[t][i];
    return sum;
}

/* Gauss and Jordan; the ridge makes it regular. The last column is the right side. */
static void solve(size_t n, double a[WAVES_MAX][WAVES_MAX + 1], double *ret)
{
    for (size_t i = 0; i < n; i++) {
        double pivot = a[i][i];
        for (size_t k = i; k <= n; k++)
            a[i][k] /= pivot;
        for (size_t row = 0; row < n; row++) {
            double times = a[row][i];
            for (size_t k = i; row != i && times != 0 && k <= n; k++)
                a[row][k] -= times * a[i][k];
        }
    }
    for (size_t i = 0; i < n; i++)
        ret[i] = a[i][n];
}

static double weight_of(const struct model *m, double value, size_t t, size_t n)
{
    double weight = pow(0.5, (double)(n - 1 - t) / half_life_hours), off;

    if (m->spread <= 0)
        return weight;
    off = fabs(value - fitted(m, t));
    return off > tolerance * m->spread ? weight * tolerance * m->spread / off : weight;
}

static void fit(struct model *m, const double *load, size_t n)
{
    static double a[WAVES_MAX][WAVES_MAX + 1];

    memset(a, 0, sizeof a);
    for (size_t t = 0; t < n; t++) {
        double value = sqrt(load[t]), weight;
        if (isnan(value))
            continue;
        weight = weight_of(m, value, t, n);
        for (size_t i = 0; i < m->n_waves; i++) {
            for (size_t k = 0; k < m->n_waves; k++)
                a[i][k] += weight * m->waves[t][i] * m->waves[t][k];
            a[i][m->n_waves] += weight * m->waves[t][i] * value;
        }
    }
    a[0][0] += 1e-9;
    for (size_t i = 1; i < m->n_waves; i++)
        a[i][i] += i <= 2 * DAY_WAVES ? ridge : 2 * ridge;
    solve(m->n_waves, a, m->coefficients);
}

static double spread_of(const struct model *m, const double *load, size_t n)
{
    struct weighed off[FORECAST_HISTORY_HOURS];
    size_t known = 0;

    for (size_t t = 0; t < n; t++)
        if (!isnan(load[t]))
            off[known++] = (struct weighed){ fabs(sqrt(load[t]) - fitted(m, t)), 1 };
    return sigma_per_median * weighted_median(off, known);
}

static double surprise_of(const struct model *m, const double *load, size_t n)
{
    double sum = 0, weights = 0, weight = 1;

    for (size_t t = n; t-- > 0 && t + RECENT_HOURS >= n; weight *= recent_weight)
        if (!isnan(load[t])) {
            sum += weight * (sqrt(load[t]) - fitted(m, t));
            weights += weight;
        }
    return weights > 0 ? sum / weights : 0;
}

void regression(const double *load, size_t n, double *ret)
{
    static struct model m;
    double surprise;

    m.spread = 0;
    for (size_t t = 0; t < n + FORECAST_HOURS; t++)
        m.n_waves = waves(t, n, m.waves[t]);
    for (size_t i = 0; i < ROUNDS; i++) {
        fit(&m, load, n);
        m.spread = spread_of(&m, load, n);
    }
    surprise = surprise_of(&m, load, n);
    for (size_t k = 0; k < FORECAST_HOURS; k++) {
        double root = fmax(0, fitted(&m, n + k) + surprise * pow(fade, (double)k + 1));
        ret[k] = root * root;
    }
}
