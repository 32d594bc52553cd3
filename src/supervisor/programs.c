#include "supervisor/programs.h"

#include <errno.h>

#include "base/error.h"

/* Children are not freed from inside the call that tells of their end. */
static void sweep(struct loop_task *task)
{
    struct programs *p = container_of(task, struct programs, sweep);

    list_for_each_safe (c, &p->retired, struct child, link) {
        if (!c->pid)
            child_free(c);
    }
}

static void retired_ended(struct child *c)
{
    struct programs *p = c->context;

    loop_defer(p->loop, &p->sweep);
    c->context = p->context;
    p->ended(c);
}

void programs_retire(struct programs *p, struct child *c, int signo)
{
    if (!c)
        return;
    child_let_end(c);
    child_signal(c, signo);
    c->ended = retired_ended;
    c->context = p;
    list_push_back(&p->retired, &c->link);
    loop_defer(p->loop, &p->sweep); /* it may have ended already */
}

size_t programs_retired(const struct programs *p)
{
    size_t n = 0;

    list_for_each (c, &p->retired, struct child, link)
        n += c->pid != 0;
    return n;
}

size_t programs_signal_proxies(struct programs *p, int signo)
{
    size_t n = p->proxy->pid != 0;

    child_signal(p->proxy, signo);
    list_for_each (c, &p->retired, struct child, link) {
        child_signal(c, signo);
        n += c->pid != 0;
    }
    return n;
}

bool programs_has(const struct programs *p, pid_t pid)
{
    list_for_each (c, &p->retired, struct child, link)
        if (c->pid == pid)
            return true;
    return pid == p->control->pid || pid == p->proxy->pid;
}

struct child *programs_child(struct programs *p, const struct child_spec *spec,
                             const struct binary *binary, void (*ended)(struct child *c),
                             void *context)
{
    return child_new(p->loop, p->log, spec, binary->fd, ended, context);
}

int programs_init(struct programs *p, struct loop *loop, struct log *log,
                  const struct child_spec *control, const struct child_spec *proxy,
                  void (*ended)(struct child *c), void *context)
{
    int r;

    *p = (struct programs){ .loop = loop,
                            .log = log,
                            .control_spec = *control,
                            .proxy_spec = *proxy,
                            .binary = BINARY_NONE,
                            .ended = ended,
                            .context = context };
    list_init(&p->retired);
    loop_task_init(&p->sweep, sweep);
    r = binary_own(&p->binary);
    if (r)
        return fault(r);
    p->control = programs_child(p, &p->control_spec, &p->binary, ended, context);
    p->proxy = programs_child(p, &p->proxy_spec, &p->binary, ended, context);
    return p->control && p->proxy ? 0 : fault(-ENOMEM);
}

int programs_start(struct programs *p)
{
    int r = child_start(p->control);

    if (r == 0)
        r = child_start(p->proxy);
    return fault(r);
}

void programs_deinit(struct programs *p)
{
    list_for_each_safe (c, &p->retired, struct child, link) {
        child_free(c);
    }
    p->proxy = child_free(p->proxy);
    p->control = child_free(p->control);
    loop_task_cancel(&p->sweep);
    binary_close(&p->binary);
}
