/* cli/serve_options.h: what `weir serve` was asked for. */
#pragma once
#include "base/log.h"
#include "cli/front_options.h"
#include "cli/tls_options.h"
#include "net/address.h"

struct serve_options {
    const char *listen; /* as typed */
    struct address address;
    struct tls_options tls;
    struct front_options front;
    const char *state; /* as typed */
    const char *config;
    const char *region, *account, *pace;
    unsigned threads;
    const char *metrics; /* who may scrape */
    bool no_auth, keep_instances;
    const char *level_text, *format_text; /* passed on to the programs */
    enum log_level level;
    enum log_format format;
};

/** serve_options_read() - Return: COMMAND_OK, COMMAND_USAGE (was said), or -1 after --help */
int serve_options_read(int argc, char **argv, struct serve_options *ret);
