#include "proxy/response_stream.h"

#include "http/eventstream.h"
#include "http/writer.h"

#define STRING(text_name, text_value)                                                              \
    {                                                                                              \
        .name = SLICE(text_name), .type = EVENTSTREAM_STRING, .value = SLICE(text_value)           \
    }

void response_stream_begin(struct exchange *x, const struct http_head *head)
{
    const struct http_header *type = http_header_find(head, "Content-Type");
    struct buffer *out = &x->worker->text;
    int r = http_write_header_text(out, "Content-Type", "application/vnd.amazon.eventstream");

    if (!r && type)
        r = http_write_header(out, "X-Amzn-SageMaker-Content-Type", type->value);
    if (r)
        exchange_die(x);
    else
        exchange_relay_as(x, CLIENT_LENGTH_UNKNOWN, false);
}

static void send_message(struct exchange *x, const struct eventstream_header *headers, unsigned n,
                         struct slice payload)
{
    struct eventstream_frame frame;

    if (eventstream_frame(headers, n, payload, &frame)) {
        exchange_die(x); /* not with headers like ours, and pieces that fit into a buffer */
        return;
    }
    client_content(x->client, (struct slice){ frame.before, frame.before_size });
    if (x->state != EXCHANGE_OVER)
        client_content(x->client, payload);
    if (x->state != EXCHANGE_OVER)
        client_content(x->client, (struct slice){ frame.after, sizeof(frame.after) });
}

void response_stream_content(struct exchange *x, struct slice content)
{
    static const struct eventstream_header headers[] = {
        STRING(":event-type", "PayloadPart"),
        STRING(":content-type", "application/octet-stream"),
        STRING(":message-type", "event"),
    };

    if (content.size)
        send_message(x, headers, 3, content);
}

void response_stream_broken(struct exchange *x, enum exchange_failure why)
{
    static const struct eventstream_header model[] = {
        STRING(":exception-type", "ModelStreamError"),
        STRING(":content-type", "application/json"),
        STRING(":message-type", "exception"),
    };
    static const struct eventstream_header internal[] = {
        STRING(":exception-type", "InternalStreamFailure"),
        STRING(":content-type", "application/json"),
        STRING(":message-type", "exception"),
    };

    switch (why) {
    case EXCHANGE_TIMEOUT:
        send_message(x, model, 3,
                     SLICE("{\"Message\":\"The model did not complete its answer in time.\","
                           "\"ErrorCode\":\"ModelInvocationTimeExceeded\"}"));
        return;
    case EXCHANGE_CUT:
        send_message(x, internal, 3,
                     SLICE("{\"Message\":\"The instance was taken out of service.\"}"));
        return;
    case EXCHANGE_CONNECT:
    case EXCHANGE_STALE:
    case EXCHANGE_BROKEN:
    case EXCHANGE_NONSENSE:
        break;
    }
    send_message(x, model, 3,
                 SLICE("{\"Message\":\"The container broke its answer off.\","
                       "\"ErrorCode\":\"StreamBroken\"}"));
}
