/* fleet/config.h: the config file of a server: image names and instance types.
 *
 *     { "images": { "my/model:1": "/opt/my/server --fast" },
 *       "instance_types": { "ml.m5.large": { "usd_per_hour": 0.05 },
 *                           "local.small": { "vcpus": 0.5, "memory_gib": 1, "usd_per_hour": 0.01 }
 * } }
 *
 * An image is a command line, split as fleet/command_line.h says and run as it stands: a
 * container's entry point that wants the argument `serve` is written with it. Instance types given
 * here change or add rows of the table in fleet/instance_type.h.
 */
#pragma once
#include "base/cleanup.h"

struct fleet_config;

/**
 * fleet_config_load() - read and check a config file; its instance types take effect at once
 * @path:    NULL gives the empty configuration
 * @ret_why: on failure, a sentence that names the file and the member, to free()
 * Return: 0 or a negative errno; on failure nothing has taken effect.
 */
int fleet_config_load(const char *path, struct fleet_config **ret_config, char **ret_why);
struct fleet_config *fleet_config_free(struct fleet_config *c);
DEFINE_AUTOFREE(struct fleet_config *, fleet_config_free)

/** fleet_config_image() - the command line of image @name, or NULL; @c may be NULL */
const char *fleet_config_image(const struct fleet_config *c, const char *name);
