/* scaling/weighted_median.h: the middle of values that do not count alike.
 *
 * Up to half of the weight may be nonsense and the median is still a value, or between two, that
 * makes sense: what makes forecasts robust.
 * Pure: no clock, no I/O, no heap.
 */
#pragma once
#include <stddef.h>

struct weighed {
    double value, weight; /* finite; weight > 0 */
};

/**
 * weighted_median() - where half of the weight is on either side
 * @w: gets sorted; made for some hundreds at most, in which order matters little to the time
 *
 * Between the middles of two neighbours' weights it is linear, so that a weight that changes a
 * little changes the median a little. Return: NAN if there are none.
 */
double weighted_median(struct weighed *w, size_t n);
