/* cli/proxy_options.h: the command line of `weir proxy`. */
#pragma once
#include "cli/front_options.h"
#include "cli/options.h"
#include "cli/tls_options.h"

enum { PROXY_THREADS_MAX = 256 };

struct proxy_options {
    int listen_fds[PROXY_THREADS_MAX];
    size_t n_listen_fds;
    int tls_listen_fds[PROXY_THREADS_MAX];
    size_t n_tls_listen_fds; /* 0, or as many as n_listen_fds */
    struct tls_options tls;
    struct front_options front;
    const char *api_address, *link_address;
    const char *routes; /* a file; NULL: control says what to serve */
    const char *listen; /* with routes: NULL for the default */
    size_t threads;     /* with routes: 0 for one each core */
    int ready_fd;
    ms_t drain_timeout_ms, hand_over_timeout_ms;
    enum log_level level;
    enum log_format format;
};

/** proxy_options_read() - what is not given has its default, front options included.
 * Return: COMMAND_OK, COMMAND_USAGE, or -1 after --help. */
int proxy_options_read(int argc, char **argv, struct proxy_options *ret);
