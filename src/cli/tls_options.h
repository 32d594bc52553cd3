/* cli/tls_options.h: the options about TLS that `weir serve` and `weir proxy` share. */
#pragma once
#include <getopt.h>

#include "net/address.h"
#include "proxy/peer.h"
#include "tls/server.h"

enum { TLS_OPTIONS_FILES_MAX = 32 };

struct tls_options {
    const char *listen; /* as typed; NULL: no TLS */
    struct address address;
    struct tls_files files[TLS_OPTIONS_FILES_MAX];
    struct tls_settings settings; /* complete after tls_options_check() */
    enum peer_style style;
};

enum tls_option_id {
    TLS_OPTION_LISTEN = 512,
    TLS_OPTION_CERTIFICATE,
    TLS_OPTION_KEY,
    TLS_OPTION_DIRECTORY,
    TLS_OPTION_CLIENT_CA,
    TLS_OPTION_CLIENTS,
    TLS_OPTION_CLIENT_FIELDS,
};

#define TLS_OPTION_TABLE                                                                           \
    { "tls-listen", required_argument, NULL, TLS_OPTION_LISTEN },                                  \
        { "tls-certificate", required_argument, NULL, TLS_OPTION_CERTIFICATE },                    \
        { "tls-key", required_argument, NULL, TLS_OPTION_KEY },                                    \
        { "tls-directory", required_argument, NULL, TLS_OPTION_DIRECTORY },                        \
        { "tls-client-ca", required_argument, NULL, TLS_OPTION_CLIENT_CA },                        \
        { "tls-clients", required_argument, NULL, TLS_OPTION_CLIENTS },                            \
    {                                                                                              \
        "tls-client-fields", required_argument, NULL, TLS_OPTION_CLIENT_FIELDS                     \
    }

#define TLS_OPTION_USAGE                                                                           \
    "  --tls-listen ADDR:PORT where clients connect with TLS; read again on SIGHUP are:\n"         \
    "  --tls-certificate FILE a certificate and its chain (PEM); may be given again\n"             \
    "  --tls-key FILE         its private key, if that is not in the same file\n"                  \
    "  --tls-directory DIR    more certificates: NAME.crt or NAME.pem with NAME.key\n"             \
    "  --tls-client-ca FILE   authorities of clients' certificates (PEM)\n"                        \
    "  --tls-clients WHEN     optional or required: ask clients for a certificate\n"               \
    "  --tls-client-fields S  how targets hear of it: xfcc (default) or alb\n"

/** tls_options_take() - Return: 0, -EINVAL if @value cannot be, or -ENOENT if @id is not of TLS */
int tls_options_take(struct tls_options *o, int id, const char *value);
/** tls_options_check() - whether they go together. Return: COMMAND_OK, or COMMAND_USAGE (was said). */
int tls_options_check(struct tls_options *o, const char *command);
/** tls_options_pass() - call @add for each word of a command line that says the same, but for
 * --tls-listen */
void tls_options_pass(const struct tls_options *o, void (*add)(void *line, const char *word),
                      void *line);
