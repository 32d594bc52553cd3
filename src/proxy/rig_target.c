/* The targets of proxy/rig.h: a thread per connection, plain blocking sockets. What goes wrong here
 * aborts the program: cmocka's assertions work in the test's own thread only. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "http/writer.h"
#include "proxy/rig.h"

enum { CONNECTIONS_MAX = 4096 };

struct target_server {
    struct address address;
    char text[ADDRESS_TEXT_BYTES];
    bool is_api;
    int listener;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ending;
    unsigned served, accepted, holding, running, released, ping;
    int fds[CONNECTIONS_MAX]; /* -1: closed */
    bool busy[CONNECTIONS_MAX];
};

struct talk {
    struct target_server *t;
    unsigned index;
    int fd;
    struct buffer in;
    struct http_head head;
    struct buffer body;
    struct buffer fields;    /* the names of the head's fields */
    struct buffer head_text; /* the head as it came */
    struct buffer trailers;
    unsigned n_requests;
};

static unsigned locked(const struct target_server *t, const unsigned *value)
{
    struct target_server *lockable = (struct target_server *)t;
    unsigned v;

    pthread_mutex_lock(&lockable->lock);
    v = *value;
    pthread_mutex_unlock(&lockable->lock);
    return v;
}

static bool send_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        data += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool receive(struct talk *k)
{
    ssize_t n;

    assert((buffer_reserve(&k->in, 65536)) == 0);
    n = recv(k->fd, buffer_tail(&k->in), 65536, 0);
    if (n <= 0)
        return false;
    buffer_commit(&k->in, (size_t)n);
    return true;
}

static bool read_head(struct talk *k, size_t *ret_size)
{
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    const char *why;
    size_t scanned = 0;
    int r;

    while ((r = http_parse_request(buffer_data(&k->in), buffer_size(&k->in), &limits, &scanned,
                                   &k->head, ret_size, &why)) == HTTP_AGAIN)
        if (!receive(k))
            return false;
    assert((r) == 0); /* the proxy speaks HTTP */
    return true;
}

static void set_busy(struct talk *k, bool busy)
{
    pthread_mutex_lock(&k->t->lock);
    k->t->busy[k->index] = busy;
    pthread_cond_broadcast(&k->t->changed);
    pthread_mutex_unlock(&k->t->lock);
}

static bool read_body(struct talk *k)
{
    struct http_body body;
    struct slice content;
    const char *why;
    size_t used;
    int r;

    buffer_clear(&k->body);
    buffer_clear(&k->trailers);
    http_body_init(&body, &k->head);
    body.trailers = &k->trailers;
    while (!http_body_done(&body)) {
        r = http_body_next(&body, buffer_data(&k->in), buffer_size(&k->in), &used, &content, &why);
        assert(r == 0 || r == HTTP_AGAIN);
        assert((buffer_append(&k->body, content.data, content.size)) == 0);
        buffer_consume(&k->in, used);
        if (r == HTTP_AGAIN && used == 0 && !receive(k))
            return false;
    }
    return true;
}

/* Return: true, so that it chains. */
static bool hold(struct target_server *t)
{
    unsigned ticket;

    pthread_mutex_lock(&t->lock);
    t->holding++;
    ticket = t->released;
    pthread_cond_broadcast(&t->changed);
    while (t->released == ticket && !t->ending)
        pthread_cond_wait(&t->changed, &t->lock);
    t->holding--;
    pthread_mutex_unlock(&t->lock);
    return true;
}

static bool answer_head(struct talk *k, unsigned status, const char *framing)
{
    char head[4096];
    int n =
        snprintf(head, sizeof(head),
                 "HTTP/1.1 %u %s\r\nContent-Type: text/x-test\r\n"
                 "X-Amzn-SageMaker-Custom-Attributes: %s\r\nX-Secret: not for clients\r\n%s\r\n",
                 status, http_reason(status), buffer_cstr(&k->fields), framing);

    return send_all(k->fd, head, (size_t)n);
}

static bool answer_plain(struct talk *k, unsigned status, size_t announce, const char *data,
                         size_t size)
{
    char framing[64];

    snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", announce);
    return answer_head(k, status, framing) && send_all(k->fd, data, size);
}

static bool answer_chunked(struct talk *k)
{
    autobuffer struct buffer out = BUFFER_INIT(64 << 20);

    for (size_t at = 0; at < buffer_size(&k->body); at += 1000) {
        size_t left = buffer_size(&k->body) - at;

        assert(http_write_chunk(&out, (struct slice){ buffer_data(&k->body) + at,
                                                      left < 1000 ? left : 1000 }) == 0);
    }
    assert((http_write_last_chunk(&out)) == 0);
    return answer_head(k, 200, "Transfer-Encoding: chunked\r\n") &&
           send_all(k->fd, buffer_data(&out), buffer_size(&out));
}

static bool answer_big(struct talk *k, size_t n)
{
    char *bytes = malloc(n);
    bool sent;

    assert(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)('a' + i % 26);
    sent = answer_plain(k, 200, n, bytes, n);
    free(bytes);
    return sent;
}

static bool answer_with_head(struct talk *k)
{
    struct buffer *all = &k->head_text;

    assert(buffer_append(all, buffer_data(&k->body), buffer_size(&k->body)) == 0);
    assert(buffer_append(all, buffer_data(&k->trailers), buffer_size(&k->trailers)) == 0);
    return answer_plain(k, 200, buffer_size(all), buffer_data(all), buffer_size(all));
}

static bool answer_as(struct talk *k, const char *text)
{
    for (; *text; text++)
        if (!send_all(k->fd, *text == '|' ? "\r\n" : text, *text == '|' ? 2 : 1))
            return false;
    return true;
}

static bool reset(struct talk *k)
{
    const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

    (void)connect(k->fd, &nobody, sizeof(nobody));
    return false;
}

/* Return: whether the connection goes on. */
static bool act(struct talk *k, const char *what)
{
    const char *body = buffer_data(&k->body);
    size_t size = buffer_size(&k->body);

    if (strcmp(what, "chunked") == 0)
        return answer_chunked(k);
    if (strcmp(what, "until-close") == 0)
        return answer_head(k, 200, "Connection: close\r\n") && send_all(k->fd, body, size) && false;
    if (strncmp(what, "status=", 7) == 0)
        return answer_plain(k, (unsigned)atoi(what + 7), size, body, size);
    if (strncmp(what, "big=", 4) == 0)
        return answer_big(k, (size_t)atol(what + 4));
    if (strcmp(what, "hold") == 0)
        return hold(k->t) && answer_plain(k, 200, size, body, size);
    if (strcmp(what, "break") == 0)
        return false;
    if (strcmp(what, "break-if-reused") == 0 && k->n_requests > 1)
        return false;
    if (strncmp(what, "break-after=", 12) == 0)
        return answer_plain(k, 200, 1000, body, (size_t)atoi(what + 12)) && false;
    if (strcmp(what, "close") == 0) {
        answer_head(k, 200, "Content-Length: 0\r\nConnection: close\r\n");
        return false;
    }
    if (strcmp(what, "head") == 0)
        return answer_with_head(k);
    if (strncmp(what, "as=", 3) == 0)
        return answer_as(k, what + 3);
    if (strcmp(what, "reset-if-reused") == 0 && k->n_requests > 1)
        return reset(k);
    if (strcmp(what, "nonsense") == 0)
        return send_all(k->fd, "220 smtp ready\r\n\r\n", 18) && false;
    return answer_plain(k, 200, size, body, size);
}

static bool serve_api(struct talk *k, struct slice head)
{
    autobuffer struct buffer all = BUFFER_INIT(64 << 20);

    if (!read_body(k))
        return false;
    assert((buffer_append(&all, head.data, head.size)) == 0);
    assert((buffer_append(&all, buffer_data(&k->body), buffer_size(&k->body))) == 0);
    answer_plain(k, 200, buffer_size(&all), buffer_data(&all), buffer_size(&all));
    return false;
}

static bool serve_one(struct talk *k)
{
    struct slice attributes;
    char what[256];
    size_t size;
    bool early;

    if (!read_head(k, &size))
        return false;
    set_busy(k, true);
    if (k->t->is_api) {
        autofree(mem_free) char *head = slice_dup((struct slice){ buffer_data(&k->in), size });

        buffer_consume(&k->in, size);
        return serve_api(k, slice_from(head));
    }
    attributes = http_header_value(&k->head, "X-Amzn-SageMaker-Custom-Attributes");
    snprintf(what, sizeof(what), "%.*s", (int)attributes.size, attributes.data);
    buffer_clear(&k->fields);
    for (unsigned i = 0; i < k->head.n_headers; i++)
        buffer_printf(&k->fields, "%s%.*s", i ? "," : "", (int)k->head.headers[i].name.size,
                      k->head.headers[i].name.data);
    if (slice_is(k->head.target, "/ping")) {
        buffer_consume(&k->in, size);
        return answer_plain(k, locked(k->t, &k->t->ping), 0, "", 0);
    }
    k->n_requests++;
    pthread_mutex_lock(&k->t->lock);
    k->t->served++;
    pthread_mutex_unlock(&k->t->lock);
    early = strcmp(what, "early") == 0;
    buffer_clear(&k->head_text);
    assert(buffer_append(&k->head_text, buffer_data(&k->in), size) == 0);
    buffer_consume(&k->in, size);
    if (early)
        return answer_plain(k, 413, 4, "much", 4) && false;
    if (strcmp(what, "reset-early-if-reused") == 0 && k->n_requests > 1)
        return reset(k);
    return read_body(k) && act(k, what);
}

static void *talk(void *context)
{
    struct talk *k = context;

    k->in = k->body = k->fields = k->head_text = k->trailers = BUFFER_INIT(64 << 20);
    while (serve_one(k))
        set_busy(k, false);
    pthread_mutex_lock(&k->t->lock);
    shutdown(k->fd, SHUT_WR);
    close(k->fd);
    k->t->fds[k->index] = -1;
    k->t->running--;
    pthread_cond_broadcast(&k->t->changed);
    pthread_mutex_unlock(&k->t->lock);
    buffer_deinit(&k->in);
    buffer_deinit(&k->body);
    buffer_deinit(&k->fields);
    buffer_deinit(&k->head_text);
    buffer_deinit(&k->trailers);
    free(k);
    return NULL;
}

static void begin_talk(struct target_server *t, int fd)
{
    struct talk *k = calloc(1, sizeof(*k));
    pthread_t thread;

    assert(k);
    *k = (struct talk){ .t = t, .fd = fd };
    pthread_mutex_lock(&t->lock);
    assert(t->accepted < CONNECTIONS_MAX);
    k->index = t->accepted++;
    t->fds[k->index] = fd;
    t->running++;
    pthread_mutex_unlock(&t->lock);
    assert((pthread_create(&thread, NULL, talk, k)) == 0);
    pthread_detach(thread);
}

static void *accept_all(void *context)
{
    struct target_server *t = context;
    int fd;

    while ((fd = accept(t->listener, NULL, NULL)) >= 0)
        begin_talk(t, fd);
    return NULL;
}

static void listen_now(struct target_server *t)
{
    int flags;

    assert((address_listen(&t->address, false, &t->listener)) == 0);
    flags = fcntl(t->listener, F_GETFL);
    fcntl(t->listener, F_SETFL, flags & ~O_NONBLOCK);
    assert((address_of(t->listener, &t->address)) == 0);
    address_text(&t->address, t->text);
    assert((pthread_create(&t->acceptor, NULL, accept_all, t)) == 0);
}

struct target_server *target_server_listen(const char *address, bool is_api)
{
    struct target_server *t = calloc(1, sizeof(*t));

    assert(t);
    t->ping = 200;
    t->is_api = is_api;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    assert((address_parse(address, &t->address)) == 0);
    listen_now(t);
    return t;
}

struct target_server *target_server_new(void)
{
    return target_server_listen("127.0.0.1:0", false);
}

void target_server_stop_listening(struct target_server *t)
{
    if (t->listener < 0)
        return;
    shutdown(t->listener, SHUT_RDWR);
    pthread_join(t->acceptor, NULL);
    t->listener = fd_close(t->listener);
}

void target_server_listen_again(struct target_server *t)
{
    listen_now(t);
}

static void close_connections(struct target_server *t, bool busy_too)
{
    pthread_mutex_lock(&t->lock);
    for (unsigned i = 0; i < t->accepted; i++)
        if (t->fds[i] >= 0 && (busy_too || !t->busy[i]))
            shutdown(t->fds[i], SHUT_RDWR);
    pthread_mutex_unlock(&t->lock);
}

void target_server_hang_up(struct target_server *t)
{
    close_connections(t, false);
}

struct target_server *target_server_free(struct target_server *t)
{
    if (!t)
        return NULL;
    target_server_stop_listening(t);
    close_connections(t, true);
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    pthread_cond_broadcast(&t->changed);
    while (t->running > 0)
        pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    free(t);
    return NULL;
}

static bool is_busy(const struct target_server *t)
{
    for (unsigned i = 0; i < t->accepted; i++)
        if (t->fds[i] >= 0 && t->busy[i])
            return true;
    return false;
}

void target_server_wait_idle(struct target_server *t)
{
    pthread_mutex_lock(&t->lock);
    while (is_busy(t))
        pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

void target_server_release(struct target_server *t)
{
    pthread_mutex_lock(&t->lock);
    t->released++;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void target_server_ping(struct target_server *t, unsigned status)
{
    pthread_mutex_lock(&t->lock);
    t->ping = status;
    pthread_mutex_unlock(&t->lock);
}

unsigned target_server_served(const struct target_server *t)
{
    return locked(t, &t->served);
}

unsigned target_server_connections(const struct target_server *t)
{
    return locked(t, &t->accepted);
}

unsigned target_server_holding(const struct target_server *t)
{
    return locked(t, &t->holding);
}

const char *target_server_address(const struct target_server *t)
{
    return t->text;
}
