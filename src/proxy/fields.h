/* proxy/fields.h: header fields on their way through. */
#pragma once
#include "base/buffer.h"
#include "http/message.h"

/**
 * fields_write_request() - the fields of the request @head that pass a proxy
 * @drop:     names that shall not pass either; NULL: none
 * @trailers: trailers may go on and come back: with Trailer and TE, which else end here
 *
 * Host comes first and says whom the request is for; HTTP/1.0 need not say so, then it is localhost.
 * The others follow as they came. Left out are those that are for one connection only, named by
 * Connection or by nature, and those of framing and expectation, which the proxy answers for itself
 * (RFC 9110 §7.6.1).
 * Return: 0 or what buffer_append() says.
 */
int fields_write_request(struct buffer *out, const struct http_head *head,
                         bool (*drop)(struct slice name), bool trailers);

/** fields_write() - the same of an answer, or of an answer before it. @trailers: the client takes
 * them. */
int fields_write(struct buffer *out, const struct http_head *head, bool (*drop)(struct slice name),
                 bool trailers);

/** fields_write_host() - the Host line alone */
int fields_write_host(struct buffer *out, const struct http_head *head);

/**
 * fields_keep_trailers() - leave in @lines, whole lines as http_body keeps them, what may come after
 * a body: nothing of framing, routing, authentication, or about how the body is to be read
 * (RFC 9110 §6.5.1). In place.
 */
void fields_keep_trailers(struct buffer *lines);
