/* Forwarding a request as it is, by the route that has its path.
 *
 * Method, path and fields reach the target, and its answer the client, without a change; only what
 * belongs to one connection ends here (RFC 9110 §7.6.1), and the target learns who asked from the
 * X-Forwarded fields that load balancers add. Both bodies stream. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "http/writer.h"
#include "proxy/fields.h"
#include "proxy/grpc.h"
#include "proxy/place.h"
#include "proxy/place_sticky.h"
#include "proxy/trace_id.h"
#include "proxy/tunnel.h"

static bool is_idempotent(struct slice method)
{
    static const char *const methods[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE" };

    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        if (slice_is(method, methods[i]))
            return true;
    return false; /* RFC 9110 §9.2.2 */
}

bool forward_begin(struct exchange *x, const struct url_target *target)
{
    const struct lease *lease = x->worker->lease;
    const struct route_path *p = lease ? route_match(lease->route, target->path) : NULL;

    if (!p)
        return false;
    exchange_follow(x);
    x->kind = &forward_kind;
    x->body_bytes_max = UINT64_MAX; /* it is never kept as a whole */
    x->streams = x->passes_trailers = true;
    x->forward.idempotent = is_idempotent(x->head.method);
    x->forward.for_grpc = !x->client->ops->in_line && slice_is(x->head.method, "POST");
    memcpy(x->forward.prefix, p->prefix, p->length + 1);
    return true;
}

/* --- the request ------------------------------------------------------------------------------ */

/* Many programs take "_" for "-" in a field's name: spelt so, too, nobody says it but us. */
static bool is_named(struct slice name, const char *wanted)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i] == '_' ? '-' : name.data[i];

        if (tolower((unsigned char)c) != wanted[i])
            return false;
    }
    return true;
}

/* What the proxy says itself. */
static bool is_ours(struct slice name)
{
    switch (name.size) {
    case 15:
        return is_named(name, "x-forwarded-for") || is_named(name, "x-amzn-trace-id");
    case 16:
        return is_named(name, "x-forwarded-port");
    case 17:
        return is_named(name, "x-forwarded-proto");
    }
    return peer_is_ours(name);
}

/* Each of those before us has left the address that it saw; ours comes last. */
static int write_forwarded(struct exchange *x, struct buffer *out)
{
    const char *ours = client_forwarded(x->client);
    int r = ours ? buffer_append(out, "X-Forwarded-For: ", 17) : -ENOMEM;

    for (unsigned i = 0; i < x->head.n_headers && !r; i++) {
        const struct http_header *h = &x->head.headers[i];

        if (h->name.size != 15 || !slice_is_nocase(h->name, "X-Forwarded-For") ||
            h->value.size == 0)
            continue;
        r = buffer_append(out, h->value.data, h->value.size);
        if (!r)
            r = buffer_append(out, ", ", 2);
    }
    return r ? r : buffer_append(out, ours, strlen(ours));
}

/* OPTIONS with nothing behind the host of its URL is about the server as a whole: RFC 9112 §3.2.4. */
static bool is_for_the_server(const struct http_head *head)
{
    struct slice target = head->target, host = head->host;

    return slice_is(head->method, "OPTIONS") && host.data + host.size == target.data + target.size;
}

static int write_target(struct buffer *out, const struct http_head *head)
{
    struct slice target = head->target;
    struct url_target parts;
    int r;

    if (target.data[0] == '/' || slice_is(target, "*"))
        return buffer_append(out, target.data, target.size);
    if (is_for_the_server(head))
        return buffer_append(out, "*", 1);
    r = url_split_target(target, &parts); /* absolute-form: what goes to a target is a path */
    if (!r)
        r = buffer_append(out, parts.path.data, parts.path.size);
    if (!r && parts.query.size)
        r = buffer_append(out, "?", 1);
    return r || !parts.query.size ? r : buffer_append(out, parts.query.data, parts.query.size);
}

/* What was parsed strictly needs no second look on its way out. */
static int write_line(struct exchange *x, struct buffer *out)
{
    int r = buffer_append(out, x->head.method.data, x->head.method.size);

    if (!r)
        r = buffer_append(out, " ", 1);
    if (!r)
        r = write_target(out, &x->head);
    return r ? r : buffer_append(out, " HTTP/1.1\r\n", 11);
}

static int write_framing(struct exchange *x, struct buffer *out)
{
    if (x->chunked_out)
        return http_write_header_text(out, "Transfer-Encoding", "chunked");
    if (!x->body_done)
        return http_write_header_number(out, "Content-Length", x->head.content_length);
    if (x->head.framing == HTTP_BODY_NONE && !http_header_find(&x->head, "Content-Length"))
        return 0;
    return http_write_header_number(out, "Content-Length", buffer_size(&x->body_out));
}

static int write_request(struct exchange *x)
{
    struct buffer *out = &x->head_out;
    int r = write_line(x, out);

    x->chunked_out =
        x->head.framing == HTTP_BODY_CHUNKED && (!x->body_done || buffer_size(&x->trailers));
    if (!r)
        r = fields_write_request(out, &x->head, is_ours, true);
    x->asks_tunnel = tunnel_is_asked_for(x);
    if (!r && x->asks_tunnel)
        r = tunnel_write_fields(out);
    if (!r)
        r = write_forwarded(x, out);
    if (!r)
        r = trace_id_write(out, &x->head, &x->worker->random, loop_wall(x->worker->loop));
    if (!r)
        r = write_framing(x, out);
    return r ? r : http_write_end(out);
}

static void send_to(struct exchange *x, const struct route_group *group)
{
    x->timeout_ms = group->config.request_timeout_ms; /* for the answer to begin */
    place(x, group);
}

static void start(struct exchange *x)
{
    const struct route_path *p;

    exchange_follow(x); /* a route, once there, never goes away */
    p = route_path(x->lease->route, x->forward.prefix);
    if (buffer_size(&x->head_out) == 0 && write_request(x))
        exchange_refuse(x, 500, "InternalFailure", "The request could not be handled.");
    else if (!p)
        exchange_refuse(x, 404, "ResourceNotFound", "The route of this path is no more.");
    else if (!p->group)
        exchange_refuse(x, 503, "ServiceUnavailable", "The route has no target group.");
    else if (p->group->config.protocol_version == LINK_GRPC && !x->forward.for_grpc)
        exchange_refuse(x, 464, "IncompatibleProtocol",
                        "The route's targets speak gRPC: it takes POST by HTTP/2 only.");
    else
        send_to(x, p->group);
}

/* --- the answer ------------------------------------------------------------------------------- */

static int write_status(struct buffer *out, const struct http_head *head)
{
    char line[] = "HTTP/1.1 000 ";
    unsigned rest = head->status;
    int r;

    for (unsigned digit = 11; digit >= 9; digit--, rest /= 10)
        line[digit] = (char)('0' + rest % 10);
    r = buffer_append(out, line, sizeof(line) - 1);
    if (!r && head->reason.size)
        r = buffer_append(out, head->reason.data, head->reason.size);
    return r ? r : buffer_append(out, "\r\n", 2);
}

static void interim(struct exchange *x, const struct http_head *head)
{
    struct buffer *out = &x->worker->text;

    buffer_clear(out);
    if (write_status(out, head) || fields_write(out, head, NULL, false))
        exchange_die(x);
    else
        client_interim(x->client);
}

static bool takes_trailers(const struct exchange *x, const struct http_head *answer)
{
    return x->takes_trailers && answer->framing == HTTP_BODY_CHUNKED;
}

/* However long it takes, as long as something moves. */
static void relay(struct exchange *x, const struct http_head *head)
{
    x->idle_ms = x->place.group->config.idle_timeout_ms;
    client_expect(x->client, exchange_now(x) + x->idle_ms);
    exchange_relay(x, head);
}

static void answered(struct exchange *x, const struct http_head *head)
{
    struct buffer *out = &x->worker->text;

    place_answered(x, head->status);
    if (head->status >= 400)
        place_count_error(x, head->status);
    buffer_clear(out);
    if (write_status(out, head) || fields_write(out, head, NULL, takes_trailers(x, head)) ||
        place_write_sticky(x, out) || (head->status == 101 && tunnel_write_fields(out)))
        exchange_die(x);
    else if (head->status == 101)
        tunnel_begin(x);
    else
        relay(x, head);
}

/* A call of gRPC ends with its status, also when that is that it was cut off. */
static bool broken_off(struct exchange *x, enum exchange_failure why)
{
    struct buffer *lines = &x->answer_trailers;

    if (!x->is_grpc || !x->takes_trailers)
        return false;
    buffer_clear(lines);
    return grpc_write_trailers(lines, why == EXCHANGE_TIMEOUT ? 504 : 502,
                               why == EXCHANGE_TIMEOUT ? "The target did not answer in time."
                                                       : "The target broke its answer off.") == 0;
}

static void collected(struct exchange *x)
{
    exchange_die(x); /* never asked for */
}

static void refuse(struct exchange *x, unsigned status, const char *type, const char *message)
{
    place_count_error(x, status);
    exchange_refuse(x, status, type, message);
}

static void failed(struct exchange *x, enum exchange_failure why, int error)
{
    if (place_again(x, why, error, x->forward.idempotent))
        return;
    switch (why) {
    case EXCHANGE_TIMEOUT:
        refuse(x, 504, "GatewayTimeout", "The target did not answer in time.");
        return;
    case EXCHANGE_CUT:
        refuse(x, 503, "ServiceUnavailable", "The target was taken out of service.");
        return;
    case EXCHANGE_NONSENSE:
        refuse(x, 502, "BadGateway", "The target's answer is not valid HTTP.");
        return;
    case EXCHANGE_CONNECT:
    case EXCHANGE_STALE:
    case EXCHANGE_BROKEN:
        break;
    }
    refuse(x, 502, "BadGateway", "The target closed the connection without an answer.");
}

static void too_large(struct exchange *x)
{
    exchange_refuse(x, 413, "RequestEntityTooLarge", "The request is too large.");
}

const struct exchange_kind forward_kind = {
    .start = start,
    .interim = interim,
    .answered = answered,
    .broken_off = broken_off,
    .collected = collected,
    .failed = failed,
    .expired = place_expired,
    .ended = place_ended,
    .too_large = too_large,
};
