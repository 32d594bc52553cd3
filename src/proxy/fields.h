/* proxy/fields.h: header fields on their way through. */
#pragma once
#include "base/buffer.h"
#include "http/message.h"

/**
 * fields_write() - the fields of @head that pass a proxy, as they came
 * @drop: names that shall not pass either; NULL: none
 *
 * Left out are those that are for one connection only, named by Connection or by nature, and those
 * of framing and expectation, which the proxy answers for itself (RFC 9110 §7.6.1).
 * Return: 0 or what buffer_append() says.
 */
int fields_write(struct buffer *out, const struct http_head *head, bool (*drop)(struct slice name));
