/* net/client.h: an HTTP/1.1 client on one loop: requests in, whole answers out.
 *
 * For health checks, readiness pings and `weir load`. A client holds keep-alive connections to one
 * address and opens more as requests overlap, up to a limit; nothing is retried, nothing is queued:
 * a request beyond the limit fails with -EAGAIN. Answers are read whole, up to a limit.
 */
#pragma once
#include "base/loop.h"
#include "http/message.h"
#include "net/address.h"

struct client;

struct client_settings {
    unsigned connections_max;
    size_t answer_bytes_max; /* head and body together */
    ms_t idle_timeout_ms;    /* an unused connection is closed after this */
};
#define CLIENT_SETTINGS_DEFAULT                                                                    \
    ((struct client_settings){                                                                     \
        .connections_max = 16, .answer_bytes_max = 32 << 20, .idle_timeout_ms = 30000 })

struct client_answer {
    int error;                    /* 0, or why there is no answer: -ECONNREFUSED, -ETIMEDOUT,
                                     -ECONNRESET (closed before the answer ended), -EBADMSG
                                     (not HTTP), -EMSGSIZE, -ECANCELED (client_free) */
    const struct http_head *head; /* with error == 0; valid during the callback */
    struct slice body;
};

int client_new(struct loop *loop, const struct address *address,
               const struct client_settings *settings, struct client **ret_client);
/** client_free() - requests under way end with -ECANCELED */
struct client *client_free(struct client *client);
DEFINE_AUTOFREE(struct client *, client_free)

/**
 * client_request() - send a request
 * @message:  the whole request, head and body, ready to send; copied
 * @method:   "GET", "POST" ... as in @message, to know how the answer is framed
 * @timeout:  for the whole exchange, connect included, ms
 * @answered: called exactly once, from the loop, never before this returns
 *
 * Return: 0, -EAGAIN (connections_max are busy), or a negative errno; then @answered is not called.
 */
int client_request(struct client *client, struct slice message, const char *method, ms_t timeout,
                   void (*answered)(const struct client_answer *answer, void *context),
                   void *context);
