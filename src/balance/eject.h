/* balance/eject.h: targets that fail one request after another get none for a while.
 *
 * After eject_after failures in a row (no connection, no answer, an answer with status 500 or more)
 * a target is ejected for eject_ms, twice as long each time it happens again, up to
 * EJECT_DOUBLINGS_MAX times; back in service, one failure is enough. Never more than
 * eject_percent_max of a group at a time, and only while another target answers well: what fails
 * everywhere is no fault of one target, and sending it elsewhere would mend nothing.
 */
#pragma once
#include "balance/route.h"

enum { EJECT_DOUBLINGS_MAX = 5 };

/** eject_note() - how a request to @t, of @group, has ended. Return: whether @t is ejected now. */
bool eject_note(const struct route_group *group, struct target *t, bool failed, ms_t now);
