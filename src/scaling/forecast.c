#include "scaling/forecast.h"

#include <assert.h>
#include <math.h>

#include "scaling/weighted_median.h"

enum {
    DAY = 24,
    WEEK_DAYS = 7,
    DAYS_MAX = (FORECAST_HISTORY_HOURS + FORECAST_HOURS) / DAY + 1,
    SPAN_HOURS = FORECAST_HISTORY_HOURS + FORECAST_HOURS,
    RECENT_HOURS = DAY,         /* that show how far the load is off its habit */
    SHIFT_LEAST_HOURS = 6,      /* of them, before a shift is believed */
    TRIAL_HOURS = 7 * DAY,      /* on which settings are tried */
    TRIAL_FIRST_HOUR = 2 * DAY, /* before it there is no habit to be off from */
    TRIAL_STEP_HOURS = 3,       /* from one trial to the next */
    TRIAL_AHEAD_HOURS = 6,      /* that it looks ahead: as long as forecasts are used */
    TRIAL_LEAST_HOURS = DAY,
    BEST = 3, /* settings whose forecasts are averaged */
};

static const double day_weight = 0.85;     /* of a day, relative to the one after it */
static const double surprise_weight = 0.5; /* of an hour, likewise */

/* What is tried: all combinations. */
static const double weeklies[] = { 1, 4, 12, 40 };
static const double fades[] = { 0.8, 0.93, 0.99 };
static const double shares[] = { 0, 0.5 };
enum {
    N_WEEKLIES = sizeof weeklies / sizeof *weeklies,
    N_FADES = sizeof fades / sizeof *fades,
    N_SHARES = sizeof shares / sizeof *shares,
    N_SETTINGS = N_WEEKLIES * N_FADES * N_SHARES,
    MIDDLE = 1 * N_FADES * N_SHARES + 1 * N_SHARES, /* weekly 4, fade 0.93, share 0 */
};

struct setting {
    size_t weekly; /* index */
    double fade, share;
};

static struct setting setting_at(size_t i)
{
    return (struct setting){
        .weekly = i / (N_FADES * N_SHARES),
        .fade = fades[i / N_SHARES % N_FADES],
        .share = shares[i % N_SHARES],
    };
}

/* What forecasts are made from: for each weight of weekdays what hours usually have, also those to
 * come, and how far the known ones were off. */
struct habits {
    const double *load;
    size_t n;
    double usual[N_WEEKLIES][SPAN_HOURS];
    double off[N_WEEKLIES][FORECAST_HISTORY_HOURS]; /* NAN: not known */
};

/* --- habits ----------------------------------------------------------------------------------- */

/* Hour @t by the days before it. Days that are still to come are not known. */
static double usual(const double *load, size_t n, size_t t, double weekly)
{
    struct weighed days[DAYS_MAX];
    size_t n_days = 0;
    double weight = day_weight;

    for (size_t d = 1; d * DAY <= t; d++, weight *= day_weight) {
        size_t at = t - d * DAY;
        if (at < n && !isnan(load[at]))
            days[n_days++] =
                (struct weighed){ load[at], d % WEEK_DAYS == 0 ? weight * weekly : weight };
    }
    return weighted_median(days, n_days);
}

/* of hours that no day before them knows anything about */
static double typical(const double *load, size_t n)
{
    struct weighed known[FORECAST_HISTORY_HOURS];
    size_t n_known = 0;

    for (size_t t = 0; t < n; t++)
        if (!isnan(load[t]))
            known[n_known++] = (struct weighed){ load[t], 1 };
    return weighted_median(known, n_known);
}

static void learn(struct habits *h, const double *load, size_t n)
{
    double otherwise = typical(load, n);

    h->load = load;
    h->n = n;
    for (size_t k = 0; k < N_WEEKLIES; k++)
        for (size_t t = 0; t < n + FORECAST_HOURS; t++) {
            double value = usual(load, n, t, weeklies[k]);
            if (t < n)
                h->off[k][t] = load[t] - value;
            h->usual[k][t] = isnan(value) ? otherwise : value;
        }
}

/* --- forecasting ------------------------------------------------------------------------------ */

/* How far the load is off, as seen at @now: the hour of which nothing is known yet. */
struct deviation {
    double shift, surprise;
};

static double shift_of(const double *off, size_t from, size_t now)
{
    struct weighed recent[RECENT_HOURS];
    size_t n = 0;

    for (size_t t = from; t < now; t++)
        if (!isnan(off[t]))
            recent[n++] = (struct weighed){ off[t], 1 };
    return n < SHIFT_LEAST_HOURS ? 0 : weighted_median(recent, n);
}

/* What is older has faded meanwhile; hours that are not known were as usual. */
static struct deviation deviation_at(const double *off, size_t now, const struct setting *s)
{
    size_t from = now > RECENT_HOURS ? now - RECENT_HOURS : 0;
    struct deviation d = { .shift = s->share > 0 ? s->share * shift_of(off, from, now) : 0 };
    double sum = 0, weights = 0, weight = 1, faded = 1;

    for (size_t t = now; t-- > from; weight *= surprise_weight, faded *= s->fade) {
        weights += weight;
        if (!isnan(off[t]))
            sum += weight * faded * (off[t] - d.shift);
    }
    if (weights > 0)
        d.surprise = sum / weights;
    return d;
}

static double forecast_at(const struct habits *h, const struct setting *s,
                          const struct deviation *d, size_t t, double faded)
{
    return fmax(0, h->usual[s->weekly][t] + d->shift + d->surprise * faded);
}

/* The error of a setting over the last days. Return: of how many hours; the same for all settings.
 */
static size_t try_out(const struct habits *h, const struct setting *s, double *ret_error)
{
    size_t first = h->n > TRIAL_HOURS ? h->n - TRIAL_HOURS : 0, n = 0;

    *ret_error = 0;
    if (first < TRIAL_FIRST_HOUR)
        first = TRIAL_FIRST_HOUR;
    for (size_t now = first; now < h->n; now += TRIAL_STEP_HOURS) {
        struct deviation d = deviation_at(h->off[s->weekly], now, s);
        double faded = s->fade;
        for (size_t t = now; t < now + TRIAL_AHEAD_HOURS && t < h->n; t++, faded *= s->fade) {
            if (isnan(h->load[t]))
                continue;
            *ret_error += fabs(forecast_at(h, s, &d, t, faded) - h->load[t]);
            n++;
        }
    }
    return n;
}

/* Return: how many settings were chosen, into @ret */
static size_t choose(const struct habits *h, size_t ret[BEST])
{
    double errors[N_SETTINGS];
    size_t n = 0;

    for (size_t i = 0; i < N_SETTINGS; i++) {
        struct setting s = setting_at(i);
        if (try_out(h, &s, &errors[i]) < TRIAL_LEAST_HOURS) {
            ret[0] = MIDDLE;
            return 1;
        }
    }
    for (; n < BEST; n++) {
        ret[n] = 0;
        for (size_t i = 1; i < N_SETTINGS; i++)
            if (errors[i] < errors[ret[n]])
                ret[n] = i;
        errors[ret[n]] = (double)INFINITY;
    }
    return n;
}

static void add(const struct habits *h, size_t setting, double share, double *sums)
{
    struct setting s = setting_at(setting);
    struct deviation d = deviation_at(h->off[s.weekly], h->n, &s);
    double faded = s.fade;

    for (size_t k = 0; k < FORECAST_HOURS; k++, faded *= s.fade)
        sums[k] += share * forecast_at(h, &s, &d, h->n + k, faded);
}

bool forecast_load(const double *load, size_t n, double *ret)
{
    struct habits habits;
    size_t known = 0, chosen[BEST], n_chosen;

    assert(n <= FORECAST_HISTORY_HOURS);
    for (size_t t = 0; t < n; t++) {
        assert(isnan(load[t]) || (isfinite(load[t]) && load[t] >= 0));
        known += !isnan(load[t]);
    }
    if (known < FORECAST_LEAST_HOURS)
        return false;
    while (isnan(load[0])) {
        load++;
        n--;
    }
    learn(&habits, load, n);
    n_chosen = choose(&habits, chosen);
    for (size_t k = 0; k < FORECAST_HOURS; k++)
        ret[k] = 0;
    for (size_t i = 0; i < n_chosen; i++)
        add(&habits, chosen[i], 1.0 / (double)n_chosen, ret);
    return true;
}
