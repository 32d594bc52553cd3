/* control/journal.h: changes on their way into the store, written together.
 *
 * What follows from one event (an alarm's new state, that of the alarms above it, their history) is
 * gathered and then written in one transaction: all of it is kept or none, and the disk is waited
 * for once.
 */
#pragma once
#include "control/control.h"

struct journal {
    struct store_operation *operations;
    size_t n, capacity;
};

void journal_deinit(struct journal *j); /* drops what was not written */
/** journal_put() - @document: taken over, also on failure; NULL (no memory) fails.
 * Return: 0 or -ENOMEM. */
int journal_put(struct journal *j, const char *path, json_t *document);
int journal_delete(struct journal *j, const char *path);
/** journal_write() - the journal is empty afterwards; a store that fails ends the program
 * (control_fail()). Return: 0 or -errno. */
int journal_write(struct journal *j, struct control *c);
