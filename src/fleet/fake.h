/* fleet/fake.h: a driver for tests, whose instances do what the test says.
 *
 * Each instance is a socket on 127.0.0.1 that answers every request with 503 until it is made
 * ready, and 200 from then on; the loop that was given serves it. Nothing happens by itself:
 * launches succeed, terminations wait until the test lets the instance die (or come at once, see
 * below).
 */
#pragma once
#include <stdbool.h>

#include "base/loop.h"
#include "fleet/driver.h"

/** fake_driver_new() - @events is copied. Return: 0 or a negative errno. */
int fake_driver_new(struct loop *loop, const struct driver_events *events,
                    struct driver **ret_driver);

/** fake_driver_set_events() - instances outlive their control: tell the next one, which may adopt
 * them */
void fake_driver_set_events(struct driver *d, const struct driver_events *events);
/** fake_driver_set_ready_at_launch() - from now on instances are born ready; false at first */
void fake_driver_set_ready_at_launch(struct driver *d, bool ready);
/** fake_driver_set_local() - whether instances say that they answer on unix:/run/ID.sock, too; nobody
 * does there. False at first. */
void fake_driver_set_local(struct driver *d, bool local);
/** fake_driver_set_obedient() - whether a terminated instance dies in the next turn; true at first
 */
void fake_driver_set_obedient(struct driver *d, bool obedient);
/** fake_driver_fail_launch() - the @nth launch from now (1 = the next) gives @result once:
 * DRIVER_E_REFUSED, with a reason, or a negative errno */
void fake_driver_fail_launch(struct driver *d, unsigned nth, int result);

void fake_driver_ready(struct driver *d, const char *id);
/** fake_driver_die() - the instance ends; gone() is told in the next turn */
void fake_driver_die(struct driver *d, const char *id, const char *why);
void fake_driver_set_usage(struct driver *d, const char *id, struct instance_usage usage);

bool fake_driver_has(struct driver *d, const char *id);         /* launched or adopted, and alive */
bool fake_driver_terminating(struct driver *d, const char *id); /* was asked to end */
unsigned fake_driver_count(struct driver *d);                   /* alive now */
unsigned fake_driver_launches(struct driver *d);                /* launch() calls so far */
