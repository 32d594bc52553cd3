/* control/webhook.h: messages to URLs, delivered in their own time.
 *
 * A message waits in a bounded queue until one of a few deliveries is free, is tried up to
 * WEBHOOK_TRIES times with growing pauses, and then given up. A URL that answers 2xx has it; 408,
 * 429, 5xx and no answer at all are tried again, anything else is final. Nothing here blocks, and
 * what is queued does not outlive the process.
 */
#pragma once
#include "base/log.h"
#include "base/loop.h"
#include "net/courier.h"

enum {
    WEBHOOK_QUEUE_MAX = 1000,
    WEBHOOK_UNDER_WAY_MAX = 8,
    WEBHOOK_TRIES = 5, /* pauses of 1, 2, 4 and 8 s: given up after 15 s and five timeouts */
    WEBHOOK_TIMEOUT_MS = 10000,
};

enum { WEBHOOK_E_FULL = 1 /* WEBHOOK_QUEUE_MAX wait already */ };

struct webhooks;

/** webhooks_new() - @courier is borrowed */
int webhooks_new(struct loop *loop, struct courier *courier, struct webhooks **ret);
/** webhooks_free() - what waits is given up */
struct webhooks *webhooks_free(struct webhooks *w);
DEFINE_AUTOFREE(struct webhooks *, webhooks_free)

/**
 * webhook_send()
 * @body: JSON; copied, as @url is
 * @done: called once, from the loop or webhooks_free(), never before this returns; @why: NULL
 *        delivered, or why not
 *
 * Return: 0, WEBHOOK_E_FULL or -ENOMEM; then @done is not called, and @context stays the caller's.
 */
int webhook_send(struct webhooks *w, const char *url, const char *body,
                 void (*done)(void *context, const char *why), void *context);
size_t webhooks_waiting(const struct webhooks *w);
