/* health/health.h: is a target well? Asks each one with GET, as its group says.
 *
 * A target begins healthy: control has pinged it before it registered it. Checks that fail often
 * enough make it unhealthy, a connect that fails makes it down at once; workers say so as well when
 * a request's connect fails. Good checks bring it back. Draining targets are not asked: nobody new
 * comes to them.
 */
#pragma once
#include "balance/route.h"
#include "base/log.h"
#include "base/loop.h"

struct health;

/* @healthy: the target takes requests again, or no longer */
typedef void health_changed(const struct target *t, bool healthy, void *context);

int health_new(struct loop *loop, struct log *log, health_changed *changed, void *context,
               struct health **ret_health);
struct health *health_free(struct health *h);
DEFINE_AUTOFREE(struct health *, health_free)

/** health_follow() - check the targets of @route from now on. Return: 0, or -ENOMEM: some targets
 * are not checked. */
int health_follow(struct health *h, const struct route *route);

/** health_look() - notice what workers found out; several times a second */
void health_look(struct health *h);
/** health_repeat() - tell of every target that is not well once more */
void health_repeat(struct health *h);
