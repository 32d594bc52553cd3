/* control/scalable.h: what a scalable target scales, behind one table of functions.
 *
 * The autoscaler sees a capacity: what is desired, what is in service, whether it can be changed;
 * and it sets it. What that means is a row of its own: the instance count of a variant
 * (scalable_variant.c), a number behind somebody's URL (scalable_custom.c). A row is found by what
 * Application Auto Scaling calls it, or by the form of a resource id, in which they differ.
 */
#pragma once
#include "base/clock.h"
#include "scaling/target_tracking.h"

struct autoscaler;
struct scaling_target;

enum { SCALABLE_WHY_BYTES = 512 };

/* Outcomes of check() and set(). */
enum {
    SCALABLE_UNDER_WAY = 1, /* set: asked for; seen as `setting` until there is an answer */
    SCALABLE_E_NOT,         /* no capacity can be scaled there; *ret_why: a reason */
    SCALABLE_E_REFUSED,     /* set: it cannot be that; *ret_why: a reason */
};

struct scalable_state {
    enum {
        SCALABLE_GONE,
        SCALABLE_UNKNOWN, /* it was not heard of yet */
        SCALABLE_KNOWN,
    } is;
    int desired, in_service, pending;
    int limit;        /* more cannot be had here, whatever is asked for */
    unsigned waiting; /* requests that wait while nothing is in service */
    ms_t startup_ms;  /* how long a unit takes until it is in service; 0: not known */
    bool can_change;  /* may be set now */
    bool setting;     /* `desired` was asked for, and is not answered */
    bool busy;        /* says itself that it is not done */

    /* NULL, or why; borrowed until the next call of anything here */
    const char *trouble; /* it cannot be read: the rest may be old */
    const char *refusal; /* the newest change that was under way was refused ... */
    int refused;         /* ... which was to this */
    const char *failure; /* it says that the newest change failed */
};

struct scalable {
    const char *namespace, *dimension;
    const char *thing; /* "desired instance count" */
    const char *unit;  /* "instance" */
    const char *role;  /* of the service-linked role's ARN, what follows "aws-service-role/" */
    const char *gone;  /* why an activity ends when there is no resource any more */

    /** names() - whether @resource_id has this row's form */
    bool (*names)(const char *resource_id);
    bool (*same)(const char *resource_id, const char *other);
    /** check() - that there is something to scale. Return: 0, SCALABLE_E_NOT or -errno. */
    int (*check)(const struct autoscaler *a, const char *resource_id,
                 char ret_why[SCALABLE_WHY_BYTES]);
    /** watch() - @t was registered or loaded. Return: 0 or -errno. */
    int (*watch)(struct scaling_target *t);
    /** forget() - @t goes; also where watch() failed */
    void (*forget)(struct scaling_target *t);
    void (*see)(const struct autoscaler *a, const char *resource_id, struct scalable_state *ret);
    /** set() - the desired capacity; what is set already changes nothing
     * @cause: for the log. Return: 0, SCALABLE_UNDER_WAY, SCALABLE_E_REFUSED or -errno. */
    int (*set)(struct autoscaler *a, const char *resource_id, int to, const char *cause,
               char ret_why[SCALABLE_WHY_BYTES]);
    /** changed() - a target of it was registered, changed or deregistered; NULL: nobody minds */
    void (*changed)(const struct autoscaler *a, const char *resource_id);
    /** predefined() - fill in @ret's metric by AWS's name of it. Return: whether it has that one.
     * NULL: it has none. */
    bool (*predefined)(const struct scaling_target *t, const char *type, struct tracking *ret);
};

extern const struct scalable scalable_variant, scalable_custom;

/** scalable_find() - NULL: nothing of that name is scaled here */
const struct scalable *scalable_find(const char *namespace, const char *dimension);
/** scalable_of() - by the form of a resource id; NULL if it has none */
const struct scalable *scalable_of(const char *resource_id);
