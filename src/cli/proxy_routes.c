#include "cli/proxy_routes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "health/matcher.h"
#include "net/address.h"

enum { PLACE_BYTES = 64 };

/* Longer than a year is never meant, and sums with the clock stay far from overflowing. */
#define TIME_MS_MAX ((ms_t)366 * 86400 * MS_PER_S)

static void json_release(json_t **json)
{
    json_decref(*json);
}

__attribute__((format(printf, 2, 3))) static int wrong(char *why, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(why, PROXY_ROUTES_WHY_BYTES, format, ap);
    va_end(ap);
    return -EINVAL;
}

/* --- what a snapshot's shape does not say: target groups -------------------------------------- */

/* Everything here is about group number @i, whose place in the file is target_groups[i]. */

static const char address_form[] =
    "HOST:PORT with a numeric host or localhost, like 127.0.0.1:9001, or unix:/path";

static int check_target(const struct link_target_group *g, size_t i, size_t k, char *why)
{
    const struct link_target *t = &g->targets[k];
    struct address address;

    if (address_parse(t->address, &address))
        return wrong(why,
                     "target_groups[%zu].targets[%zu].address: '%s' is no address; it must be %s",
                     i, k, t->address, address_form);
    if (t->local_address[0] &&
        (strncmp(t->local_address, "unix:/", 6) != 0 || address_parse(t->local_address, &address)))
        return wrong(
            why,
            "target_groups[%zu].targets[%zu].local_address: '%s' is no Unix socket; it must "
            "be unix:/path",
            i, k, t->local_address);
    for (size_t earlier = 0; earlier < k; earlier++)
        if (strcmp(g->targets[earlier].id, t->id) == 0)
            return wrong(
                why,
                "target_groups[%zu].targets[%zu].id: '%s' is there twice; targets[%zu] has "
                "it, and each target of a group must have its own",
                i, k, t->id, earlier);
    return 0;
}

/* RFC 9110 §5.6.2: what a field's or a cookie's name is made of */
static bool is_token(const char *name)
{
    return name[0] && strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(name);
}

static int check_factor(size_t i, const char *name, double value, char *why)
{
    if (value == 0 || value >= 1)
        return 0;
    return wrong(why, "target_groups[%zu].%s: it is %g, but must be 0 (off), or 1 or more", i, name,
                 value);
}

static int check_percent(size_t i, const char *name, unsigned value, char *why)
{
    if (value <= 100)
        return 0;
    return wrong(why, "target_groups[%zu].%s: it is %u, but must be a percentage from 0 to 100", i,
                 name, value);
}

static int check_balancing(const struct link_target_group *g, size_t i, char *why)
{
    int e = 0;

    if (g->stickiness != LINK_STICKY_NONE && !is_token(g->sticky_name))
        return wrong(
            why,
            "target_groups[%zu].sticky_name: '%s' is no name of a cookie or field; it must "
            "be letters, digits and hyphens",
            i, g->sticky_name);
    e = check_factor(i, "zone_spill", g->zone_spill, why);
    if (!e)
        e = check_factor(i, "sticky_load_max", g->sticky_load_max, why);
    if (!e)
        e = check_percent(i, "eject_percent_max", g->eject_percent_max, why);
    return e ? e : check_percent(i, "retry_percent", g->retry_percent, why);
}

static int check_time(size_t i, const char *name, ms_t value, ms_t min, char *why)
{
    if (value >= min && value <= TIME_MS_MAX)
        return 0;
    return wrong(why,
                 "target_groups[%zu].%s: it is %" PRId64
                 ", but must be milliseconds from %d to %" PRId64 " (a year)",
                 i, name, value, (int)min, TIME_MS_MAX);
}

/* Nothing could be done in no time; to say so is not the same as to say nothing. */
static int check_times(const struct link_target_group *g, size_t i, char *why)
{
    const struct {
        const char *name;
        ms_t value, min;
    } all[] = {
        { "request_timeout_ms", g->request_timeout_ms, 1 },
        { "stream_timeout_ms", g->stream_timeout_ms, 1 },
        { "idle_timeout_ms", g->idle_timeout_ms, 1 },
        { "health_interval_ms", g->health_interval_ms, 1 },
        { "health_timeout_ms", g->health_timeout_ms, 1 },
        { "queue_timeout_ms", g->queue_timeout_ms, 0 },
        { "deregistration_delay_ms", g->deregistration_delay_ms, 0 },
        { "slow_start_ms", g->slow_start_ms, 0 },
        { "eject_ms", g->eject_ms, 0 },
    };
    int e = 0;

    for (size_t n = 0; n < sizeof(all) / sizeof(*all) && !e; n++)
        e = check_time(i, all[n].name, all[n].value, all[n].min, why);
    return e;
}

static int check_health(const struct link_target_group *g, size_t i, char *why)
{
    if (g->health_path[0] != '/')
        return wrong(why, "target_groups[%zu].health_path: '%s' does not begin with '/'", i,
                     g->health_path);
    if (g->health_matcher[0] && !matcher_is_valid(g->health_matcher))
        return wrong(why,
                     "target_groups[%zu].health_matcher: '%s' is no list of codes; it must be like "
                     "200 or 200-299,404",
                     i, g->health_matcher);
    if (g->healthy_threshold == 0 || g->unhealthy_threshold == 0)
        return wrong(why, "target_groups[%zu].%s: it is 0, but must be a whole number, 1 or more",
                     i, g->healthy_threshold ? "unhealthy_threshold" : "healthy_threshold");
    return 0;
}

static int check_group(const struct link_snapshot *s, size_t i, char *why)
{
    const struct link_target_group *g = &s->target_groups[i];
    int e;

    for (size_t k = 0; k < i; k++)
        if (strcmp(s->target_groups[k].id, g->id) == 0)
            return wrong(
                why,
                "target_groups[%zu].id: '%s' is there twice; target_groups[%zu] has it, and "
                "each group must have its own",
                i, g->id, k);
    e = check_health(g, i, why);
    if (!e)
        e = check_times(g, i, why);
    if (!e)
        e = check_balancing(g, i, why);
    for (size_t k = 0; k < g->n_targets && !e; k++)
        e = check_target(g, i, k, why);
    return e;
}

/* --- and what refers to them ------------------------------------------------------------------ */

static int check_reference(const struct link_snapshot *s, const char *id, const char *where,
                           char *why)
{
    size_t used;

    for (size_t i = 0; i < s->n_target_groups; i++)
        if (strcmp(s->target_groups[i].id, id) == 0)
            return 0;
    wrong(why,
          "%s.target_group: there is no target group '%s'; it must be an id of target_groups, %s",
          where, id, s->n_target_groups ? "which has " : "which are none");
    for (size_t i = 0; i < s->n_target_groups; i++) {
        used = strlen(why);
        snprintf(why + used, PROXY_ROUTES_WHY_BYTES - used, "%s%s", i ? ", " : "",
                 s->target_groups[i].id);
    }
    return -EINVAL;
}

static int check_route(const struct link_snapshot *s, size_t i, char *why)
{
    const struct link_route *route = &s->routes[i];
    char where[PLACE_BYTES];

    if (route->path_prefix[0] != '/')
        return wrong(why, "routes[%zu].path_prefix: '%s' does not begin with '/'", i,
                     route->path_prefix);
    for (size_t k = 0; k < i; k++)
        if (strcmp(s->routes[k].path_prefix, route->path_prefix) == 0)
            return wrong(
                why,
                "routes[%zu].path_prefix: '%s' is there twice; routes[%zu] has it, and each "
                "route must have its own",
                i, route->path_prefix, k);
    snprintf(where, sizeof(where), "routes[%zu]", i);
    return check_reference(s, route->target_group, where, why);
}

static int check_variants(const struct link_snapshot *s, size_t i, char *why)
{
    const struct link_endpoint *endpoint = &s->endpoints[i];
    char where[PLACE_BYTES];
    int e = 0;

    for (size_t k = 0; k < endpoint->n_variants && !e; k++) {
        snprintf(where, sizeof(where), "endpoints[%zu].variants[%zu]", i, k);
        e = check_reference(s, endpoint->variants[k].target_group, where, why);
    }
    return e;
}

static int check(const struct link_snapshot *s, char *why)
{
    int e = 0;

    for (size_t i = 0; i < s->n_target_groups && !e; i++)
        e = check_group(s, i, why);
    for (size_t i = 0; i < s->n_routes && !e; i++)
        e = check_route(s, i, why);
    for (size_t i = 0; i < s->n_endpoints && !e; i++)
        e = check_variants(s, i, why);
    return e;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* As with ELBv2, targets of gRPC are asked something else. */
static int complete_group(json_t *group)
{
    const char *version = json_string_value(json_object_get(group, "protocol_version"));

    if (!version || strcmp(version, "GRPC") != 0 || json_object_get(group, "health_path"))
        return 0;
    return json_object_set_new(group, "health_path", json_string("/AWS.ALB/healthcheck"));
}

/* What control must always say, a file may leave out; and what it may say beside a snapshot is for
 * others to read. */
static int complete(json_t *root, uint64_t revision)
{
    const char *type = json_string_value(json_object_get(root, "type"));

    if (!json_is_object(root))
        return 0; /* the reader says so */
    json_object_del(root, "options");
    if (type && strcmp(type, "snapshot") == 0)
        json_object_del(root, "type");
    if (json_object_set_new(root, "revision", json_integer((json_int_t)revision)))
        return -ENOMEM;
    if (!json_object_get(root, "settings") && json_object_set_new(root, "settings", json_object()))
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(json_object_get(root, "target_groups")); i++)
        if (complete_group(json_array_get(json_object_get(root, "target_groups"), i)))
            return -ENOMEM;
    return 0;
}

/* Return: a descriptor, or a negative errno. */
static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) { /* jansson would find it empty */
        close(fd);
        return -EISDIR;
    }
    return fd;
}

static int read_json(const char *path, json_t **ret_root, char *why)
{
    autofree(fd_close) int fd = open_file(path);
    json_error_t error;

    if (fd < 0) {
        wrong(why, "the file cannot be read: %s", strerror(-fd));
        return fd;
    }
    *ret_root = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
    if (!*ret_root)
        return wrong(why, "line %d column %d: this is no JSON: %s", error.line, error.column,
                     error.text);
    return 0;
}

int proxy_routes_read(const char *path, uint64_t revision, struct link_snapshot *ret_snapshot,
                      char ret_why[PROXY_ROUTES_WHY_BYTES])
{
    __attribute__((cleanup(json_release))) json_t *root = NULL;
    struct link_snapshot s;
    int r = read_json(path, &root, ret_why);

    if (r)
        return r;
    r = complete(root, revision);
    if (!r)
        r = link_snapshot_from_json(root, &s, ret_why);
    if (r == LINK_E_MALFORMED)
        return -EINVAL;
    if (r) {
        wrong(ret_why, "out of memory");
        return r;
    }
    r = check(&s, ret_why);
    if (r)
        link_snapshot_deinit(&s);
    else
        *ret_snapshot = s;
    return r;
}

int proxy_routes_options(const char *path, json_t **ret_options,
                         char ret_why[PROXY_ROUTES_WHY_BYTES])
{
    __attribute__((cleanup(json_release))) json_t *root = NULL;
    int r = read_json(path, &root, ret_why);

    if (!r)
        *ret_options = json_incref(json_object_get(root, "options"));
    return r;
}
