/* An exchange's answer in HTTP/1: framing around it, and one send for what is at hand of it. */
#include <assert.h>
#include <stdio.h>

#include "http/writer.h"
#include "proxy/downstream.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

enum { PARTS_OF_A_CHUNK = 3, PARTS_OF_THE_END = 3 };

static struct downstream *of(struct client *client)
{
    return container_of(client, struct downstream, client);
}

/* --- gathering -------------------------------------------------------------------------------- */

/* The worker's gather, empty unless what lies in it is for @c: were something left behind by
 * another, it must not reach this client. */
static struct gather *gather(struct downstream *c)
{
    struct gather *g = &c->worker->gather;

    if (g->client != &c->client) {
        g->client = &c->client;
        g->n = g->n_lines = 0;
    }
    return g;
}

static void flush(struct client *client)
{
    struct downstream *c = of(client);
    struct gather *g = gather(c);
    size_t n = g->n;

    g->n = g->n_lines = 0;
    g->client = NULL;
    if (n)
        downstream_send(c, g->parts, n);
}

static void add(struct gather *g, const char *data, size_t size)
{
    assert(g->n < GATHER_PARTS);
    g->parts[g->n++] = (struct iovec){ (char *)data, size };
}

static bool is_full(const struct gather *g)
{
    return g->n + PARTS_OF_A_CHUNK + PARTS_OF_THE_END > GATHER_PARTS || g->n_lines == GATHER_LINES;
}

/* --- the head --------------------------------------------------------------------------------- */

static void interim(struct client *client)
{
    struct downstream *c = of(client);
    struct buffer *head = &c->worker->text;
    struct iovec part;

    if (c->exchange->http10)
        return; /* does not know of such answers */
    if (http_write_end(head)) {
        downstream_kill(c);
        return;
    }
    part = (struct iovec){ buffer_data(head), buffer_size(head) };
    downstream_send(c, &part, 1);
}

static int write_framing(struct downstream *c, uint64_t length, bool empty, struct buffer *head)
{
    c->framing = HTTP_BODY_NONE;
    if (length != CLIENT_LENGTH_UNKNOWN) {
        c->framing = empty ? HTTP_BODY_NONE : HTTP_BODY_LENGTH;
        return http_write_header_number(head, "Content-Length", length);
    }
    if (empty)
        return 0;
    c->framing = c->exchange->http10 ? HTTP_BODY_CLOSE : HTTP_BODY_CHUNKED;
    if (c->framing == HTTP_BODY_CHUNKED)
        return http_write_header_text(head, "Transfer-Encoding", "chunked");
    c->exchange->keep_alive = false;
    return 0;
}

/* The head leaves with the first of the body. */
static void begin(struct client *client, uint64_t length, bool empty)
{
    struct downstream *c = of(client);
    struct buffer *head = &c->worker->text;
    int r = write_framing(c, length, empty, head);

    if (!r && !c->exchange->keep_alive)
        r = http_write_header_text(head, "Connection", "close");
    else if (!r && c->exchange->http10)
        r = http_write_header_text(head, "Connection", "keep-alive");
    if (!r)
        r = http_write_end(head);
    if (r)
        downstream_kill(c);
    else
        add(gather(c), buffer_data(head), buffer_size(head));
}

/* --- the body --------------------------------------------------------------------------------- */

static void content(struct client *client, struct slice content)
{
    struct downstream *c = of(client);
    struct gather *g = gather(c);
    char *line;

    if (content.size == 0)
        return;
    if (is_full(g)) {
        flush(client);
        if (c->state == DOWNSTREAM_DEAD)
            return;
        g = gather(c);
    }
    if (c->framing != HTTP_BODY_CHUNKED) {
        add(g, content.data, content.size);
        return;
    }
    line = g->lines[g->n_lines++];
    add(g, line, (size_t)snprintf(line, GATHER_LINE_BYTES, "%zx\r\n", content.size));
    add(g, content.data, content.size);
    add(g, "\r\n", 2);
}

static void end(struct client *client, struct slice trailers)
{
    struct downstream *c = of(client);
    struct gather *g = gather(c);

    if (c->framing != HTTP_BODY_CHUNKED)
        return;
    if (trailers.size == 0) {
        add(g, "0\r\n\r\n", 5);
        return;
    }
    add(g, "0\r\n", 3);
    add(g, trailers.data, trailers.size);
    add(g, "\r\n", 2);
}

/* --- the rest of what an exchange asks of its client ------------------------------------------ */

static bool is_congested(const struct client *client)
{
    return downstream_congested(container_of(client, const struct downstream, client));
}

static void finish(struct client *client, bool keep_alive)
{
    downstream_finish(of(client), keep_alive);
}

static void die(struct client *client)
{
    downstream_kill(of(client));
}

static void expect(struct client *client, ms_t deadline)
{
    downstream_expect(of(client), deadline);
}

static void update(struct client *client)
{
    downstream_update(of(client));
}

static const char *forwarded(struct client *client)
{
    return downstream_forwarded(of(client));
}

static void peer(const struct client *client, char ret_text[ADDRESS_TEXT_BYTES])
{
    downstream_peer(container_of(client, const struct downstream, client), ret_text);
}

const struct client_ops downstream_ops = {
    .in_line = true,
    .interim = interim,
    .begin = begin,
    .content = content,
    .end = end,
    .flush = flush,
    .is_congested = is_congested,
    .finish = finish,
    .die = die,
    .expect = expect,
    .update = update,
    .forwarded = forwarded,
    .peer = peer,
};
