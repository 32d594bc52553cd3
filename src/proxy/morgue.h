/* proxy/morgue.h: what died in this turn is buried at its end.
 *
 * Connections and requests end in the middle of each other's work: a write fails while an answer is
 * being relayed that an expired timer wanted to cut. The dead stay readable until every callback
 * of the turn has returned, so that "is it still alive?" is a question one can ask.
 */
#pragma once
#include "base/loop.h"

struct corpse {
    struct list_link link;
    void (*bury)(struct corpse *corpse); /* frees or recycles the owner */
};

struct morgue {
    struct loop *loop;
    struct loop_task task;
    struct list dead;
};

void morgue_init(struct morgue *m, struct loop *loop);
void morgue_deinit(struct morgue *m); /* buries who is there */
void morgue_take(struct morgue *m, struct corpse *c, void (*bury)(struct corpse *corpse));
