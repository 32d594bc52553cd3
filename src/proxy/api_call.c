/* Everything that is not an invocation: handed to control, with the word of who signed it.
 *
 * Control answers in the protocol's own shape, errors of authentication too; what it gets of those
 * is why they failed, and no body. Each call has a connection of its own: on a Unix socket that
 * costs little, and a connection that breaks says then that the call may have been carried out. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "http/writer.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"

enum { CONNECT_AGAIN_MS = 50 };

void api_call_begin(struct exchange *x)
{
    if (x->worker->settings->standalone) {
        exchange_refuse(x, 404, "UnknownOperationException",
                        "No route has this path, and a proxy without control plane has no API.");
        return;
    }
    x->give_up = 0;
    exchange_follow(x);
    edge_auth_begin(&x->auth, &x->head, x->lease ? x->lease->route : NULL);
    x->refused = x->auth.outcome != EDGE_AUTH_GOOD && x->lease; /* control gets no body of it */
}

/* --- the request as control gets it ----------------------------------------------------------- */

static bool is_ours(struct slice name)
{
    struct slice ours = SLICE("X-Weir-");

    return name.size >= ours.size &&
           slice_equal_nocase((struct slice){ name.data, ours.size }, ours);
}

static int write_auth(struct buffer *out, const struct edge_auth *a)
{
    int r;

    if (a->outcome == EDGE_AUTH_GOOD)
        return http_write_header_text(out, "X-Weir-Principal", a->principal);
    r = http_write_header_text(out, "X-Weir-Auth-Error", edge_auth_word(a->outcome));
    return r ? r : http_write_header_text(out, "X-Weir-Auth-Message", a->why);
}

static int write_request(struct exchange *x)
{
    struct buffer *out = &x->head_out;
    char peer[ADDRESS_TEXT_BYTES];
    int r = http_write_request_line(out, x->head.method, x->head.target);

    client_peer(x->client, peer);
    if (!r)
        r = fields_write_request(out, &x->head, is_ours, false);
    if (!r)
        r = write_auth(out, &x->auth);
    if (!r)
        r = http_write_header_text(out, "X-Weir-Client", peer);
    if (!r)
        r = http_write_header_number(out, "Content-Length", buffer_size(&x->body_out));
    if (!r)
        r = http_write_header_text(out, "Connection", "close");
    return r ? r : http_write_end(out);
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool prepare(struct exchange *x)
{
    if (edge_auth_finish(&x->auth, &x->head, x->lease->route, NULL, &x->worker->keys,
                         loop_wall(x->worker->loop)) != EDGE_AUTH_GOOD)
        buffer_clear(&x->body_out);
    if (x->auth.outcome != EDGE_AUTH_FAULT && write_request(x) == 0)
        return true;
    exchange_refuse(x, 500, "InternalFailure", "The request could not be handled.");
    return false;
}

static void failed(struct exchange *x, enum exchange_failure why, int error);

static void start(struct exchange *x)
{
    int r;

    if (!exchange_follow(x)) {
        exchange_refuse(x, 503, "ServiceUnavailable", "The server is starting.");
        return;
    }
    if (buffer_size(&x->head_out) == 0 && !prepare(x))
        return;
    x->timeout_ms = x->worker->settings->api_timeout_ms;
    r = exchange_attempt(x, NULL);
    if (r)
        failed(x, EXCHANGE_CONNECT, r);
}

static void failed(struct exchange *x, enum exchange_failure why, int error)
{
    ms_t now = exchange_now(x);
    (void)error;

    if (x->give_up == 0)
        x->give_up = now + x->worker->settings->api_connect_ms;
    if (why != EXCHANGE_CONNECT)
        exchange_refuse(x, 503, "ServiceUnavailable", "The control plane did not answer.");
    else if (now >= x->give_up)
        exchange_refuse(x, 503, "ServiceUnavailable", "The control plane cannot be reached.");
    else
        exchange_hold(x, now + CONNECT_AGAIN_MS); /* it is being restarted */
}

static void expired(struct exchange *x)
{
    exchange_resume(x);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answered(struct exchange *x, const struct http_head *head)
{
    struct buffer *out = &x->worker->text;
    int r;

    buffer_clear(out);
    r = http_write_status_line(out, head->status);
    if (!r)
        r = fields_write(out, head, is_ours, false);
    if (r)
        exchange_die(x);
    else
        exchange_relay(x, head);
}

static void collected(struct exchange *x)
{
    exchange_die(x); /* never asked for */
}

static void ended(struct exchange *x, us_t us, bool complete)
{
    (void)x;
    (void)us;
    (void)complete; /* calls to control are no one's metric */
}

static void too_large(struct exchange *x)
{
    exchange_refuse(x, 413, "RequestEntityTooLargeException",
                    "The request is larger than a call may be.");
}

const struct exchange_kind api_call_kind = {
    .start = start,
    .answered = answered,
    .collected = collected,
    .failed = failed,
    .expired = expired,
    .ended = ended,
    .too_large = too_large,
};
