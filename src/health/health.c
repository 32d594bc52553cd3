#include "health/health.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "health/h2_ask.h"
#include "health/matcher.h"
#include "http/writer.h"
#include "net/client.h"

enum {
    INTERVAL_MIN_MS = 10,
    RECOVERY_MS = 250, /* a target that is not well is asked this often, if not more often */
    ANSWER_BYTES_MAX = 64 << 10,
};

struct check {
    struct health *health;
    struct target *target; /* one reference */
    struct link_target_group config;
    struct client *client; /* of HTTP/1 */
    struct h2_ask *h2;     /* of the other protocols */
    struct loop_timer timer;
    struct buffer request;
    char path[LINK_NAME_BYTES]; /* of the check that is under way */
    bool asking;
    bool told_healthy;  /* what `changed` has heard last */
    unsigned good, bad; /* in a row */
    ms_t ejected_until; /* as was logged */
    uint64_t serial;    /* of the last route that has the target */
};

struct health {
    struct loop *loop;
    struct log *log;
    health_changed *changed;
    void *context;
    struct map checks; /* target key -> struct check */
    struct random random;
};

static struct check *check_free(struct check *c)
{
    if (!c)
        return NULL;
    c->asking = false; /* client_free() answers what is under way: to nobody */
    c->health = NULL;
    client_free(c->client);
    h2_ask_free(c->h2);
    loop_timer_cancel(&c->timer);
    target_unref(c->target);
    buffer_deinit(&c->request);
    free(c);
    return NULL;
}
DEFINE_AUTOFREE(struct check *, check_free)

static void schedule(struct check *c)
{
    ms_t interval = c->config.health_interval_ms;

    if (target_health(c->target) != TARGET_HEALTHY && interval > RECOVERY_MS)
        interval = RECOVERY_MS;
    loop_timer_after(&c->timer, interval > INTERVAL_MIN_MS ? interval : INTERVAL_MIN_MS);
}

static void tell(struct check *c, enum target_health health, const char *why)
{
    bool healthy = health == TARGET_HEALTHY;

    if (healthy == c->told_healthy)
        return;
    c->told_healthy = healthy;
    if (healthy)
        log_info(c->health->log, "target healthy", "group=%s target=%s", c->target->group,
                 c->target->id);
    else
        log_warn(c->health->log, "target unhealthy", "group=%s target=%s why=\"%s\"",
                 c->target->group, c->target->id, why);
    c->health->changed(c->target, healthy, c->health->context);
}

static void set_health(struct check *c, enum target_health health, const char *why)
{
    enum target_health before;

    if (health == TARGET_HEALTHY && target_health(c->target) != TARGET_HEALTHY)
        target_starts_over(c->target, loop_now(c->health->loop));
    before = (enum target_health)atomic_exchange_explicit(&c->target->health, health,
                                                          memory_order_relaxed);

    /* A request may have found it down and wait since, before health_look() saw it: only
     * `changed` wakes it. */
    if (before == TARGET_DOWN && health == TARGET_HEALTHY)
        tell(c, before, "a request could not connect");
    tell(c, health, why);
}

static void went_well(struct check *c)
{
    c->bad = 0;
    c->good++;
    /* connecting at all is what a target that was down had to prove */
    if (c->good >= c->config.healthy_threshold || target_health(c->target) == TARGET_DOWN)
        set_health(c, TARGET_HEALTHY, "");
}

static void went_badly(struct check *c, int error, const char *why)
{
    c->good = 0;
    c->bad++;
    if (error == -ECONNREFUSED || error == -ENOENT)
        set_health(c, TARGET_DOWN, why);
    else if (c->bad >= c->config.unhealthy_threshold && target_health(c->target) != TARGET_DOWN)
        set_health(c, TARGET_UNHEALTHY, why);
}

/* @what, with its @code, is what the target says; with an @error it says nothing. */
static void judge(struct check *c, int error, const char *what, unsigned code, const char *wanted)
{
    const char *matcher = c->config.health_matcher[0] ? c->config.health_matcher : wanted;
    char why[64];

    c->asking = false;
    if (error)
        snprintf(why, sizeof(why), "%s", strerror(-error));
    else
        snprintf(why, sizeof(why), "%s %u", what, code);
    if (!error && matcher_has(matcher, code))
        went_well(c);
    else
        went_badly(c, error, why);
    schedule(c);
}

static void answered(const struct client_answer *answer, void *context)
{
    struct check *c = context;

    if (c->asking)
        judge(c, answer->error, "status", answer->error ? 0 : answer->head->status, "200");
}

static void h2_answered(const struct h2_ask_answer *answer, void *context)
{
    struct check *c = context;

    if (c->config.protocol_version == LINK_GRPC && answer->grpc_status >= 0)
        judge(c, answer->error, "grpc-status", (unsigned)answer->grpc_status, "12");
    else if (c->config.protocol_version == LINK_GRPC && !answer->error)
        judge(c, -EBADMSG, "", 0, ""); /* whatever it is, it is no gRPC */
    else
        judge(c, answer->error, "status", answer->status, "200");
}

static int write_request(struct check *c)
{
    struct buffer *b = &c->request;
    int r;

    buffer_clear(b);
    r = http_write_request_line(b, SLICE("GET"), slice_from(c->config.health_path));
    if (!r)
        r = http_write_header_text(b, "Host", "localhost");
    if (!r)
        r = http_write_header_text(b, "User-Agent", "weir");
    return r ? r : http_write_end(b);
}

static int ask_h1(struct check *c)
{
    int r = write_request(c);
    struct slice request = { buffer_data(&c->request), buffer_size(&c->request) };

    return r ? r
             : client_request(c->client, request, "GET", c->config.health_timeout_ms, answered, c);
}

/* As the newest route says. */
static int ask_now(struct check *c)
{
    bool is_grpc = c->config.protocol_version == LINK_GRPC;

    if (c->config.protocol_version == LINK_HTTP1)
        return ask_h1(c);
    memcpy(c->path, c->config.health_path, sizeof(c->path));
    return h2_ask(c->h2, c->path, is_grpc, c->config.health_timeout_ms, h2_answered, c);
}

static void ask(struct loop_timer *timer)
{
    struct check *c = container_of(timer, struct check, timer);
    int r = ask_now(c);

    c->asking = r == 0;
    if (r)
        judge(c, r, "", 0, "");
}

static int add_check(struct health *h, struct target *target, const struct route_group *group)
{
    autofree(check_free) struct check *c = calloc(1, sizeof(*c));
    const struct client_settings settings = { .connections_max = 1,
                                              .answer_bytes_max = ANSWER_BYTES_MAX,
                                              .idle_timeout_ms = 30000 };
    int r;

    if (!c)
        return -ENOMEM;
    c->health = h;
    c->target = target_ref(target);
    c->config = group->config;
    c->told_healthy = true;
    c->request = BUFFER_INIT(4096);
    loop_timer_init(h->loop, &c->timer, ask);
    c->h2 = h2_ask_new(h->loop, &target->address);
    r = c->h2 ? 0 : -ENOMEM;
    if (!r)
        r = client_new(h->loop, &target->address, &settings, &c->client);
    if (!r)
        r = map_put(&h->checks, target->key, c);
    if (r)
        return r;
    /* spread, so that a fleet that was registered at once is not asked at once for ever */
    loop_timer_after(&c->timer,
                     1 + random_below(&h->random, (uint32_t)group->config.health_interval_ms + 1));
    c = NULL;
    return 0;
}

static struct check *leftover(struct health *h, uint64_t serial)
{
    map_for_each (slot, &h->checks) {
        struct check *c = slot->value;

        if (c->serial != serial)
            return c;
    }
    return NULL;
}

static int follow_target(struct health *h, const struct route_group *group,
                         const struct route_target *t, uint64_t serial)
{
    struct check *c = map_get(&h->checks, t->target->key);
    int r;

    if (t->draining)
        return 0;
    if (!c) {
        r = add_check(h, t->target, group);
        if (r)
            return r;
        c = map_get(&h->checks, t->target->key);
    }
    c->config = group->config;
    c->serial = serial;
    return 0;
}

int health_follow(struct health *h, const struct route *route)
{
    struct check *c;
    int r = 0;

    for (size_t i = 0; i < route->n_groups; i++)
        for (size_t k = 0; k < route->groups[i].n_targets; k++) {
            int e =
                follow_target(h, &route->groups[i], &route->groups[i].targets[k], route->serial);

            r = e ? e : r;
        }
    while ((c = leftover(h, route->serial))) {
        map_remove(&h->checks, c->target->key);
        check_free(c);
    }
    return r;
}

/* Control need not know: the target is well, and will have its chance soon. */
static void look_at_ejection(struct check *c)
{
    ms_t until = atomic_load_explicit(&c->target->ejected_until_ms, memory_order_relaxed);

    if (until == c->ejected_until)
        return;
    c->ejected_until = until;
    log_warn(c->health->log, "target ejected",
             "group=%s target=%s why=\"requests fail\" for_ms=%" PRId64, c->target->group,
             c->target->id, until - loop_now(c->health->loop));
}

void health_look(struct health *h)
{
    map_for_each (slot, &h->checks) {
        struct check *c = slot->value;
        enum target_health health = target_health(c->target);

        look_at_ejection(c);
        if (health != TARGET_HEALTHY && c->told_healthy) {
            tell(c, health, "a request could not connect");
            if (!c->asking)
                schedule(c);
        }
    }
}

void health_repeat(struct health *h)
{
    map_for_each (slot, &h->checks) {
        struct check *c = slot->value;

        if (!c->told_healthy)
            h->changed(c->target, false, h->context);
    }
}

int health_new(struct loop *loop, struct log *log, health_changed *changed, void *context,
               struct health **ret_health)
{
    struct health *h = calloc(1, sizeof(*h));
    uint64_t seed;

    if (!h)
        return -ENOMEM;
    random_secret(&seed, sizeof(seed));
    random_init(&h->random, seed);
    map_init(&h->checks, seed);
    h->loop = loop;
    h->log = log;
    h->changed = changed;
    h->context = context;
    *ret_health = h;
    return 0;
}

struct health *health_free(struct health *h)
{
    if (!h)
        return NULL;
    map_for_each (slot, &h->checks) {
        check_free(slot->value);
    }
    map_deinit(&h->checks);
    free(h);
    return NULL;
}
