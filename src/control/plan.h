/* control/plan.h: what to do for a fleet, now.
 *
 * plan() looks at one fleet and its instances and names the actions that bring it nearer to what is
 * wanted; reconcile.c carries them out and plans again whenever something happened, and each
 * second. Pure: no clock, no I/O, no heap, no memory of earlier plans. Given equal views it answers
 * equally.
 *
 *  - Instances that are in service or pending count toward the wanted number; unhealthy ones do
 * not, so that a replacement is launched first and they are drained when it serves.
 *  - Too many: pending ones go first, as nobody would notice, the newest of them first, as the
 *    older ones are nearer to serving. Then those in service that are unhealthy, then the newest:
 *    older ones have warm caches and have proved themselves. Never more than what is above the
 *    wanted number in service.
 *  - A draining instance is never revived: the proxy may have counted it out already. It is
 *    terminated when drained, or when the deregistration delay has passed.
 *  - Unhealthy ones are replaced one at a time: a whole fleet that is unhealthy at once is
 *    overloaded or cut off rather than broken, and doubling it would not help.
 *  - While launches fail, one at a time is tried, after a growing wait.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "control/instance.h"

/* launches in a row that ended before the first good ping, until an endpoint counts as broken */
enum { PLAN_LAUNCH_FAILURES_MAX = 3 };

struct plan_fleet {
    unsigned wanted; /* 0 when the endpoint is deleted or has failed */
    ms_t startup_timeout_ms;
    ms_t drain_timeout_ms;    /* the deregistration delay and some slack */
    ms_t unhealthy_ms;        /* unhealthy for that long: replace */
    unsigned launch_failures; /* in a row */
    ms_t launch_after;        /* do not launch before */
    bool creating;            /* the endpoint never was in service: broken launches fail it */
    bool ever_in_service;     /* an instance of this fleet was */
};

struct plan_instance {
    ms_t since; /* in this state */
    enum instance_state state;
    bool ready;     /* pending, and /ping was answered 200 */
    bool drained;   /* draining, and the proxy has no request left there */
    bool unhealthy; /* in service, and the proxy says so ... */
    ms_t unhealthy_since;
};

enum plan_kind {
    PLAN_LAUNCH,    /* one more instance */
    PLAN_REGISTER,  /* pending -> in service */
    PLAN_DRAIN,     /* in service -> draining */
    PLAN_TERMINATE, /* pending or draining -> terminating */
    PLAN_FAIL,      /* the endpoint is broken */
};

struct plan_action {
    enum plan_kind kind;
    bool failed_start; /* PLAN_TERMINATE: not ready within the startup timeout */
    size_t instance;   /* index into the instances; unused with PLAN_LAUNCH and PLAN_FAIL */
    const char *cause; /* for the log: a constant phrase */
};

/**
 * plan() - the actions for one fleet
 * @instances:   oldest first
 * @ret_actions: room for @wanted + @n_instances + 1; carried out in this order
 *
 * Return: how many actions.
 */
size_t plan(const struct plan_fleet *fleet, const struct plan_instance *instances,
            size_t n_instances, ms_t now, struct plan_action *ret_actions);
