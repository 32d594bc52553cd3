/* A connection of HTTP/2 to a target: sending, endings, and who may use it. */
#include "proxy/upstream_h2.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "proxy/upstream_h2_internal.h"
#include "proxy/worker.h"

enum {
    SESSION_MAGIC = 0x5ea0c4b2,
    GREETING_MS = 5000, /* from the connect to the target's settings */
};

static struct h2_upstream *of(struct stream *s)
{
    struct h2_upstream *h = container_of(s, struct h2_upstream, stream);

    assert(h->magic == SESSION_MAGIC);
    return h;
}

static ms_t now(const struct h2_upstream *h)
{
    return loop_now(h->worker->loop);
}

void h2_upstream_flush_later(struct h2_upstream *h)
{
    loop_defer(h->worker->loop, &h->flush);
}

/* --- ending ----------------------------------------------------------------------------------- */

static void bury(struct corpse *corpse)
{
    struct h2_upstream *h = container_of(corpse, struct h2_upstream, corpse);

    nghttp2_session_del(h->ng);
    upstream_unref(h->pool);
    free(h);
}

static void bury_if_left(struct h2_upstream *h)
{
    if (!h->dead || h->n_calls > 0)
        return;
    loop_task_cancel(&h->flush);
    h->magic = 0;
    morgue_take(&h->worker->morgue, &h->corpse, bury);
}

/* Calls that have their whole answer stay until their clients have read it. */
static void close_session(struct h2_upstream *h)
{
    h->leaving = h->dead = true;
    list_remove(&h->link);
    list_remove(&h->all);
    stream_close(&h->stream);
    bury_if_left(h);
}

void h2_upstream_left(struct h2_upstream *h)
{
    if (h->n_calls == 0)
        h->idle_since = now(h);
    if (h->dead)
        bury_if_left(h);
    else
        h2_upstream_flush_later(h);
}

/* What has not been asked can be asked elsewhere. Of what was, only a call on a connection that was idle
 * before can have come to a target that had closed it without a look. */
static void fail_with(struct h2_upstream *h, struct h2_call *c, enum exchange_failure why,
                      int error)
{
    if (why == EXCHANGE_BROKEN && !h->greeted)
        why = EXCHANGE_CONNECT;
    if (h->ready && !c->call.asked)
        why = EXCHANGE_STALE;
    if (c->call.asked && !(c->call.reused && c->alone))
        c->call.heard = true; /* as far as we know */
    if (why == EXCHANGE_NONSENSE)
        exchange_nonsense(c->call.exchange, h->why[0] ? h->why : "HTTP/2 cannot go on");
    else
        h2_call_end(c, why, error);
}

static void fail_all(struct h2_upstream *h, enum exchange_failure why, int error)
{
    struct list all;
    struct h2_call *c;

    h->leaving = true;
    list_init(&all);
    list_move(&h->calls, &all); /* a failure may take others with it */
    while ((c = list_first_entry(&all, struct h2_call, link))) {
        list_remove(&c->link);
        list_push_back(&h->calls, &c->link);
        if (!c->in_ended)
            fail_with(h, c, why, error);
    }
}

static void break_session(struct h2_upstream *h, enum exchange_failure why, int error)
{
    fail_all(h, why, error);
    if (!h->dead)
        close_session(h);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Return: false if nghttp2 cannot go on. */
static bool send_frames(struct h2_upstream *h)
{
    const uint8_t *data;
    ssize_t n = 0;

    while (!stream_congested(&h->stream) && (n = nghttp2_session_mem_send(h->ng, &data)) > 0)
        if (stream_send(&h->stream, (const char *)data, (size_t)n))
            return false;
    return n >= 0;
}

static void settle_all(struct h2_upstream *h)
{
    struct h2_call *c;

    while ((c = list_first_entry(&h->touched, struct h2_call, touched))) {
        list_remove(&c->touched);
        h2_call_settle(c);
    }
}

static struct h2_upstream *find_room(struct upstream *pool, enum upstream_trust trust);
static int open_session(struct upstream *pool, struct h2_upstream **ret_session);

/* The target takes fewer than we thought before it said so. */
static void move_on(struct h2_upstream *h, struct h2_call *c)
{
    struct h2_upstream *to = find_room(h->pool, UPSTREAM_ANY);
    int r = to ? 0 : open_session(h->pool, &to);

    if (r)
        exchange_fail(c->call.exchange, EXCHANGE_CONNECT, r);
    else
        h2_call_move(c, to);
}

static void submit_fresh(struct h2_upstream *h)
{
    struct h2_call *c;

    while (h->n_calls > h->streams_max && h->streams_max > 0 &&
           (c = list_first_entry(&h->fresh, struct h2_call, fresh)))
        move_on(h, c);
    while ((c = list_first_entry(&h->fresh, struct h2_call, fresh))) {
        int r = h->streams_max ? h2_call_submit(c) : NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE;

        if (r == 0)
            continue;
        h->leaving = true;
        list_remove(&c->fresh);
        h2_call_fail(c, H2_CALL_REFUSED); /* nobody has seen it */
    }
}

static bool is_done(struct h2_upstream *h)
{
    bool unused = h->pool->retired || h->worker->draining || h->leaving || !h->ready;

    return h->n_calls == 0 && unused;
}

/* A last word, so that the target need not guess. */
static void say_goodbye(struct h2_upstream *h)
{
    if (nghttp2_session_terminate_session(h->ng, NGHTTP2_NO_ERROR) == 0 && send_frames(h))
        stream_flush(&h->stream);
    close_session(h);
}

static void flush(struct loop_task *task)
{
    struct h2_upstream *h = container_of(task, struct h2_upstream, flush);
    bool well = true;

    settle_all(h);
    if (h->dead)
        return;
    if (h->ready)
        submit_fresh(h);
    well = send_frames(h);
    settle_all(h);
    if (h->dead)
        return;
    if (!well || (!nghttp2_session_want_read(h->ng) && !nghttp2_session_want_write(h->ng)))
        break_session(h, EXCHANGE_NONSENSE, 0);
    else if (is_done(h))
        say_goodbye(h);
}

/* --- the stream ------------------------------------------------------------------------------- */

static size_t received(struct stream *s, const char *data, size_t size)
{
    struct h2_upstream *h = of(s);
    ssize_t n;

    h->heard_at = now(h);
    n = nghttp2_session_mem_recv(h->ng, (const uint8_t *)data, size);
    settle_all(h);
    if (h->dead)
        return size;
    if (n < 0 || !nghttp2_session_want_read(h->ng)) {
        h->leaving = true;
        if (n < 0) {
            snprintf(h->why, sizeof(h->why), "%s", nghttp2_strerror((int)n));
            nghttp2_session_terminate_session(h->ng, NGHTTP2_PROTOCOL_ERROR);
        }
        if (send_frames(h))
            stream_flush(s);
        settle_all(h);
        break_session(h, EXCHANGE_NONSENSE, 0);
    } else {
        h2_upstream_flush_later(h);
    }
    return size;
}

/* There is a connection; now the target has a little time to say what it takes. */
static void greet(struct h2_upstream *h)
{
    h->greeted = true;
    list_for_each (c, &h->calls, struct h2_call, link) {
        client_expect(c->call.exchange->client, now(h) + GREETING_MS);
    }
}

static void sent(struct stream *s)
{
    struct h2_upstream *h = of(s);

    if (!h->greeted && s->connected)
        greet(h);
    h2_upstream_flush_later(h);
}

static void failed(struct stream *s, int error)
{
    struct h2_upstream *h = of(s);

    h->leaving = true;
    if (!s->connected)
        break_session(h, EXCHANGE_CONNECT, error);
    else if (error == -ENOMEM)
        break_session(h, EXCHANGE_BROKEN, error);
    /* else reading tells, when what has come is read */
}

static void ended(struct stream *s, int error)
{
    struct h2_upstream *h = of(s);

    settle_all(h);
    if (!h->dead)
        break_session(h, EXCHANGE_BROKEN, error ? error : stream_fate(s, 0));
}

static const struct stream_owner owner = {
    .received = received, .sent = sent, .failed = failed, .ended = ended
};

/* --- life ------------------------------------------------------------------------------------- */

static int submit_settings(struct h2_upstream *h)
{
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_UPSTREAM_WINDOW },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->worker->settings->limits.head_bytes },
    };
    int r = nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, settings,
                                    sizeof(settings) / sizeof(*settings));

    if (!r)
        r = nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0,
                                                  H2_UPSTREAM_CONNECTION_WINDOW);
    return r ? -ENOMEM : 0;
}

static void session_init(struct h2_upstream *h, struct upstream *pool)
{
    h->magic = SESSION_MAGIC;
    h->worker = pool->worker;
    h->pool = pool;
    h->streams_max = pool->streams_max;
    list_init(&h->calls);
    list_init(&h->fresh);
    list_init(&h->touched);
    loop_task_init(&h->flush, flush);
    h->idle_since = h->heard_at = h->patience.at = now(h);
}

/* Takes @fd over, also when it fails. */
static int session_new(struct upstream *pool, int fd, bool local, struct h2_upstream **ret_session)
{
    struct h2_upstream *h = calloc(1, sizeof(*h));
    int r = -ENOMEM;

    if (h) {
        session_init(h, pool);
        r = h2_upstream_make_session(h);
    }
    if (!r)
        r = submit_settings(h);
    if (!r)
        r = stream_open(&h->stream, &pool->worker->streams, fd, local, &stream_plain, NULL, &owner);
    if (!r) {
        *ret_session = h;
        return 0;
    }
    fd_close(fd);
    if (h)
        nghttp2_session_del(h->ng);
    free(h);
    return r;
}

static int open_session(struct upstream *pool, struct h2_upstream **ret_session)
{
    struct h2_upstream *h;
    bool local;
    int fd, r = upstream_connect(pool, &fd, &local);

    if (!r)
        r = session_new(pool, fd, local, &h);
    if (r)
        return r;
    upstream_ref(pool);
    list_push_back(&pool->sessions, &h->link);
    list_push_back(&pool->worker->sessions, &h->all);
    h2_upstream_flush_later(h);
    *ret_session = h;
    return 0;
}

/* --- lending ---------------------------------------------------------------------------------- */

/* Whether the target has closed a connection that nobody looked at for a while. */
static bool is_gone(const struct h2_upstream *h)
{
    char byte;
    ssize_t n = recv(h->stream.io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN);
}

static bool has_room(struct h2_upstream *h, enum upstream_trust trust)
{
    unsigned max = h->ready ? h->streams_max : h->pool->streams_max;

    if (h->leaving || h->n_calls >= max || (trust == UPSTREAM_NEW && h->ready))
        return false;
    if (h->n_calls == 0 && h->ready && is_gone(h))
        h->leaving = true; /* reading will tell */
    return !h->leaving;
}

static struct h2_upstream *find_room(struct upstream *pool, enum upstream_trust trust)
{
    list_for_each (h, &pool->sessions, struct h2_upstream, link) {
        if (has_room(h, trust))
            return h;
    }
    return NULL;
}

int h2_upstream_lend(struct upstream *pool, struct exchange *x, enum upstream_trust trust,
                     struct call **ret_call)
{
    struct h2_upstream *h = find_room(pool, trust);
    int r = h ? 0 : open_session(pool, &h);

    return r ? r : h2_call_new(h, x, ret_call);
}

void h2_upstream_evict(struct upstream *pool, ms_t before)
{
    list_for_each_safe (h, &pool->sessions, struct h2_upstream, link) {
        if (h->n_calls == 0 && h->idle_since < before)
            say_goodbye(h);
    }
}

void h2_upstream_close_all(struct worker *w)
{
    list_for_each_safe (h, &w->sessions, struct h2_upstream, all) {
        say_goodbye(h);
    }
}
