/* supervisor/state_dir.h: the directory in which a server keeps everything, for one server at a
 * time.
 *
 * The lock is flock() on the file `lock`, which holds the server's pid: the kernel drops it however
 * the server ends. Sockets in the directory have paths that fit sockaddr_un even if the directory's
 * own path does not: those lead through /proc/self/fd and a descriptor of the directory.
 */
#pragma once
#include <sys/types.h>

#include "base/cleanup.h"
#include "net/address.h"

struct state_dir {
    char *path; /* absolute */
    int fd;     /* of the directory, O_PATH */
    int lock_fd;
};

#define STATE_DIR_NONE ((struct state_dir){ .fd = -1, .lock_fd = -1 })

/**
 * state_dir_open() - make the directory if it is missing (mode 0700), and lock it
 * @ret:     holds the lock until state_dir_close()
 * @ret_why: on failure, a sentence for the operator, to free()
 */
int state_dir_open(const char *path, struct state_dir *ret, char **ret_why);
void state_dir_close(struct state_dir *s);

/** state_dir_file() - the path of a file in it, to free(); NULL if no memory */
char *state_dir_file(const struct state_dir *s, const char *name);
/** state_dir_socket() - "unix:PATH" of a socket in it, to free(); NULL if no memory. It may lead
 * through s->fd, then only programs that inherit that can use it. */
char *state_dir_socket(const struct state_dir *s, const char *name);

/** state_dir_write() - put @text into the file @name, at once or not at all; mode 0600 */
int state_dir_write(const struct state_dir *s, const char *name, const char *text);
