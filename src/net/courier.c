/* libcurl's multi interface on our loop: curl says which sockets it waits for and when to wake it;
 * we say when they are ready and when time is up. It resolves names in a thread of its own. */
#include "net/courier.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/error.h"
#include "net/network.h"

enum { DROPPED_BYTES_MAX = 1 << 20 };

struct errand {
    struct list_link link;
    struct curl_courier *courier;
    CURL *easy;
    struct curl_slist *headers;
    bool keep;            /* the answer's body is wanted ... */
    struct buffer body;   /* ... here, within a limit */
    size_t dropped_bytes; /* of an answer that is not */
    char error[CURL_ERROR_SIZE];
    courier_answered_fn *answered;
    void *context;
};

struct socket_watch {
    struct loop_io io;
    struct list_link link;
    struct curl_courier *courier;
};

struct curl_courier {
    struct courier base;
    struct loop *loop;
    CURLM *multi;
    struct loop_timer timer;
    struct list errands, sockets;
};

/* --- ends ------------------------------------------------------------------------------------- */

static void errand_free(struct errand *p)
{
    list_remove(&p->link);
    if (p->easy) {
        curl_multi_remove_handle(p->courier->multi, p->easy);
        curl_easy_cleanup(p->easy);
    }
    curl_slist_free_all(p->headers);
    buffer_deinit(&p->body);
    free(p);
}

/* Whoever hears of it may cancel what is left of his; this is not among that any more. */
static void finish(struct errand *p, const struct courier_answer *answer)
{
    list_remove(&p->link);
    p->answered(answer, p->context);
    errand_free(p);
}

static void finish_done(struct errand *p, CURLcode result)
{
    struct courier_answer answer = { 0 };
    long status = 0;

    curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK)
        answer.error = *p->error ? p->error : curl_easy_strerror(result);
    else
        answer = (struct courier_answer){
            .status = (unsigned)status,
            .body = { buffer_data(&p->body), buffer_size(&p->body) },
        };
    finish(p, &answer);
}

static void collect(struct curl_courier *c)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(c->multi, &left))) {
        char *errand = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &errand);
        finish_done((struct errand *)(void *)errand, message->data.result);
    }
}

/* --- what curl waits for ---------------------------------------------------------------------- */

static void act(struct curl_courier *c, curl_socket_t fd, int events)
{
    int running;

    curl_multi_socket_action(c->multi, fd, events, &running);
    collect(c);
}

static void timed_out(struct loop_timer *timer)
{
    act(container_of(timer, struct curl_courier, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void ready(struct loop_io *io, unsigned events)
{
    struct socket_watch *w = container_of(io, struct socket_watch, io);
    int select = (events & (LOOP_READ | LOOP_HANGUP) ? CURL_CSELECT_IN : 0) |
                 (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0) |
                 (events & LOOP_HANGUP ? CURL_CSELECT_ERR : 0);

    act(w->courier, io->fd, select);
}

static void watch_free(struct socket_watch *w)
{
    loop_io_remove(&w->io);
    list_remove(&w->link);
    free(w);
}

static int watch_new(struct curl_courier *c, curl_socket_t fd, unsigned events)
{
    struct socket_watch *w = calloc(1, sizeof(*w));

    if (!w)
        return -1;
    w->courier = c;
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
    struct curl_courier *c = context;

    (void)multi;
    if (after_ms < 0)
        loop_timer_cancel(&c->timer);
    else
        loop_timer_after(&c->timer, after_ms);
    return 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

static size_t receive(char *data, size_t size, size_t n, void *context)
{
    struct errand *p = context;

    if (p->keep)
        return buffer_append(&p->body, data, size * n) == 0 ? size * n : 0;
    p->dropped_bytes += size * n;
    return p->dropped_bytes > DROPPED_BYTES_MAX ? 0 : size * n;
}

static bool is_forbidden(const struct curl_sockaddr *a)
{
    /* where clouds keep the credentials of their machines: link-local addresses, and those that
     * AWS, Azure and Alibaba use beside or instead of them */
    static const char *const ranges[] = { "169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128",
                                          "168.63.129.16/32", "100.100.100.200/32" };
    struct address address = { .size = a->addrlen };
    struct network_address numeric;
    struct network network;

    if (a->addrlen > sizeof(address.storage))
        return true;
    memcpy(&address.storage, &a->addr, a->addrlen);
    if (network_address_of(&address, &numeric) != 0)
        return true; /* no IP address: not what a URL leads to */
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        if (network_parse(slice_from(ranges[i]), &network) == 0 && network_has(&network, &numeric))
            return true;
    return false;
}

/* Asked when the address is known, so that no name can stand for another one by then. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *a)
{
    (void)context;
    if (purpose != CURLSOCKTYPE_IPCXN || is_forbidden(a))
        return CURL_SOCKET_BAD;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static bool set_body(struct errand *p, const char *body)
{
    CURL *e = p->easy;

    if (!body)
        return true;
    p->headers = curl_slist_append(p->headers, "Content-Type: application/json");
    return p->headers &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, body) == CURLE_OK;
}

static bool set_options(struct errand *p, const struct courier_request *r)
{
    CURL *e = p->easy;

    p->headers = curl_slist_append(NULL, "Accept: application/json");
    return p->headers && set_body(p, r->body) &&
           curl_easy_setopt(e, CURLOPT_URL, r->url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTPHEADER, p->headers) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, "weir/" WEIR_VERSION) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->timeout) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, p) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_ERRORBUFFER, p->error) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PRIVATE, p) == CURLE_OK;
}

static int send_by_curl(struct courier *base, const struct courier_request *request,
                        courier_answered_fn *answered, void *context)
{
    struct curl_courier *c = container_of(base, struct curl_courier, base);
    struct errand *p = calloc(1, sizeof(*p));

    if (!p)
        return fault(-ENOMEM);
    *p = (struct errand){ .courier = c,
                          .easy = curl_easy_init(),
                          .keep = request->answer_bytes_max > 0,
                          .body = BUFFER_INIT(request->answer_bytes_max),
                          .answered = answered,
                          .context = context };
    list_push_back(&c->errands, &p->link);
    /* adding asks for a wake-up at once, so that nothing happens before this returns */
    if (!p->easy || !set_options(p, request) ||
        curl_multi_add_handle(c->multi, p->easy) != CURLM_OK) {
        errand_free(p);
        return fault(-ENOMEM);
    }
    return 0;
}

static struct errand *find(struct curl_courier *c, const void *context)
{
    list_for_each (p, &c->errands, struct errand, link)
        if (!context || p->context == context)
            return p;
    return NULL;
}

static void cancel_by_curl(struct courier *base, const void *context)
{
    struct curl_courier *c = container_of(base, struct curl_courier, base);
    static const struct courier_answer cancelled = { .error = "cancelled" };
    struct errand *p;

    while ((p = find(c, context)))
        finish(p, &cancelled);
}

static void free_by_curl(struct courier *base)
{
    struct curl_courier *c = container_of(base, struct curl_courier, base);

    if (c->multi)
        curl_multi_cleanup(c->multi); /* lets go of its idle connections */
    list_for_each_safe (w, &c->sockets, struct socket_watch, link)
        watch_free(w);
    loop_timer_cancel(&c->timer);
    free(c);
}

static const struct courier_ops curl_ops = { send_by_curl, cancel_by_curl, free_by_curl };

int courier_new_curl(struct loop *loop, struct courier **ret)
{
    struct curl_courier *c = calloc(1, sizeof(*c));

    if (!c)
        return fault(-ENOMEM);
    *c = (struct curl_courier){ .base = { &curl_ops }, .loop = loop, .multi = curl_multi_init() };
    list_init(&c->errands);
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

/* --- any courier ------------------------------------------------------------------------------ */

int courier_send(struct courier *c, const struct courier_request *request,
                 courier_answered_fn *answered, void *context)
{
    return c->ops->send(c, request, answered, context);
}

void courier_cancel(struct courier *c, const void *context)
{
    c->ops->cancel(c, context);
}

struct courier *courier_free(struct courier *c)
{
    if (c)
        c->ops->free(c);
    return NULL;
}
