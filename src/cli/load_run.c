#include "cli/load_run.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>

#include "base/error.h"
#include "net/client.h"

enum {
    SENDS_A_TURN = 256, /* when far behind: answers must not wait for all of it */
    MESSAGE_BYTES_MAX = 1 << 30,
};

struct load_run {
    struct loop *loop;
    struct load_run_settings settings;
    void (*done)(void *context);
    void *context;
    struct loop_task done_task;
    struct client *client;
    struct load_schedule schedule;
    us_t start, next; /* monotonic; next: when the next request is due */
    bool exhausted;   /* nothing more is due */
    /* The loop's timers tell milliseconds; requests due in between must not leave late. */
    int timer_fd;
    struct loop_io timer_io;
    struct list backlog;
    uint64_t n_due, n_in_flight, n_waiting;
    struct buffer message;
    struct load_result result;
};

struct request {
    struct list_link link; /* in the backlog */
    struct load_run *run;
    uint64_t index;
    us_t due;
    struct load_second *second;
};

/* Not the loop's instant, which is as old as the turn: latencies are measured with this. */
static us_t now_us(const struct load_run *run)
{
    struct clock *clock = loop_clock(run->loop);

    return clock->mono_us(clock);
}

static void finish_if_over(struct load_run *run)
{
    if (run->exhausted && run->result.requests == run->n_due)
        loop_defer(run->loop, &run->done_task);
}

static void end_request(struct request *q, int error, unsigned status)
{
    struct load_run *run = q->run;
    us_t latency = now_us(run) - q->due;
    bool completed = load_result_add(&run->result, error, status, latency);

    if (q->second)
        load_timeline_ended(run->settings.timeline, q->second,
                            completed          ? LOAD_COMPLETED
                            : error == -EAGAIN ? LOAD_UNSENT
                                               : LOAD_FAILED,
                            latency);
    free(q);
    finish_if_over(run);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void answered(const struct client_answer *answer, void *context);

/* Return: 0 it is on its way; -EAGAIN no connection is free; or another negative errno. */
static int send_request(struct request *q)
{
    struct load_run *run = q->run;
    ms_t left = run->settings.timeout_ms - (now_us(run) - q->due) / US_PER_MS;
    struct clock *clock = loop_clock(run->loop);
    int r;

    if (left <= 0)
        return -ETIMEDOUT;
    if (run->n_in_flight >= run->settings.connections_max)
        return -EAGAIN;
    buffer_clear(&run->message);
    r = load_target_message(run->settings.target, q->index, clock->wall(clock), &run->message);
    if (!r)
        r = client_request(run->client,
                           (struct slice){ buffer_data(&run->message), buffer_size(&run->message) },
                           run->settings.target->method, left, answered, q);
    if (!r)
        run->n_in_flight++;
    return r;
}

static void send_backlog(struct load_run *run)
{
    struct request *q;

    while ((q = list_first_entry(&run->backlog, struct request, link))) {
        int r = send_request(q);

        if (r == -EAGAIN)
            return;
        list_remove(&q->link);
        run->n_waiting--;
        if (r)
            end_request(q, r, 0);
    }
}

static void answered(const struct client_answer *answer, void *context)
{
    struct request *q = context;
    struct load_run *run = q->run;

    run->n_in_flight--;
    end_request(q, answer->error, answer->error ? 0 : answer->head->status);
    if (answer->error != -ECANCELED)
        send_backlog(run);
}

static void send_or_wait(struct request *q)
{
    struct load_run *run = q->run;
    int r = run->n_waiting > 0 ? -EAGAIN : send_request(q);

    if (r == -EAGAIN && run->n_waiting < run->settings.backlog_max) {
        list_push_back(&run->backlog, &q->link);
        run->n_waiting++;
    } else if (r) {
        end_request(q, r, 0);
    }
}

/* --- the schedule ----------------------------------------------------------------------------- */

static void schedule_next(struct load_run *run)
{
    us_t at;

    if (load_schedule_next(&run->schedule, &at))
        run->exhausted = true;
    else
        run->next = run->start + at;
}

static void arm(struct load_run *run)
{
    const struct itimerspec when = { .it_value = { .tv_sec = run->next / US_PER_S,
                                                   .tv_nsec = run->next % US_PER_S * 1000 + 1 } };
    int r = timerfd_settime(run->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);

    assert(r == 0); /* it can only fail for bad arguments */
}

static void request_due(struct load_run *run)
{
    struct request *q = calloc(1, sizeof(*q));

    if (!q) { /* counted as one that could not be sent */
        run->n_due++;
        load_result_add(&run->result, -ENOMEM, 0, 0);
        return;
    }
    list_link_init(&q->link);
    q->run = run;
    q->index = run->n_due++;
    q->due = run->next;
    if (run->settings.timeline)
        q->second = load_timeline_scheduled(run->settings.timeline, q->due - run->start);
    send_or_wait(q);
}

static void due(struct loop_io *io, unsigned events)
{
    struct load_run *run = container_of(io, struct load_run, timer_io);
    us_t now = now_us(run);
    uint64_t expirations;

    (void)events;
    if (read(run->timer_fd, &expirations, sizeof(expirations)) < 0)
        return;
    for (unsigned i = 0; i < SENDS_A_TURN && !run->exhausted && run->next <= now; i++) {
        request_due(run);
        schedule_next(run);
    }
    if (run->exhausted)
        load_run_stop(run);
    else
        arm(run);
}

/* --- life ------------------------------------------------------------------------------------- */

static void tell_done(struct loop_task *task)
{
    struct load_run *run = container_of(task, struct load_run, done_task);

    run->done(run->context);
}

static int start(struct load_run *run)
{
    const struct load_run_settings *s = &run->settings;
    struct client_settings settings = CLIENT_SETTINGS_DEFAULT;
    int r;

    settings.connections_max = s->connections_max;
    r = client_new(run->loop, &s->target->address, &settings, &run->client);
    if (r)
        return fault(r);
    run->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (run->timer_fd < 0)
        return fault(-errno);
    r = loop_io_add(run->loop, &run->timer_io, run->timer_fd, LOOP_READ, due);
    if (r)
        return fault(r);
    run->start = now_us(run);
    if (load_plan_length_s(s->plan) > 0)
        run->result.wanted_rate = load_plan_requests(s->plan) / load_plan_length_s(s->plan);
    load_schedule_init(&run->schedule, s->plan, s->arrivals, s->seed);
    schedule_next(run);
    if (run->exhausted)
        finish_if_over(run);
    else
        arm(run);
    return 0;
}

int load_run_new(struct loop *loop, const struct load_run_settings *settings,
                 void (*done)(void *context), void *context, struct load_run **ret_run)
{
    autofree(load_run_free) struct load_run *run = calloc(1, sizeof(*run));
    int r;

    if (!run)
        return -ENOMEM;
    run->loop = loop;
    run->settings = *settings;
    run->done = done;
    run->context = context;
    run->timer_fd = -1;
    run->message = BUFFER_INIT(MESSAGE_BYTES_MAX);
    list_init(&run->backlog);
    loop_task_init(&run->done_task, tell_done);
    r = start(run);
    if (r)
        return fault(r);
    *ret_run = steal(run);
    return 0;
}

void load_run_stop(struct load_run *run)
{
    loop_io_remove(&run->timer_io);
    run->exhausted = true;
    finish_if_over(run);
}

void load_run_cancel(struct load_run *run)
{
    struct request *q;

    load_run_stop(run);
    while ((q = list_first_entry(&run->backlog, struct request, link))) {
        list_remove(&q->link);
        run->n_waiting--;
        end_request(q, -ECANCELED, 0);
    }
    run->client = client_free(run->client);
}

struct load_run *load_run_free(struct load_run *run)
{
    if (!run)
        return NULL;
    if (run->client)
        load_run_cancel(run);
    loop_io_remove(&run->timer_io);
    loop_task_cancel(&run->done_task);
    fd_close(run->timer_fd);
    buffer_deinit(&run->message);
    free(run);
    return NULL;
}

const struct load_result *load_run_result(struct load_run *run)
{
    run->result.seconds = (double)(now_us(run) - run->start) / (double)US_PER_S;
    return &run->result;
}

struct load_run_now load_run_now(const struct load_run *run)
{
    return (struct load_run_now){ run->n_due, run->n_in_flight, run->n_waiting };
}
