/* What an invocation asks for, and what of it the container gets. */
#include <string.h>

#include "http/url.h"
#include "http/writer.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/invocation.h"

enum { FIELD_CHARS_MAX = 1024 };

void invocation_out_of_memory(struct exchange *x)
{
    exchange_refuse(x, 500, "InternalFailure", "The request could not be handled.");
}

/* --- what the request asks for ---------------------------------------------------------------- */

/* Take "NAME/operation" apart. Return: whether it is one that we have; if not, x is answered. */
static bool read_path(struct exchange *x, struct slice path)
{
    autobuffer struct buffer name = BUFFER_INIT(LINK_NAME_BYTES - 1);
    const char *slash = memchr(path.data, '/', path.size);
    size_t length = slash ? (size_t)(slash - path.data) : path.size;
    struct slice operation = { path.data + length, path.size - length };

    x->invocation.as_events = slice_is(operation, "/invocations-response-stream");
    if ((!slice_is(operation, "/invocations") && !x->invocation.as_events) ||
        !slice_is(x->head.method, "POST")) {
        exchange_refuse(x, 404, "UnknownOperationException",
                        "Under /endpoints/ there are POST /endpoints/NAME/invocations "
                        "(InvokeEndpoint) and POST /endpoints/NAME/invocations-response-stream "
                        "(InvokeEndpointWithResponseStream).");
        return false;
    }
    if (length == 0 || url_decode((struct slice){ path.data, length }, false, &name) ||
        memchr(buffer_data(&name), '\0', buffer_size(&name))) {
        exchange_refuse(
            x, 400, "ValidationError",
            "1 validation error detected: Value at 'endpointName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*");
        return false;
    }
    memcpy(x->invocation.endpoint, buffer_data(&name), buffer_size(&name));
    return true;
}

static bool check_field(struct exchange *x, const char *header, const char *member)
{
    autobuffer struct buffer text = BUFFER_INIT(512);

    if (http_header_value(&x->head, header).size <= FIELD_CHARS_MAX)
        return true;
    if (buffer_printf(&text,
                      "1 validation error detected: Value at '%s' failed to satisfy constraint: "
                      "Member must have length less than or equal to %d",
                      member, FIELD_CHARS_MAX) ||
        !buffer_cstr(&text))
        invocation_out_of_memory(x);
    else
        exchange_refuse(x, 400, "ValidationError", buffer_cstr(&text));
    return false;
}

static bool read_variant(struct exchange *x)
{
    struct slice v = http_header_value(&x->head, "X-Amzn-SageMaker-Target-Variant");

    if (v.size == 0)
        return true;
    if (v.size >= sizeof(x->invocation.variant)) {
        exchange_refuse(x, 400, "ValidationError",
                        "1 validation error detected: Value at 'targetVariant' failed to satisfy "
                        "constraint: Member must have length less than or equal to 63");
        return false;
    }
    memcpy(x->invocation.variant, v.data, v.size);
    x->invocation.variant_asked = true;
    return true;
}

bool invocation_read(struct exchange *x, struct slice path)
{
    return read_path(x, path) && check_field(x, "Content-Type", "contentType") &&
           check_field(x, "Accept", "accept") &&
           check_field(x, "X-Amzn-SageMaker-Custom-Attributes", "customAttributes") &&
           read_variant(x);
}

/* --- what the container gets ------------------------------------------------------------------ */

static bool reaches_container(struct slice name)
{
    static const char *const names[] = { "Content-Type", "Accept", "X-Amzn-Trace-Id", "traceparent",
                                         "tracestate" };
    struct slice prefix = SLICE("X-Amzn-SageMaker-");

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (slice_is_nocase(name, names[i]))
            return true;
    return name.size > prefix.size &&
           slice_equal_nocase((struct slice){ name.data, prefix.size }, prefix);
}

/* The API says Accept in another field when the answer is to be a stream of events. */
static struct slice name_for_container(const struct exchange *x, struct slice name)
{
    if (x->invocation.as_events && slice_is_nocase(name, "X-Amzn-SageMaker-Accept"))
        return SLICE("Accept");
    return name;
}

static int write_fields(struct buffer *out, const struct exchange *x)
{
    int r = 0;

    for (unsigned i = 0; i < x->head.n_headers && !r; i++) {
        const struct http_header *h = &x->head.headers[i];
        struct slice name = name_for_container(x, h->name);

        if (!reaches_container(name) ||
            (x->invocation.as_events && slice_is_nocase(h->name, "Accept")))
            continue;
        r = buffer_append(out, name.data, name.size);
        if (!r)
            r = buffer_append(out, ": ", 2);
        if (!r)
            r = buffer_append(out, h->value.data, h->value.size);
        if (!r)
            r = buffer_append(out, "\r\n", 2);
    }
    return r;
}

int invocation_write(struct exchange *x)
{
    struct buffer *out = &x->head_out;
    int r = http_write_request_line(out, SLICE("POST"), SLICE("/invocations"));

    x->chunked_out = !x->body_done && x->head.framing == HTTP_BODY_CHUNKED;
    if (!r)
        r = fields_write_host(out, &x->head);
    if (!r)
        r = write_fields(out, x);
    if (!r && x->chunked_out)
        r = http_write_header_text(out, "Transfer-Encoding", "chunked");
    else if (!r)
        r = http_write_header_number(out, "Content-Length",
                                     x->body_done ? buffer_size(&x->body_out)
                                                  : x->head.content_length);
    return r ? r : http_write_end(out);
}
