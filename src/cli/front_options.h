/* cli/front_options.h: options of the data plane, which `weir serve` takes as well and hands on.
 *
 * Each has one row in FRONT_OPTIONS, with what it must be; a route file may set them too, under
 * "options".
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "access/log.h"
#include "cli/options.h"
#include "proxy/guard.h"
#include "proxy/worker.h"
#include "wire/complaint.h"

#define FRONT_OPTIONS(ROW)                                                                         \
    ROW("io", IO, "epoll, uring or auto")                                                          \
    ROW("access-log", ACCESS_LOG, "a path, or the number of an open descriptor as a text")         \
    ROW("access-log-format", ACCESS_LOG_FORMAT, "alb or json")                                     \
    ROW("slow-request-ms", SLOW_REQUEST_MS, "whole milliseconds from 0 to 86400000")               \
    ROW("connections-max", CONNECTIONS_MAX, "a whole number from 1 to 10000000")                   \
    ROW("client-connections-max", CLIENT_CONNECTIONS_MAX, "a whole number from 0 to 10000000")     \
    ROW("client-requests-per-s", CLIENT_REQUESTS_PER_S, "a whole number from 0 to 10000000")       \
    ROW("client-burst", CLIENT_BURST, "a whole number from 1 to 10000000")                         \
    ROW("trusted-proxies", TRUSTED_PROXIES, "networks like 10.0.0.0/8, with commas between them")  \
    ROW("head-timeout", HEAD_TIMEOUT, "whole seconds from 1 to 86400")                             \
    ROW("body-timeout", BODY_TIMEOUT, "whole seconds from 1 to 86400")                             \
    ROW("idle-timeout", IDLE_TIMEOUT, "whole seconds from 1 to 86400")                             \
    ROW("handshake-timeout", HANDSHAKE_TIMEOUT, "whole seconds from 1 to 86400")                   \
    ROW("kept-bodies-max-mb", KEPT_BODIES_MAX_MB, "a whole number from 1 to 16777216")             \
    ROW("memory-max-mb", MEMORY_MAX_MB, "a whole number from 0 to 16777216")

#define FRONT_USAGE                                                                                \
    "  --io epoll|uring|auto  one system call for each receive and send, or io_uring: one for\n"   \
    "                         many; auto (default): io_uring where the kernel permits it\n"        \
    "  --access-log PATH|FD   write down every request there (default: nowhere)\n"                 \
    "  --access-log-format F  alb or json (default alb)\n"                                         \
    "  --slow-request-ms N    log requests that took longer (default 0: none)\n"                   \
    "  --connections-max N    of all clients (default: what the descriptor limit allows)\n"        \
    "  --client-connections-max N  of one client address (default 0: any number)\n"                \
    "  --client-requests-per-s N   of one client address (default 0: any number)\n"                \
    "  --client-burst N       as many may come at once (default: those of two seconds)\n"          \
    "  --trusted-proxies NETWORK,..  whose X-Forwarded-For says who the client is (default "       \
    "none)\n"                                                                                      \
    "  --head-timeout S       from a head's first byte to its last (default 10)\n"                 \
    "  --body-timeout S       between two pieces of a body (default 30)\n"                         \
    "  --idle-timeout S       of a connection between requests (default 75)\n"                     \
    "  --handshake-timeout S  of TLS (default 10)\n"                                               \
    "  --kept-bodies-max-mb N request bodies in memory, all together (default 1024)\n"             \
    "  --memory-max-mb N      above this, connections and bodies are refused (default 0: none)\n"

enum {
    FRONT_OPTION_FIRST = 1024, /* ids for getopt_long() */
    FRONT_OPTION_BEFORE = FRONT_OPTION_FIRST - 1,
#define FRONT_ID(name, id, value) FRONT_OPTION_##id,
    FRONT_OPTIONS(FRONT_ID)
#undef FRONT_ID
        FRONT_OPTION_END,
    FRONT_OPTIONS_MAX = FRONT_OPTION_END - FRONT_OPTION_FIRST,
};

/* rows for a table of struct option */
#define FRONT_OPTION_ROW(name, id, value) { name, required_argument, NULL, FRONT_OPTION_##id },
#define FRONT_OPTION_ROWS                 FRONT_OPTIONS(FRONT_OPTION_ROW)

enum front_io { FRONT_IO_AUTO, FRONT_IO_EPOLL, FRONT_IO_URING };

struct front_options {
    const char *texts[FRONT_OPTIONS_MAX]; /* as given; NULL: not given */
    enum front_io io;
    const char *access_path;
    int access_fd; /* -1: none */
    enum access_format access_format;
    ms_t slow_ms;
    struct guard_settings guard;
    ms_t head_timeout_ms, body_timeout_ms, idle_timeout_ms, handshake_timeout_ms; /* 0: not given */
};

void front_options_init(struct front_options *o);

static inline bool front_options_has(int id)
{
    return id >= FRONT_OPTION_FIRST && id < FRONT_OPTION_END;
}

/** front_options_take() - an option with front_options_has(@id); @value is kept. Return: 0 or
 * -EINVAL. */
int front_options_take(struct front_options *o, int id, const char *value);
/** front_options_name() - without the dashes */
const char *front_options_name(int id);

/**
 * front_options_take_json() - what a file says under "options", unless it was given already
 * @json:     an object, names as those of options, values numbers or texts; borrowed, and kept
 *            alive by the caller as long as @o. NULL is fine.
 * @ret_why:  on failure, which option is wrong and what would be right
 * Return: 0, -EINVAL or -ENOMEM.
 */
int front_options_take_json(struct front_options *o, json_t *json, char ret_why[COMPLAINT_BYTES]);

/** front_options_check_io() - whether the kernel has what --io asks for
 * Return: 0 or a negative errno, and then *@ret_why says why not. *@ret_uring: io_uring will be used. */
int front_options_check_io(const struct front_options *o, bool *ret_uring, const char **ret_why);

/** front_options_apply() - to a worker's settings, but for log, guard and io */
void front_options_apply(const struct front_options *o, struct worker_settings *settings);
