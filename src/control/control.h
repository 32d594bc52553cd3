/* control/control.h: the control plane: one thread that owns all state.
 *
 * Objects live in the store; what is here in memory was read from it at start and is written through
 * before anything acts on it. Once a second, and whenever something happened, every fleet is planned
 * (plan.h) and the plan's actions are carried out (reconcile.c). The API layer calls the functions in
 * endpoint.h, model.h ... from the same thread; nothing here knows about AWS's wire formats.
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

struct autoscaler; /* autoscaler.h: scalable targets, policies, activities; decides with src/scaling */
struct proxy_link; /* proxy_link.h: tells the proxy what to serve, hears what it saw */
struct telemetry;  /* telemetry.h: turns reports and samples into metrics */
struct meter;      /* meter.h: instance-seconds and their price */

struct control_settings {
    const char *region;    /* "us-east-1" */
    const char *account;   /* "000000000000" */
    enum pace pace;
    bool auth;             /* false only with --no-auth */
    const char *state_dir;
};

struct control {
    struct loop *loop;       /* these five are borrowed from the program */
    struct log *log;
    struct store *store;
    struct driver *driver;
    struct metrics *metrics;
    struct random random;
    struct control_settings settings;

    struct map models;           /* name -> struct model */
    struct map endpoint_configs; /* name -> struct endpoint_config */
    struct map endpoints;        /* name -> struct endpoint */
    struct map instances;        /* id -> struct instance */

    struct proxy_link *link;
    struct telemetry *telemetry;
    struct autoscaler *autoscaler;
    struct meter *meter;
};
