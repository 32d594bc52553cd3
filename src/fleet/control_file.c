#include "fleet/control_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

int control_file_read(const char *directory, const char *name, char text[CONTROL_FILE_BYTES])
{
    autofree(mem_free) char *path = text_format("%s/%s", directory, name);
    autofree(fd_close) int fd = -1;
    size_t n = 0;
    ssize_t got;

    if (!path)
        return -ENOMEM;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (n < CONTROL_FILE_BYTES - 1 &&
           (got = read(fd, text + n, CONTROL_FILE_BYTES - 1 - n)) != 0) {
        if (got < 0)
            return -errno;
        n += (size_t)got;
    }
    text[n] = '\0';
    return 0;
}

int control_file_write(const char *directory, const char *name, const char *text)
{
    autofree(mem_free) char *path = text_format("%s/%s", directory, name);
    autofree(fd_close) int fd = -1;

    if (!path)
        return -ENOMEM;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return -errno;
    return 0;
}

int control_file_write_number(const char *directory, const char *name, uint64_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRIu64, number);
    return control_file_write(directory, name, text);
}

int control_file_read_number(const char *directory, const char *name, uint64_t *ret_number)
{
    char text[CONTROL_FILE_BYTES];
    int r = control_file_read(directory, name, text);

    if (r)
        return r;
    return sscanf(text, "%" SCNu64, ret_number) == 1 ? 0 : -EBADMSG;
}

int control_file_read_keyed(const char *directory, const char *name, const char *key,
                            uint64_t *ret_number)
{
    char text[CONTROL_FILE_BYTES], *rest = text, *line;
    size_t n = strlen(key);
    int r = control_file_read(directory, name, text);

    if (r)
        return r;
    *ret_number = 0;
    while ((line = strsep(&rest, "\n")))
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return sscanf(line + n, "%" SCNu64, ret_number) == 1 ? 0 : -EBADMSG;
    return 0;
}
