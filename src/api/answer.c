#include "api/answer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "api/json.h"
#include "api/rpc_cbor.h"
#include "api/xml.h"
#include "base/error.h"

void answer_init(struct answer *a, struct random *random)
{
    *a = (struct answer){ .body = BUFFER_INIT(ANSWER_BYTES_MAX) };
    random_uuid(random, a->request_id);
}

void answer_deinit(struct answer *a)
{
    buffer_deinit(&a->body);
}

static void add_header(struct answer *a, const char *name, const char *value)
{
    assert(a->n_headers < ANSWER_HEADERS_MAX);
    a->headers[a->n_headers++] = (struct server_header){ name, value };
}

/* Starts the answer over, with the headers that all answers of the protocol have. */
static void begin(struct answer *a, const struct route *route, unsigned status)
{
    const struct service *service = route->service;

    a->status = status;
    a->n_headers = 0;
    buffer_clear(&a->body);
    add_header(a, "x-amzn-RequestId", a->request_id);

    if (route->protocol == PROTOCOL_QUERY)
        snprintf(a->content_type, sizeof(a->content_type), "text/xml");
    else if (route->protocol == PROTOCOL_CBOR)
        snprintf(a->content_type, sizeof(a->content_type), "application/cbor");
    else if (route->protocol == PROTOCOL_JSON)
        snprintf(a->content_type, sizeof(a->content_type), "application/x-amz-json-%s",
                 service && service->json_version ? service->json_version : "1.1");
    else
        snprintf(a->content_type, sizeof(a->content_type), "application/json");
    add_header(a, "Content-Type", a->content_type);
    if (route->protocol == PROTOCOL_CBOR)
        add_header(a, "smithy-protocol", "rpc-v2-cbor");
}

int answer_output(struct answer *a, const struct route *route, json_t *output)
{
    const struct shape *shape = route->operation->output;

    begin(a, route, 200);
    if (route->protocol == PROTOCOL_QUERY)
        return fault(
            xml_write_output(route->service, route->operation, output, a->request_id, &a->body));
    if (!shape)
        return 0;
    if (route->protocol == PROTOCOL_CBOR)
        return fault(cbor_encode(shape, output, &a->body));
    return fault(json_encode(shape, output, &a->body));
}

static int write_json_error(const char *type, const char *message, const char *about,
                            struct buffer *out)
{
    int r = buffer_puts(out, "{\"__type\":");

    if (!r)
        r = json_write_text(type, out);
    /* services differ in which of the two they send; clients read either */
    for (int i = 0; !r && i < 2; i++) {
        r = buffer_puts(out, i == 0 ? ",\"message\":" : ",\"Message\":");
        if (!r)
            r = json_write_text(message, out);
    }
    if (!r && about)
        r = buffer_puts(out, ",\"ResourceName\":");
    if (!r && about)
        r = json_write_text(about, out);
    return r ? fault(r) : fault(buffer_puts(out, "}"));
}

static int write_error(struct answer *a, const struct route *route,
                       const struct service_error *error, const char *message, const char *about)
{
    const struct service *service = route->service;
    /* it may quote what came, which may be anything, or be cut inside a character */
    autofree(mem_free) char *text = slice_dup(slice_from(message));
    char type[160];

    if (!text)
        return fault(-ENOMEM);
    text_repair_utf8(text);
    if (route->protocol == PROTOCOL_QUERY)
        return fault(xml_write_error(service ? service->xml_namespace : NULL,
                                     error->query_code ? error->query_code : error->name,
                                     a->status < 500, text, a->request_id, &a->body));
    snprintf(type, sizeof(type), "%s%s",
             service && service->error_namespace ? service->error_namespace : "", error->name);
    if (route->protocol == PROTOCOL_CBOR)
        return fault(cbor_encode_error(type, text, &a->body));
    return fault(write_json_error(type, text, about, &a->body));
}

void answer_error(struct answer *a, const struct route *route, const struct service_error *error,
                  const char *message, const char *about)
{
    begin(a, route, error->status ? error->status : 400);
    if (route->protocol == PROTOCOL_JSON || route->protocol == PROTOCOL_REST_JSON) {
        snprintf(a->error_type, sizeof(a->error_type), "%s", error->name);
        add_header(a, "x-amzn-ErrorType", a->error_type);
    }
    if (route->query_mode && route->protocol != PROTOCOL_QUERY) {
        snprintf(a->query_error, sizeof(a->query_error), "%s;%s",
                 error->query_code ? error->query_code : error->name,
                 a->status < 500 ? "Sender" : "Receiver");
        add_header(a, "x-amzn-query-error", a->query_error);
    }
    if (write_error(a, route, error, message, about) != 0)
        buffer_clear(&a->body);
}

void answer_text(struct answer *a, unsigned status, const char *type, const char *body)
{
    a->status = status;
    a->n_headers = 0;
    buffer_clear(&a->body);
    add_header(a, "x-amzn-RequestId", a->request_id);
    add_header(a, "Content-Type", type);
    if (buffer_puts(&a->body, body) != 0)
        buffer_clear(&a->body);
}
