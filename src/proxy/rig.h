/* proxy/rig.h: a whole proxy for tests: real threads and sockets, and everything around it played
 * by the test: clients, control's two sockets, and targets that do what the request tells them
 * to. */
#pragma once
#include <stdatomic.h>

#include "base/buffer.h"
#include "http/parser.h"
#include "proxy/proxy.h"

/* --- a target: does what the field X-Amzn-SageMaker-Custom-Attributes says ------------------------
 *   echo             the body comes back (also the default); the answer's attributes are the head's
 *                    fields, in order
 *   chunked          the same in chunks of 1000 bytes
 *   until-close      the same, ended by closing the connection
 *   status=N         status N with the body
 *   big=N            N bytes
 *   hold             answers when target_release() is called
 *   break            closes without an answer
 *   break-if-reused  the same, unless it is the first request on its connection
 *   break-after=N    announces 1000 bytes, sends N, closes
 *   close            answers with Connection: close
 *   nonsense         answers something that is not HTTP
 *   early            answers 413 before the body was read, and closes
 *   head             the body is the head as it came, then the request's body and trailers
 *   as=TEXT          answers TEXT and nothing else; "|" stands for a line's end
 *   reset-if-reused  resets the connection, unless it is the first request on it
 *   reset-early-if-reused  the same, when it has read the head
 */
struct target_server;
struct target_server *target_server_new(void);
/** target_server_listen() - on that address; @is_api: be control, answer with the request itself */
struct target_server *target_server_listen(const char *address, bool is_api);
struct target_server *target_server_free(struct target_server *t);
const char *target_server_address(const struct target_server *t);
unsigned
target_server_served(const struct target_server *t); /* requests begun, pings not counted */
unsigned target_server_connections(const struct target_server *t); /* accepted so far */
unsigned target_server_holding(const struct target_server *t);     /* requests held now */
void target_server_wait_idle(struct target_server *t);             /* until it serves nobody */
void target_server_release(struct target_server *t);
void target_server_hang_up(struct target_server *t); /* close idle connections */
void target_server_stop_listening(struct target_server *t);
void target_server_listen_again(struct target_server *t);
void target_server_ping(struct target_server *t, unsigned status); /* what GET /ping answers */

/* --- the proxy and control -------------------------------------------------------------------- */

struct rig_target {
    const char *id, *address;
    bool draining;
    const char *local_address; /* NULL: none */
};

struct rig {
    char dir[64];
    int listen_fds[4];
    size_t n_workers;
    struct address front;
    struct proxy_settings settings; /* may be changed before rig_start() */
    pthread_t thread;
    struct loop *loop;
    struct mailbox box;
    struct mail drain, stop;
    ms_t drain_timeout_ms;
    struct proxy *proxy;
    atomic_bool drained;

    int link_listener, link; /* -1: control is away */
    struct buffer link_in;
    uint64_t revision;
    bool auth;
    struct link_target_group group; /* may be changed before rig_serve() */
    const char *path_prefix;        /* also a plain route to the same group; NULL: none */
    struct target_server *api;      /* echoes the head it gets as the body */
    char api_path[96], link_path[96];
    struct access_log *access_log; /* of rig_log(); NULL: none */
    char log_path[96];
};

void rig_init(struct rig *r, size_t n_workers);
void rig_log(struct rig *r); /* have requests logged as JSON at r->log_path */
void rig_start(struct rig *r);
void rig_stop(struct rig *r);
void rig_drain(struct rig *r); /* as on SIGTERM; then wait for r->drained */

/** rig_link() - be control: wait for the proxy to connect and say hello */
void rig_link(struct rig *r);
/** rig_unlink() - control goes away, its socket too */
void rig_unlink(struct rig *r);
/** rig_serve() - endpoint "e" with variant "v" on these targets; returns when the proxy serves
 * it */
void rig_serve(struct rig *r, const struct rig_target *targets, size_t n);
void rig_send(struct rig *r, const struct link_message *m);
/** rig_hear() - the next message of that type; skips others. To be deinit'ed. */
void rig_hear(struct rig *r, enum link_type type, struct link_message *ret);
/** rig_hear_event() - skip until the proxy reports this */
void rig_hear_event(struct rig *r, enum link_event_kind kind, const char *target,
                    const char *state);
/** rig_hear_report() - sum up reports until as many requests were told of */
void rig_hear_report(struct rig *r, uint64_t requests, struct link_report_group *ret);

/* --- clients ---------------------------------------------------------------------------------- */

struct answer {
    unsigned status;
    struct http_head head;
    struct buffer raw; /* the head's slices point here */
    struct buffer body;
    bool closed; /* it ended because the connection did */
    bool broken; /* it did not end properly */
};

int client_dial(const struct rig *r);
void client_send(int fd, const char *text);
void client_send_n(int fd, const void *data, size_t n);
/** client_read() - one answer, whatever precedes it in @pending is used first */
void client_read(int fd, struct buffer *pending, struct answer *ret);
/** client_ask() - one request on a connection of its own */
void client_ask(const struct rig *r, const char *request, struct answer *ret);
/** client_closed() - whether the proxy closes the connection without another byte, within 20 s */
bool client_closed(int fd);
void answer_deinit(struct answer *a);
#define autoanswer __attribute__((cleanup(answer_deinit)))
bool answer_has(const struct answer *a, const char *text); /* in the body */

/** rig_invocation() - text of an invocation of endpoint "e"; @attributes tells the target what to do */
char *rig_invocation(const char *attributes, const char *more_fields, const char *body);
/** rig_until() - wait until @condition, checked often, for at most 20 s */
#define rig_until(condition)                                                                       \
    do {                                                                                           \
        for (int i_ = 0; !(condition); i_++) {                                                     \
            if (i_ == 20000)                                                                       \
                fail_msg("%s did not come true", #condition);                                      \
            usleep(1000);                                                                          \
        }                                                                                          \
    } while (0)

/* --- most tests' world: a proxy, and two targets for it ---------------------------------------- */

enum { RIG_TARGETS = 2 };

struct fixture {
    struct rig rig;
    struct target_server *targets[RIG_TARGETS];
    struct target_server *target;        /* the first: many tests need no other */
    struct rig_target list[RIG_TARGETS]; /* "i-1" and "i-2" */
};

struct fixture *fixture_new(size_t n_workers); /* not started */
/** fixture_start() - with the first @n_targets served, or, if none, before the first route */
void fixture_start(struct fixture *f, size_t n_targets);
int tear_down(void **state); /* of a fixture */
/** begin() - send an invocation with a body. Return: its connection, for finish() */
int begin(struct fixture *f, const char *attributes);
unsigned finish(int fd); /* Return: the answer's status */
unsigned invoke(struct fixture *f, const char *attributes);
unsigned holding(const struct fixture *f); /* requests, at both targets */
