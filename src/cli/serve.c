/* weir serve: opens everything that can be refused, then lets the supervisor run the two programs.
 *
 * What cannot work (a port in use, a state directory of another server, a database that is not
 * ours) is found before any program starts, and said in one line. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/credentials.h"
#include "base/buffer.h"
#include "base/loop.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/serve_options.h"
#include "fleet/config.h"
#include "store/store.h"
#include "supervisor/front.h"
#include "supervisor/state_dir.h"
#include "supervisor/supervisor.h"

enum {
    ARGUMENTS_MAX = 64 + 2 * FRONT_OPTIONS_MAX + 4 * TLS_OPTIONS_FILES_MAX,
    SERVER_JSON_BYTES = 1024
};

struct server {
    struct serve_options options;
    struct state_dir state;
    char *config; /* absolute; NULL: none */
    char *api_address, *link_address, *door_address;
    int api_fd, link_fd, door_fd;
    int listen_fds[2 * FRONT_SOCKETS_MAX]; /* one for each thread, then the same for TLS */
    struct address bound, reachable, tls_reachable;
    struct log log;
    struct loop *loop;
};

/* --- what can be refused ---------------------------------------------------------------------- */

static int check_auth(const struct server *s)
{
    const struct serve_options *o = &s->options;
    const char *open_to_others = NULL;

    if (!address_is_loopback(&o->address))
        open_to_others = o->listen;
    else if (o->tls.listen && !address_is_loopback(&o->tls.address))
        open_to_others = o->tls.listen;
    if (o->no_auth && open_to_others)
        return command_failed("--no-auth needs a loopback address, and %s is reachable by others",
                              open_to_others);
    return COMMAND_OK;
}

static int open_state_dir(struct server *s)
{
    autofree(mem_free) char *why = NULL;
    int r = state_dir_open(s->options.state, &s->state, &why);

    if (r)
        return command_failed("%s", why ? why : strerror(-r));
    return COMMAND_OK;
}

static int check_config(struct server *s)
{
    autofree(fleet_config_free) struct fleet_config *config = NULL;
    autofree(mem_free) char *why = NULL;
    int r = fleet_config_load(s->options.config, &config, &why);

    if (r)
        return command_failed("%s", why ? why : strerror(-r));
    if (s->options.config) {
        s->config = realpath(s->options.config, NULL);
        if (!s->config)
            return command_failed("%s: %s", s->options.config, strerror(errno));
    }
    return COMMAND_OK;
}

static int check_database(const struct server *s)
{
    autofree(mem_free) char *path = state_dir_file(&s->state, "state.db"), *why = NULL;
    autofree(store_free) struct store *store = NULL;
    int r = path ? store_open_sqlite(path, &store, &why) : -ENOMEM;

    if (r)
        return command_failed("%s", why ? why : strerror(-r));
    return COMMAND_OK;
}

static int ensure_credentials(const struct server *s)
{
    autofree(mem_free) char *path = state_dir_file(&s->state, "credentials");
    struct credentials credentials;
    int r = path ? credentials_read(path, &credentials) : -ENOMEM;

    if (r == -ENOENT) {
        credentials_generate(&credentials);
        r = credentials_write(path, &credentials);
    }
    explicit_bzero(&credentials, sizeof(credentials));
    if (r == CREDENTIALS_E_MALFORMED)
        return command_failed("%s: no usable access key in it; mend it, or move it away to get a "
                              "new one",
                              path);
    if (r)
        return command_failed("%s: %s", path ? path : "credentials", strerror(r > 0 ? EEXIST : -r));
    return COMMAND_OK;
}

static int check_certificates(const struct server *s)
{
    autofree(mem_free) char *why = NULL;
    autofree(tls_server_unref) struct tls_server *tls = NULL;
    struct tls_tickets tickets;
    int r;

    if (!s->options.tls.listen)
        return COMMAND_OK;
    r = tls_tickets_init(&tickets, 0);
    if (!r)
        r = tls_server_new(&s->options.tls.settings, &tickets, &tls, &why);
    tls_tickets_deinit(&tickets);
    if (r)
        return command_failed("%s", why ? why : strerror(-r));
    return COMMAND_OK;
}

static int open_tls_front(struct server *s)
{
    const struct tls_options *o = &s->options.tls;
    struct address bound;
    int r;

    if (!o->listen)
        return COMMAND_OK;
    r = front_open(&o->address, s->options.threads, s->listen_fds + s->options.threads, &bound);
    if (r)
        return command_failed("cannot listen on %s: %s", o->listen, strerror(-r));
    s->tls_reachable = front_reachable(&bound);
    return COMMAND_OK;
}

static int open_front(struct server *s)
{
    int r = front_open(&s->options.address, s->options.threads, s->listen_fds, &s->bound);

    if (r == -EADDRINUSE)
        return command_failed("%s is in use by another program; choose another --listen",
                              s->options.listen);
    if (r)
        return command_failed("cannot listen on %s: %s", s->options.listen, strerror(-r));
    s->reachable = front_reachable(&s->bound);
    return COMMAND_OK;
}

static int open_socket(const struct server *s, const char *name, char **ret_address, int *ret_fd)
{
    struct address address;
    char *text = state_dir_socket(&s->state, name);
    int r = text ? address_parse(text, &address) : -ENOMEM;

    *ret_address = text;
    if (r == 0)
        r = address_listen(&address, false, ret_fd);
    if (r)
        return command_failed("cannot listen on %s: %s", text ? text : name, strerror(-r));
    return COMMAND_OK;
}

/* For the commands that talk to this server. */
static int write_server_json(const struct server *s)
{
    char address[ADDRESS_TEXT_BYTES], text[SERVER_JSON_BYTES], tls[ADDRESS_TEXT_BYTES + 32] = "";
    int r;

    if (s->options.tls.listen) {
        address_text(&s->tls_reachable, address);
        snprintf(tls, sizeof(tls), "\"tls_url\": \"https://%s\", ", address);
    }
    address_text(&s->reachable, address);
    snprintf(text, sizeof(text),
             "{\"url\": \"http://%s\", %s\"region\": \"%s\", \"account\": \"%s\", \"pid\": %d}\n",
             address, tls, s->options.region, s->options.account, (int)getpid());
    r = state_dir_write(&s->state, "server.json", text);
    if (r)
        return command_failed("cannot write %s/server.json: %s", s->state.path, strerror(-r));
    return COMMAND_OK;
}

static int open_everything(struct server *s)
{
    int r = check_auth(s);

    if (!r)
        r = check_config(s);
    if (!r)
        r = check_certificates(s);
    if (!r)
        r = open_state_dir(s);
    if (!r)
        r = check_database(s);
    if (!r)
        r = ensure_credentials(s);
    if (!r)
        r = open_front(s);
    if (!r)
        r = open_tls_front(s);
    if (!r)
        r = open_socket(s, "control.sock", &s->api_address, &s->api_fd);
    if (!r)
        r = open_socket(s, "link.sock", &s->link_address, &s->link_fd);
    if (!r)
        r = open_socket(s, "supervisor.sock", &s->door_address, &s->door_fd);
    if (!r)
        r = write_server_json(s);
    return r;
}

/* --- the programs ----------------------------------------------------------------------------- */

/* A command line; NULL-terminated. Words are borrowed. */
struct command_line {
    char *words[ARGUMENTS_MAX];
    size_t n;
};

static void add(struct command_line *line, const char *word)
{
    line->words[line->n++] = (char *)word;
    line->words[line->n] = NULL;
}

static void add_option(struct command_line *line, const char *name, const char *value)
{
    add(line, name);
    add(line, value);
}

static void control_command(const struct server *s, const char *api_fd, const char *link_fd,
                            struct command_line *ret)
{
    const struct serve_options *o = &s->options;

    *ret = (struct command_line){ 0 };
    add(ret, "weir");
    add(ret, "control");
    add_option(ret, "--state", s->state.path);
    add_option(ret, "--api-fd", api_fd);
    add_option(ret, "--link-fd", link_fd);
    add_option(ret, "--region", o->region);
    add_option(ret, "--account", o->account);
    add_option(ret, "--pace", o->pace);
    add_option(ret, "--metrics", o->metrics);
    if (s->config)
        add_option(ret, "--config", s->config);
    if (o->no_auth)
        add(ret, "--no-auth");
    if (o->keep_instances)
        add(ret, "--keep-instances");
    add_option(ret, "--log-level", o->level_text);
    add_option(ret, "--log-format", o->format_text);
}

static void add_word(void *line, const char *word)
{
    add(line, word);
}

static void add_front_option(const struct server *s, int id, struct command_line *ret)
{
    static const char *const words[] = {
#define FRONT_WORD(name, id, value) "--" name,
        FRONT_OPTIONS(FRONT_WORD)
#undef FRONT_WORD
    };
    const char *text = s->options.front.texts[id - FRONT_OPTION_FIRST];

    if (text)
        add_option(ret, words[id - FRONT_OPTION_FIRST], text);
}

static void proxy_command(const struct server *s, const char *listen_fds, const char *tls_fds,
                          struct command_line *ret)
{
    *ret = (struct command_line){ 0 };
    add(ret, "weir");
    add(ret, "proxy");
    add_option(ret, "--listen-fds", listen_fds);
    if (s->options.tls.listen) {
        add_option(ret, "--tls-listen-fds", tls_fds);
        tls_options_pass(&s->options.tls, add_word, ret);
    }
    add_option(ret, "--api-address", s->api_address);
    add_option(ret, "--link-address", s->link_address);
    /* an invocation that began may take its 60 s */
    add_option(ret, "--drain-timeout", "65");
    for (int id = FRONT_OPTION_FIRST; id < FRONT_OPTION_END; id++)
        add_front_option(s, id, ret);
    add_option(ret, "--log-level", s->options.level_text);
    add_option(ret, "--log-format", s->options.format_text);
}

static void announce(void *context)
{
    const struct server *s = context;
    char address[ADDRESS_TEXT_BYTES];

    address_text(&s->reachable, address);
    printf("weir is ready at http://%s (state in %s)\n", address, s->state.path);
    fflush(stdout);
}

static int supervise(struct server *s)
{
    autobuffer struct buffer fds = BUFFER_INIT(16 * FRONT_SOCKETS_MAX);
    autobuffer struct buffer tls_fds = BUFFER_INIT(16 * FRONT_SOCKETS_MAX);
    unsigned threads = s->options.threads, n = s->options.tls.listen ? 2 * threads : threads;
    char api_fd[16], link_fd[16];
    struct command_line control, proxy;
    int control_fds[] = { s->api_fd, s->link_fd, s->state.fd };
    int proxy_fds[2 * FRONT_SOCKETS_MAX + 2];
    bool passes_log = s->options.front.access_fd >= 0;
    struct supervisor_settings settings = {
        .control = { .command = control.words,
                     .fds = control_fds,
                     .n_fds = sizeof(control_fds) / sizeof(*control_fds) },
        .proxy = { .command = proxy.words, .fds = proxy_fds, .n_fds = n + 1 + passes_log },
        .door_fd = s->door_fd,
        .listen_fds = s->listen_fds,
        .n_listen_fds = n,
        .address = &s->reachable,
        .ready = announce,
        .context = s,
    };
    int r = 0;

    assert(threads > 0);
    for (unsigned i = 0; i < n && !r; i++) {
        proxy_fds[i] = s->listen_fds[i];
        r = buffer_printf(i < threads ? &fds : &tls_fds, i % threads ? ",%d" : "%d",
                          s->listen_fds[i]);
    }
    proxy_fds[n] = s->state.fd; /* socket paths may lead through it */
    proxy_fds[n + 1] = s->options.front.access_fd;
    if (r || !buffer_cstr(&fds) || !buffer_cstr(&tls_fds))
        return command_failed("out of memory");
    snprintf(api_fd, sizeof(api_fd), "%d", s->api_fd);
    snprintf(link_fd, sizeof(link_fd), "%d", s->link_fd);
    control_command(s, api_fd, link_fd, &control);
    proxy_command(s, buffer_cstr(&fds), buffer_cstr(&tls_fds), &proxy);

    r = loop_new(clock_real(), &s->loop);
    if (!r)
        r = supervisor_run(s->loop, &s->log, &settings);
    if (r == SUPERVISOR_E_GAVE_UP)
        return command_failed("the server keeps ending before it serves; its log says why");
    if (r)
        return command_failed("cannot run the server: %s", strerror(-r));
    return COMMAND_OK;
}

int command_serve(int argc, char **argv)
{
    struct server s = { .state = STATE_DIR_NONE, .api_fd = -1, .link_fd = -1, .door_fd = -1 };
    int r = serve_options_read(argc, argv, &s.options);

    if (r)
        return r < 0 ? COMMAND_OK : r;
    memset(s.listen_fds, -1, sizeof(s.listen_fds));
    s.log = (struct log){ .fd = STDERR_FILENO,
                          .level = s.options.level,
                          .format = s.options.format,
                          .program = "serve",
                          .clock = clock_real() };
    r = open_everything(&s);
    if (!r)
        r = supervise(&s);

    loop_free(s.loop);
    for (size_t i = 0; i < 2 * FRONT_SOCKETS_MAX; i++)
        fd_close(s.listen_fds[i]);
    fd_close(s.api_fd);
    fd_close(s.link_fd);
    fd_close(s.door_fd);
    free(s.api_address);
    free(s.link_address);
    free(s.door_address);
    free(s.config);
    state_dir_close(&s.state);
    return r;
}
