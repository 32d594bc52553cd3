#include <math.h>
#include <string.h>

#include "methods.h"

enum { DAY = 24, WEEK = 7 * DAY };

struct smoothing {
    double level_rate, day_rate, week_rate, error_rate; /* week_rate 0: no weekly season */
    double level, day[DAY], week[WEEK], error;
};

static double mean(const double *load, size_t n)
{
    double sum = 0, known = 0;

    for (size_t t = 0; t < n; t++)
        if (!isnan(load[t])) {
            sum += load[t];
            known++;
        }
    return known > 0 ? sum / known : 0;
}

/* Seasons as of the first week, or day if there is no whole week. */
static void begin(struct smoothing *s, const double *load, size_t n)
{
    size_t first = n < WEEK ? DAY : WEEK;
    double hours[WEEK / DAY];

    first = first < n ? first : n;
    s->level = mean(load, first);
    s->error = 0;
    memset(s->week, 0, sizeof s->week);
    for (size_t h = 0; h < DAY; h++) {
        size_t days = 0;
        for (size_t t = h; t < first; t += DAY)
            hours[days++] = load[t] - s->level;
        s->day[h] = mean(hours, days);
    }
    for (size_t t = 0; s->week_rate > 0 && n >= WEEK && t < WEEK; t++)
        if (!isnan(load[t]))
            s->week[t] = (load[t] - s->level - s->day[t % DAY]) / 2;
}

static double usual(const struct smoothing *s, size_t t)
{
    return s->level + s->day[t % DAY] + s->week[t % WEEK];
}

/* Return: the mean error of one-hour forecasts after the first day */
static double run(struct smoothing *s, const double *load, size_t n)
{
    double sum = 0, hours = 0;

    begin(s, load, n);
    for (size_t t = 0; t < n; t++) {
        double before = usual(s, t), off = load[t] - before - s->error_rate * s->error;
        if (isnan(load[t])) {
            s->error *= s->error_rate;
            continue;
        }
        sum += t >= DAY ? fabs(off) : 0;
        hours += t >= DAY;
        s->error = load[t] - before;
        s->level += s->level_rate * off;
        s->day[t % DAY] += s->day_rate * off;
        s->week[t % WEEK] += s->week_rate * off;
    }
    return hours > 0 ? sum / hours : INFINITY;
}

static void forecast(struct smoothing *s, size_t n, double *ret)
{
    for (size_t k = 0; k < FORECAST_HOURS; k++) {
        s->error *= s->error_rate;
        ret[k] = fmax(0, usual(s, n + k) + s->error);
    }
}

static void try(struct smoothing s, const double *load, size_t n, double *best, double *ret)
{
    double error = run(&s, load, n);

    if (error > *best || (isinf(error) && !isinf(*best)))
        return;
    *best = error;
    forecast(&s, n, ret);
}

static const double day_rates[] = { 0.05, 0.2, 0.35, 0.5 };
static const double error_rates[] = { 0, 0.3, 0.6, 0.9 };
enum { N_RATES = 4 };

void smoothing_by_day(const double *load, size_t n, double *ret)
{
    static const double level_rates[] = { 0.02, 0.08, 0.32, 0.64 };
    double best = INFINITY;

    for (size_t i = 0; i < N_RATES * N_RATES * N_RATES; i++)
        try((struct smoothing){ .level_rate = level_rates[i % N_RATES],
                                .day_rate = day_rates[i / N_RATES % N_RATES],
                                .error_rate = error_rates[i / (N_RATES * N_RATES)] },
            load, n, &best, ret);
}

void smoothing_by_day_and_week(const double *load, size_t n, double *ret)
{
    static const double level_rates[] = { 0.005, 0.015, 0.045, 0.135 };
    double best = INFINITY;

    for (size_t i = 0; i < N_RATES * N_RATES * N_RATES * N_RATES; i++)
        try(
            (struct smoothing){
                .level_rate = level_rates[i % N_RATES],
                .day_rate = day_rates[i / N_RATES % N_RATES],
                .week_rate = day_rates[i / (N_RATES * N_RATES) % N_RATES],
                .error_rate = error_rates[i / (N_RATES * N_RATES * N_RATES)],
            },
            load, n, &best, ret);
}
