#include "proxy/access_note.h"

#include <stdio.h>
#include <string.h>

#include "access/log.h"
#include "http/h2_head.h"
#include "proxy/exchange.h"
#include "proxy/guard.h"

enum { TEXTS_BYTES_MAX = ACCESS_TEXTS * ACCESS_TEXT_BYTES_MAX, GRPC_STATUS_MAX = 999 };

/* --- what comes with the head ----------------------------------------------------------------- */

static void add_text(struct access_note *n, enum access_text which, struct slice text)
{
    if (text.size > ACCESS_TEXT_BYTES_MAX)
        text.size = ACCESS_TEXT_BYTES_MAX;
    if (buffer_append(&n->texts, text.data, text.size))
        text.size = 0; /* no memory: the line lacks it */
    n->text_bytes[which] = (uint16_t)text.size;
}

void access_note_begin(struct exchange *x)
{
    struct access_note *n = &x->note;
    const struct http_head *h = &x->head;
    char peer[ADDRESS_TEXT_BYTES];
    struct network_address who;
    const struct guard_pass *pass;

    n->is_on = x->worker->access;
    if (!n->is_on)
        return;
    if (n->texts.max_bytes == 0)
        n->texts = BUFFER_INIT(TEXTS_BYTES_MAX);
    buffer_clear(&n->texts);
    n->begun = loop_wall(x->worker->loop);
    n->received_bytes = n->sent_bytes = 0;
    n->status = n->target_status = 0;
    n->grpc_status = -1;
    n->target[0] = n->group[0] = '\0';
    pass = client_pass(x->client);
    if (pass && pass->is_trusted && guard_client(x->worker->settings->guard, pass, h, &who))
        network_address_text(&who, peer);
    else
        client_peer(x->client, peer);
    snprintf(n->client, sizeof(n->client), "%.*s", (int)sizeof(n->client) - 1, peer);
    add_text(n, ACCESS_METHOD, h->method);
    add_text(n, ACCESS_TARGET, h->target);
    add_text(n, ACCESS_HOST, http_header_value(h, "Host"));
    add_text(n, ACCESS_USER_AGENT, http_header_value(h, "User-Agent"));
    add_text(n, ACCESS_TRACE_ID, http_header_value(h, "X-Amzn-Trace-Id"));
}

void access_note_attempt(struct exchange *x)
{
    struct access_note *n = &x->note;
    char text[ADDRESS_TEXT_BYTES];

    if (!n->is_on || !x->target)
        return;
    address_text(&x->target->address, text);
    snprintf(n->target, sizeof(n->target), "%.*s", (int)sizeof(n->target) - 1, text);
    memcpy(n->group, x->target->group, sizeof(n->group));
}

/* --- how a call of gRPC has ended ------------------------------------------------------------- */

/* Return: -1 if @text is none. */
static int grpc_status(struct slice text)
{
    uint64_t status;

    return text_to_u64(text, GRPC_STATUS_MAX, &status) ? -1 : (int)status;
}

/* A call that fails at once has its status in the head. */
void access_note_answer(struct exchange *x, const struct http_head *head)
{
    if (x->note.is_on)
        x->note.grpc_status = grpc_status(http_header_value(head, "grpc-status"));
}

/* All others have it in the trailers. */
static int find_grpc_status(const struct exchange *x)
{
    const struct buffer *lines = &x->answer_trailers;
    struct h2_fields f;

    if (x->is_grpc && buffer_size(lines) > 0 &&
        h2_fields_read(buffer_data(lines), buffer_size(lines), true, &f) == 0)
        for (size_t i = 0; i < f.n; i++)
            if (slice_is(f.all[i].name, "grpc-status"))
                return grpc_status(f.all[i].value);
    return x->note.grpc_status;
}

/* --- the record ------------------------------------------------------------------------------- */

static struct access_record record_of(const struct exchange *x, us_t now)
{
    const struct access_note *n = &x->note;
    const struct phases *p = &x->phases;

    return (struct access_record){
        .begun = n->begun,
        .ended = loop_wall(x->worker->loop),
        .queue_us = phases_queue_us(p),
        .connect_us = phases_connect_us(p),
        .before_us = p->picked ? p->picked - x->begun_us : -1,
        .target_us = phases_first_byte_us(p),
        .after_us = p->first_byte ? now - p->first_byte : -1,
        .total_us = now - x->begun_us,
        .received_bytes = n->received_bytes,
        .sent_bytes = n->sent_bytes,
        .status = n->status ? n->status : ACCESS_CLIENT_GONE,
        .target_status = n->target_status,
        .grpc_status = find_grpc_status(x),
        .http10 = x->http10,
    };
}

static void write_record(const struct exchange *x, struct access_record *r)
{
    const struct access_note *n = &x->note;
    struct access_ring *ring = x->worker->access;
    size_t bytes = buffer_size(&n->texts);
    struct access_record *to = access_ring_reserve(ring, sizeof(*to) + bytes);

    if (!to)
        return;
    memcpy(r->client, n->client, sizeof(r->client));
    memcpy(r->target, n->target, sizeof(r->target));
    memcpy(r->text_bytes, n->text_bytes, sizeof(r->text_bytes));
    memcpy(to, r, sizeof(*r));
    if (bytes)
        memcpy(to->texts, buffer_data(&n->texts), bytes);
    access_ring_commit(ring);
    if (access_ring_is_filling(ring))
        access_log_wake(x->worker->settings->access_log);
}

void access_note_end(struct exchange *x)
{
    struct access_note *n = &x->note;
    const struct access_log_settings *s;
    struct access_record r;

    if (!n->is_on)
        return;
    n->is_on = false;
    s = access_log_settings(x->worker->settings->access_log);
    r = record_of(x, loop_now_us(x->worker->loop));
    r.is_slow = access_log_is_slow(s, r.total_us);
    r.is_only_slow = !s->path && s->fd < 0;
    if (r.is_only_slow && !r.is_slow)
        return;
    add_text(n, ACCESS_REQUEST_ID, slice_from(x->request_id));
    add_text(n, ACCESS_GROUP, slice_from(n->group));
    add_text(n, ACCESS_PRINCIPAL,
             slice_from(x->auth.outcome == EDGE_AUTH_GOOD ? x->auth.principal : ""));
    write_record(x, &r);
}

void access_note_deinit(struct access_note *n)
{
    buffer_deinit(&n->texts);
}
