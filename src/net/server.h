/* net/server.h: an HTTP/1.1 server on one loop, for programs that answer requests themselves.
 *
 * Control and the model server use it; the proxy has connections of its own, which stream. Requests
 * come whole: the handler sees a head and a complete body, and answers now or later. Keep-alive,
 * pipelining, Expect: 100-continue, chunked requests, header and idle timeouts and all limits are
 * done here; malformed requests are answered 400 and closed before any handler hears of them.
 */
#pragma once
#include "base/log.h"
#include "base/loop.h"
#include "http/parser.h"

struct server;
struct server_request; /* one exchange; valid until it is answered */

struct server_settings {
    struct http_limits limits;
    size_t body_bytes_max;    /* larger ones are answered 413 */
    unsigned connections_max; /* more are accepted and closed with 503 */
    ms_t head_timeout_ms;     /* from the first byte of a head to its end */
    ms_t body_timeout_ms;     /* between two reads of a body, and two writes of an answer */
    ms_t idle_timeout_ms;     /* between requests */
    const char *server_name;  /* Server field, or NULL for none */
};
#define SERVER_SETTINGS_DEFAULT                                                                    \
    ((struct server_settings){ .limits = HTTP_LIMITS_DEFAULT,                                      \
                               .body_bytes_max = 32 << 20,                                         \
                               .connections_max = 1024,                                            \
                               .head_timeout_ms = 10000,                                           \
                               .body_timeout_ms = 30000,                                           \
                               .idle_timeout_ms = 75000 })

/**
 * server_new() - serve what connects to @listen_fd
 * @listen_fd: borrowed; non-blocking
 * @handle:    called once for each request; it or somebody later calls server_reply() exactly once.
 *             @context is passed on.
 */
int server_new(struct loop *loop, struct log *log, int listen_fd,
               const struct server_settings *settings,
               void (*handle)(struct server_request *request, void *context), void *context,
               struct server **ret_server);
/** server_adopt() - serve the client behind @fd, which somebody else has accepted; the server's now */
void server_adopt(struct server *server, int fd);
/** server_free() - closes every connection; unanswered requests become void (see server_cancelled)
 */
struct server *server_free(struct server *server);
DEFINE_AUTOFREE(struct server *, server_free)

/** server_drain() - accept no more, answer what is in hand, then close; @done is called at the end
 */
void server_drain(struct server *server, void (*done)(void *context), void *context);

const struct http_head *server_request_head(const struct server_request *r);
struct slice server_request_body(const struct server_request *r);
struct loop *server_request_loop(const struct server_request *r);

/** server_request_on_cancel() - call @cancelled if the client leaves before the answer; the request
 * is invalid after that */
void server_request_on_cancel(struct server_request *r, void (*cancelled)(void *context),
                              void *context);

/** struct server_header - an extra field of an answer */
struct server_header {
    const char *name, *value;
};

/**
 * server_reply() - answer and end the request
 * @headers: @n_headers extra fields, copied; Content-Length, Date, Server, Connection are added
 * here
 * @body:    copied; ignored for 204 and 304
 */
void server_reply(struct server_request *r, unsigned status, const struct server_header *headers,
                  size_t n_headers, struct slice body);
