/* proxy/nonsense.h: which targets gave answers that are no HTTP, on the way into the log.
 *
 * Workers write no lines. Each notes the targets that it saw, with the first reason, and hands the
 * notes over with its counters once a second; the main thread puts them together and says so, a line
 * for each target at most every ten seconds, however many answers it were.
 */
#pragma once
#include "balance/target.h"
#include "base/log.h"

enum { NONSENSE_TARGETS_MAX = 8, NONSENSE_WHY_BYTES = 96 };

struct nonsense {
    unsigned n;
    uint64_t others; /* answers of targets for which there was no room */
    struct nonsense_note {
        char group[LINK_NAME_BYTES], target[LINK_NAME_BYTES]; /* "" and "control": that */
        char address[ADDRESS_TEXT_BYTES];
        char why[NONSENSE_WHY_BYTES];
        uint64_t answers;
    } notes[NONSENSE_TARGETS_MAX];
    ms_t said_at; /* the main thread's; 0: never */
};

/** nonsense_add() - @t, or control if NULL, has given an answer that is none; @why may be cut */
void nonsense_add(struct nonsense *n, const struct target *t, const char *why);
/** nonsense_move() - add all of @from to @to; then there is nothing in @from */
void nonsense_move(struct nonsense *to, struct nonsense *from);
/** nonsense_say() - log what there is, unless that was done of late */
void nonsense_say(struct nonsense *n, struct log *log, ms_t now);
