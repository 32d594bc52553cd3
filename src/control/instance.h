/* control/instance.h: instances: running model servers, and their records.
 *
 *   Pending --first good ping--> InService --drain--> Draining --drained--> Terminating --gone-->
 * (no more)
 *       `--surplus, or too slow to start--> Terminating               any of them --gone--> (no
 * more)
 *
 * An instance belongs to one variant for life. Its record is in the store before the driver acts,
 * so that whatever crashes, every process that runs is known; it leaves the store when the driver
 * has said that the process is gone. Only reconcile.c changes states. c->instances iterates (keyed
 * by id).
 */
#pragma once
#include "base/list.h"
#include "control/endpoint.h"
#include "control/readiness.h"

enum instance_state {
    INSTANCE_PENDING,
    INSTANCE_IN_SERVICE,
    INSTANCE_DRAINING,
    INSTANCE_TERMINATING,
};

enum { INSTANCE_ID_CHARS = 19 };

struct instance {
    char id[INSTANCE_ID_CHARS + 1]; /* "i-" and 17 hex digits */
    struct control *control;
    struct variant *variant;
    struct list_link link; /* variant->instances */
    unsigned generation;
    enum instance_state state;
    wall_ms_t launched;
    struct driver_handle handle;
    char local_address[DRIVER_ADDRESS_BYTES]; /* the proxy prefers it; empty: none. Not stored. */
    /* not stored: a restart begins anew, monotonic times with it */
    ms_t since;              /* in this state */
    bool ready;              /* pending, and /ping was answered 200 */
    unsigned drained_by;     /* proxies that have no request left there; see proxy_link.c */
    bool drained;            /* all of them */
    uint64_t drain_revision; /* the proxy knows that it drains when it acked this */
    bool unhealthy;          /* as far as the proxy has said ... */
    ms_t unhealthy_since;
    struct readiness readiness;
    struct instance_usage usage; /* as last sampled; zeros before */
};

/** instance_new() - in state Pending, in its variant's list and c->instances; not yet stored */
int instance_new(struct control *c, struct variant *v, struct instance **ret);
struct instance *instance_find(const struct control *c, const char *id);
/** instance_store() - write its record. Return: 0 or -errno. */
int instance_store(struct control *c, const struct instance *i);
/** instance_forget() - out of the lists and the store; frees it. Return: 0 or -errno. */
int instance_forget(struct control *c, struct instance *i);
const char *instance_state_text(enum instance_state state); /* "Pending" ... */

/* --- for the other files of this folder ------------------------------------------------------- */

/** instance_add() - into its variant's list and c->instances, as of now. Return: 0 or -ENOMEM. */
int instance_add(struct control *c, struct variant *v, struct instance *i);
/** instance_ping() - ping it until it answers, then set ready and wake reconcile */
void instance_ping(struct instance *i);
/** instance_find_local() - set local_address, of one that answers pings */
void instance_find_local(struct instance *i);
/** instance_drop() - out of the lists only; frees it */
void instance_drop(struct control *c, struct instance *i);
int instance_state_parse(const char *text, enum instance_state *ret); /* 0 or -EINVAL */
