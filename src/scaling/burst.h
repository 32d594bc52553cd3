/* scaling/burst.h: far too much, at once: pace fast's first look.
 *
 * fast.h asks for three seconds in a row above the target. Where there are twice as many requests as
 * all instances are meant for, those that are starting too, in each of two seconds, and that not by
 * chance, two are enough: what is wanted then is what these two seconds need, at once. It is held as
 * everything that is wanted is: while the burst lasts, and for a whole scale-in window after it.
 *
 * Two whole seconds are the least that tells a burst from a moment: what is over within a second has
 * gone before an instance can start.
 * Pure: no clock, no I/O, no heap.
 */
#pragma once
#include "scaling/fast.h"

enum { BURST_SECONDS = 2 };

/** burst_out() - whether @instances are far too few, for metrics that are known exactly each second:
 * requests, and requests in flight. Return: false leaves @ret alone. */
bool burst_out(const struct tracking *t, const struct fast_seconds *s, unsigned instances,
               struct fast_excess *ret);
