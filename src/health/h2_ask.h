/* health/h2_ask.h: one question over HTTP/2, on a connection of its own, for health checks.
 *
 * A request without a body that matters, by prior knowledge; of the answer only its codes are read.
 * With gRPC the question is a call with an empty message, and the answer its grpc-status.
 */
#pragma once
#include <stdbool.h>

#include "base/loop.h"
#include "net/address.h"

struct h2_ask;

struct h2_ask_answer {
    int error;       /* 0, or why there is no answer: as in net/client.h */
    unsigned status; /* of HTTP */
    int grpc_status; /* -1: none */
};

struct h2_ask *h2_ask_new(struct loop *loop, const struct address *address);
/** h2_ask_free() - what is under way is never answered */
struct h2_ask *h2_ask_free(struct h2_ask *a);

/**
 * h2_ask() - ask, one thing at a time
 * @path:     constant until it is answered
 * @timeout:  for all of it, ms
 * @answered: called exactly once, from the loop, never before this returns
 * Return: 0, or a negative errno; then @answered is not called.
 */
int h2_ask(struct h2_ask *a, const char *path, bool is_grpc, ms_t timeout,
           void (*answered)(const struct h2_ask_answer *answer, void *context), void *context);
