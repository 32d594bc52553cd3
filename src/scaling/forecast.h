/* scaling/forecast.h: the next two days of an hourly load, from its last two weeks.
 *
 * The forecast of an hour is what that hour of the day usually has, plus how far the load is off its
 * habit lately:
 *
 *     usual(t)    = weighted median of load(t - 24 h), load(t - 48 h), ...; a day counts 0.85 of the
 *                   day after it, and a day of the same weekday `weekly` times as much as others
 *     off(t)      = load(t) - usual(t)
 *     forecast(t) = usual(t) + shift + surprise x fade ^ (hours from now to t)
 *     shift       = `share` of the median of off() over the last 24 hours: a new level stays
 *     surprise    = what off() is just now beyond the shift, mostly of the last hours: it fades
 *
 * Loads differ in how much weekdays differ, in how long surprises last, and in whether levels shift.
 * So each of 24 settings of (weekly, fade, share) is tried on the load's own last seven days, six
 * hours ahead from every third hour, and the mean of the three best forecasts is the answer. With
 * less than three days there is nothing to try on, and a middle setting is used.
 *
 * Why so and not otherwise: tests/bench/forecast measures this against naive forecasts,
 * Holt-Winters, a regression on sines and others over recorded loads; docs/predictive.md has the
 * numbers. Medians make single hours and days that went wrong harmless; unknown hours are left out.
 *
 * Pure: no clock, no I/O, no heap; equal inputs give equal forecasts.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    FORECAST_HISTORY_HOURS = 14 * 24, /* what is used of the past */
    FORECAST_LEAST_HOURS = 24,        /* that must be known of it */
    FORECAST_HOURS = 48,              /* how far the forecast goes */
};

/**
 * forecast_load() - the FORECAST_HOURS hours that follow
 * @load: @n hours without a gap, oldest first, each 0 or more; NAN: not known
 * @n:    at most FORECAST_HISTORY_HOURS
 * @ret:  FORECAST_HOURS values, each finite and 0 or more
 *
 * Return: whether enough is known; @ret is untouched if not.
 */
bool forecast_load(const double *load, size_t n, double *ret);
