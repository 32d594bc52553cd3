/* What a target of HTTP/2 sends, through a real session with real requests. However it breaks the rules,
 * each request has one outcome, its client gets a head before a body, never more content than was
 * announced and never an end that is none.
 *
 * The input's first byte says what kind of clients these are; the rest is frames (kind, flags, stream,
 * length, payload), or with bit 0 of the first byte raw bytes. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "proxy/exchange.h"
#include "proxy/upstream_h2.h"

enum { REQUESTS = 3, TURNS_MAX = 200, RAW = 1, CONGESTED = 2, HEAD = 4, BODY = 8, STREAMS = 16 };

static struct fuzz_client {
    struct client client;
    struct exchange *exchange; /* NULL: it is over */
    bool begun, empty, congested;
    uint64_t length, content;
    ms_t deadline;
} clients[REQUESTS];

static struct sim_clock sim;
static struct worker worker;
static struct worker_settings settings;
static struct target *target;
static int listener;
static uint8_t kind_of_clients;

/* --- clients ---------------------------------------------------------------------------------- */

static struct fuzz_client *of(struct client *c)
{
    struct fuzz_client *f = container_of(c, struct fuzz_client, client);

    MUST(f->exchange);
    return f;
}

static void interim(struct client *c)
{
    MUST(!of(c)->begun);
}

static void begin(struct client *c, uint64_t length, bool empty)
{
    struct fuzz_client *f = of(c);

    MUST(!f->begun);
    f->begun = true;
    f->length = length;
    f->empty = empty;
}

static void content(struct client *c, struct slice content)
{
    struct fuzz_client *f = of(c);

    f->content += content.size;
    MUST(f->begun);
    MUST(f->content == 0 || (!f->empty && f->content <= f->length));
    f->congested = f->congested || (kind_of_clients & CONGESTED && content.size > 0);
}

static void end(struct client *c, struct slice trailers)
{
    struct fuzz_client *f = of(c);

    MUST(f->begun);
    MUST(f->empty || f->length == CLIENT_LENGTH_UNKNOWN || f->content == f->length);
    MUST(trailers.size == 0 || trailers.data[trailers.size - 1] == '\n');
    MUST(trailers.size == 0 || !memchr(trailers.data, '\0', trailers.size));
}

static bool is_congested(const struct client *c)
{
    return container_of(c, const struct fuzz_client, client)->congested;
}

static void finish(struct client *c, bool keep_alive)
{
    (void)keep_alive;
    of(c)->exchange = NULL;
}

static void die(struct client *c)
{
    struct fuzz_client *f = of(c);
    struct exchange *x = f->exchange;

    f->exchange = NULL;
    exchange_abandon(x);
}

static void expect(struct client *c, ms_t deadline)
{
    of(c)->deadline = deadline;
}

static void ignore(struct client *c)
{
    (void)c;
}

static const struct client_ops client_ops = { .interim = interim,
                                              .begin = begin,
                                              .content = content,
                                              .end = end,
                                              .flush = ignore,
                                              .is_congested = is_congested,
                                              .finish = finish,
                                              .die = die,
                                              .expect = expect,
                                              .update = ignore };

/* --- requests --------------------------------------------------------------------------------- */

static void kind_interim(struct exchange *x, const struct http_head *head)
{
    MUST(head->status > 101 && head->status < 200);
    client_interim(x->client);
}

static void kind_answered(struct exchange *x, const struct http_head *head)
{
    MUST(head->status >= 200 && head->status <= 999 && !head->upgrade);
    MUST(head->framing != HTTP_BODY_CLOSE);
    MUST(!x->head_only || head->framing == HTTP_BODY_NONE);
    for (unsigned i = 0; i < head->n_headers; i++) {
        struct slice value = head->headers[i].value;

        MUST(head->headers[i].name.size > 0);
        MUST(value.size == 0 ||
             (!memchr(value.data, '\n', value.size) && !memchr(value.data, '\0', value.size)));
    }
    exchange_relay(x, head);
}

static void kind_failed(struct exchange *x, enum exchange_failure why, int error)
{
    (void)why;
    (void)error;
    exchange_over(x, false);
}

static void kind_ended(struct exchange *x, us_t us, bool complete)
{
    (void)x;
    (void)us;
    (void)complete;
}

static const struct exchange_kind kind = {
    .interim = kind_interim, .answered = kind_answered, .failed = kind_failed, .ended = kind_ended
};

static void ask(struct fuzz_client *f, struct upstream *pool)
{
    struct exchange *x = exchange_new(&worker, &f->client);

    MUST(x);
    f->exchange = x;
    x->kind = &kind;
    x->http10 = x->is_grpc = x->expects = false;
    x->keep_alive = x->takes_trailers = x->passes_trailers = true;
    x->head_only = kind_of_clients & HEAD;
    x->body_done = !(kind_of_clients & STREAMS);
    x->streams = true;
    MUST(buffer_printf(&x->head_out, "%s /x HTTP/1.1\r\nHost: w\r\nTE: trailers\r\n\r\n",
                       x->head_only ? "HEAD" : "POST") == 0);
    if (kind_of_clients & BODY)
        MUST(buffer_puts(&x->body_out, "a body") == 0);
    MUST(exchange_attempt(x, pool) == 0);
}

/* --- the target ------------------------------------------------------------------------------- */

static void turn(void)
{
    sim_clock_advance(&sim, 1);
    MUST(loop_turn(worker.loop, 0) == 0);
    for (int i = 0; i < REQUESTS; i++) {
        if (clients[i].exchange && clients[i].congested) {
            clients[i].congested = false;
            exchange_client_reads(clients[i].exchange);
        }
        if (clients[i].exchange && clients[i].deadline <= loop_now(worker.loop))
            exchange_expired(clients[i].exchange);
    }
}

static void drain(int fd)
{
    char dropped[65536];

    while (recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT) > 0)
        ;
}

static void say(int fd, const uint8_t *data, size_t size)
{
    if (size)
        (void)!send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    turn();
    drain(fd);
}

static void say_frame(int fd, const uint8_t *in, size_t payload)
{
    uint8_t frame[9 + 255] = { 0, 0, (uint8_t)payload, in[0] % 11, in[1], 0, 0, 0, in[2] % 8 };

    memcpy(frame + 9, in + 4, payload);
    say(fd, frame, 9 + payload);
}

static void say_frames(int fd, const uint8_t *data, size_t size)
{
    static const uint8_t greeting[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0 };

    say(fd, greeting, sizeof(greeting));
    turn();
    while (size >= 4) {
        size_t payload = data[3] < size - 4 ? data[3] : size - 4;

        say_frame(fd, data, payload);
        data += 4 + payload;
        size -= 4 + payload;
    }
}

static bool any_left(void)
{
    for (int i = 0; i < REQUESTS; i++)
        if (clients[i].exchange)
            return true;
    return false;
}

/* --- all of it -------------------------------------------------------------------------------- */

static void set_up(void)
{
    struct link_target config = { .id = "t", .weight = 1 };
    struct address address;

    sim_clock_init(&sim, 1000);
    settings = WORKER_SETTINGS_DEFAULT;
    settings.limits.head_bytes = 4096;
    worker.settings = &settings;
    MUST(loop_new(&sim.base, &worker.loop) == 0);
    MUST(stream_engine_init(&worker.streams, worker.loop) == 0);
    morgue_init(&worker.morgue, worker.loop);
    worker.text = BUFFER_INIT(1 << 20);
    list_init(&worker.exchanges);
    list_init(&worker.sessions);
    list_init(&worker.leavers);
    snprintf(config.address, sizeof(config.address), "unix:/tmp/fuzz-h2-%d", (int)getpid());
    MUST(address_parse(config.address, &address) == 0);
    MUST(address_listen(&address, false, &listener) == 0);
    MUST(target_new("g", &config, 0, &target) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct upstream *pool;
    int fd;

    if (!target)
        set_up();
    if (size == 0)
        return 0;
    kind_of_clients = data[0];
    MUST(upstream_new(&worker, target, true, &pool) == 0);
    for (int i = 0; i < REQUESTS; i++) {
        clients[i] = (struct fuzz_client){ .client.ops = &client_ops };
        ask(&clients[i], pool);
    }
    turn();
    fd = accept(listener, NULL, NULL);
    MUST(fd >= 0);
    if (kind_of_clients & RAW)
        say(fd, data + 1, size - 1);
    else
        say_frames(fd, data + 1, size - 1);
    close(fd);
    /* who was moved to a connection that nobody accepts waits until its time is over */
    for (int i = 0; i < TURNS_MAX && any_left(); i++) {
        sim_clock_advance(&sim, MS_PER_S);
        turn();
    }
    MUST(!any_left());
    upstream_retire(pool);
    upstream_unref(pool);
    turn();
    MUST(list_empty(&worker.sessions));
    return 0;
}
