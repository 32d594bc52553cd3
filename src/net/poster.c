/* libcurl's multi interface on our loop: curl says which sockets it waits for and when to wake it;
 * we say when they are ready and when time is up. It resolves names in a thread of its own. */
#include "net/poster.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"

enum { ANSWER_BYTES_MAX = 1 << 20 };

struct posting {
    struct list_link link;
    struct curl_poster *poster;
    CURL *easy;
    struct curl_slist *headers;
    size_t answer_bytes;
    char error[CURL_ERROR_SIZE];
    void (*answered)(const struct poster_answer *answer, void *context);
    void *context;
};

struct socket_watch {
    struct loop_io io;
    struct list_link link;
    struct curl_poster *poster;
};

struct curl_poster {
    struct poster base;
    struct loop *loop;
    CURLM *multi;
    struct loop_timer timer;
    struct list postings, sockets;
};

/* --- ends ------------------------------------------------------------------------------------- */

static void posting_free(struct posting *p)
{
    list_remove(&p->link);
    if (p->easy) {
        curl_multi_remove_handle(p->poster->multi, p->easy);
        curl_easy_cleanup(p->easy);
    }
    curl_slist_free_all(p->headers);
    free(p);
}

static void finish(struct posting *p, const struct poster_answer *answer)
{
    void (*answered)(const struct poster_answer *, void *) = p->answered;
    void *context = p->context;

    answered(answer, context);
    posting_free(p);
}

static void finish_done(struct posting *p, CURLcode result)
{
    struct poster_answer answer = { 0 };
    long status = 0;

    curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK)
        answer.error = *p->error ? p->error : curl_easy_strerror(result);
    else
        answer.status = (unsigned)status;
    finish(p, &answer);
}

static void collect(struct curl_poster *c)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(c->multi, &left))) {
        char *posting = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &posting);
        finish_done((struct posting *)(void *)posting, message->data.result);
    }
}

/* --- what curl waits for ---------------------------------------------------------------------- */

static void act(struct curl_poster *c, curl_socket_t fd, int events)
{
    int running;

    curl_multi_socket_action(c->multi, fd, events, &running);
    collect(c);
}

static void timed_out(struct loop_timer *timer)
{
    act(container_of(timer, struct curl_poster, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void ready(struct loop_io *io, unsigned events)
{
    struct socket_watch *w = container_of(io, struct socket_watch, io);
    int select = (events & (LOOP_READ | LOOP_HANGUP) ? CURL_CSELECT_IN : 0) |
                 (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0) |
                 (events & LOOP_HANGUP ? CURL_CSELECT_ERR : 0);

    act(w->poster, io->fd, select);
}

static void watch_free(struct socket_watch *w)
{
    loop_io_remove(&w->io);
    list_remove(&w->link);
    free(w);
}

static int watch_new(struct curl_poster *c, curl_socket_t fd, unsigned events)
{
    struct socket_watch *w = calloc(1, sizeof(*w));

    if (!w)
        return -1;
    w->poster = c;
    list_push_back(&c->sockets, &w->link);
    if (loop_io_add(c->loop, &w->io, fd, events, ready) != 0 ||
        curl_multi_assign(c->multi, fd, w) != CURLM_OK) {
        watch_free(w);
        return -1;
    }
    return 0;
}

/* curl's callbacks return 0, or -1 to give up. */
static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *socket)
{
    struct socket_watch *w = socket;
    unsigned events =
        (what & CURL_POLL_IN ? LOOP_READ : 0u) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0u);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            watch_free(w);
        return 0;
    }
    if (!w)
        return watch_new(context, fd, events);
    return loop_io_change(&w->io, events) ? -1 : 0;
}

static int wake_wanted(CURLM *multi, long after_ms, void *context)
{
    struct curl_poster *c = context;

    (void)multi;
    if (after_ms < 0)
        loop_timer_cancel(&c->timer);
    else
        loop_timer_after(&c->timer, after_ms);
    return 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Answers are not read, but must not go on for ever. */
static size_t swallow(char *data, size_t size, size_t n, void *context)
{
    struct posting *p = context;

    (void)data;
    p->answer_bytes += size * n;
    return p->answer_bytes > ANSWER_BYTES_MAX ? 0 : size * n;
}

static bool set_options(struct posting *p, const char *url, const char *body, ms_t timeout)
{
    CURL *e = p->easy;

    p->headers = curl_slist_append(NULL, "Content-Type: application/json");
    return p->headers && curl_easy_setopt(e, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTPHEADER, p->headers) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, "weir/" WEIR_VERSION) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, body) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, swallow) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, p) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_ERRORBUFFER, p->error) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PRIVATE, p) == CURLE_OK;
}

static int send_by_curl(struct poster *base, const char *url, const char *body, ms_t timeout,
                        void (*answered)(const struct poster_answer *answer, void *context),
                        void *context)
{
    struct curl_poster *c = container_of(base, struct curl_poster, base);
    struct posting *p = calloc(1, sizeof(*p));

    if (!p)
        return fault(-ENOMEM);
    *p = (struct posting){
        .poster = c, .easy = curl_easy_init(), .answered = answered, .context = context
    };
    list_push_back(&c->postings, &p->link);
    /* adding asks for a wake-up at once, so that nothing happens before this returns */
    if (!p->easy || !set_options(p, url, body, timeout) ||
        curl_multi_add_handle(c->multi, p->easy) != CURLM_OK) {
        posting_free(p);
        return fault(-ENOMEM);
    }
    return 0;
}

static void cancel_by_curl(struct poster *base)
{
    struct curl_poster *c = container_of(base, struct curl_poster, base);
    struct posting *p;

    while ((p = list_first_entry(&c->postings, struct posting, link)))
        finish(p, &(struct poster_answer){ .error = "cancelled" });
}

static void free_by_curl(struct poster *base)
{
    struct curl_poster *c = container_of(base, struct curl_poster, base);

    if (c->multi)
        curl_multi_cleanup(c->multi); /* lets go of its idle connections */
    list_for_each_safe (w, &c->sockets, struct socket_watch, link)
        watch_free(w);
    loop_timer_cancel(&c->timer);
    free(c);
}

static const struct poster_ops curl_ops = { send_by_curl, cancel_by_curl, free_by_curl };

int poster_new_curl(struct loop *loop, struct poster **ret)
{
    struct curl_poster *c = calloc(1, sizeof(*c));

    if (!c)
        return fault(-ENOMEM);
    *c = (struct curl_poster){ .base = { &curl_ops }, .loop = loop, .multi = curl_multi_init() };
    list_init(&c->postings);
    list_init(&c->sockets);
    loop_timer_init(loop, &c->timer, timed_out);
    if (!c->multi || curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted) ||
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) ||
        curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, wake_wanted) ||
        curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c)) {
        free_by_curl(&c->base);
        return fault(-ENOMEM);
    }
    *ret = &c->base;
    return 0;
}

/* --- any poster ------------------------------------------------------------------------------- */

int poster_send(struct poster *p, const char *url, const char *body, ms_t timeout,
                void (*answered)(const struct poster_answer *answer, void *context), void *context)
{
    return p->ops->send(p, url, body, timeout, answered, context);
}

void poster_cancel(struct poster *p)
{
    p->ops->cancel(p);
}

struct poster *poster_free(struct poster *p)
{
    if (p)
        p->ops->free(p);
    return NULL;
}
