/* An exchange's answer in HTTP/1: framing around it. The stream sends what one turn gave in one call. */
#include <stdio.h>

#include "http/writer.h"
#include "proxy/downstream.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

static struct downstream *of(struct client *client)
{
    return container_of(client, struct downstream, client);
}

/* --- the head --------------------------------------------------------------------------------- */

static void interim(struct client *client)
{
    struct downstream *c = of(client);
    struct buffer *head = &worker_of(&c->stream)->text;

    if (c->exchange->http10)
        return; /* does not know of such answers */
    if (http_write_end(head)) {
        downstream_kill(c);
        return;
    }
    downstream_send(c, buffer_data(head), buffer_size(head));
}

static int write_framing(struct downstream *c, uint64_t length, bool empty, struct buffer *head)
{
    c->exchange->framing = HTTP_BODY_NONE;
    if (length != CLIENT_LENGTH_UNKNOWN) {
        c->exchange->framing = empty ? HTTP_BODY_NONE : HTTP_BODY_LENGTH;
        return http_write_header_number(head, "Content-Length", length);
    }
    if (empty)
        return 0;
    c->exchange->framing = c->exchange->http10 ? HTTP_BODY_CLOSE : HTTP_BODY_CHUNKED;
    if (c->exchange->framing == HTTP_BODY_CHUNKED)
        return http_write_header_text(head, "Transfer-Encoding", "chunked");
    c->exchange->keep_alive = false;
    return 0;
}

static void begin(struct client *client, uint64_t length, bool empty)
{
    struct downstream *c = of(client);
    struct buffer *head = &worker_of(&c->stream)->text;
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
        downstream_send(c, buffer_data(head), buffer_size(head));
}

static void tunnel(struct client *client)
{
    struct downstream *c = of(client);
    struct buffer *head = &worker_of(&c->stream)->text;

    c->tunnels = true;
    c->exchange->framing = HTTP_BODY_CLOSE;
    if (http_write_end(head))
        downstream_kill(c);
    else
        downstream_send(c, buffer_data(head), buffer_size(head));
}

/* --- the body --------------------------------------------------------------------------------- */

static void content(struct client *client, struct slice content)
{
    struct downstream *c = of(client);
    char line[24];

    if (content.size == 0)
        return;
    if (c->exchange->framing != HTTP_BODY_CHUNKED) {
        downstream_send(c, content.data, content.size);
        return;
    }
    downstream_send(c, line, (size_t)snprintf(line, sizeof(line), "%zx\r\n", content.size));
    downstream_send(c, content.data, content.size);
    downstream_send(c, "\r\n", 2);
}

static void end(struct client *client, struct slice trailers)
{
    struct downstream *c = of(client);

    if (c->tunnels) {
        c->says_no_more = true;
        if (!stream_unsent(&c->stream))
            stream_shut(&c->stream);
    }
    if (c->exchange->framing != HTTP_BODY_CHUNKED)
        return;
    downstream_send(c, "0\r\n", 3);
    downstream_send(c, trailers.data, trailers.size);
    downstream_send(c, "\r\n", 2);
}

static void flush(struct client *client)
{
    (void)client; /* it leaves at the end of the turn */
}

/* --- the rest of what an exchange asks of its client ------------------------------------------ */

static struct stream *way(struct client *client)
{
    struct downstream *c = of(client);

    return c->exchange->framing == HTTP_BODY_LENGTH ? &c->stream : NULL;
}

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

static const struct guard_pass *pass(const struct client *client)
{
    return &container_of(client, const struct downstream, client)->pass;
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
    .tunnel = tunnel,
    .way = way,
    .is_congested = is_congested,
    .finish = finish,
    .die = die,
    .expect = expect,
    .update = update,
    .forwarded = forwarded,
    .pass = pass,
    .peer = peer,
};
