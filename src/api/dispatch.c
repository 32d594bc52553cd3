#include "api/dispatch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth_error.h"
#include "api/gzip.h"
#include "api/json.h"
#include "api/query.h"
#include "api/rpc_cbor.h"
#include "api/scraping.h"
#include "auth/sigv4.h"
#include "base/error.h"
#include "control/key.h"

enum { BODY_BYTES_MAX = 8 << 20 /* after decompression */, MESSAGE_BYTES_MAX = 1 << 20 };

static const struct service_error internal_failure = { "InternalFailure", NULL, 500 };
static const struct service_error serialization = { "SerializationException", "MalformedInput" };
static const struct service_error unknown_operation = { "UnknownOperationException",
                                                        "InvalidAction" };
static const struct service_error unknown_path = { "UnknownOperationException", "InvalidAction",
                                                   404 };

/* --- may the request be here? ----------------------------------------------------------------- */

static void refuse(struct answer *a, const struct route *route, struct slice kind,
                   const char *message)
{
    struct service_error e = auth_error_find(route, kind, &message);

    answer_error(a, route, &e, message, NULL);
}

/* The proxy cannot know for which service a request should have been signed. */
static bool scope_fits(const struct http_head *head, const struct route *route)
{
    char why[SIGV4_WHY_BYTES];
    struct sigv4_claim claim;

    if (!route->service || sigv4_parse(head, &claim, why) != 0)
        return true;
    return slice_is(claim.service, route->service->signing_name);
}

/* Return: the principal, to free(); NULL if @a says why not. */
static char *authorize(const struct http_head *head, const struct route *route, struct answer *a)
{
    struct slice principal = http_header_value(head, "X-Weir-Principal");
    struct slice error = http_header_value(head, "X-Weir-Auth-Error");
    autofree(mem_free) char *message = NULL;

    if (!error.data && principal.size > 0) {
        if (slice_is(principal, "no-auth") || scope_fits(head, route))
            return slice_dup(principal);
        message = text_format("Credential should be scoped to correct service: '%s'. ",
                              route->service->signing_name);
        refuse(a, route, SLICE("scope"), message ? message : "");
        return NULL;
    }
    message = slice_dup(http_header_value(head, "X-Weir-Auth-Message"));
    refuse(a, route, error, message ? message : "");
    return NULL;
}

/* What a key may not do. The ARN of what the call is about is left open: AWS says "*" too where an
 * action has no resource. */
static bool is_permitted(const struct dispatcher *d, const struct route *route,
                         const char *principal, struct answer *a)
{
    static const struct service_error denied = { "AccessDeniedException", "AccessDenied", 400 };
    struct service_error e = denied;
    bool about_keys =
        strstr(route->operation->name, "Key") && strcmp(route->service->name, "weir") == 0;
    autofree(mem_free) char *message = NULL;
    const char *service = route->service->signing_name, *operation = route->operation->name;

    if (key_may_call(d->control, principal, operation, about_keys))
        return true;
    if (route->protocol == PROTOCOL_QUERY || route->protocol == PROTOCOL_REST_JSON)
        e.status = 403;
    message = text_format("User: arn:aws:iam::%s:user/%s is not authorized to perform: %s:%s on "
                          "resource: * because no identity-based policy allows the %s:%s action",
                          d->control->settings.account, principal, service, operation, service,
                          operation);
    answer_error(a, route, &e, message ? message : "", NULL);
    return false;
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* @body without its Content-Encoding; what that needs is in @storage. Return: as gzip_decode(). */
static int inflate_body(const struct http_head *head, struct slice *body, struct buffer *storage)
{
    struct slice encoding = http_header_value(head, "Content-Encoding");
    int r;

    if (encoding.size == 0 || slice_is_nocase(encoding, "identity"))
        return 0;
    if (!slice_is_nocase(encoding, "gzip"))
        return GZIP_E_MALFORMED;
    r = gzip_decode(*body, storage);
    if (!r)
        *body = (struct slice){ buffer_data(storage), buffer_size(storage) };
    return r;
}

static int decode_cbor(struct slice body, json_t **ret_input, char **ret_why)
{
    const char *why = NULL;
    int r = cbor_decode(body, ret_input, &why);

    if (r == CBOR_E_MALFORMED)
        *ret_why = strdup(why);
    return r;
}

/* Return: 0, a positive outcome with *ret_why set, or a negative errno. */
static int decode(const struct route *route, struct slice body, json_t **ret_input, char **ret_why)
{
    switch (route->protocol) {
    case PROTOCOL_QUERY:
        return query_decode(route->form, route->operation->input, ret_input, ret_why);
    case PROTOCOL_CBOR:
        return decode_cbor(body, ret_input, ret_why);
    default:
        return json_decode(body, ret_input, ret_why);
    }
}

/* --- calls ------------------------------------------------------------------------------------ */

static void fail(struct dispatcher *d, const struct route *route, int r, struct answer *a)
{
    log_error(d->log, "call failed", "service=%s operation=%s request=%s error=\"%s\"",
              route->service->signing_name, route->operation->name, a->request_id, strerror(-r));
    answer_error(a, route, &internal_failure,
                 "The request could not be processed because of an internal failure.", NULL);
}

static void answer_refusal(const struct route *route, const struct api_call *call, struct answer *a)
{
    struct service_error storage;
    const struct service_error *e = &serialization;

    if (strcmp(call->error, serialization.name) != 0)
        e = service_error_find(route->service, call->error, &storage);
    answer_error(a, route, e, call->message, call->about);
}

static void invoke(struct dispatcher *d, const struct route *route, const char *principal,
                   json_t *input, wall_ms_t now, struct answer *a)
{
    struct api_call call = {
        .control = d->control,
        .service = route->service,
        .operation = route->operation,
        .principal = principal,
        .now = now,
    };
    int r = api_invoke(&call, input, d->patterns);

    if (r == API_REFUSED)
        answer_refusal(route, &call, a);
    else if (!r)
        r = answer_output(a, route, call.output);
    if (r < 0)
        fail(d, route, r, a);
    log_debug(d->log, "call", "service=%s operation=%s status=%u error=%s request=%s",
              route->service->signing_name, route->operation->name, a->status,
              call.error ? call.error : "-", a->request_id);
    api_call_deinit(&call);
}

static void call(struct dispatcher *d, const struct route *route, const char *principal,
                 struct slice body, wall_ms_t now, struct answer *a)
{
    autofree(mem_free) char *why = NULL;
    json_t *input = NULL;
    int r = decode(route, body, &input, &why);

    if (r > 0)
        answer_error(a, route, &serialization, why ? why : "", NULL);
    else if (r < 0)
        fail(d, route, r, a);
    else
        invoke(d, route, principal, input, now, a);
    json_decref(input);
}

static void answer_unknown(const struct http_head *head, const struct route *route,
                           struct answer *a)
{
    autobuffer struct buffer message = BUFFER_INIT(MESSAGE_BYTES_MAX);
    const char *text = route_explain(route, head, &message) == 0 ? buffer_cstr(&message) : NULL;

    answer_error(a, route,
                 route->protocol == PROTOCOL_REST_JSON ? &unknown_path : &unknown_operation,
                 text ? text : "", NULL);
}

static void answer_bad_encoding(const struct route *route, int r, struct answer *a)
{
    answer_error(a, route, &serialization,
                 r == GZIP_E_TOO_LARGE
                     ? "The body is too large once it is uncompressed"
                     : "The body is not in the encoding that Content-Encoding names; gzip is "
                       "understood",
                 NULL);
}

static bool is_health_check(const struct http_head *head)
{
    return slice_is(head->target, "/healthz") &&
           (slice_is(head->method, "GET") || slice_is(head->method, "HEAD"));
}

void dispatch(struct dispatcher *d, const struct http_head *head, struct slice body, wall_ms_t now,
              struct answer *a)
{
    autobuffer struct buffer inflated = BUFFER_INIT(BODY_BYTES_MAX);
    autofree(mem_free) char *principal = NULL;
    struct route route;
    int r;

    if (is_health_check(head)) {
        answer_text(a, 200, "application/json", "{\"status\":\"ok\"}");
        return;
    }
    if (scraping_asked(d->control, head)) {
        scraping_answer(d->control, head, a);
        return;
    }
    r = inflate_body(head, &body, &inflated);
    route_find(head, r ? (struct slice){ 0 } : body, &route);
    principal = authorize(head, &route, a);
    if (!principal)
        return;
    if (r)
        answer_bad_encoding(&route, r, a);
    else if (!route.operation)
        answer_unknown(head, &route, a);
    else if (is_permitted(d, &route, principal, a))
        call(d, &route, principal, body, now, a);
}
