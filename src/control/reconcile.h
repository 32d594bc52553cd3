/* control/reconcile.h: makes the world as the store says it should be.
 *
 * Plans every fleet (plan.h) and carries the plans out through the driver and the link; moves
 * endpoints through their states. Runs at the end of any loop turn in which something happened
 * (reconcile_wake()) and each second.
 */
#pragma once
#include "control/instance.h"

void reconcile_init(struct control *c);
/** reconcile_start() - load instances from the store and adopt those that still run. Return: 0,
 * -errno. */
int reconcile_start(struct control *c);
/** reconcile_wake() - run soon, once */
void reconcile_wake(struct control *c);
/** reconcile() - run now. Return: 0, or -errno if the store cannot be written: a reason to stop. */
int reconcile(struct control *c);

/* Events. Unknown ids are ignored: they are about instances that are forgotten already. */
void reconcile_gone(struct control *c, const char *id, const char *why);
void reconcile_health(struct control *c, const char *id, bool healthy);
void reconcile_drained(struct control *c, const char *id);

/** reconcile_stop() - terminate every instance without draining; their records stay until they are
 * gone. For a program that ends; endpoints stay as they are. */
void reconcile_stop(struct control *c);
/** reconcile_kill() - end at once those that reconcile_stop() still waits for */
void reconcile_kill(struct control *c);
