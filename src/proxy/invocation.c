/* Invoking a model: POST /endpoints/NAME/invocations.
 *
 * Source: SageMaker Runtime API, InvokeEndpoint: which fields reach the container, which come back,
 * and how errors look. */
#include <errno.h>
#include <string.h>

#include "http/writer.h"
#include "proxy/exchange.h"
#include "proxy/invocation.h"
#include "proxy/place.h"
#include "proxy/place_sticky.h"
#include "proxy/response_stream.h"

/* --- who asks --------------------------------------------------------------------------------- */

static bool is_authentic(struct exchange *x)
{
    return edge_auth_finish(&x->auth, &x->head, x->lease->route, "sagemaker", &x->worker->keys,
                            loop_wall(x->worker->loop)) == EDGE_AUTH_GOOD;
}

static bool may_invoke(struct exchange *x)
{
    return edge_auth_may_invoke(&x->auth, x->lease->route, x->invocation.endpoint);
}

static bool check_auth(struct exchange *x)
{
    struct edge_auth *a = &x->auth;

    if (is_authentic(x) && may_invoke(x))
        return true;
    if (a->outcome == EDGE_AUTH_GOOD)
        exchange_refuse(x, 403, "AccessDeniedException", a->why);
    else if (a->outcome == EDGE_AUTH_FAULT)
        invocation_out_of_memory(x);
    else
        exchange_refuse(x, 403, edge_auth_error(a), a->why);
    return false;
}

void invocation_begin(struct exchange *x, struct slice path)
{
    static const size_t prefix = sizeof("/endpoints/") - 1;

    x->kind = &invocation_kind;
    x->invocation = (struct invocation){ 0 };
    if (!exchange_follow(x)) {
        exchange_refuse(x, 503, "ServiceUnavailable", "The server is starting.");
        return;
    }
    x->body_bytes_max = x->lease->route->settings.body_bytes_max;
    if (!invocation_read(x, (struct slice){ path.data + prefix, path.size - prefix }))
        return;
    edge_auth_begin(&x->auth, &x->head, x->lease->route);
    if (!x->auth.hashes_body) { /* then all that can be known of the sender is known */
        x->streams = x->auth.outcome == EDGE_AUTH_GOOD && is_authentic(x) && may_invoke(x);
        x->refused = !x->streams;
    }
}

/* --- whom to ask ------------------------------------------------------------------------------ */

static void reply_text(struct exchange *x, const char *format, const char *a, const char *b)
{
    char text[512];

    snprintf(text, sizeof(text), format, a, b);
    exchange_refuse(x, 400, "ValidationError", text);
}

/* Once chosen, a variant stays, as long as the endpoint has it. */
static const struct route_variant *choose_variant(struct exchange *x)
{
    struct invocation *v = &x->invocation;
    const struct route *route = x->lease->route;
    const struct route_endpoint *e = route_endpoint(route, v->endpoint);
    const struct route_variant *variant = NULL;

    if (!e) {
        reply_text(x, "Endpoint %s of account %s not found.", v->endpoint, route->settings.account);
        return NULL;
    }
    if (v->variant[0])
        variant = route_variant(e, v->variant);
    if (!variant && v->variant_asked) {
        reply_text(x, "Variant %s not found for Request%s", v->variant, "");
        return NULL;
    }
    if (!variant)
        variant = route_choose(e, &x->worker->random);
    if (!variant || !variant->group) {
        exchange_refuse(x, 503, "ServiceUnavailable", "The endpoint has nothing in service yet.");
        return NULL;
    }
    memcpy(v->variant, variant->name, sizeof(v->variant));
    return variant;
}

static void start(struct exchange *x)
{
    const struct route_variant *variant;

    if (!exchange_follow(x))
        return; /* a route, once there, never goes away */
    if (buffer_size(&x->head_out) == 0) {
        if (!x->streams && !check_auth(x))
            return;
        if (invocation_write(x)) {
            invocation_out_of_memory(x);
            return;
        }
    }
    variant = choose_variant(x);
    if (!variant)
        return;
    x->timeout_ms = x->invocation.as_events ? variant->group->config.stream_timeout_ms
                                            : variant->group->config.request_timeout_ms;
    place(x, variant->group);
}

/* --- answers ---------------------------------------------------------------------------------- */

static int copy_field(struct buffer *out, const struct http_head *head, const char *name)
{
    const struct http_header *h = http_header_find(head, name);

    return h ? http_write_header(out, name, h->value) : 0;
}

static void answered(struct exchange *x, const struct http_head *head)
{
    static const char *const fields[] = { "X-Amzn-SageMaker-Custom-Attributes",
                                          "X-Amzn-SageMaker-New-Session-Id",
                                          "X-Amzn-SageMaker-Closed-Session-Id" };
    struct buffer *out = &x->worker->text;
    int r;

    x->invocation.status = head->status;
    place_answered(x, head->status);
    if (head->status < 200 || head->status > 299) {
        exchange_collect(x);
        return;
    }
    buffer_clear(out);
    r = http_write_status_line(out, x->invocation.as_events ? 200 : head->status);
    if (!r && !x->invocation.as_events)
        r = copy_field(out, head, "Content-Type");
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields) && !r; i++)
        r = copy_field(out, head, fields[i]);
    if (!r)
        r = http_write_header_text(out, "x-Amzn-Invoked-Production-Variant", x->invocation.variant);
    if (!r)
        r = http_write_header_text(out, "x-amzn-RequestId", x->request_id);
    if (!r)
        r = http_write_date(out, loop_wall(x->worker->loop));
    if (!r)
        r = place_write_sticky(x, out);
    if (r)
        exchange_die(x);
    else if (x->invocation.as_events)
        response_stream_begin(x, head);
    else
        exchange_relay(x, head);
}

static void content(struct exchange *x, struct slice content)
{
    if (x->invocation.as_events)
        response_stream_content(x, content);
    else
        client_content(x->client, content);
}

static bool broken_off(struct exchange *x, enum exchange_failure why)
{
    if (x->invocation.as_events)
        response_stream_broken(x, why);
    return x->invocation.as_events && x->state != EXCHANGE_OVER;
}

static void reply_model_error(struct exchange *x, unsigned status, struct slice words, bool cut)
{
    const struct route *route = x->lease->route;
    const struct route_endpoint *e = route_endpoint(route, x->invocation.endpoint);
    const struct model_error m = { .endpoint = x->invocation.endpoint,
                                   .model_name = e ? e->model_name : "primary",
                                   .region = route->settings.region,
                                   .account = route->settings.account,
                                   .status = status,
                                   .body = words,
                                   .cut = cut };
    struct aws_error error = { .status = 424, .type = "ModelError" };

    place_count_error(x, status);
    error.body = model_error_body(&m);
    if (error.body)
        exchange_reply(x, &error);
    else
        invocation_out_of_memory(x);
    json_decref(error.body);
}

static void collected(struct exchange *x)
{
    reply_model_error(x, x->invocation.status,
                      (struct slice){ buffer_data(&x->collected), buffer_size(&x->collected) },
                      x->collected_cut);
}

static void reply_timeout(struct exchange *x)
{
    const struct route_endpoint *e = route_endpoint(x->lease->route, x->invocation.endpoint);
    char words[512];
    int n = snprintf(words, sizeof(words),
                     "Your invocation timed out while waiting for a response from container %s. "
                     "Review the latency metrics for each container in Amazon CloudWatch, resolve "
                     "the issue, and try again.",
                     e ? e->model_name : "primary");

    reply_model_error(x, 0, (struct slice){ words, (size_t)n }, false);
}

/* --- failures --------------------------------------------------------------------------------- */

static void failed(struct exchange *x, enum exchange_failure why, int error)
{
    if (place_again(x, why, error, true))
        return;
    switch (why) {
    case EXCHANGE_TIMEOUT:
        reply_timeout(x);
        return;
    case EXCHANGE_CUT:
        place_count_error(x, 503);
        exchange_refuse(x, 503, "ServiceUnavailable", "The instance was taken out of service.");
        return;
    case EXCHANGE_NONSENSE:
        reply_model_error(x, 0, SLICE("The container's answer is not valid HTTP."), false);
        return;
    case EXCHANGE_CONNECT:
    case EXCHANGE_STALE:
    case EXCHANGE_BROKEN:
        break;
    }
    reply_model_error(
        x, 0, SLICE("The container closed the connection before its answer was complete."), false);
}

static void too_large(struct exchange *x)
{
    char text[256];

    snprintf(text, sizeof(text),
             "1 validation error detected: Value at 'body' failed to satisfy constraint: Member "
             "must have length less than or equal to %" PRIu64,
             x->body_bytes_max);
    exchange_refuse(x, 400, "ValidationError", text);
}

const struct exchange_kind invocation_kind = {
    .start = start,
    .answered = answered,
    .content = content,
    .broken_off = broken_off,
    .collected = collected,
    .failed = failed,
    .expired = place_expired,
    .ended = place_ended,
    .too_large = too_large,
};
