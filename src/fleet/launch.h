/* fleet/launch.h: from what an instance should be to its process.
 *
 * Looks whether the spec can run here, makes the instance's directory, environment and cgroup, and
 * spawns it. Nothing is left behind by a launch that failed.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "fleet/cgroup.h"
#include "fleet/config.h"
#include "fleet/driver.h"

/* Where the instance goes. */
struct launch_site {
    const char *directory; /* absolute; made by launch() */
    const char *program;   /* the weir executable */
    const char *region;
    const struct fleet_config *config;
    const struct cgroups *cgroups;
    uint16_t port;
    unsigned turn; /* which launch of the driver this is */
};

/** launch_socket() - where an instance may listen as well as on its port, to free(); NULL if the path
 * is too long for a socket, or no memory */
char *launch_socket(const char *directory);

enum {
    LAUNCH_E_REFUSED = 1, /* the spec cannot run here: *ret_why says why */
};

/** launch() - @ret_group: NULL where there are none; the caller's. @ret_why: to free(), on
 * LAUNCH_E_REFUSED. Return: 0, LAUNCH_E_REFUSED or a negative errno. */
int launch(const struct instance_spec *spec, const struct launch_site *site, pid_t *ret_pid,
           struct cgroup **ret_group, char **ret_why);
