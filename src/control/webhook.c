#include "control/webhook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/list.h"
#include "base/text.h"

enum { WHY_BYTES = 192 };

static const ms_t first_pause_ms = 1 * MS_PER_S;
static const char ended[] = "control ended before it was delivered";

struct message {
    struct list_link link; /* waiting, pausing or under way */
    struct webhooks *webhooks;
    struct loop_timer pause;
    char *url, *body;
    unsigned tries;
    void (*done)(void *context, const char *why);
    void *context;
};

struct webhooks {
    struct loop *loop;
    struct courier *courier;
    struct list waiting, pausing, under_way;
    size_t n, n_under_way;
    struct loop_task deliver;
    bool ending;
};

static void message_free(struct message *m)
{
    loop_timer_cancel(&m->pause);
    list_remove(&m->link);
    m->webhooks->n--;
    free(m->url);
    free(m->body);
    free(m);
}

static void finish(struct message *m, const char *why)
{
    void (*done)(void *, const char *) = m->done;
    void *context = m->context;

    message_free(m);
    done(context, why);
}

/* --- one try ---------------------------------------------------------------------------------- */

static void paused(struct loop_timer *timer)
{
    struct message *m = container_of(timer, struct message, pause);
    struct webhooks *w = m->webhooks;

    list_remove(&m->link);
    list_push_back(&w->waiting, &m->link);
    loop_defer(w->loop, &w->deliver);
}

static bool worth_another_try(const struct courier_answer *answer)
{
    return answer->error || answer->status == 408 || answer->status == 429 || answer->status >= 500;
}

static void say_why(const struct message *m, const struct courier_answer *answer,
                    char ret_why[WHY_BYTES])
{
    if (answer->error)
        snprintf(ret_why, WHY_BYTES, "%s (tried %u times)", answer->error, m->tries);
    else
        snprintf(ret_why, WHY_BYTES, "the URL answered with status %u (tried %u times)",
                 answer->status, m->tries);
    text_repair_utf8(ret_why); /* which may have been cut within a character of the URL's */
}

static void answered(const struct courier_answer *answer, void *context)
{
    struct message *m = context;
    struct webhooks *w = m->webhooks;
    char why[WHY_BYTES];

    w->n_under_way--;
    if (w->ending) {
        finish(m, ended);
        return;
    }
    loop_defer(w->loop, &w->deliver);
    if (!answer->error && answer->status >= 200 && answer->status < 300) {
        finish(m, NULL);
    } else if (worth_another_try(answer) && m->tries < WEBHOOK_TRIES) {
        list_remove(&m->link);
        list_push_back(&w->pausing, &m->link);
        loop_timer_after(&m->pause, first_pause_ms << (m->tries - 1));
    } else {
        say_why(m, answer, why);
        finish(m, why);
    }
}

static void deliver(struct loop_task *task)
{
    struct webhooks *w = container_of(task, struct webhooks, deliver);
    struct message *m;

    while (w->n_under_way < WEBHOOK_UNDER_WAY_MAX &&
           (m = list_first_entry(&w->waiting, struct message, link))) {
        const struct courier_request request = {
            .method = "POST", .url = m->url, .body = m->body, .timeout = WEBHOOK_TIMEOUT_MS
        };

        m->tries++;
        if (courier_send(w->courier, &request, answered, m) != 0) {
            finish(m, "the request could not be made");
            continue;
        }
        list_remove(&m->link);
        list_push_back(&w->under_way, &m->link);
        w->n_under_way++;
    }
}

/* --- outside ---------------------------------------------------------------------------------- */

int webhooks_new(struct loop *loop, struct courier *courier, struct webhooks **ret)
{
    struct webhooks *w = calloc(1, sizeof(*w));

    if (!w)
        return fault(-ENOMEM);
    *w = (struct webhooks){ .loop = loop, .courier = courier };
    list_init(&w->waiting);
    list_init(&w->pausing);
    list_init(&w->under_way);
    loop_task_init(&w->deliver, deliver);
    *ret = w;
    return 0;
}

struct webhooks *webhooks_free(struct webhooks *w)
{
    if (!w)
        return NULL;
    w->ending = true;
    list_for_each_safe (m, &w->under_way, struct message, link)
        courier_cancel(w->courier, m); /* it is answered, and ends by that */
    list_for_each_safe (m, &w->waiting, struct message, link)
        finish(m, ended);
    list_for_each_safe (m, &w->pausing, struct message, link)
        finish(m, ended);
    loop_task_cancel(&w->deliver);
    free(w);
    return NULL;
}

int webhook_send(struct webhooks *w, const char *url, const char *body,
                 void (*done)(void *context, const char *why), void *context)
{
    struct message *m;

    if (w->n >= WEBHOOK_QUEUE_MAX)
        return WEBHOOK_E_FULL;
    m = calloc(1, sizeof(*m));
    if (!m)
        return fault(-ENOMEM);
    *m = (struct message){
        .webhooks = w, .url = strdup(url), .body = strdup(body), .done = done, .context = context
    };
    loop_timer_init(w->loop, &m->pause, paused);
    list_push_back(&w->waiting, &m->link);
    w->n++;
    if (!m->url || !m->body) {
        message_free(m);
        return fault(-ENOMEM);
    }
    loop_defer(w->loop, &w->deliver);
    return 0;
}

size_t webhooks_waiting(const struct webhooks *w)
{
    return w->n;
}
