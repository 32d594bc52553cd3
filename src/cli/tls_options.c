#include "cli/tls_options.h"

#include <errno.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options.h"

static int add_certificate(struct tls_options *o, const char *file)
{
    if (o->settings.n_files == TLS_OPTIONS_FILES_MAX)
        return -EINVAL;
    o->files[o->settings.n_files++].certificate = file;
    return 0;
}

/* A key belongs to the certificate before it. */
static int add_key(struct tls_options *o, const char *file)
{
    struct tls_files *last = o->settings.n_files ? &o->files[o->settings.n_files - 1] : NULL;

    if (!last || last->key)
        return -EINVAL;
    last->key = file;
    return 0;
}

int tls_options_take(struct tls_options *o, int id, const char *value)
{
    int choice = 0, r;

    switch (id) {
    case TLS_OPTION_LISTEN:
        o->listen = value;
        return address_parse(value, &o->address) || o->address.any.sa_family == AF_UNIX ? -EINVAL
                                                                                        : 0;
    case TLS_OPTION_CERTIFICATE:
        return add_certificate(o, value);
    case TLS_OPTION_KEY:
        return add_key(o, value);
    case TLS_OPTION_DIRECTORY:
        o->settings.directory = value;
        return 0;
    case TLS_OPTION_CLIENT_CA:
        o->settings.client_ca = value;
        return 0;
    case TLS_OPTION_CLIENTS:
        r = option_choice(value, "optional", "required", &choice);
        o->settings.clients = choice ? TLS_CLIENTS_REQUIRED : TLS_CLIENTS_OPTIONAL;
        return r;
    case TLS_OPTION_CLIENT_FIELDS:
        r = option_choice(value, "xfcc", "alb", &choice);
        o->style = choice ? PEER_ALB : PEER_XFCC;
        return r;
    }
    return -ENOENT;
}

int tls_options_check(struct tls_options *o, const char *command)
{
    struct tls_settings *s = &o->settings;

    s->files = o->files;
    if ((s->clients == TLS_CLIENTS_ANY) != !s->client_ca)
        return command_misused(command, "--tls-clients and --tls-client-ca need each other");
    if (o->listen && !s->n_files && !s->directory)
        return command_misused(command, "--tls-listen needs --tls-certificate or --tls-directory");
    return COMMAND_OK;
}

void tls_options_pass(const struct tls_options *o, void (*add)(void *line, const char *word),
                      void *line)
{
    const struct tls_settings *s = &o->settings;
    const char *const all[][2] = {
        { "--tls-directory", s->directory },
        { "--tls-client-ca", s->client_ca },
        { "--tls-clients", s->clients == TLS_CLIENTS_REQUIRED   ? "required"
                           : s->clients == TLS_CLIENTS_OPTIONAL ? "optional"
                                                                : NULL },
        { "--tls-client-fields", o->style == PEER_ALB ? "alb" : "xfcc" },
    };

    for (size_t i = 0; i < s->n_files; i++) {
        add(line, "--tls-certificate");
        add(line, o->files[i].certificate);
        if (o->files[i].key) {
            add(line, "--tls-key");
            add(line, o->files[i].key);
        }
    }
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i][1]) {
            add(line, all[i][0]);
            add(line, all[i][1]);
        }
}
