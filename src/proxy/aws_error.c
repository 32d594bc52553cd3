#include "proxy/aws_error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/parser.h"
#include "http/writer.h"

enum { MESSAGE_CHARS_MAX = 2048 };

struct aws_error aws_error_of_parser(int outcome, const char *why)
{
    static const struct {
        unsigned status;
        const char *type;
    } answers[] = {
        [HTTP_E_MALFORMED] = { 400, "MalformedRequestException" },
        [HTTP_E_TOO_LARGE] = { 431, "RequestHeaderSectionTooLargeException" },
        [HTTP_E_URI_TOO_LONG] = { 414, "UriTooLongException" },
        [HTTP_E_VERSION] = { 505, "HttpVersionNotSupportedException" },
        [HTTP_E_NOT_SUPPORTED] = { 501, "NotImplementedException" },
        [HTTP_E_EXPECTATION] = { 417, "ExpectationFailedException" },
    };

    return (struct aws_error){ .status = answers[outcome].status,
                               .type = answers[outcome].type,
                               .message = why };
}

int aws_error_write_head(struct buffer *out, const struct aws_error *e, const char *request_id,
                         wall_ms_t now)
{
    int r = http_write_status_line(out, e->status);

    if (!r)
        r = http_write_header_text(out, "x-amzn-ErrorType", e->type);
    if (!r && request_id)
        r = http_write_header_text(out, "x-amzn-RequestId", request_id);
    if (!r)
        r = http_write_header_text(out, "Content-Type", "application/json");
    if (!r)
        r = http_write_date(out, now);
    return r || !e->retry_after_s ? r
                                  : http_write_header_number(out, "Retry-After", e->retry_after_s);
}

char *aws_error_body(const struct aws_error *e)
{
    json_t *body = e->body ? json_incref(e->body)
                           : json_pack("{s:s,s:s,s:s}", "__type", e->type, "message", e->message,
                                       "Message", e->message);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

    json_decref(body);
    return text;
}

int aws_error_write(struct buffer *out, const struct aws_error *e, wall_ms_t now)
{
    char *body = aws_error_body(e);
    int r = body ? aws_error_write_head(out, e, NULL, now) : -ENOMEM;

    if (!r)
        r = http_write_header_number(out, "Content-Length", strlen(body));
    if (!r)
        r = http_write_header_text(out, "Connection", "close");
    if (!r)
        r = http_write_end(out);
    if (!r)
        r = buffer_puts(out, body);
    free(body);
    return r;
}

/* --- ModelError ------------------------------------------------------------------------------- */

/* JSON holds Unicode only; a container may say anything. */
static json_t *json_from_bytes(struct slice s)
{
    json_t *json = json_stringn(s.data ? s.data : "", s.size);
    char *copy;

    if (json)
        return json;
    copy = slice_dup(s);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < s.size; i++)
        if (copy[i] & 0x80)
            copy[i] = '?';
    json = json_stringn(copy, s.size);
    free(copy);
    return json;
}

static int write_what(struct buffer *b, const struct model_error *e)
{
    const char *side = e->status >= 400 && e->status < 500 ? "client" : "server";
    size_t room = MESSAGE_CHARS_MAX - 512; /* what surrounds the container's words */
    int r;

    if (e->cut)
        return buffer_printf(
            b, "Received %s error (%u) from %s and could not load the entire response body. ", side,
            e->status, e->model_name);
    r = buffer_printf(b, "Received %s error (%u) from %s with message \"", side, e->status,
                      e->model_name);
    if (!r)
        r = buffer_append(b, e->body.data, e->body.size < room ? e->body.size : room);
    return r ? r : buffer_puts(b, "\". ");
}

static json_t *message(const struct model_error *e)
{
    autobuffer struct buffer b = BUFFER_INIT(8192);

    if (write_what(&b, e) ||
        buffer_printf(&b,
                      "See https://%s.console.aws.amazon.com/cloudwatch/home?region=%s"
                      "#logEventViewer:group=/aws/sagemaker/Endpoints/%s in account %s for more "
                      "information.",
                      e->region, e->region, e->endpoint, e->account))
        return NULL;
    return json_from_bytes((struct slice){ buffer_data(&b), buffer_size(&b) });
}

json_t *model_error_body(const struct model_error *e)
{
    bool client = e->status >= 400 && e->status < 500;
    char arn[512];

    snprintf(arn, sizeof(arn), "arn:aws:logs:%s:%s:log-group:/aws/sagemaker/Endpoints/%s",
             e->region, e->account, e->endpoint);
    return json_pack("{s:s, s:s, s:o, s:o, s:i}", "ErrorCode",
                     client ? "CLIENT_ERROR_FROM_MODEL" : "SERVER_ERROR_FROM_MODEL", "LogStreamArn",
                     arn, "Message", message(e), "OriginalMessage", json_from_bytes(e->body),
                     "OriginalStatusCode", (int)e->status);
}
