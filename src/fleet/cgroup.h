/* fleet/cgroup.h: CPU and memory limits of an instance.
 *
 * A group "weir/ID" is made below the cgroup that weir itself runs in, so that whatever limits weir
 * also limits its instances. With version 2 that needs a cgroup whose controllers can be handed on:
 * our own, or, when processes live in it, the one above (systemd's Delegate= with
 * DelegateSubgroup=). With version 1 the hierarchies of cpu, cpuacct and memory are used, whichever
 * there are. Source: Linux Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct cgroups; /* what the machine offers */
struct cgroup;  /* the group of one instance */

/** cgroups_new() - look what is usable
 * @ret_how: a phrase for the log, like "cgroup v1: cpu memory" or "none (...)"; to free() */
int cgroups_new(struct cgroups **ret_cgroups, char **ret_how);
struct cgroups *cgroups_free(struct cgroups *c);
DEFINE_AUTOFREE(struct cgroups *, cgroups_free)
bool cgroups_usable(const struct cgroups *c);

/** cgroup_new() - make the group of instance @id with its limits. Return: 0 or a negative errno. */
int cgroup_new(const struct cgroups *c, const char *id, double vcpus, double memory_gib,
               struct cgroup **ret_group);
/** cgroup_of() - the group of instance @id that @pid runs in; -ENOENT if it has none */
int cgroup_of(const struct cgroups *c, const char *id, pid_t pid, struct cgroup **ret_group);
/** cgroup_at() - the group that cgroup_new() would make, whether it is there or not; NULL where
 * there are none. Return: 0 or -ENOMEM. */
int cgroup_at(const struct cgroups *c, const char *id, struct cgroup **ret_group);
struct cgroup *cgroup_free(struct cgroup *g); /* forgets it; the group stays */
DEFINE_AUTOFREE(struct cgroup *, cgroup_free)

/** cgroup_enter() - move the calling process into the group */
int cgroup_enter(const struct cgroup *g);
/** cgroup_usage() - CPU time so far; memory without reclaimable file pages. -ENODATA: not known
 * here. */
int cgroup_usage(const struct cgroup *g, uint64_t *ret_cpu_us, uint64_t *ret_memory_bytes);
/** cgroup_out_of_memory() - whether the kernel killed a process for the memory limit */
bool cgroup_out_of_memory(const struct cgroup *g);
/** cgroup_kill() - SIGKILL to every process in it */
void cgroup_kill(const struct cgroup *g);
/** cgroup_remove() - Return: 0, also if it is gone already; -EBUSY while processes are in it. */
int cgroup_remove(const struct cgroup *g);
