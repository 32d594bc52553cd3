/* scaling/composite.h: the rule of a composite alarm: a condition on the states of others.
 *
 *   ALARM(cpu) AND NOT (OK("free memory") OR INSUFFICIENT_DATA(arn:aws:cloudwatch:...))
 *   AT_LEAST(2, ALARM, (a, b, c)), AT_LEAST(50%, NOT OK, (a, b)), TRUE, FALSE
 *
 * NOT binds tighter than AND, AND tighter than OR. Names may stand in quotes, and must where they
 * hold spaces, commas, quotes or brackets; in quotes a backslash goes before a quote or backslash.
 * A rule is parsed once and then asked often. Pure: no clock, no I/O.
 * Source: CloudWatch API reference, PutCompositeAlarm.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "scaling/alarm.h"

enum {
    COMPOSITE_TEXT_MAX = 10240,
    COMPOSITE_DEPTH_MAX = 64,     /* of brackets and NOTs */
    COMPOSITE_ELEMENTS_MAX = 500, /* conditions and operators */
    COMPOSITE_ALARMS_MAX = 100,   /* different ones */
};

enum { COMPOSITE_E_REFUSED = 1 /* composite_error says what is wrong, and where */ };

struct composite_error {
    size_t position; /* in the text, from 1 */
    char text[128];
};

struct composite;

/** composite_parse() - Return: 0, COMPOSITE_E_REFUSED or -ENOMEM */
int composite_parse(const char *text, struct composite **ret, struct composite_error *ret_error);
struct composite *composite_free(struct composite *c);
DEFINE_AUTOFREE(struct composite *, composite_free)

/* The alarms that it names, each once, as they are written: by name or ARN. */
size_t composite_n_alarms(const struct composite *c);
const char *composite_alarm(const struct composite *c, size_t i);

/** composite_holds() - @states: one for each alarm, in their order */
bool composite_holds(const struct composite *c, const enum alarm_state *states);
