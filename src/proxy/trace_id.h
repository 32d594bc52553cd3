/* proxy/trace_id.h: the field X-Amzn-Trace-Id, by which a request is followed through services.
 *
 * Source: Elastic Load Balancing, "Request tracing for your Application Load Balancer": without the
 * field one with a Root is made; with it, Self says which of the balancer's requests this is, in
 * place of an earlier Self; everything else in it stays. A Root is also added when it lacks one.
 */
#pragma once
#include "base/buffer.h"
#include "base/random.h"
#include "http/message.h"

/** trace_id_write() - the whole line, for a request with @head. Return: 0 or what buffer_append()
 * says. */
int trace_id_write(struct buffer *out, const struct http_head *head, struct random *random,
                   wall_ms_t now);
