#include "cli/proxy_routes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "health/matcher.h"
#include "net/address.h"

struct reading {
    const struct link_snapshot *s;
    char *why;
};

static void json_release(json_t **json)
{
    json_decref(*json);
}

__attribute__((format(printf, 2, 3))) static int wrong(const struct reading *r, const char *format,
                                                       ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(r->why, PROXY_ROUTES_WHY_BYTES, format, ap);
    va_end(ap);
    return -EINVAL;
}

/* --- what a snapshot's shape does not say ----------------------------------------------------- */

static bool has_group(const struct link_snapshot *s, size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s->target_groups[i].id, id) == 0)
            return true;
    return false;
}

static int check_targets(const struct reading *r, const struct link_target_group *g)
{
    struct address address;

    for (size_t i = 0; i < g->n_targets; i++) {
        const struct link_target *t = &g->targets[i];

        if (address_parse(t->address, &address))
            return wrong(r, "target %s of group %s: '%s' is no address", t->id, g->id, t->address);
        for (size_t k = 0; k < i; k++)
            if (strcmp(g->targets[k].id, t->id) == 0)
                return wrong(r, "target %s of group %s is there twice", t->id, g->id);
    }
    return 0;
}

/* RFC 9110 §5.6.2: what a field's or a cookie's name is made of */
static bool is_token(const char *name)
{
    return name[0] && strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(name);
}

static int check_balancing(const struct reading *r, const struct link_target_group *g)
{
    if (g->stickiness != LINK_STICKY_NONE && !is_token(g->sticky_name))
        return wrong(r, "sticky_name '%s' of group %s is no name of a cookie or field",
                     g->sticky_name, g->id);
    if (g->zone_spill > 0 && g->zone_spill < 1)
        return wrong(r, "zone_spill of group %s is neither 0 nor at least 1", g->id);
    if (g->sticky_load_max > 0 && g->sticky_load_max < 1)
        return wrong(r, "sticky_load_max of group %s is neither 0 nor at least 1", g->id);
    if (g->eject_percent_max > 100 || g->retry_percent > 100)
        return wrong(r, "eject_percent_max or retry_percent of group %s is above 100", g->id);
    return 0;
}

/* Nothing could be done in no time; to say so is not the same as to say nothing. */
static int check_times(const struct reading *r, const struct link_target_group *g)
{
    const struct {
        const char *name;
        int64_t value;
    } all[] = {
        { "request_timeout_ms", g->request_timeout_ms },
        { "stream_timeout_ms", g->stream_timeout_ms },
        { "idle_timeout_ms", g->idle_timeout_ms },
        { "health_interval_ms", g->health_interval_ms },
        { "health_timeout_ms", g->health_timeout_ms },
        { "healthy_threshold", g->healthy_threshold },
        { "unhealthy_threshold", g->unhealthy_threshold },
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i].value == 0)
            return wrong(r, "%s of group %s is 0", all[i].name, g->id);
    return 0;
}

static int check_groups(const struct reading *r)
{
    for (size_t i = 0; i < r->s->n_target_groups; i++) {
        const struct link_target_group *g = &r->s->target_groups[i];
        int e;

        if (has_group(r->s, i, g->id))
            return wrong(r, "target group %s is there twice", g->id);
        if (g->health_path[0] != '/')
            return wrong(r, "health_path of group %s does not begin with '/'", g->id);
        if (g->health_matcher[0] && !matcher_is_valid(g->health_matcher))
            return wrong(r, "health_matcher '%s' of group %s is no list of codes like 200-299,404",
                         g->health_matcher, g->id);
        e = check_targets(r, g);
        if (!e)
            e = check_times(r, g);
        if (!e)
            e = check_balancing(r, g);
        if (e)
            return e;
    }
    return 0;
}

static int check_routes(const struct reading *r)
{
    const struct link_snapshot *s = r->s;

    for (size_t i = 0; i < s->n_routes; i++) {
        const struct link_route *route = &s->routes[i];

        if (route->path_prefix[0] != '/')
            return wrong(r, "path_prefix '%s' does not begin with '/'", route->path_prefix);
        if (!has_group(s, s->n_target_groups, route->target_group))
            return wrong(r, "route %s: there is no target group '%s'", route->path_prefix,
                         route->target_group);
        for (size_t k = 0; k < i; k++)
            if (strcmp(s->routes[k].path_prefix, route->path_prefix) == 0)
                return wrong(r, "route %s is there twice", route->path_prefix);
    }
    return 0;
}

static int check_endpoints(const struct reading *r)
{
    const struct link_snapshot *s = r->s;

    for (size_t i = 0; i < s->n_endpoints; i++)
        for (size_t k = 0; k < s->endpoints[i].n_variants; k++) {
            const struct link_variant *v = &s->endpoints[i].variants[k];

            if (!has_group(s, s->n_target_groups, v->target_group))
                return wrong(r, "variant %s of endpoint %s: there is no target group '%s'", v->name,
                             s->endpoints[i].name, v->target_group);
        }
    return 0;
}

static int check(const struct reading *r)
{
    int e = check_groups(r);

    if (!e)
        e = check_routes(r);
    return e ? e : check_endpoints(r);
}

/* --- what nobody knows ------------------------------------------------------------------------ */

/* The link passes over members that it does not know, and takes choices that it does not know for the
 * default, so that old proxies get on with a new control. In a file either is a slip of the pen: what
 * it says must be there when what was read is written again.
 */
static int check_known(const struct reading *r, const char *where, json_t *said, json_t *known);

static int check_member(const struct reading *r, const char *where, const char *name, json_t *said,
                        json_t *known)
{
    if (!known)
        return wrong(r, "%s: there is no '%s'", where, name);
    if (json_is_string(said) && !json_equal(said, known))
        return wrong(r, "%s: there is no %s '%s'", where, name, json_string_value(said));
    return check_known(r, name, said, known);
}

static int check_element(const struct reading *r, const char *list, size_t i, json_t *said,
                         json_t *known)
{
    char where[128];

    snprintf(where, sizeof(where), "%s[%zu]", list, i);
    return check_known(r, where, said, known);
}

static int check_known(const struct reading *r, const char *where, json_t *said, json_t *known)
{
    const char *name;
    json_t *member;
    size_t i;
    int e = 0;

    json_object_foreach (said, name, member) {
        e = check_member(r, where, name, member, json_object_get(known, name));
        if (e)
            return e;
    }
    json_array_foreach (said, i, member) {
        e = check_element(r, where, i, member, json_array_get(known, i));
        if (e)
            return e;
    }
    return 0;
}

static int check_all_known(const struct reading *r, json_t *root)
{
    const struct link_message m = { .type = LINK_SNAPSHOT, .snapshot = *r->s };
    __attribute__((cleanup(json_release))) json_t *known = link_message_to_json(&m);
    json_t *options = json_object_get(root, "options"); /* which proxy.c reads */

    if (!known || (options && json_object_set(known, "options", options)))
        return -ENOMEM;
    return check_known(r, "the file", root, known);
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

/* What control must always say, a file may leave out. */
static int complete(json_t *root, uint64_t revision)
{
    if (!json_is_object(root))
        return 0; /* the reader says so */
    if (json_object_set_new(root, "revision", json_integer((json_int_t)revision)))
        return -ENOMEM;
    if (!json_object_get(root, "settings") && json_object_set_new(root, "settings", json_object()))
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(json_object_get(root, "target_groups")); i++)
        if (complete_group(json_array_get(json_object_get(root, "target_groups"), i)))
            return -ENOMEM;
    return 0;
}

static int read_json(const char *path, const struct reading *r, json_t **ret_root)
{
    autofree(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    json_error_t error;
    int e;

    if (fd < 0) {
        e = -errno;
        wrong(r, "%s", strerror(-e));
        return e;
    }
    *ret_root = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
    if (!*ret_root)
        return wrong(r, "line %d column %d: %s", error.line, error.column, error.text);
    return 0;
}

int proxy_routes_read(const char *path, uint64_t revision, struct link_snapshot *ret_snapshot,
                      char ret_why[PROXY_ROUTES_WHY_BYTES])
{
    __attribute__((cleanup(json_release))) json_t *root = NULL;
    struct link_snapshot s;
    struct reading reading = { .s = &s, .why = ret_why };
    const char *member = "";
    int r = read_json(path, &reading, &root);

    if (r)
        return r;
    r = complete(root, revision);
    if (!r)
        r = link_snapshot_from_json(root, &s, &member);
    if (r == LINK_E_MALFORMED)
        return wrong(&reading, member[0] ? "'%s' is missing or has no such value" : "%sno object",
                     member);
    if (r) {
        wrong(&reading, "out of memory");
        return r;
    }
    r = check(&reading);
    if (!r)
        r = check_all_known(&reading, root);
    if (r == -ENOMEM)
        wrong(&reading, "out of memory");
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
    const struct reading reading = { .why = ret_why };
    int r = read_json(path, &reading, &root);

    if (!r)
        *ret_options = json_incref(json_object_get(root, "options"));
    return r;
}
