#include "net/connection.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "http/writer.h"

enum {
    LINGER_MS = 2000,
    DISCARD_BYTES = 16384,
    REQUEST_MAGIC = 0x5e9b21d4,
};

enum state { HEAD, BODY, HANDLING, WRITING, LINGERING };

enum step { STEP_ON, STEP_WAIT, STEP_CLOSE };

enum timeout { TIMEOUT_NONE, TIMEOUT_IDLE, TIMEOUT_HEAD, TIMEOUT_BODY, TIMEOUT_LINGER };

struct server_request {
    uint32_t magic;
    bool active; /* the handler has it and has not answered */
    void (*cancelled)(void *context);
    void *context;
};

struct connection {
    struct list_link link;
    struct server *server; /* NULL: the client left, the handler has yet to answer */
    struct loop *loop;
    int fd;
    struct loop_io io;
    struct loop_timer timer;
    enum timeout timeout;
    enum state state;
    bool in_run;      /* run() is on the stack and will go on by itself */
    bool last;        /* close after this answer */
    bool unsure_rest; /* pipelined bytes wait in the kernel: the client's leaving cannot be seen */
    struct intake intake;
    struct buffer out;
    struct server_request request;
};

static void run(struct connection *c);

/* --- answers ---------------------------------------------------------------------------------- */

static int write_headers(struct connection *c, const struct server_header *headers,
                         size_t n_headers)
{
    for (size_t i = 0; i < n_headers; i++) {
        int r = http_write_header_text(&c->out, headers[i].name, headers[i].value);

        if (r)
            return r;
    }
    return 0;
}

static int write_framing(struct connection *c, unsigned status, size_t body_size)
{
    const struct server *server = c->server;
    int r = http_write_date(&c->out, loop_wall(c->loop));

    if (!r && server->settings.server_name)
        r = http_write_header_text(&c->out, "Server", server->settings.server_name);
    if (!r && status >= 200 && status != 204 && status != 304)
        r = http_write_header_number(&c->out, "Content-Length", body_size);
    if (!r && c->last)
        r = http_write_header_text(&c->out, "Connection", "close");
    else if (!r && c->intake.head.minor == 0)
        r = http_write_header_text(&c->out, "Connection", "keep-alive");
    if (!r)
        r = http_write_end(&c->out);
    return r;
}

/* @to_head: the request was HEAD: its answer tells the length of the body and leaves it out */
static int write_answer(struct connection *c, unsigned status, const struct server_header *headers,
                        size_t n_headers, struct slice body, bool to_head)
{
    bool has_body = !to_head && status >= 200 && status != 204 && status != 304;
    int r;

    r = http_write_status_line(&c->out, status);
    if (!r)
        r = write_headers(c, headers, n_headers);
    if (!r)
        r = write_framing(c, status, body.size);
    if (!r && has_body)
        r = buffer_append(&c->out, body.data, body.size);
    return r;
}

/* Answers without a handler, and closes afterwards. */
static enum step refuse(struct connection *c, unsigned status, const char *why)
{
    static const struct server_header plain = { "Content-Type", "text/plain" };
    autobuffer struct buffer text = BUFFER_INIT(1024);

    log_debug(c->server->log, "request refused", "status=%u why=\"%s\"", status, why);
    c->last = true;
    c->state = WRITING;
    if (buffer_printf(&text, "%s\n", why))
        return STEP_CLOSE;
    if (write_answer(c, status, &plain, 1, (struct slice){ buffer_data(&text), buffer_size(&text) },
                     false))
        return STEP_CLOSE;
    return STEP_ON;
}

static enum step refuse_for(struct connection *c, int r, const char *why)
{
    switch (r) {
    case HTTP_E_MALFORMED:
        return refuse(c, 400, why);
    case HTTP_E_TOO_LARGE:
        return refuse(c, 431, why);
    case HTTP_E_URI_TOO_LONG:
        return refuse(c, 414, why);
    case HTTP_E_VERSION:
        return refuse(c, 505, why);
    case HTTP_E_NOT_SUPPORTED:
        return refuse(c, 501, why);
    case HTTP_E_EXPECTATION:
        return refuse(c, 417, why);
    case INTAKE_E_BODY_TOO_LARGE:
        return refuse(c, 413, "the body is too large");
    }
    log_error(c->server->log, "request dropped", "why=\"%s\"", strerror(-fault(r)));
    return STEP_CLOSE;
}

/* --- the round -------------------------------------------------------------------------------- */

static enum step flush(struct connection *c)
{
    while (buffer_size(&c->out) > 0) {
        ssize_t n = send(c->fd, buffer_data(&c->out), buffer_size(&c->out), MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? STEP_WAIT : STEP_CLOSE;
        buffer_consume(&c->out, (size_t)n);
    }
    return STEP_ON;
}

static enum step step_head(struct connection *c)
{
    const char *why = "";
    int r;

    if (buffer_size(&c->intake.received) == 0 && c->server->draining)
        return STEP_CLOSE;
    r = intake_request(&c->intake, &why);
    if (r == HTTP_AGAIN)
        return STEP_WAIT;
    if (r)
        return refuse_for(c, r, why);
    c->last = !c->intake.head.keep_alive || c->server->draining;
    c->state = BODY;
    return STEP_ON;
}

static bool wants_continue(const struct connection *c)
{
    return c->intake.head.expect_continue && c->intake.head.minor > 0 &&
           buffer_size(&c->intake.received) == 0 && buffer_size(&c->intake.body) == 0;
}

static enum step step_body(struct connection *c)
{
    const char *why = "";
    int r = intake_body(&c->intake, &why);

    if (r == HTTP_AGAIN) {
        if (!wants_continue(c))
            return flush(c) == STEP_CLOSE ? STEP_CLOSE : STEP_WAIT;
        c->intake.head.expect_continue = false; /* said once */
        if (buffer_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n"))
            return STEP_CLOSE;
        return flush(c) == STEP_CLOSE ? STEP_CLOSE : STEP_WAIT;
    }
    if (r)
        return refuse_for(c, r, why);
    c->state = HANDLING;
    c->unsure_rest = false;
    c->request = (struct server_request){ .magic = REQUEST_MAGIC, .active = true };
    c->server->handle(&c->request, c->server->context);
    return STEP_ON;
}

static enum step step_handling(struct connection *c)
{
    if (c->request.active)
        return STEP_WAIT;
    c->state = WRITING;
    return STEP_ON;
}

static enum step step_writing(struct connection *c)
{
    enum step s = flush(c);

    if (s != STEP_ON)
        return s;
    if (c->last) {
        if (shutdown(c->fd, SHUT_WR) < 0)
            return STEP_CLOSE;
        c->state = LINGERING;
        return STEP_WAIT;
    }
    intake_next(&c->intake);
    if (c->out.capacity > (1 << 16))
        buffer_deinit(&c->out);
    c->state = HEAD;
    return STEP_ON;
}

static enum step step(struct connection *c)
{
    switch (c->state) {
    case HEAD:
        return step_head(c);
    case BODY:
        return step_body(c);
    case HANDLING:
        return step_handling(c);
    case WRITING:
        return step_writing(c);
    case LINGERING:
        break;
    }
    return STEP_WAIT;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static unsigned wanted_events(const struct connection *c)
{
    switch (c->state) {
    case HEAD:
    case LINGERING:
        return LOOP_READ;
    case BODY:
        return LOOP_READ | (buffer_size(&c->out) ? LOOP_WRITE : 0u);
    case HANDLING:
        return c->unsure_rest ? 0u : LOOP_READ;
    case WRITING:
        break;
    }
    return LOOP_WRITE;
}

static enum timeout wanted_timeout(const struct connection *c)
{
    switch (c->state) {
    case HEAD:
        return buffer_size(&c->intake.received) ? TIMEOUT_HEAD : TIMEOUT_IDLE;
    case BODY:
    case WRITING:
        return TIMEOUT_BODY;
    case HANDLING:
        return TIMEOUT_NONE;
    case LINGERING:
        break;
    }
    return TIMEOUT_LINGER;
}

static void arm_timer(struct connection *c)
{
    const struct server_settings *settings = &c->server->settings;
    enum timeout timeout = wanted_timeout(c);
    const ms_t delays[] = {
        [TIMEOUT_IDLE] = settings->idle_timeout_ms,
        [TIMEOUT_HEAD] = settings->head_timeout_ms,
        [TIMEOUT_BODY] = settings->body_timeout_ms,
        [TIMEOUT_LINGER] = LINGER_MS,
    };

    /* A head, and lingering, have so long in all; a body so long between two pieces. */
    if (timeout == c->timeout && (timeout == TIMEOUT_HEAD || timeout == TIMEOUT_LINGER))
        return;
    c->timeout = timeout;
    if (timeout == TIMEOUT_NONE)
        loop_timer_cancel(&c->timer);
    else
        loop_timer_after(&c->timer, delays[timeout]);
}

/* Goes on as far as possible. The connection may be gone afterwards. */
static void run(struct connection *c)
{
    enum step s;

    c->in_run = true;
    do
        s = step(c);
    while (s == STEP_ON);
    c->in_run = false;
    if (s == STEP_WAIT && loop_io_change(&c->io, wanted_events(c)) == 0)
        arm_timer(c);
    else
        connection_close(c);
}

static void timed_out(struct loop_timer *timer)
{
    struct connection *c = container_of(timer, struct connection, timer);
    bool reading = c->state == BODY || c->timeout == TIMEOUT_HEAD;

    if (reading && refuse(c, 408, "the request took too long") == STEP_ON)
        run(c);
    else
        connection_close(c);
}

/* --- what the client does --------------------------------------------------------------------- */

static void receive(struct connection *c)
{
    int r = intake_receive(&c->intake, c->fd);

    if (r == 0)
        run(c);
    else if (r != -EAGAIN)
        connection_close(c); /* gone, or gone in the middle of a request: there is nobody to tell */
}

/* While a handler works, nothing is read: the client's end of stream is looked for only. */
static void watch(struct connection *c, unsigned events)
{
    char byte;
    ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK);

    if (n > 0 && !(events & LOOP_HANGUP)) {
        c->unsure_rest = true;
        if (loop_io_change(&c->io, 0) == 0)
            return;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    connection_close(c);
}

static void discard(struct connection *c)
{
    char bytes[DISCARD_BYTES];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        connection_close(c);
}

static void ready(struct loop_io *io, unsigned events)
{
    struct connection *c = container_of(io, struct connection, io);

    switch (c->state) {
    case HEAD:
    case BODY:
        if (events & (LOOP_READ | LOOP_HANGUP))
            receive(c);
        else
            run(c);
        return;
    case HANDLING:
        watch(c, events);
        return;
    case WRITING:
        run(c);
        return;
    case LINGERING:
        discard(c);
        return;
    }
}

/* --- life ------------------------------------------------------------------------------------- */

int connection_new(struct server *server, int fd, bool refused)
{
    struct connection *c = calloc(1, sizeof(*c));
    int r;

    if (!c) {
        fd_close(fd);
        return -ENOMEM;
    }
    c->server = server;
    c->loop = server->loop;
    c->fd = fd;
    c->out = BUFFER_INIT(SIZE_MAX);
    intake_init(&c->intake, &server->settings.limits, server->settings.body_bytes_max);
    c->intake.head.minor = 1;
    loop_timer_init(server->loop, &c->timer, timed_out);
    list_push_back(&server->connections, &c->link);
    server->n_connections++;

    r = loop_io_add(server->loop, &c->io, fd, LOOP_READ, ready);
    if (r || (refused && refuse(c, 503, "too many connections") != STEP_ON)) {
        connection_close(c);
        return fault(r);
    }
    run(c);
    return 0;
}

static void free_memory(struct connection *c)
{
    intake_deinit(&c->intake);
    buffer_deinit(&c->out);
    free(c);
}

void connection_close(struct connection *c)
{
    struct server *server = c->server;

    assert(!c->in_run);
    loop_io_remove(&c->io);
    loop_timer_cancel(&c->timer);
    c->fd = fd_close(c->fd);
    list_remove(&c->link);
    c->server = NULL;
    if (c->request.active && c->request.cancelled) {
        c->request.active = false;
        c->request.cancelled(c->request.context);
    }
    if (!c->request.active) /* otherwise the memory waits for the answer */
        free_memory(c);
    server_forget(server);
}

void connection_drain(struct connection *c)
{
    c->last = true;
    if (c->state == HEAD && buffer_size(&c->intake.received) == 0 && !c->in_run)
        connection_close(c);
}

struct connection *connection_of(struct list_link *l)
{
    return container_of(l, struct connection, link);
}

/* --- the handler's side ----------------------------------------------------------------------- */

static struct connection *owner(const struct server_request *r)
{
    assert(r->magic == REQUEST_MAGIC);
    assert(r->active);
    return container_of((struct server_request *)r, struct connection, request);
}

const struct http_head *server_request_head(const struct server_request *r)
{
    return &owner(r)->intake.head;
}

struct slice server_request_body(const struct server_request *r)
{
    const struct buffer *body = &owner(r)->intake.body;

    return (struct slice){ buffer_data(body), buffer_size(body) };
}

struct loop *server_request_loop(const struct server_request *r)
{
    return owner(r)->loop;
}

void server_request_on_cancel(struct server_request *r, void (*cancelled)(void *context),
                              void *context)
{
    assert(owner(r) != NULL);
    r->cancelled = cancelled;
    r->context = context;
}

void server_reply(struct server_request *r, unsigned status, const struct server_header *headers,
                  size_t n_headers, struct slice body)
{
    struct connection *c = owner(r);
    bool to_head = slice_is(c->intake.head.method, "HEAD");
    int written;

    r->active = false;
    if (!c->server) { /* the client left; this was all that was waited for */
        free_memory(c);
        return;
    }
    c->last = c->last || c->server->draining;
    written = write_answer(c, status, headers, n_headers, body, to_head);
    if (written) {
        log_error(c->server->log, "answer could not be written", "status=%u why=\"%s\"", status,
                  strerror(-written));
        buffer_clear(&c->out); /* it was empty when the request was handed on */
        if (refuse(c, 500, "the answer could not be written") != STEP_ON)
            buffer_clear(&c->out);
    }
    if (!c->in_run)
        run(c);
}
