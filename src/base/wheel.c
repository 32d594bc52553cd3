#include "base/wheel.h"

#include <assert.h>

static_assert((WHEEL_SLOTS & (WHEEL_SLOTS - 1)) == 0, "ticks are masked");

static struct list *slot_of(struct wheel *w, ms_t tick)
{
    return &w->slots[tick & (WHEEL_SLOTS - 1)];
}

static ms_t now_of(const struct wheel *w)
{
    return loop_now(w->timer.loop);
}

/* The first tick that may have entries, WHEEL_SLOTS after the present one if none has. */
static ms_t next_filled(const struct wheel *w)
{
    for (ms_t tick = w->tick; tick < w->tick + WHEEL_SLOTS;) {
        unsigned slot = (unsigned)(tick & (WHEEL_SLOTS - 1));
        uint64_t bits = w->filled[slot / 64] >> (slot % 64);

        if (bits)
            return tick + __builtin_ctzll(bits);
        tick += 64 - slot % 64;
    }
    return w->tick + WHEEL_SLOTS;
}

static void wait_for(struct wheel *w, ms_t tick)
{
    ms_t at = tick * WHEEL_TICK_MS;

    if (!loop_timer_is_set(&w->timer) || w->timer.at > at)
        loop_timer_set(&w->timer, at);
}

static void file(struct wheel *w, struct wheel_entry *e)
{
    ms_t tick = e->deadline / WHEEL_TICK_MS + 1, last = w->tick + WHEEL_SLOTS - 1;
    unsigned slot;

    if (tick > last)
        tick = last;
    if (tick < w->tick)
        tick = w->tick;
    slot = (unsigned)(tick & (WHEEL_SLOTS - 1));
    e->tick = (uint32_t)tick;
    list_push_back(&w->slots[slot], &e->link);
    w->filled[slot / 64] |= UINT64_C(1) << (slot % 64);
    wait_for(w, tick);
}

static void look_at(struct wheel *w, ms_t tick)
{
    struct list entries;
    struct wheel_entry *e;
    unsigned slot = (unsigned)(tick & (WHEEL_SLOTS - 1));

    list_init(&entries);
    list_move(slot_of(w, tick), &entries);
    w->filled[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
    while ((e = list_first_entry(&entries, struct wheel_entry, link))) {
        list_remove(&e->link);
        if (e->deadline > now_of(w))
            file(w, e);
        else
            w->due(e);
    }
}

static void turn(struct loop_timer *timer)
{
    struct wheel *w = container_of(timer, struct wheel, timer);
    ms_t now = now_of(w) / WHEEL_TICK_MS, tick;

    while ((tick = next_filled(w)) <= now && tick < w->tick + WHEEL_SLOTS) {
        w->tick = tick + 1; /* what is filed from now on goes behind */
        look_at(w, tick);
    }
    if (tick == w->tick + WHEEL_SLOTS) /* empty: nothing to wait for */
        return;
    wait_for(w, tick);
}

void wheel_init(struct wheel *w, struct loop *loop, void (*due)(struct wheel_entry *entry))
{
    *w = (struct wheel){ .due = due };
    loop_timer_init(loop, &w->timer, turn);
    w->tick = now_of(w) / WHEEL_TICK_MS;
    for (unsigned i = 0; i < WHEEL_SLOTS; i++)
        list_init(&w->slots[i]);
}

void wheel_deinit(struct wheel *w)
{
    if (!w->due)
        return;
    for (unsigned i = 0; i < WHEEL_SLOTS; i++)
        assert(list_empty(&w->slots[i]));
    loop_timer_cancel(&w->timer);
}

void wheel_entry_init(struct wheel_entry *e)
{
    list_link_init(&e->link);
}

/* A wheel that was empty for long may stand far behind. */
static void catch_up(struct wheel *w)
{
    if (!loop_timer_is_set(&w->timer) && next_filled(w) == w->tick + WHEEL_SLOTS)
        w->tick = now_of(w) / WHEEL_TICK_MS + 1;
}

void wheel_set(struct wheel *w, struct wheel_entry *e, ms_t deadline)
{
    bool filed = list_linked(&e->link);

    e->deadline = deadline;
    if (filed && deadline / WHEEL_TICK_MS >= w->tick + WHEEL_SLOTS)
        return;
    /* the tick is kept in 32 bits: the difference counts, which is less than WHEEL_SLOTS */
    if (filed && (int32_t)((uint32_t)(deadline / WHEEL_TICK_MS + 1) - e->tick) >= 0)
        return;
    list_remove(&e->link);
    catch_up(w);
    file(w, e);
}

void wheel_cancel(struct wheel_entry *e)
{
    list_remove(&e->link);
}
