/* control/metric_history.h: keeps metrics across restarts.
 *
 * A journal of what was put (metrics/journal.h) goes to segment files in the state directory once a
 * second, by a thread of its own (store/segments.h). Why not a table in the store: a second of
 * 10,000 series is 100 KB that only ever gets appended, and nobody waits for it; in the store each
 * second would be a transaction with an fsync on control's loop. A killed control loses at most
 * the last second. Disk is bounded: when three times as much was appended as all series take, every
 * one is written whole, a few megabytes a second, and older segments are deleted.
 */
#pragma once
#include "control/control.h"

struct metric_history;

/** metric_history_new() - put what is in @directory into c->metrics, and keep it there from now on
 * @directory: made if it is not there. Files that cannot be read are logged and left out. */
int metric_history_new(struct control *c, const char *directory, struct metric_history **ret);
/** metric_history_free() - writes what is left */
struct metric_history *metric_history_free(struct metric_history *h);
DEFINE_AUTOFREE(struct metric_history *, metric_history_free)

void metric_history_tick(struct metric_history *h);            /* each second */
uint64_t metric_history_bytes(const struct metric_history *h); /* on disk */
