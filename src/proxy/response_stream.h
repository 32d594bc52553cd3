/* proxy/response_stream.h: a container's answer as a stream of events.
 *
 * Each piece of the answer's body becomes a PayloadPart message as soon as it has come, one for a
 * chunk if it came in one piece. When the container breaks off, the stream ends with an exception in
 * its last message, so that clients see more than a broken connection.
 *
 * Source: SageMaker Runtime API, InvokeEndpointWithResponseStream; its errors ModelStreamError and
 * InternalStreamFailure.
 */
#pragma once
#include "proxy/exchange.h"

/** response_stream_begin() - pass on the answer with @head; its own content type goes into a field,
 * and what else an invocation's answer has is in the worker's text */
void response_stream_begin(struct exchange *x, const struct http_head *head);
/** response_stream_content() - more of its body */
void response_stream_content(struct exchange *x, struct slice content);
/** response_stream_broken() - there will be no more of it */
void response_stream_broken(struct exchange *x, enum exchange_failure why);
