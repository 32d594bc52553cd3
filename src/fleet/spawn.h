/* fleet/spawn.h: a process becomes an instance.
 *
 * The new process sets itself up: session, limits, descriptors, model files; then it becomes the
 * model server. What takes long is done there, so that the caller's loop goes on. If something
 * fails, it writes one sentence into the file "failure" in its directory, and ends; spawn_failure()
 * reads it.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "fleet/cgroup.h"

struct spawn {
    char **command; /* a program, by path or to be found in PATH, and its arguments */
    char **environment;
    const char *directory;       /* the instance's: working directory, output.log, model/ */
    const char *model_path;      /* the model data to place into model/; NULL: none */
    const struct cgroup *cgroup; /* NULL: the limits below are set by what works without */
    double vcpus, memory_gib;
    unsigned turn; /* which instance it is; spreads them over CPUs where there is no cgroup */
};

/** spawn() - the caller has no other threads. Return: 0 or a negative errno, if not even a process
 * could be made. */
int spawn(const struct spawn *s, pid_t *ret_pid);

/** spawn_failure() - why the process never became the model server, to free(); NULL if it did */
char *spawn_failure(const char *directory);
