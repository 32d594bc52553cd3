/* metrics/trimmed.h: statistics of the values between two bounds: TM, WM, TC, TS and PR.
 *
 * Bounds are percentages of the values, in their order, or values: then the lower one is exclusive
 * and the upper one inclusive. The values are known as bins with a count; within a bin they are
 * taken to be spread evenly, and a bound by value takes a bin in whole, by its least value.
 * Source: CloudWatch User Guide, "CloudWatch statistics definitions".
 */
#pragma once
#include "metrics/metrics.h"

struct trimmed_bin {
    double least, greatest, count;
};

/** trimmed_statistic() - @bins: @n of them, sorted, with @total values. Return: NAN where nothing
 * is within the bounds and the statistic is no count. */
double trimmed_statistic(const struct trimmed_bin *bins, size_t n, double total,
                         const struct metric_statistic *statistic);

/** trimmed_parse() - "tm90", "TM(10%:90%)", "PR(:300)", "IQM" ... Return: 0 or METRICS_E_INVALID */
int trimmed_parse(const char *text, struct metric_statistic *ret);

/** statistic_percentage() - 0 to 100, with at most ten decimals. Return: false if @text, of @size
 * bytes, is none. */
bool statistic_percentage(const char *text, size_t size, double *ret_percent);
