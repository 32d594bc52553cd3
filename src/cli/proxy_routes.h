/* cli/proxy_routes.h: the route file of a proxy that runs without control. */
#pragma once
#include "wire/link.h"

enum { PROXY_ROUTES_WHY_BYTES = COMPLAINT_BYTES };

/**
 * proxy_routes_read() - read the file at @path, which has the shape of control's snapshot
 * @revision:     for the snapshot
 * @ret_snapshot: to be given to link_snapshot_deinit()
 * @ret_why:      on failure where in the file, what is wrong there, and what would be right
 *
 * What control would never say, and a person may, is refused: names that nothing goes by, addresses
 * that are none, paths without a slash, names given twice, times without an end.
 * Return: 0, -EINVAL, -ENOMEM or why the file cannot be read.
 */
int proxy_routes_read(const char *path, uint64_t revision, struct link_snapshot *ret_snapshot,
                      char ret_why[PROXY_ROUTES_WHY_BYTES]);

/** proxy_routes_options() - what the file has under "options"; a reference, NULL if nothing.
 * Return: as above. */
int proxy_routes_options(const char *path, json_t **ret_options,
                         char ret_why[PROXY_ROUTES_WHY_BYTES]);
