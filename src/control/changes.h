/* control/changes.h: changes on their way into the store, written together.
 *
 * What follows from one event (an alarm's new state, that of the alarms above it, their history) is
 * gathered and then written in one transaction: all of it is kept or none, and the disk is waited
 * for once.
 */
#pragma once
#include "control/control.h"

struct changes {
    struct store_operation *operations;
    size_t n, capacity;
};

void changes_deinit(struct changes *changes); /* drops what was not written */
/** changes_put() - @document: taken over, also on failure; NULL (no memory) fails.
 * Return: 0 or -ENOMEM. */
int changes_put(struct changes *changes, const char *path, json_t *document);
int changes_delete(struct changes *changes, const char *path);
/** changes_write() - there are none afterwards; a store that fails ends the program
 * (control_fail()). Return: 0 or -errno. */
int changes_write(struct changes *changes, struct control *c);
