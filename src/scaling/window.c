#include "scaling/window.h"

#include <assert.h>

static_assert((WINDOW_SLOTS & (WINDOW_SLOTS - 1)) == 0, "the ring index is masked");

static struct window_slot *nth(struct window *w, unsigned i)
{
    return &w->slot[(w->head + i) & (WINDOW_SLOTS - 1)];
}

void window_init(struct window *w, ms_t span)
{
    assert(span > 0);
    *w = (struct window){ .span = span };
}

int window_push(struct window *w, wall_ms_t now, int want)
{
    assert(want >= 0);
    assert(w->count == 0 || nth(w, w->count - 1)->at <= now);

    while (w->count > 0 && now - nth(w, 0)->at >= w->span) {
        w->head++;
        w->count--;
    }
    /* A request no higher than a newer one can never be the answer again. What stays falls
     * strictly from old to new, which is why the oldest is also the highest. */
    while (w->count > 0 && nth(w, w->count - 1)->want <= want)
        w->count--;

    if (w->count == WINDOW_SLOTS)
        nth(w, WINDOW_SLOTS - 1)->at = now;
    else
        *nth(w, w->count++) = (struct window_slot){ .at = now, .want = want };

    return nth(w, 0)->want;
}
