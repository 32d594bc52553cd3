/* weir upgrade: asks a server's supervisor to put another version in place, and tells how it went.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/text.h"
#include "cli/command.h"
#include "net/address.h"
#include "supervisor/door.h"
#include "supervisor/state_dir.h"

enum { WAIT_MS = 120000 /* the supervisor gives up on each of three steps after 30 s */ };

static const char help[] =
    "usage: weir upgrade [--state DIR] [--binary FILE]\n"
    "\n"
    "Puts another version of weir in the place of the one that runs, without losing a request:\n"
    "the server starts the new version on the same sockets, and when that serves, the old one\n"
    "ends with its last connections. If the new version does not come up, the old one stays.\n"
    "\n"
    "  --state DIR    the server's state directory (default: $WEIR_STATE or ./weir-state)\n"
    "  --binary FILE  the new version (default: the file that the server was started from)\n"
    "  --help         show this\n";

static int open_directory(const char *state, struct state_dir *ret)
{
    *ret = STATE_DIR_NONE;
    ret->path = realpath(state, NULL);
    if (!ret->path)
        return -errno;
    ret->fd = open(ret->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return ret->fd < 0 ? -errno : 0;
}

static int connect_to(const char *state, int *ret_fd)
{
    struct state_dir dir;
    struct address address;
    autofree(mem_free) char *text = NULL;
    int r = open_directory(state, &dir);

    if (!r) {
        text = state_dir_socket(&dir, "supervisor.sock");
        r = text ? address_parse(text, &address) : -ENOMEM;
    }
    if (!r)
        r = address_connect(&address, ret_fd);
    state_dir_close(&dir);
    return r;
}

static int ask(int fd, const char *binary)
{
    char line[DOOR_LINE_BYTES];
    int n = snprintf(line, sizeof(line), "upgrade%s%s\n", binary ? " " : "", binary ? binary : "");

    if (n >= (int)sizeof(line))
        return -ENAMETOOLONG;
    return send(fd, line, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -EPIPE;
}

/* Return: COMMAND_OK or COMMAND_FAILED when that was the last line, else -1. */
static int take_line(const char *line)
{
    static const char failed[] = "failed ";

    if (strcmp(line, "done") == 0) {
        puts("upgraded; the old version ends with its last connections");
        return COMMAND_OK;
    }
    if (strncmp(line, failed, sizeof(failed) - 1) == 0)
        return command_failed("not upgraded, the old version goes on: %s",
                              line + sizeof(failed) - 1);
    if (strncmp(line, "note ", 5) == 0)
        printf("%s\n", line + 5);
    fflush(stdout);
    return -1;
}

/* Return: as take_line(), or -1 if more is to come. */
static int take_lines(struct buffer *in)
{
    char *end;
    int r = -1;

    while (r < 0 && (end = memchr(buffer_data(in), '\n', buffer_size(in)))) {
        *end = '\0';
        r = take_line(buffer_data(in));
        buffer_consume(in, (size_t)(end + 1 - buffer_data(in)));
    }
    return r;
}

static int hear(int fd)
{
    autobuffer struct buffer in = BUFFER_INIT(DOOR_LINE_BYTES);
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    int r = -1;

    while (r < 0) {
        ssize_t n;

        if (poll(&wait, 1, WAIT_MS) == 0)
            return command_failed("the server did not say how the upgrade went; its log does");
        if (buffer_reserve(&in, 1024))
            return command_failed("the server's answer is no answer");
        n = recv(fd, buffer_tail(&in), 1024, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return command_failed("the server ended while it was being upgraded");
        buffer_commit(&in, (size_t)n);
        r = take_lines(&in);
    }
    return r;
}

static int upgrade(const char *state, const char *binary)
{
    autofree(mem_free) char *path = binary ? realpath(binary, NULL) : NULL;
    autofree(fd_close) int fd = -1;
    int r;

    if (binary && !path)
        return command_failed("%s: %s", binary, strerror(errno));
    r = connect_to(state, &fd);
    if (r)
        return command_failed("no server found in %s: %s (is weir serve running with --state %s?)",
                              state, strerror(-r), state);
    r = ask(fd, path);
    return r ? command_failed("the server cannot be asked: %s", strerror(-r)) : hear(fd);
}

int command_upgrade(int argc, char **argv)
{
    static const struct option options[] = {
        { "state", required_argument, NULL, 's' },
        { "binary", required_argument, NULL, 'b' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    const char *state = getenv("WEIR_STATE"), *binary = NULL;
    int o;

    if (!state || !*state)
        state = "weir-state";
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'h') {
            fputs(help, stdout);
            return COMMAND_OK;
        }
        if (o == '?')
            return command_misused("upgrade", NULL);
        if (o == 's')
            state = optarg;
        else
            binary = optarg;
    }
    if (optind < argc)
        return command_misused("upgrade", "unexpected argument '%s'", argv[optind]);
    return upgrade(state, binary);
}
