#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/error.h"

enum {
    EVENTS_MAX = 256, /* taken from the kernel at a time */
    IO_MAGIC = 0x10a6eb7d,
    TIMER_MAGIC = 0x2c51f80e,
    SIGNAL_MAGIC = 0x37d90ab1,
    PROCESS_MAGIC = 0x45e2c693,
};

struct loop {
    struct clock *clock;
    int epoll_fd;
    us_t now_us;
    wall_ms_t wall;
    bool stopping;
    struct epoll_event
        events[EVENTS_MAX]; /* of this turn; next_event .. n_events are to be called */
    int next_event, n_events;
    struct heap timers;
    struct list due; /* timers of this turn */
    struct list soon, tasks;
};

static bool fires_before(const struct heap_node *a, const struct heap_node *b)
{
    return container_of(a, struct loop_timer, node)->at <
           container_of(b, struct loop_timer, node)->at;
}

static void read_clock(struct loop *loop)
{
    loop->now_us = loop->clock->mono_us(loop->clock);
    loop->wall = loop->clock->wall(loop->clock);
}

int loop_new(struct clock *clock, struct loop **ret_loop)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return -ENOMEM;
    loop->clock = clock;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        int r = -errno;

        free(loop);
        return fault(r);
    }
    heap_init(&loop->timers, fires_before);
    list_init(&loop->due);
    list_init(&loop->soon);
    list_init(&loop->tasks);
    read_clock(loop);
    *ret_loop = loop;
    return 0;
}

struct loop *loop_free(struct loop *loop)
{
    if (!loop)
        return NULL;
    fd_close(loop->epoll_fd);
    free(loop);
    return NULL;
}

ms_t loop_now(const struct loop *loop)
{
    return loop->now_us / US_PER_MS;
}

us_t loop_now_us(const struct loop *loop)
{
    return loop->now_us;
}

wall_ms_t loop_wall(const struct loop *loop)
{
    return loop->wall;
}

struct clock *loop_clock(const struct loop *loop)
{
    return loop->clock;
}

/* --- running ---------------------------------------------------------------------------------- */

static struct loop_timer *next_timer(const struct loop *loop)
{
    return loop->timers.least ? container_of(loop->timers.least, struct loop_timer, node) : NULL;
}

/* How long to sleep; rounded up, so that a timer is due when its sleep is over. -1: no end. */
static int wait_ms(const struct loop *loop, ms_t max_wait)
{
    const struct loop_timer *t = next_timer(loop);
    us_t now_us = loop->clock->mono_us(loop->clock), until;
    ms_t wait = max_wait;

    if (!list_empty(&loop->soon) || !list_empty(&loop->tasks))
        return 0;
    if (t && t->at < MS_FOREVER / US_PER_MS) {
        until = t->at * US_PER_MS - now_us;
        if (until <= 0)
            return 0;
        if ((until + US_PER_MS - 1) / US_PER_MS < wait)
            wait = (until + US_PER_MS - 1) / US_PER_MS;
    }
    if (wait == MS_FOREVER)
        return -1;
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

static unsigned from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? LOOP_READ : 0u) | (events & EPOLLOUT ? LOOP_WRITE : 0u) |
           (events & (EPOLLERR | EPOLLHUP) ? LOOP_HANGUP : 0u) |
           (events & EPOLLRDHUP ? LOOP_END : 0u);
}

/* loop_io_remove() takes events of this turn back: nobody is called after removal, whoever has the
 * descriptor's number, or the watcher's memory, by then. */
static void run_io(struct loop *loop)
{
    while (loop->next_event < loop->n_events) {
        struct epoll_event *e = &loop->events[loop->next_event++];
        struct loop_io *io = e->data.ptr;

        if (!io)
            continue;
        assert(io->magic == IO_MAGIC);
        io->ready(io, from_epoll(e->events));
    }
}

/* Timers set during this turn wait for the next one, even those that are due at once: a timer that
 * sets itself must not keep descriptors waiting. */
static void run_timers(struct loop *loop)
{
    ms_t now = loop_now(loop);
    struct loop_timer *t;

    while ((t = next_timer(loop)) && t->at <= now) {
        heap_remove(&loop->timers, &t->node);
        list_push_back(&loop->due, &t->due);
    }
    while ((t = list_first_entry(&loop->due, struct loop_timer, due))) {
        assert(t->magic == TIMER_MAGIC);
        list_remove(&t->due);
        t->is_set = false;
        t->fired(t);
    }
}

static void run_tasks(struct list *tasks)
{
    struct loop_task *t;
    struct list now;

    list_init(&now);
    list_move(tasks, &now);
    while ((t = list_first_entry(&now, struct loop_task, link))) {
        list_remove(&t->link);
        t->run(t);
    }
}

int loop_turn(struct loop *loop, ms_t max_wait)
{
    int n = epoll_wait(loop->epoll_fd, loop->events, EVENTS_MAX, wait_ms(loop, max_wait));

    if (n < 0 && errno != EINTR)
        return fault(-errno);
    read_clock(loop);
    loop->next_event = 0;
    loop->n_events = n < 0 ? 0 : n;
    run_io(loop);
    run_tasks(&loop->soon);
    run_timers(loop);
    run_tasks(&loop->tasks);
    return 0;
}

int loop_run(struct loop *loop)
{
    int r = 0;

    loop->stopping = false;
    while (r == 0 && !loop->stopping)
        r = loop_turn(loop, MS_FOREVER);
    return fault(r);
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

/* --- descriptors ------------------------------------------------------------------------------ */

static int control(struct loop_io *io, int operation)
{
    struct epoll_event e = { .data.ptr = io };

    e.events = (io->events & LOOP_READ ? EPOLLIN : 0u) | (io->events & LOOP_WRITE ? EPOLLOUT : 0u) |
               (io->events & LOOP_EDGE ? EPOLLET | EPOLLRDHUP : 0u);
    return epoll_ctl(io->loop->epoll_fd, operation, io->fd, &e) < 0 ? -errno : 0;
}

int loop_io_add(struct loop *loop, struct loop_io *io, int fd, unsigned events,
                void (*ready)(struct loop_io *io, unsigned events))
{
    int r;

    *io = (struct loop_io){
        .magic = IO_MAGIC, .fd = fd, .events = events, .ready = ready, .loop = loop
    };
    r = control(io, EPOLL_CTL_ADD);
    if (r)
        io->loop = NULL;
    return fault(r);
}

int loop_io_change(struct loop_io *io, unsigned events)
{
    assert(io->loop);
    if (io->events == events)
        return 0;
    io->events = events;
    return fault(control(io, EPOLL_CTL_MOD));
}

static void forget_events(struct loop_io *io)
{
    struct loop *loop = io->loop;

    for (int i = loop->next_event; i < loop->n_events; i++) {
        if (loop->events[i].data.ptr == io)
            loop->events[i].data.ptr = NULL;
    }
    io->loop = NULL;
}

void loop_io_remove(struct loop_io *io)
{
    if (!io->loop)
        return;
    control(io, EPOLL_CTL_DEL); /* fails only if the owner closed too early; nothing is left then */
    forget_events(io);
}

void loop_io_close(struct loop_io *io)
{
    if (io->loop)
        forget_events(io);
    io->fd = fd_close(io->fd);
}

/* --- timers ----------------------------------------------------------------------------------- */

void loop_timer_init(struct loop *loop, struct loop_timer *t,
                     void (*fired)(struct loop_timer *timer))
{
    *t = (struct loop_timer){ .magic = TIMER_MAGIC, .fired = fired, .loop = loop };
    list_link_init(&t->due);
}

void loop_timer_set(struct loop_timer *t, ms_t at)
{
    assert(t->magic == TIMER_MAGIC);
    loop_timer_cancel(t);
    t->at = at;
    t->is_set = true;
    heap_add(&t->loop->timers, &t->node);
}

void loop_timer_after(struct loop_timer *t, ms_t delay)
{
    ms_t now = loop_now(t->loop);

    loop_timer_set(t, delay > MS_FOREVER - now ? MS_FOREVER : now + delay);
}

void loop_timer_cancel(struct loop_timer *t)
{
    if (!t->is_set)
        return;
    if (list_linked(&t->due))
        list_remove(&t->due);
    else
        heap_remove(&t->loop->timers, &t->node);
    t->is_set = false;
}

bool loop_timer_is_set(const struct loop_timer *t)
{
    return t->is_set;
}

/* --- tasks ------------------------------------------------------------------------------------ */

void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *task))
{
    t->run = run;
    list_link_init(&t->link);
}

void loop_defer(struct loop *loop, struct loop_task *t)
{
    if (!list_linked(&t->link))
        list_push_back(&loop->tasks, &t->link);
}

void loop_soon(struct loop *loop, struct loop_task *t)
{
    if (!list_linked(&t->link))
        list_push_back(&loop->soon, &t->link);
}

void loop_task_cancel(struct loop_task *t)
{
    list_remove(&t->link);
}

/* --- signals ---------------------------------------------------------------------------------- */

static void signal_ready(struct loop_io *io, unsigned events)
{
    struct loop_signal *s = container_of(io, struct loop_signal, io);
    struct signalfd_siginfo info;

    (void)events;
    assert(s->magic == SIGNAL_MAGIC);
    if (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        s->caught(s);
}

int loop_signal_add(struct loop *loop, struct loop_signal *s, int signo,
                    void (*caught)(struct loop_signal *signal))
{
    autofree(fd_close) int fd = -1;
    sigset_t set;
    int r;

    *s = (struct loop_signal){ .magic = SIGNAL_MAGIC, .signo = signo, .fd = -1, .caught = caught };
    sigemptyset(&set);
    if (sigaddset(&set, signo) < 0)
        return fault(-errno);
    r = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (r)
        return fault(-r);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return fault(-errno);
    r = loop_io_add(loop, &s->io, fd, LOOP_READ, signal_ready);
    if (r)
        return fault(r);
    s->fd = fd_steal(&fd);
    return 0;
}

void loop_signal_remove(struct loop_signal *s)
{
    loop_io_remove(&s->io);
    if (s->magic == SIGNAL_MAGIC)
        s->fd = fd_close(s->fd);
}

/* --- processes -------------------------------------------------------------------------------- */

/* What waitpid() would have said. -1: not our child. 0 or more: its status. */
static int reap(int pidfd)
{
    siginfo_t info = { 0 };

    while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0) {
        if (errno != EINTR)
            return -1;
    }
    if (info.si_code == CLD_EXITED)
        return (info.si_status & 0xff) << 8;
    return info.si_status | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

static void process_ready(struct loop_io *io, unsigned events)
{
    struct loop_process *p = container_of(io, struct loop_process, io);
    int status;

    (void)events;
    assert(p->magic == PROCESS_MAGIC);
    status = reap(p->pidfd);
    loop_process_remove(p);
    p->exited(p, status);
}

int loop_process_add(struct loop *loop, struct loop_process *p, pid_t pid,
                     void (*exited)(struct loop_process *process, int status))
{
    autofree(fd_close) int fd = -1;
    int r;

    *p = (struct loop_process){ .magic = PROCESS_MAGIC, .pid = pid, .pidfd = -1, .exited = exited };
    fd = pidfd_open(pid, 0);
    if (fd < 0)
        return errno == ESRCH ? -ESRCH : fault(-errno);
    r = loop_io_add(loop, &p->io, fd, LOOP_READ, process_ready);
    if (r)
        return fault(r);
    p->pidfd = fd_steal(&fd);
    return 0;
}

void loop_process_remove(struct loop_process *p)
{
    loop_io_remove(&p->io);
    if (p->magic == PROCESS_MAGIC)
        p->pidfd = fd_close(p->pidfd);
}
