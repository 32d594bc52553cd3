/* base/wheel.h: deadlines of many things of one kind, most of which move before they pass.
 *
 * A ring of slots, each for WHEEL_TICK_MS. An entry is filed under the tick of its deadline, or
 * under the last one that the ring has if that is too far. Moving a deadline back, which a connection
 * does with each request, only writes it down: when the slot's time comes the entry is filed anew. So
 * a deadline costs no work per request, 32 bytes, and every WHEEL_SLOTS ticks a look. Deadlines are
 * told up to a tick late, never early.
 */
#pragma once
#include "base/list.h"
#include "base/loop.h"

enum { WHEEL_TICK_MS = 16, WHEEL_SLOTS = 1024 };

struct wheel_entry {
    struct list_link link;
    ms_t deadline;
    uint32_t tick; /* under which it is filed, while it is */
};

struct wheel {
    struct loop_timer timer; /* at the next slot that may have entries */
    void (*due)(struct wheel_entry *entry);
    ms_t tick;                         /* all slots before it have been looked at */
    uint64_t filled[WHEEL_SLOTS / 64]; /* slots that may have entries */
    struct list slots[WHEEL_SLOTS];
};

/** wheel_init() - @due: an entry's deadline has passed; it is not in the wheel any more */
void wheel_init(struct wheel *w, struct loop *loop, void (*due)(struct wheel_entry *entry));
void wheel_deinit(struct wheel *w); /* it is empty */
void wheel_entry_init(struct wheel_entry *e);
/** wheel_set() - @deadline: monotonic; replaces an earlier setting */
void wheel_set(struct wheel *w, struct wheel_entry *e, ms_t deadline);
void wheel_cancel(struct wheel_entry *e); /* twice is harmless */
