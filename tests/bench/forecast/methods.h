/* bench/forecast/methods.h: ways to forecast the next hours of a load, to be compared.
 *
 * Each gets what src/scaling/forecast.h gets: hours in a row, NAN where unknown, the last known; and
 * gives FORECAST_HOURS values. Those that have settings fit them to the history, as a server would
 * have to.
 */
#pragma once
#include <stddef.h>

#include "scaling/forecast.h"

typedef void forecast_method(const double *load, size_t n, double *ret);

/* naive.c */
forecast_method last_hour;
forecast_method yesterday;
forecast_method last_week;
forecast_method median_of_days; /* the same hour of the last seven */
forecast_method
    median_of_week_hour; /* the same hour of the week, times how the last day was to that */

/* smoothing.c: Holt and Winters' exponential smoothing, additive, with a first-order error term */
forecast_method smoothing_by_day;
forecast_method smoothing_by_day_and_week;

/* regression.c: ridge regression on sines of the day and of the week, of the square root */
forecast_method regression;

/** back() - load[t - k * step] for the least k >= 1 that is known; NAN if none is */
double back(const double *load, size_t n, size_t t, size_t step);
/** last_known() - 0 if nothing is */
double last_known(const double *load, size_t n);
