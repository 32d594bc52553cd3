#include "proxy/morgue.h"

static void bury_all(struct morgue *m)
{
    struct corpse *c;

    while ((c = list_first_entry(&m->dead, struct corpse, link))) {
        list_remove(&c->link);
        c->bury(c);
    }
}

static void run(struct loop_task *task)
{
    bury_all(container_of(task, struct morgue, task));
}

void morgue_init(struct morgue *m, struct loop *loop)
{
    m->loop = loop;
    list_init(&m->dead);
    loop_task_init(&m->task, run);
}

void morgue_deinit(struct morgue *m)
{
    loop_task_cancel(&m->task);
    bury_all(m);
}

void morgue_take(struct morgue *m, struct corpse *c, void (*bury)(struct corpse *corpse))
{
    c->bury = bury;
    list_push_back(&m->dead, &c->link);
    loop_defer(m->loop, &m->task);
}
