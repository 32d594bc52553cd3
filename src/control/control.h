/* control/control.h: the control plane: one thread that owns all state.
 *
 * Objects live in the store; what is here in memory was read from it at start and is written
 * through before anything acts on it. Once a second, and whenever something happened, every fleet
 * is planned (plan.h) and the plan's actions are carried out (reconcile.c). The API layer calls the
 * functions in endpoint.h, model.h ... from the same thread; nothing here knows about AWS's wire
 * formats.
 */
#pragma once
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/random.h"
#include "fleet/driver.h"
#include "metrics/metrics.h"
#include "scaling/pace.h"
#include "store/store.h"

struct courier;    /* net/courier.h */
struct alarm_book; /* alarm_book.h: CloudWatch alarms, their states, history and actions */
struct autoscaler; /* autoscaler.h: scalable targets, policies, activities; decides with src/scaling
                    */
struct proxy_link; /* proxy_link.h: tells the proxy what to serve, hears what it saw */
struct telemetry;  /* telemetry.h: turns reports and samples into metrics */
struct meter;      /* meter.h: instance-seconds and their price */
struct metric_history; /* metric_history.h: keeps metrics across restarts */

enum { CONTROL_INSTANCES_MAX = 256 };

/* who may scrape /metrics without a signature */
enum scrape_access { SCRAPE_LOCAL, SCRAPE_OPEN, SCRAPE_OFF /* nobody, signed or not */ };

struct control_settings {
    const char *region;  /* "us-east-1" */
    const char *account; /* "000000000000" */
    enum pace pace;
    bool auth; /* false only with --no-auth */
    enum scrape_access scrape;
    const char *state_dir;
    const char *access_key_id, *secret_access_key; /* what requests are signed with */
    unsigned instances_max;                        /* of all endpoints together */
};

/* Strings in the settings are borrowed for the control plane's life. */
struct control {
    struct loop *loop; /* these five are borrowed from the program */
    struct log *log;   /* may be NULL */
    struct store *store;
    struct driver *driver;
    struct metrics *metrics;
    struct courier *courier; /* set by the program; NULL: nobody outside is asked (tests) */
    struct random random;
    struct control_settings settings;

    struct map models;           /* arn_key(name) -> struct model */
    struct map endpoint_configs; /* arn_key(name) -> struct endpoint_config */
    struct map endpoints;        /* arn_key(name) -> struct endpoint */
    struct map instances;        /* id -> struct instance */
    struct map keys;             /* id -> struct key */

    struct proxy_link *link;
    struct metric_history *history; /* NULL: metrics are forgotten at the end (tests) */
    struct telemetry *telemetry;    /* NULL: no metrics are kept (tests) */
    struct autoscaler *autoscaler;  /* NULL: nothing scales by itself (tests) */
    struct alarm_book *alarms;      /* NULL: there are none (tests) */
    struct meter *meter;

    struct loop_task reconcile; /* reconcile_wake() */
    struct loop_timer tick;     /* each second */
    bool stopping;              /* nothing is launched any more */
    int error;                  /* why the loop was stopped: the store failed */
};

/** control_new() - objects of the store in memory; nothing is launched or adopted yet.
 * @seed: for identifiers and hash seeds */
int control_new(struct loop *loop, struct log *log, struct store *store, struct metrics *metrics,
                const struct control_settings *settings, uint64_t seed, struct control **ret);
/** control_free() - instances keep running */
struct control *control_free(struct control *c);
DEFINE_AUTOFREE(struct control *, control_free)

/** control_driver_events() - what to give to the driver when it is made */
struct driver_events control_driver_events(struct control *c);
/** control_start() - adopt what runs on @driver (borrowed), then reconcile and tick until the end
 */
int control_start(struct control *c, struct driver *driver);
/** control_fail() - state can no longer be kept: log why and end the loop with c->error = @error */
void control_fail(struct control *c, int error);
