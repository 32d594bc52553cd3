/* proxy/phases.h: where a request's time goes: waiting for a target, connecting to it, waiting for
 * its answer, and all of it together. Pure: instants come in, durations go into histograms. */
#pragma once
#include "wire/link.h"

/* Instants; 0: has not come to that. */
struct phases {
    us_t placed;     /* it wanted a target for the first time */
    us_t picked;     /* the last attempt began */
    us_t connected;  /* of that: a new connection was there; 0 if it was there before, too */
    us_t first_byte; /* the head of its answer was read */
};

/** phases_attempt() - an attempt begins at @now */
void phases_attempt(struct phases *p, us_t now);

/* Durations, -1 if it has not come to that. */
us_t phases_queue_us(const struct phases *p);
us_t phases_connect_us(const struct phases *p);
us_t phases_first_byte_us(const struct phases *p); /* from the attempt to the answer */

/** phases_record() - of a request that began at @begun and is over at @now */
void phases_record(const struct phases *p, us_t begun, us_t now, struct link_report_group *g);
