#include "proxy/tunnel.h"

#include <assert.h>

static bool is_websocket(const struct http_head *head)
{
    struct slice wanted = SLICE("websocket");
    unsigned n = 0;

    for (unsigned i = 0; i < head->n_headers; i++) {
        const struct http_header *h = &head->headers[i];

        if (h->name.size != 7 || !slice_is_nocase(h->name, "Upgrade"))
            continue;
        if (n++ > 0 || !slice_equal_nocase(h->value, wanted))
            return false;
    }
    return n == 1;
}

/* A request with a body is not upgraded: the target could take one for the other. */
bool tunnel_is_asked_for(const struct exchange *x)
{
    return x->head.upgrade && x->client->ops->tunnel && x->head.framing == HTTP_BODY_NONE &&
           slice_is(x->head.method, "GET") && is_websocket(&x->head);
}

int tunnel_write_fields(struct buffer *out)
{
    return buffer_puts(out, "Connection: upgrade\r\nUpgrade: websocket\r\n");
}

bool tunnel_is_granted(const struct exchange *x, const struct http_head *head)
{
    return x->asks_tunnel && head->upgrade && is_websocket(head);
}

static void moved(struct exchange *x)
{
    client_expect(x->client, exchange_now(x) + x->idle_ms);
}

void tunnel_begin(struct exchange *x)
{
    x->idle_ms = x->place.group->config.idle_timeout_ms;
    x->state = EXCHANGE_TUNNEL;
    x->body_done = x->target_done = false;
    x->keep_alive = false;
    moved(x);
    client_tunnel(x->client);
    if (x->state == EXCHANGE_TUNNEL)
        client_update(x->client);
}

/* --- from the client -------------------------------------------------------------------------- */

static void end_if_done(struct exchange *x)
{
    if (!x->body_done || !x->target_done)
        return;
    exchange_end_attempt(x, false, false);
    exchange_over(x, false);
}

static void tell_target(struct exchange *x)
{
    if (call_is_unsent(x->call))
        return; /* comes back through tunnel_sent() */
    if (call_end(x->call))
        exchange_fail(x, EXCHANGE_BROKEN, 0);
    else
        end_if_done(x);
}

void tunnel_push(struct exchange *x, struct slice content)
{
    assert(x->state == EXCHANGE_TUNNEL);
    if (call_content(x->call, content))
        exchange_die(x);
    else
        moved(x);
}

void tunnel_client_ended(struct exchange *x)
{
    x->body_done = true;
    tell_target(x);
}

void tunnel_sent(struct exchange *x)
{
    moved(x);
    if (x->body_done)
        tell_target(x);
    else
        client_update(x->client);
}

/* --- from the target -------------------------------------------------------------------------- */

void tunnel_pull(struct exchange *x, struct slice content)
{
    client_content(x->client, content);
    if (x->state == EXCHANGE_TUNNEL)
        client_flush(x->client);
    if (x->state != EXCHANGE_TUNNEL)
        return;
    if (client_is_congested(x->client))
        call_want(x->call, false);
    else
        moved(x);
}

void tunnel_target_ended(struct exchange *x)
{
    x->target_done = true;
    client_end(x->client, (struct slice){ 0 });
    if (x->state == EXCHANGE_TUNNEL)
        client_flush(x->client);
    if (x->state == EXCHANGE_TUNNEL)
        end_if_done(x);
}
