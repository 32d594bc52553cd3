#include "base/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct sim_clock clock;
};

static int set_up(void **state)
{
    static struct fixture f;

    sim_clock_init(&f.clock, 1000000);
    *state = &f;
    return loop_new(&f.clock.base, &f.loop);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    f->loop = loop_free(f->loop);
    return 0;
}

/* --- timers ----------------------------------------------------------------------------------- */

static unsigned order[16], n_order;

struct test_timer {
    struct loop_timer timer;
    unsigned name;
    struct test_timer *cancels;
    ms_t again;
};

static void timer_fired(struct loop_timer *timer)
{
    struct test_timer *t = container_of(timer, struct test_timer, timer);

    order[n_order++] = t->name;
    if (t->cancels)
        loop_timer_cancel(&t->cancels->timer);
    if (t->again >= 0)
        loop_timer_after(&t->timer, t->again);
}

static void timers_fire_in_order_of_time(void **state)
{
    static const ms_t delays[] = { 30, 10, 20, 40 };
    struct fixture *f = *state;
    struct test_timer t[4];

    n_order = 0;
    for (unsigned i = 0; i < 4; i++) {
        t[i] = (struct test_timer){ .name = i, .again = -1 };
        loop_timer_init(f->loop, &t[i].timer, timer_fired);
        loop_timer_after(&t[i].timer, delays[i]);
    }
    loop_timer_after(&t[2].timer, 25); /* replaces */
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(n_order, 0);
    sim_clock_advance(&f->clock, 30);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(n_order, 3);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 0);
    assert_false(loop_timer_is_set(&t[0].timer));
    assert_true(loop_timer_is_set(&t[3].timer));
    loop_timer_cancel(&t[3].timer);
    sim_clock_advance(&f->clock, 100);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(n_order, 3);
}

static void a_timer_due_now_can_be_cancelled_by_another(void **state)
{
    struct fixture *f = *state;
    struct test_timer a = { .name = 1, .again = -1 }, b = { .name = 2, .again = -1 };

    n_order = 0;
    a.cancels = &b;
    loop_timer_init(f->loop, &a.timer, timer_fired);
    loop_timer_init(f->loop, &b.timer, timer_fired);
    loop_timer_after(&a.timer, 1);
    loop_timer_after(&b.timer, 2);
    sim_clock_advance(&f->clock, 2);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(n_order, 1);
    assert_int_equal(order[0], 1);
}

static void a_timer_that_sets_itself_fires_once_a_turn(void **state)
{
    struct fixture *f = *state;
    struct test_timer t = { .again = 0 };

    n_order = 0;
    loop_timer_init(f->loop, &t.timer, timer_fired);
    loop_timer_after(&t.timer, 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(loop_turn(f->loop, MS_FOREVER), 0);
        assert_int_equal(n_order, i);
    }
    loop_timer_cancel(&t.timer);
}

static void a_timer_at_the_end_of_time_never_fires(void **state)
{
    struct fixture *f = *state;
    struct test_timer t = { .again = -1 };

    n_order = 0;
    loop_timer_init(f->loop, &t.timer, timer_fired);
    loop_timer_after(&t.timer, MS_FOREVER);
    sim_clock_advance(&f->clock, 1000000000);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(n_order, 0);
    loop_timer_cancel(&t.timer);
}

static void callbacks_see_the_instant_of_the_wake_up(void **state)
{
    struct fixture *f = *state;

    sim_clock_advance(&f->clock, 5);
    assert_int_equal(loop_now(f->loop), 0);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(loop_now(f->loop), 5);
    assert_int_equal(loop_now_us(f->loop), 5000);
    assert_int_equal(loop_wall(f->loop), 1000005);
}

static void sleep_ends_with_the_timer(void **state)
{
    autofree(loop_free) struct loop *loop = NULL;
    struct test_timer t = { .again = -1 };
    unsigned turns = 0;
    ms_t from;

    (void)state;
    n_order = 0;
    assert_int_equal(loop_new(clock_real(), &loop), 0);
    from = loop_now(loop);
    loop_timer_init(loop, &t.timer, timer_fired);
    loop_timer_after(&t.timer, 20);
    while (n_order == 0) {
        assert_int_equal(loop_turn(loop, MS_FOREVER), 0);
        turns++;
    }
    assert_true(loop_now(loop) - from >= 20);
    assert_true(turns <= 3); /* it slept */
}

/* --- descriptors ------------------------------------------------------------------------------ */

struct test_io {
    struct loop_io io;
    unsigned calls, last;
    struct test_io *removes;
};

static void io_ready(struct loop_io *io, unsigned events)
{
    struct test_io *t = container_of(io, struct test_io, io);

    t->calls++;
    t->last = events;
    if (t->removes)
        loop_io_remove(&t->removes->io);
}

static void make_pair(int fd[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
}

static void readiness_is_reported_as_asked(void **state)
{
    struct fixture *f = *state;
    struct test_io t = { 0 };
    int fd[2];

    make_pair(fd);
    assert_int_equal(loop_io_add(f->loop, &t.io, fd[0], LOOP_READ, io_ready), 0);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(t.calls, 0);
    assert_int_equal(write(fd[1], "x", 1), 1);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(t.calls, 2); /* level triggered */
    assert_int_equal(t.last, LOOP_READ);
    assert_int_equal(loop_io_change(&t.io, LOOP_WRITE), 0);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(t.last, LOOP_WRITE);
    assert_int_equal(loop_io_change(&t.io, 0), 0);
    close(fd[1]);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_true(t.last & LOOP_HANGUP);
    loop_io_remove(&t.io);
    loop_io_remove(&t.io);
    close(fd[0]);
}

static void a_bad_descriptor_is_refused(void **state)
{
    struct fixture *f = *state;
    struct test_io t = { 0 };

    assert_int_equal(loop_io_add(f->loop, &t.io, -1, LOOP_READ, io_ready), -EBADF);
    loop_io_remove(&t.io);
}

/* Both are ready in one turn; whoever comes first removes the other. */
static void a_removed_watcher_is_not_called_in_the_same_turn(void **state)
{
    struct fixture *f = *state;
    struct test_io a = { 0 }, b = { 0 };
    int one[2], two[2];

    make_pair(one);
    make_pair(two);
    assert_int_equal(loop_io_add(f->loop, &a.io, one[0], LOOP_READ, io_ready), 0);
    assert_int_equal(loop_io_add(f->loop, &b.io, two[0], LOOP_READ, io_ready), 0);
    a.removes = &b;
    b.removes = &a;
    assert_int_equal(write(one[1], "x", 1), 1);
    assert_int_equal(write(two[1], "x", 1), 1);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(a.calls + b.calls, 1);
    loop_io_remove(&a.io);
    loop_io_remove(&b.io);
    for (unsigned i = 0; i < 2; i++) {
        close(one[i]);
        close(two[i]);
    }
}

struct swapper {
    struct loop_io io;
    struct swapper *other;
    struct fixture *f;
    int fd[2], new_fd[2];
    bool called;
};

static unsigned fresh_calls;

static void fresh_ready(struct loop_io *io, unsigned events)
{
    (void)io;
    (void)events;
    fresh_calls++;
}

static void swap_ready(struct loop_io *io, unsigned events)
{
    struct swapper *s = container_of(io, struct swapper, io), *other = s->other;

    (void)events;
    s->called = true;
    loop_io_remove(&other->io);
    close(other->fd[0]);
    close(other->fd[1]);
    make_pair(other->new_fd); /* takes the same number */
    assert_int_equal(other->new_fd[0] == other->fd[0] || other->new_fd[0] == other->fd[1], 1);
    assert_int_equal(loop_io_add(s->f->loop, &other->io, other->new_fd[0], LOOP_READ, fresh_ready),
                     0);
}

static void a_reused_descriptor_gets_no_event_of_its_predecessor(void **state)
{
    struct swapper s[2] = { { .f = *state }, { .f = *state } };
    struct fixture *f = *state;

    fresh_calls = 0;
    for (unsigned i = 0; i < 2; i++) {
        s[i].other = &s[!i];
        make_pair(s[i].fd);
        assert_int_equal(write(s[i].fd[1], "x", 1), 1);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(loop_io_add(f->loop, &s[i].io, s[i].fd[0], LOOP_READ, swap_ready), 0);
    assert_int_equal(loop_turn(f->loop, 0), 0);
    assert_int_equal(s[0].called + s[1].called, 1);
    assert_int_equal(fresh_calls, 0);
    for (unsigned i = 0; i < 2; i++) {
        loop_io_remove(&s[i].io);
        close(s[i].called ? s[i].fd[0] : s[i].new_fd[0]);
        close(s[i].called ? s[i].fd[1] : s[i].new_fd[1]);
    }
}

/* --- tasks ------------------------------------------------------------------------------------ */

struct test_task {
    struct loop_task task;
    struct loop *loop;
    unsigned runs;
    bool again;
    struct test_task *cancels;
};

static void task_run(struct loop_task *task)
{
    struct test_task *t = container_of(task, struct test_task, task);

    t->runs++;
    if (t->again)
        loop_defer(t->loop, &t->task);
    if (t->cancels)
        loop_task_cancel(&t->cancels->task);
}

static void tasks_run_once_and_may_defer_again(void **state)
{
    struct fixture *f = *state;
    struct test_task a = { .loop = f->loop, .again = true }, b = { .loop = f->loop };

    loop_task_init(&a.task, task_run);
    loop_task_init(&b.task, task_run);
    a.cancels = &b;
    loop_defer(f->loop, &a.task);
    loop_defer(f->loop, &a.task);
    loop_defer(f->loop, &b.task);
    assert_int_equal(loop_turn(f->loop, MS_FOREVER), 0);
    assert_int_equal(a.runs, 1);
    assert_int_equal(b.runs, 0);
    assert_int_equal(loop_turn(f->loop, MS_FOREVER), 0);
    assert_int_equal(a.runs, 2);
    loop_task_cancel(&a.task);
}

/* --- signals and processes -------------------------------------------------------------------- */

static unsigned caught;

static void signal_caught(struct loop_signal *signal)
{
    assert_int_equal(signal->signo, SIGUSR1);
    caught++;
    raise(SIGUSR2); /* pending until its turn */
}

static void stop_caught(struct loop_signal *signal)
{
    loop_stop(signal->io.loop);
}

static void signals_arrive_through_the_loop(void **state)
{
    struct fixture *f = *state;
    struct loop_signal usr1, usr2;

    caught = 0;
    assert_int_equal(loop_signal_add(f->loop, &usr1, SIGUSR1, signal_caught), 0);
    assert_int_equal(loop_signal_add(f->loop, &usr2, SIGUSR2, stop_caught), 0);
    raise(SIGUSR1);
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(caught, 1);
    loop_signal_remove(&usr1);
    loop_signal_remove(&usr2);
    loop_signal_remove(&usr2);
}

struct test_process {
    struct loop_process process;
    struct loop *loop;
    int status;
};

static void process_exited(struct loop_process *process, int status)
{
    struct test_process *t = container_of(process, struct test_process, process);

    t->status = status;
    loop_stop(t->loop);
}

static pid_t child(int code, int signo)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (signo)
            kill(getpid(), signo);
        _exit(code);
    }
    return pid;
}

static void exits_are_told_with_their_status(void **state)
{
    struct fixture *f = *state;
    struct test_process t = { .loop = f->loop };
    pid_t pid = child(7, 0);

    assert_int_equal(loop_process_add(f->loop, &t.process, pid, process_exited), 0);
    assert_int_equal(loop_run(f->loop), 0);
    assert_true(WIFEXITED(t.status));
    assert_int_equal(WEXITSTATUS(t.status), 7);
    assert_int_equal(loop_process_add(f->loop, &t.process, pid, process_exited), -ESRCH);

    pid = child(0, SIGKILL);
    assert_int_equal(loop_process_add(f->loop, &t.process, pid, process_exited), 0);
    assert_int_equal(loop_run(f->loop), 0);
    assert_true(WIFSIGNALED(t.status));
    assert_int_equal(WTERMSIG(t.status), SIGKILL);
}

/* A grandchild, kept alive by a pipe until it is watched */
static void a_process_that_is_not_our_child_has_no_status(void **state)
{
    struct fixture *f = *state;
    struct test_process t = { .loop = f->loop };
    int hold[2], tell[2];
    pid_t middle, pid;
    char byte;

    assert_int_equal(pipe(hold), 0);
    assert_int_equal(pipe(tell), 0);
    middle = fork();
    assert_true(middle >= 0);
    if (middle == 0) {
        close(hold[1]);
        pid = fork();
        if (pid == 0) {
            if (read(hold[0], &byte, 1) < 0)
                _exit(1);
            _exit(0);
        }
        _exit(write(tell[1], &pid, sizeof(pid)) == (ssize_t)sizeof(pid) ? 0 : 1);
    }
    assert_int_equal(read(tell[0], &pid, sizeof(pid)), sizeof(pid));
    assert_int_equal(waitpid(middle, NULL, 0), middle);
    assert_int_equal(loop_process_add(f->loop, &t.process, pid, process_exited), 0);
    close(hold[0]);
    close(hold[1]);
    assert_int_equal(loop_run(f->loop), 0);
    assert_int_equal(t.status, -1);
    close(tell[0]);
    close(tell[1]);
}

int main(void)
{
#define with_loop(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_loop(timers_fire_in_order_of_time),
        with_loop(a_timer_due_now_can_be_cancelled_by_another),
        with_loop(a_timer_that_sets_itself_fires_once_a_turn),
        with_loop(a_timer_at_the_end_of_time_never_fires),
        with_loop(callbacks_see_the_instant_of_the_wake_up),
        with_loop(sleep_ends_with_the_timer),
        with_loop(readiness_is_reported_as_asked),
        with_loop(a_bad_descriptor_is_refused),
        with_loop(a_removed_watcher_is_not_called_in_the_same_turn),
        with_loop(a_reused_descriptor_gets_no_event_of_its_predecessor),
        with_loop(tasks_run_once_and_may_defer_again),
        with_loop(signals_arrive_through_the_loop),
        with_loop(exits_are_told_with_their_status),
        with_loop(a_process_that_is_not_our_child_has_no_status),
    };

    return cmocka_run_group_tests_name("base/loop", tests, NULL, NULL);
}
