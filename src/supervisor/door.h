/* supervisor/door.h: where `weir upgrade` asks the supervisor.
 *
 * A Unix socket in the state directory, for its owner and root. One asks at a time, in lines:
 *
 *     upgrade            or "upgrade PATH": to the file of that name, else to the one that the
 *                        server was started from
 *     note TEXT          the answer: how it goes on ...
 *     done | failed WHY  ... and how it ended
 */
#pragma once
#include "base/loop.h"

enum { DOOR_LINE_BYTES = 8192 };

struct door {
    struct loop *loop;
    struct loop_io listener;
    int fd; /* of who asks; -1: nobody */
    struct loop_io io;
    char line[DOOR_LINE_BYTES];
    size_t size; /* of what has come of the line */
    /* @path is NULL for the server's own. Answer with door_say() and door_close(). */
    void (*asked)(struct door *door, const char *path);
};

/** door_open() - listen on @fd, which is borrowed. Return: 0 or a negative errno. */
int door_open(struct door *door, struct loop *loop, int fd,
              void (*asked)(struct door *door, const char *path));
void door_deinit(struct door *door);

/** door_say() - a line to who asks; dropped if nobody does, or does not read */
void door_say(struct door *door, const char *word, const char *text);
/** door_close() - that was all */
void door_close(struct door *door);
