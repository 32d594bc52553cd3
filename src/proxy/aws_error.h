/* proxy/aws_error.h: error answers as AWS clients read them.
 *
 * The type stands in a header (REST-JSON) and in the body (JSON protocols), the message under both
 * spellings that clients look for. Source: Smithy, "AWS restJson1 protocol", operation errors.
 */
#pragma once
#include <jansson.h>

#include "base/buffer.h"
#include "base/text.h"

struct aws_error {
    unsigned status;
    const char *type;
    const char *message;
    json_t *body;           /* borrowed; instead of type and message in the body; may be NULL */
    unsigned retry_after_s; /* 0: not said */
};

/** aws_error_of_parser() - for what is no request; @outcome is one of HTTP_E_* */
struct aws_error aws_error_of_parser(int outcome, const char *why);

/** aws_error_write_head() - status line and fields, without framing and end. @request_id may be
 * NULL. Return: 0, or a negative errno. */
int aws_error_write_head(struct buffer *out, const struct aws_error *e, const char *request_id,
                         wall_ms_t now);
/** aws_error_body() - to be freed; NULL if no memory */
char *aws_error_body(const struct aws_error *e);

/** aws_error_write() - a whole HTTP/1 answer to what is no request, after which the connection
 * closes. Return: 0, or a negative errno. */
int aws_error_write(struct buffer *out, const struct aws_error *e, wall_ms_t now);

/* What a container did wrong. */
struct model_error {
    const char *endpoint, *model_name, *region, *account;
    unsigned status;   /* of its answer; 0: there is none */
    struct slice body; /* of its answer, or our words when there is none */
    bool cut;          /* the body is longer than that, or broke off */
};

enum { MODEL_ERROR_BODY_MAX = 16 << 10 }; /* as much of the container's body is passed on */

/** model_error_body() - the body of a ModelError; a new reference, NULL if no memory
 * Source: SageMaker Runtime API, InvokeEndpoint, ModelError. */
json_t *model_error_body(const struct model_error *e);
