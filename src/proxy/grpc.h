/* proxy/grpc.h: what the proxy itself says to a call of gRPC.
 *
 * A client of gRPC looks for its status in trailers; of an HTTP status and a body it makes what it can.
 * So errors of ours are calls that end at once (Trailers-Only): HTTP status 200, grpc-status and
 * grpc-message. The numbers are those that clients would make of the HTTP status (gRPC, "HTTP to
 * gRPC Status Code Mapping"), with more exact ones where we know better: a target that takes too long
 * is DEADLINE_EXCEEDED, since UNAVAILABLE asks for a second try of what may have been carried out.
 */
#pragma once
#include "http/message.h"
#include "proxy/aws_error.h"

/** grpc_is_call() - whether a request of HTTP/2 is one */
bool grpc_is_call(const struct http_head *head);
/** grpc_status_of() - as a number, for an HTTP status */
unsigned grpc_status_of(unsigned http_status);
/** grpc_write_error() - the head of an answer without a body that says @e, without its end.
 * Return: 0 or a negative errno. */
int grpc_write_error(struct buffer *out, const struct aws_error *e, const char *request_id,
                     wall_ms_t now);
/** grpc_write_trailers() - the same as lines of trailers, after part of an answer */
int grpc_write_trailers(struct buffer *out, unsigned http_status, const char *message);
