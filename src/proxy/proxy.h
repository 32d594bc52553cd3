/* proxy/proxy.h: the data plane as a whole: workers, and the thread that leads them.
 *
 * The leading thread talks with control, builds routes, checks health, watches drains and reports;
 * it never touches a request. With control gone all of that goes on with what is known.
 */
#pragma once
#include "base/log.h"
#include "base/loop.h"
#include "proxy/guard.h"
#include "proxy/worker.h"

struct proxy;

struct proxy_settings {
    const int *listen_fds;     /* one worker each; borrowed, non-blocking, listening */
    const int *tls_listen_fds; /* the same for TLS; NULL: none */
    struct tls_settings tls;   /* with tls_listen_fds; what it points to stays */
    size_t n_workers;
    struct address link;           /* control's link socket; unused if worker.standalone */
    struct worker_settings worker; /* log and api included; not the guard */
    struct guard_settings guard;
    void (*served)(
        void *context); /* told once, when every worker serves and accepts; may be NULL */
    void *context;
};

/** proxy_new() - start everything. Signals that the caller handles must be blocked before, as the
 * workers inherit that. Return: 0 or a negative errno. */
int proxy_new(struct loop *loop, const struct proxy_settings *settings, struct proxy **ret_proxy);

/** proxy_serve() - of a standalone one: serve this from now on; contents are taken over, @snapshot is
 * left empty */
void proxy_serve(struct proxy *p, struct link_snapshot *snapshot);

/** proxy_reload() - read certificates and keys again, and show them to new clients; if that fails,
 * which is logged, the old ones stay */
void proxy_reload(struct proxy *p);

/**
 * proxy_drain() - take no new connections, finish what runs, then call @done
 * @patient: do not close idle connections, but wait until they have had another answer, which says
 *           that it is the last one, or are closed for having been idle too long
 * @timeout_ms: what is not done then is cut
 * A second call makes a patient drain an impatient one.
 */
void proxy_drain(struct proxy *p, bool patient, ms_t timeout_ms, void (*done)(void *context),
                 void *context);

/** proxy_free() - cuts what runs */
struct proxy *proxy_free(struct proxy *p);
DEFINE_AUTOFREE(struct proxy *, proxy_free)
