#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/command.h"
#include "net/address.h"

enum { DESCRIPTOR_MAX = 1 << 20 };

int options_wrong_value(const char *command, const char *usage, const char *name, const char *value)
{
    static const char next_line[] = "\n     ";
    autofree(mem_free) char *option = text_format("\n  --%s ", name);
    const char *start = option ? strstr(usage, option) : NULL, *end = start;

    while (end && (end = strchr(end + 1, '\n')) && !strncmp(end, next_line, strlen(next_line)))
        ;
    return command_misused(command, "--%s cannot be '%s'%.*s", name, value,
                           end ? (int)(end - start) : 0, start ? start : "");
}

int options_read(const struct option_reader *reader, int argc, char **argv, void *context)
{
    int id, index = 0;

    while ((id = getopt_long(argc, argv, "", reader->table, &index)) != -1) {
        if (id == reader->help) {
            fputs(reader->usage, stdout);
            return -1;
        }
        if (id == '?')
            return command_misused(reader->command, NULL);
        if (reader->take(context, id, optarg))
            return options_wrong_value(reader->command, reader->usage, reader->table[index].name,
                                       optarg);
    }
    if (optind < argc)
        return command_misused(reader->command, "unexpected argument '%s'", argv[optind]);
    return COMMAND_OK;
}

int option_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t n;

    if (text_to_u64(slice_from(text), max, &n) || n < min)
        return -EINVAL;
    *ret = n;
    return 0;
}

int option_seconds(const char *text, uint64_t max, ms_t *ret_ms)
{
    uint64_t seconds;
    int r = option_number(text, 0, max, &seconds);

    if (!r)
        *ret_ms = (ms_t)seconds * MS_PER_S;
    return r;
}

int option_choice(const char *text, const char *zero, const char *one, int *ret)
{
    if (strcmp(text, zero) != 0 && strcmp(text, one) != 0)
        return -EINVAL;
    *ret = strcmp(text, one) == 0;
    return 0;
}

int option_log_format(const char *text, enum log_format *ret)
{
    int json;
    int r = option_choice(text, "text", "json", &json);

    if (!r)
        *ret = json ? LOG_JSON : LOG_TEXT;
    return r;
}

int option_address(const char *text)
{
    struct address address;

    return address_parse(text, &address) || address.any.sa_family == AF_UNIX ? -EINVAL : 0;
}

static int descriptor(struct slice text, int *ret_fd)
{
    uint64_t n;

    if (text_to_u64(text, DESCRIPTOR_MAX, &n) || fcntl((int)n, F_GETFD) < 0)
        return -EINVAL;
    *ret_fd = (int)n;
    return 0;
}

int option_descriptor(const char *text, int *ret_fd)
{
    return descriptor(slice_from(text), ret_fd);
}

int option_descriptors(const char *text, size_t max, int *ret_fds, size_t *ret_n)
{
    struct slice rest = slice_from(text);
    size_t n = 0;

    while (rest.size) {
        const char *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma ? (size_t)(comma - rest.data) : rest.size;

        if (n == max || descriptor((struct slice){ rest.data, size }, &ret_fds[n]))
            return -EINVAL;
        n++;
        size += comma ? 1 : 0;
        rest = (struct slice){ rest.data + size, rest.size - size };
    }
    *ret_n = n;
    return n ? 0 : -EINVAL;
}

int option_inherit(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}
