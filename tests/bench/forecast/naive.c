#include <math.h>

#include "methods.h"
#include "scaling/weighted_median.h"

enum { DAY = 24, WEEK = 7 * DAY, WEEKLY_FROM = 8 * DAY };

double last_known(const double *load, size_t n)
{
    while (n > 0)
        if (!isnan(load[--n]))
            return load[n];
    return 0;
}

double back(const double *load, size_t n, size_t t, size_t step)
{
    while (t >= step) {
        t -= step;
        if (t < n && !isnan(load[t]))
            return load[t];
    }
    return NAN;
}

static double first_of(double a, double b)
{
    return isnan(a) ? b : a;
}

void last_hour(const double *load, size_t n, double *ret)
{
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        ret[k] = last_known(load, n);
}

void yesterday(const double *load, size_t n, double *ret)
{
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        ret[k] = first_of(back(load, n, n + k, DAY), last_known(load, n));
}

void last_week(const double *load, size_t n, double *ret)
{
    yesterday(load, n, ret);
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        ret[k] = first_of(back(load, n, n + k, WEEK), ret[k]);
}

/* of up to @most hours, @step apart, before @t */
static double median_back(const double *load, size_t n, size_t t, size_t step, size_t most)
{
    struct weighed known[FORECAST_HISTORY_HOURS / DAY];
    size_t n_known = 0;

    while (t >= step && n_known < most) {
        t -= step;
        if (t < n && !isnan(load[t]))
            known[n_known++] = (struct weighed){ load[t], 1 };
    }
    return weighted_median(known, n_known);
}

void median_of_days(const double *load, size_t n, double *ret)
{
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        ret[k] = first_of(median_back(load, n, n + k, DAY, 7), last_known(load, n));
}

static double level(const double *load, size_t n, size_t step)
{
    double is = 0, was = 0;

    for (size_t t = n > DAY ? n - DAY : 0; t < n; t++) {
        double median = median_back(load, n, t, step, FORECAST_HISTORY_HOURS / DAY);
        if (isnan(load[t]) || isnan(median))
            continue;
        is += load[t];
        was += median;
    }
    return was > 0 ? fmin(2, fmax(0.5, is / was)) : 1;
}

void median_of_week_hour(const double *load, size_t n, double *ret)
{
    size_t step = n >= WEEKLY_FROM ? WEEK : DAY;
    double times = level(load, n, step);

    yesterday(load, n, ret);
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        ret[k] = times *
                 first_of(median_back(load, n, n + k, step, FORECAST_HISTORY_HOURS / DAY), ret[k]);
}
