#include "fleet/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "fleet/proc.h"

void identity_text(const struct identity *i, char ret_text[IDENTITY_TEXT_BYTES])
{
    snprintf(ret_text, IDENTITY_TEXT_BYTES, "%d:%" PRIu64, (int)i->pid, i->start_time);
}

bool identity_parse(const char *text, struct identity *ret)
{
    const char *colon = strchr(text, ':');
    uint64_t pid, start_time;

    if (!colon || text_to_u64((struct slice){ text, (size_t)(colon - text) }, INT32_MAX, &pid) ||
        text_to_u64(slice_from(colon + 1), UINT64_MAX, &start_time) || pid < 2)
        return false;
    *ret = (struct identity){ .pid = (pid_t)pid, .start_time = start_time };
    return true;
}

bool identity_lives(const struct identity *i)
{
    uint64_t start_time;

    return proc_start_time(i->pid, &start_time) == 0 && start_time == i->start_time;
}

int identity_write(const char *directory, const struct identity *i)
{
    autofree(mem_free) char *path = text_format("%s/process", directory);
    autofree(fd_close) int fd = -1;
    char text[IDENTITY_TEXT_BYTES];

    if (!path)
        return fault(-ENOMEM);
    identity_text(i, text);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return fault(-errno);
    return 0;
}

bool identity_read(const char *directory, struct identity *ret)
{
    autofree(mem_free) char *path = text_format("%s/process", directory);
    autofree(fd_close) int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    char text[IDENTITY_TEXT_BYTES];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (n <= 0)
        return false;
    text[n] = '\0';
    return identity_parse(text, ret);
}
