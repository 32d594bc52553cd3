/* agenda.h: what the benchmark's backend has to do later, to the microsecond. */
#pragma once
#include "base/clock.h"
#include "base/heap.h"
#include "base/list.h"

struct task {
    struct heap_node node;
    us_t at; /* 0: not in the agenda */
    void (*due)(struct task *task, us_t now);
};

static inline bool agenda_before(const struct heap_node *a, const struct heap_node *b)
{
    return container_of(a, struct task, node)->at < container_of(b, struct task, node)->at;
}

static inline void agenda_add(struct heap *agenda, struct task *t, us_t at)
{
    t->at = at;
    heap_add(agenda, &t->node);
}

static inline void agenda_remove(struct heap *agenda, struct task *t)
{
    if (t->at)
        heap_remove(agenda, &t->node);
    t->at = 0;
}

static inline struct task *agenda_first(const struct heap *agenda)
{
    return agenda->least ? container_of(agenda->least, struct task, node) : NULL;
}

static inline void agenda_run(struct heap *agenda, us_t now)
{
    struct task *t;

    while ((t = agenda_first(agenda)) && t->at <= now) {
        agenda_remove(agenda, t);
        t->due(t, now);
    }
}
