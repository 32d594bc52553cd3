/* A channel (one connection) belongs to one request from client_request() to its answer, and to
 * nobody while it is idle. The answer is handed over when the client is already in order again: the
 * callback may send the next request, or free the client. */
#include "net/client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "net/intake.h"

enum state { CONNECTING, EXCHANGING, IDLE };

struct channel {
    struct list_link link; /* in the client's busy or idle list */
    struct client *client;
    int fd;
    struct loop_io io;
    struct loop_timer timer;
    struct loop_task failed; /* tells of a failure that came at once */
    int error;
    enum state state;
    char method[16];
    bool reusable; /* nothing stands against another request */
    struct buffer out;
    struct intake intake;
    void (*answered)(const struct client_answer *answer, void *context);
    void *context;
};

struct client {
    struct loop *loop;
    struct address address;
    struct client_settings settings;
    struct list busy, idle; /* idle: the one used last is first */
    unsigned n_connections;
    bool ending;
};

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

static void ready(struct loop_io *io, unsigned events);

/* --- connections ------------------------------------------------------------------------------ */

static void close_channel(struct channel *c)
{
    loop_io_remove(&c->io);
    loop_timer_cancel(&c->timer);
    loop_task_cancel(&c->failed);
    fd_close(c->fd);
    list_remove(&c->link);
    c->client->n_connections--;
    intake_deinit(&c->intake);
    buffer_deinit(&c->out);
    free(c);
}

/* The buffers of the answer now belong to @ret; the connection has new ones. */
static void take_intake(struct channel *c, struct intake *ret)
{
    *ret = c->intake;
    intake_init(&c->intake, &limits, c->client->settings.answer_bytes_max);
}

/* Ends the exchange: the connection becomes idle or goes, then the caller is told. Nothing of the
 * connection or the client is used after that. */
static void finish(struct channel *c, int error)
{
    struct client *client = c->client;
    struct client_answer answer = { .error = error };
    void (*answered)(const struct client_answer *, void *) = c->answered;
    void *context = c->context;
    struct intake intake;

    take_intake(c, &intake);
    if (error == 0) {
        answer.head = &intake.head;
        answer.body = (struct slice){ buffer_data(&intake.body), buffer_size(&intake.body) };
    }
    if (error == 0 && c->reusable && intake.head.keep_alive && buffer_size(&c->out) == 0 &&
        buffer_size(&intake.received) == 0 && loop_io_change(&c->io, LOOP_READ) == 0) {
        list_remove(&c->link);
        list_push_front(&client->idle, &c->link);
        c->state = IDLE;
        loop_timer_after(&c->timer, client->settings.idle_timeout_ms);
    } else {
        close_channel(c);
    }
    answered(&answer, context);
    intake_deinit(&intake);
}

static void timed_out(struct loop_timer *timer)
{
    struct channel *c = container_of(timer, struct channel, timer);

    if (c->state == IDLE)
        close_channel(c);
    else
        finish(c, -ETIMEDOUT);
}

static void failed_at_once(struct loop_task *task)
{
    struct channel *c = container_of(task, struct channel, failed);

    finish(c, c->error);
}

static int open_channel(struct client *client, struct channel **ret)
{
    struct channel *c = calloc(1, sizeof(*c));

    if (!c)
        return -ENOMEM;
    *c = (struct channel){ .client = client, .fd = -1, .state = CONNECTING, .reusable = true };
    c->out = BUFFER_INIT(SIZE_MAX);
    intake_init(&c->intake, &limits, client->settings.answer_bytes_max);
    loop_timer_init(client->loop, &c->timer, timed_out);
    loop_task_init(&c->failed, failed_at_once);
    list_push_back(&client->busy, &c->link);
    client->n_connections++;

    c->error = address_connect(&client->address, &c->fd);
    if (!c->error)
        c->error = loop_io_add(client->loop, &c->io, c->fd, LOOP_WRITE, ready);
    *ret = c;
    return 0;
}

/* --- exchanges -------------------------------------------------------------------------------- */

/* Sends what can be sent. A peer that stops listening may have answered before, so that is left for
 * reading to find out. */
static void send_some(struct channel *c)
{
    while (buffer_size(&c->out) > 0) {
        ssize_t n = send(c->fd, buffer_data(&c->out), buffer_size(&c->out), MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            buffer_clear(&c->out);
            c->reusable = false;
            break;
        }
        buffer_consume(&c->out, (size_t)n);
    }
}

static int wait_for(struct channel *c)
{
    return loop_io_change(&c->io, LOOP_READ | (buffer_size(&c->out) ? LOOP_WRITE : 0u));
}

static int error_of(int r)
{
    switch (r) {
    case HTTP_E_MALFORMED:
    case HTTP_E_VERSION:
    case HTTP_E_NOT_SUPPORTED:
    case HTTP_E_URI_TOO_LONG:
        return -EBADMSG;
    case HTTP_E_TOO_LARGE:
    case INTAKE_E_BODY_TOO_LARGE:
        return -EMSGSIZE;
    }
    return r;
}

/* Reads the answer as far as it has come. Return: 0 it is whole, HTTP_AGAIN, or a negative errno.
 */
static int read_answer(struct channel *c)
{
    const char *why;
    int r;

    while (buffer_size(&c->intake.head_bytes) == 0) {
        r = intake_response(&c->intake, slice_from(c->method), &why);
        if (r)
            return r == HTTP_AGAIN ? r : error_of(r);
        if (c->intake.head.status == 101)
            return -EBADMSG; /* nobody asked for another protocol */
        if (c->intake.head.status < 200)
            intake_next(&c->intake); /* the real answer follows */
    }
    r = intake_body(&c->intake, &why);
    return r == 0 || r == HTTP_AGAIN ? r : error_of(r);
}

/* The peer will send no more: an answer may end so, if it has a head. */
static int read_end(struct channel *c)
{
    c->reusable = false;
    if (buffer_size(&c->intake.head_bytes) == 0 || http_body_eof(&c->intake.framing))
        return -ECONNRESET;
    return 0;
}

static void exchange(struct channel *c)
{
    int r = intake_receive(&c->intake, c->fd);

    if (r == 0)
        r = read_answer(c);
    else if (r == INTAKE_E_EOF)
        r = read_end(c);
    else if (r == -EAGAIN)
        r = HTTP_AGAIN;
    else if (r == -EPIPE)
        r = -ECONNRESET;
    if (r == HTTP_AGAIN)
        r = wait_for(c) ? -EIO : HTTP_AGAIN;
    if (r != HTTP_AGAIN)
        finish(c, r);
}

static void connected(struct channel *c)
{
    socklen_t size = sizeof(c->error);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &c->error, &size) < 0)
        c->error = errno;
    if (c->error == 0) {
        c->state = EXCHANGING;
        send_some(c);
        c->error = wait_for(c) ? EIO : 0;
    }
    if (c->error)
        finish(c, -c->error);
}

static void ready(struct loop_io *io, unsigned events)
{
    struct channel *c = container_of(io, struct channel, io);

    switch (c->state) {
    case CONNECTING:
        connected(c);
        return;
    case EXCHANGING:
        if (events & LOOP_WRITE)
            send_some(c);
        exchange(c);
        return;
    case IDLE: /* closed by the peer, or talking out of turn */
        close_channel(c);
        return;
    }
}

/* --- clients ---------------------------------------------------------------------------------- */

int client_new(struct loop *loop, const struct address *address,
               const struct client_settings *settings, struct client **ret_client)
{
    struct client *client = calloc(1, sizeof(*client));

    if (!client)
        return -ENOMEM;
    *client = (struct client){ .loop = loop, .address = *address, .settings = *settings };
    list_init(&client->busy);
    list_init(&client->idle);
    *ret_client = client;
    return 0;
}

struct client *client_free(struct client *client)
{
    struct channel *c;

    if (!client)
        return NULL;
    client->ending = true;
    while ((c = list_first_entry(&client->idle, struct channel, link)))
        close_channel(c);
    while ((c = list_first_entry(&client->busy, struct channel, link)))
        finish(c, -ECANCELED);
    free(client);
    return NULL;
}

static int obtain(struct client *client, struct channel **ret)
{
    struct channel *c = list_first_entry(&client->idle, struct channel, link);

    if (!c)
        return client->n_connections < client->settings.connections_max ? open_channel(client, ret)
                                                                        : -EAGAIN;
    list_remove(&c->link);
    list_push_back(&client->busy, &c->link);
    c->state = EXCHANGING;
    *ret = c;
    return 0;
}

int client_request(struct client *client, struct slice message, const char *method, ms_t timeout,
                   void (*answered)(const struct client_answer *answer, void *context),
                   void *context)
{
    struct channel *c;
    int r;

    assert(strlen(method) < sizeof(c->method));
    if (client->ending)
        return -ECANCELED;
    r = obtain(client, &c);
    if (r)
        return r;
    r = buffer_append(&c->out, message.data, message.size);
    if (r) {
        close_channel(c);
        return r;
    }
    snprintf(c->method, sizeof(c->method), "%s", method);
    c->answered = answered;
    c->context = context;
    loop_timer_after(&c->timer, timeout);

    if (!c->error && c->state == EXCHANGING) {
        send_some(c);
        c->error = wait_for(c);
    }
    if (c->error)
        loop_defer(client->loop, &c->failed);
    return 0;
}
