#include "proxy/grpc.h"

#include "http/writer.h"

enum {
    UNKNOWN = 2,
    DEADLINE_EXCEEDED = 4,
    PERMISSION_DENIED = 7,
    RESOURCE_EXHAUSTED = 8,
    UNIMPLEMENTED = 12,
    INTERNAL = 13,
    UNAVAILABLE = 14,
    UNAUTHENTICATED = 16,
};

bool grpc_is_call(const struct http_head *head)
{
    struct slice type = http_header_value(head, "Content-Type"), prefix = SLICE("application/grpc");

    if (type.size < prefix.size ||
        !slice_equal_nocase((struct slice){ type.data, prefix.size }, prefix))
        return false;
    /* "application/grpc-web" is another protocol, over plain HTTP */
    return type.size == prefix.size || type.data[prefix.size] == '+' ||
           type.data[prefix.size] == ';';
}

unsigned grpc_status_of(unsigned http_status)
{
    switch (http_status) {
    case 400:
    case 500:
        return INTERNAL;
    case 401:
        return UNAUTHENTICATED;
    case 403:
        return PERMISSION_DENIED;
    case 404:
    case 464:
    case 501:
        return UNIMPLEMENTED;
    case 408:
    case 504:
        return DEADLINE_EXCEEDED;
    case 413:
    case 431:
        return RESOURCE_EXHAUSTED;
    case 429:
    case 502:
    case 503:
        return UNAVAILABLE;
    }
    return UNKNOWN;
}

/* As gRPC over HTTP/2 has it: percent-encoded but for printable ASCII without the percent sign. */
static int write_message(struct buffer *out, const char *message)
{
    int r = buffer_puts(out, "grpc-message: ");

    for (const unsigned char *c = (const unsigned char *)message; *c && !r; c++)
        r = *c < ' ' || *c > '~' || *c == '%' ? buffer_printf(out, "%%%02X", *c)
                                              : buffer_append(out, c, 1);
    return r ? r : buffer_append(out, "\r\n", 2);
}

int grpc_write_trailers(struct buffer *out, unsigned http_status, const char *message)
{
    int r = http_write_header_number(out, "grpc-status", grpc_status_of(http_status));

    return r ? r : write_message(out, message);
}

int grpc_write_error(struct buffer *out, const struct aws_error *e, const char *request_id,
                     wall_ms_t now)
{
    int r = http_write_status_line(out, 200);

    if (!r)
        r = http_write_header_text(out, "content-type", "application/grpc");
    if (!r && request_id)
        r = http_write_header_text(out, "x-amzn-RequestId", request_id);
    if (!r)
        r = http_write_date(out, now);
    return r ? r : grpc_write_trailers(out, e->status, e->message ? e->message : e->type);
}
