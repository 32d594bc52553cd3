/* scaling/window.h: the highest capacity asked for lately.
 *
 * Policies ask for a capacity on every tick. Obeying each dip makes a fleet flap, so a window
 * answers with the highest request of the last `span`: capacity rises at once, and falls after
 * nobody asked for more during a whole span.
 *
 * Pure: no clock, no I/O, no heap. Equal windows given equal calls stay equal.
 */
#pragma once
#include "base/clock.h"

enum { WINDOW_SLOTS = 64 };

struct window {
    ms_t span;            /* how long a request counts, > 0 */
    unsigned head, count; /* ring: slot[head] is the oldest and the highest */
    struct window_slot {
        wall_ms_t at;
        int want;
    } slot[WINDOW_SLOTS];
};

/** window_init() - an empty window; @span in ms, > 0 */
void window_init(struct window *w, ms_t span);

/**
 * window_push() - record a request, learn what to run
 * @now:  not before the previous call's
 * @want: instances, >= 0
 *
 * Return: the highest `want` of the calls in (now - span, now]. With the ring full, the smallest
 * request stays alive in place of the new one: the answer may be higher than exact, never lower.
 */
int window_push(struct window *w, wall_ms_t now, int want);
