/* balance/catalog.h: what control has told us so far: the last snapshot with the updates since. */
#pragma once
#include "wire/link.h"

struct catalog {
    bool known; /* a snapshot has come */
    struct link_snapshot state;
};

void catalog_deinit(struct catalog *t);

/** catalog_replace() - a snapshot came; its contents are taken over, @snapshot is left empty */
void catalog_replace(struct catalog *t, struct link_snapshot *snapshot);

/**
 * catalog_update() - an object changed; its contents are taken over, @update is left empty
 * Updates that come before any snapshot, or are older than the state, are dropped.
 * Return: 0 or -ENOMEM.
 */
int catalog_update(struct catalog *t, struct link_update *update);
