/* control/link_objects.h: what the proxy has to know of our objects, in the link's terms. */
#pragma once
#include "control/endpoint.h"
#include "wire/link.h"

struct key;

/* Return: 0 or -ENOMEM. The results are freed with link_endpoint_deinit(),
 * link_target_group_deinit() and link_snapshot_deinit(). */
int link_objects_endpoint(const struct endpoint *e, struct link_endpoint *ret);
int link_objects_target_group(const struct control *c, const struct variant *v,
                              struct link_target_group *ret);
int link_objects_snapshot(const struct control *c, uint64_t revision, struct link_snapshot *ret);
/** link_objects_key() - with its secret, to be wiped */
void link_objects_key(const struct key *k, struct link_credential *ret);
