#include "control/test_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "control/endpoint.h"
#include "control/instance.h"
#include "control/model.h"
#include "control/plan.h"
#include "control/proxy_link.h"
#include "fleet/fake.h"
#include "net/address.h"
#include "wire/frame.h"

enum { STEP_MS = 50, AWAIT_MS = 600000, READ_BYTES = 64 << 10 };

/* --- the proxy -------------------------------------------------------------------------------- */

static struct world *world_of(struct loop_io *io)
{
    return container_of(io, struct world, proxy.io);
}

static void say(struct world *w, const struct link_message *message)
{
    autobuffer struct buffer out = BUFFER_INIT(FRAME_BYTES_MAX);
    json_t *json = link_message_to_json(message);

    assert_non_null(json);
    assert_int_equal(frame_write(&out, json), 0);
    json_decref(json);
    /* Control may be gone already; the end of the connection will say so. */
    if (w->proxy.fd >= 0 &&
        send(w->proxy.fd, buffer_data(&out), buffer_size(&out), MSG_NOSIGNAL) < 0)
        assert_int_equal(errno, EPIPE);
}

static struct world_target *find_target(struct world_proxy *p, const char *id)
{
    for (size_t i = 0; i < p->n_targets; i++)
        if (strcmp(p->targets[i].id, id) == 0)
            return &p->targets[i];
    return NULL;
}

static void say_drained(struct world *w, struct world_target *t)
{
    struct link_message message = { .type = LINK_EVENT, .event.event = LINK_DRAINED };

    t->drained = true;
    snprintf(message.event.group, sizeof(message.event.group), "%s", t->group);
    snprintf(message.event.target, sizeof(message.event.target), "%s", t->id);
    say(w, &message);
}

static void hear_target(struct world *w, const char *group, const struct link_target *told)
{
    struct world_target *t = find_target(&w->proxy, told->id);

    if (!t) {
        assert_true(w->proxy.n_targets < WORLD_TARGETS);
        t = &w->proxy.targets[w->proxy.n_targets++];
        snprintf(t->id, sizeof(t->id), "%s", told->id);
        snprintf(t->group, sizeof(t->group), "%s", group);
    }
    assert_false(t->left);
    assert_false(t->draining && !told->draining);
    assert_false(t->present); /* the caller has cleared it: twice in one group */
    t->present = true;
    memcpy(t->local_address, told->local_address, sizeof(t->local_address));
    if (told->draining && !t->draining)
        t->draining_since = loop_now(w->loop);
    t->draining = told->draining;
    if (t->draining && w->proxy.drains)
        say_drained(w, t);
}

static bool overdue(const struct world *w, const struct world_target *t)
{
    return t->draining &&
           loop_now(w->loop) - t->draining_since >= PROXY_LINK_DEREGISTRATION_DELAY_MS;
}

static void hear_group(struct world *w, const char *id, const struct link_target_group *g)
{
    struct world_proxy *p = &w->proxy;

    for (size_t i = 0; i < p->n_targets; i++)
        if (strcmp(p->targets[i].group, id) == 0 && !p->targets[i].left)
            p->targets[i].present = false;
    if (g) {
        p->outlook = g->outlook;
        p->queue_timeout_ms = g->queue_timeout_ms;
    }
    for (size_t i = 0; g && i < g->n_targets; i++)
        hear_target(w, id, &g->targets[i]);
    for (size_t i = 0; i < p->n_targets; i++) {
        struct world_target *t = &p->targets[i];

        if (t->present || t->left)
            continue;
        t->left = true;
        assert_true(t->drained || overdue(w, t) || !fake_driver_has(w->driver, t->id));
    }
}

static void hear_endpoint(struct world *w, const char *name, const struct link_endpoint *e)
{
    struct world_proxy *p = &w->proxy;
    size_t i = 0;

    while (i < p->n_endpoints && strcmp(p->endpoints[i], name) != 0)
        i++;
    if (!e) {
        if (i < p->n_endpoints)
            memcpy(p->endpoints[i], p->endpoints[--p->n_endpoints], LINK_NAME_BYTES);
        return;
    }
    assert_true(i < WORLD_ENDPOINTS);
    snprintf(p->endpoints[i], LINK_NAME_BYTES, "%s", name);
    p->weights[i] = e->variants[0].weight;
    if (i == p->n_endpoints)
        p->n_endpoints++;
}

static void hear_snapshot(struct world *w, const struct link_snapshot *s)
{
    w->proxy.snapshots++;
    w->proxy.n_endpoints = 0;
    for (size_t i = 0; i < s->n_endpoints; i++)
        hear_endpoint(w, s->endpoints[i].name, &s->endpoints[i]);
    for (size_t i = 0; i < s->n_target_groups; i++)
        hear_group(w, s->target_groups[i].id, &s->target_groups[i]);
}

static void hear(struct world *w, const struct link_message *m)
{
    struct link_message ack = { .type = LINK_ACK };

    if (m->type == LINK_SNAPSHOT) {
        hear_snapshot(w, &m->snapshot);
        ack.ack.revision = m->snapshot.revision;
    } else {
        assert_int_equal(m->type, LINK_UPDATE);
        w->proxy.updates++;
        ack.ack.revision = m->update.revision;
        if (m->update.kind == LINK_ENDPOINT)
            hear_endpoint(w, m->update.id, m->update.removed ? NULL : &m->update.endpoint);
        else if (m->update.kind == LINK_TARGET_GROUP)
            hear_group(w, m->update.id, m->update.removed ? NULL : &m->update.target_group);
    }
    assert_true(ack.ack.revision >= w->proxy.revision);
    w->proxy.revision = ack.ack.revision;
    if (w->proxy.acks)
        say(w, &ack);
}

static void proxy_ready(struct loop_io *io, unsigned events)
{
    struct world *w = world_of(io);
    json_t *json;
    ssize_t n;

    (void)events;
    assert_int_equal(buffer_reserve(&w->proxy.in, READ_BYTES), 0);
    n = recv(w->proxy.fd, buffer_tail(&w->proxy.in), READ_BYTES, MSG_DONTWAIT);
    if (n <= 0) {
        world_disconnect_proxy(w);
        return;
    }
    buffer_commit(&w->proxy.in, (size_t)n);
    while (w->proxy.fd >= 0 && frame_read(&w->proxy.in, &json) == 0) {
        struct link_message message;

        assert_int_equal(link_message_from_json(json, &message), 0);
        json_decref(json);
        hear(w, &message);
        link_message_deinit(&message);
    }
}

void world_connect_proxy(struct world *w)
{
    struct link_message hello = { .type = LINK_HELLO, .hello = { LINK_VERSION, 4711 } };
    struct address address;
    char text[128];

    snprintf(text, sizeof(text), "unix:%s", w->link_path);
    assert_int_equal(address_parse(text, &address), 0);
    assert_int_equal(address_connect(&address, &w->proxy.fd), 0);
    assert_int_equal(loop_io_add(w->loop, &w->proxy.io, w->proxy.fd, LOOP_READ, proxy_ready), 0);
    say(w, &hello);
}

void world_disconnect_proxy(struct world *w)
{
    if (w->proxy.fd < 0)
        return;
    loop_io_remove(&w->proxy.io);
    w->proxy.fd = fd_close(w->proxy.fd);
    buffer_clear(&w->proxy.in);
}

unsigned world_serving(const struct world *w, const char *group)
{
    unsigned n = 0;

    for (size_t i = 0; i < w->proxy.n_targets; i++) {
        const struct world_target *t = &w->proxy.targets[i];

        n += !t->left && !t->draining && strcmp(t->group, group) == 0;
    }
    return n;
}

bool world_routes(const struct world *w, const char *endpoint)
{
    for (size_t i = 0; i < w->proxy.n_endpoints; i++)
        if (strcmp(w->proxy.endpoints[i], endpoint) == 0)
            return true;
    return false;
}

void world_say_health(struct world *w, const char *id, bool healthy)
{
    struct link_message message = { .type = LINK_EVENT, .event.event = LINK_TARGET_HEALTH };

    snprintf(message.event.target, sizeof(message.event.target), "%s", id);
    snprintf(message.event.state, sizeof(message.event.state), "%s",
             healthy ? "healthy" : "unhealthy");
    say(w, &message);
}

void world_say_waiting(struct world *w, const char *group, unsigned waiting)
{
    struct link_message message = { .type = LINK_EVENT, .event.event = LINK_QUEUE_WAITING };

    snprintf(message.event.group, sizeof(message.event.group), "%s", group);
    message.event.queued = waiting;
    say(w, &message);
}

void world_say_report(struct world *w, const char *group, unsigned arrivals, unsigned waiting)
{
    struct link_report_group *g = calloc(1, sizeof(*g));
    struct link_message message = { .type = LINK_REPORT };

    assert_non_null(g);
    snprintf(g->id, sizeof(g->id), "%s", group);
    g->arrivals = arrivals;
    g->arrivals_per_target = arrivals;
    g->queued = waiting;
    g->concurrency_samples = 10;
    g->concurrency_sum = 10 * waiting;
    g->concurrency_min = g->concurrency_max = waiting;
    message.report.at_ms = loop_wall(w->loop);
    message.report.interval_ms = MS_PER_S;
    message.report.groups = g;
    message.report.n_groups = 1;
    say(w, &message);
    link_message_deinit(&message);
}

/* --- the store -------------------------------------------------------------------------------- */

static struct world_store *faulty_of(struct store *s)
{
    return container_of(s, struct world_store, base);
}

static int faulty_get(struct store *s, const char *path, json_t **ret_document,
                      int64_t *ret_revision)
{
    return store_get(faulty_of(s)->memory, path, ret_document, ret_revision);
}

static int faulty_list(struct store *s, const char *prefix,
                       int (*each)(const char *path, json_t *document, int64_t revision,
                                   void *context),
                       void *context)
{
    return store_list(faulty_of(s)->memory, prefix, each, context);
}

static int faulty_transact(struct store *s, const struct store_operation *operations, size_t n,
                           int64_t *ret_revision)
{
    struct world_store *f = faulty_of(s);

    if (f->fail_in == 1)
        return -EIO;
    if (f->fail_in > 1)
        f->fail_in--;
    return store_transact(f->memory, operations, n, ret_revision);
}

static const struct store_ops faulty_ops = {
    .get = faulty_get,
    .list = faulty_list,
    .transact = faulty_transact,
};

void world_fail_write(struct world *w, unsigned nth)
{
    w->faulty.fail_in = nth;
    w->may_fail = true;
}

/* --- time ------------------------------------------------------------------------------------- */

/* Nothing that the proxy may send requests to has been told to stop. */
static void check(struct world *w)
{
    for (size_t i = 0; i < w->proxy.n_targets; i++) {
        const struct world_target *t = &w->proxy.targets[i];

        if (!t->left && !t->drained && !overdue(w, t))
            assert_false(fake_driver_terminating(w->driver, t->id));
    }
}

static void step(struct world *w)
{
    sim_clock_advance(&w->clock, STEP_MS);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(loop_turn(w->loop, 0), 0);
    assert_true(w->control->error == 0 || w->may_fail);
    check(w);
}

void world_run(struct world *w, ms_t ms)
{
    for (ms_t passed = 0; passed < ms; passed += STEP_MS)
        step(w);
}

void world_await(struct world *w, bool (*holds)(struct world *w))
{
    for (ms_t passed = 0; !holds(w); passed += STEP_MS) {
        assert_true(passed < AWAIT_MS);
        step(w);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static void nobody_hears(void *context, const char *id, const char *why)
{
    (void)context;
    (void)id;
    (void)why;
}

static void start_control(struct world *w)
{
    const struct control_settings settings = {
        .region = "us-east-1",
        .account = "000000000000",
        .auth = true,
        .access_key_id = "AKIDEXAMPLE",
        .secret_access_key = "secret",
        .instances_max = 20,
    };
    struct driver_events events;

    w->faulty = (struct world_store){ { &faulty_ops }, w->store, 0 };
    w->may_fail = false;
    assert_int_equal(
        control_new(w->loop, NULL, &w->faulty.base, NULL, &settings, ++w->seed, &w->control), 0);
    events = control_driver_events(w->control);
    fake_driver_set_events(w->driver, &events);
    assert_int_equal(control_start(w->control, w->driver), 0);
    assert_int_equal(proxy_link_open(w->control->link, w->link_fd), 0);
}

void world_set_up(struct world *w)
{
    const struct driver_events events = { nobody_hears, NULL };
    struct address address;
    char text[128];

    memset(w, 0, sizeof(*w));
    w->proxy = (struct world_proxy){ .fd = -1, .acks = true, .drains = true };
    w->proxy.in = BUFFER_INIT(FRAME_BYTES_MAX + READ_BYTES);
    strcpy(w->folder, "/tmp/weir-test-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->link_path, sizeof(w->link_path), "%s/link.sock", w->folder);
    snprintf(text, sizeof(text), "unix:%s", w->link_path);
    assert_int_equal(address_parse(text, &address), 0);
    assert_int_equal(address_listen(&address, false, &w->link_fd), 0);

    sim_clock_init(&w->clock, 1767322800000);
    assert_int_equal(loop_new(&w->clock.base, &w->loop), 0);
    assert_int_equal(store_open_memory(&w->store), 0);
    assert_int_equal(fake_driver_new(w->loop, &events, &w->driver), 0);
    start_control(w);
}

static void stop_control(struct world *w)
{
    const struct driver_events events = { nobody_hears, NULL };

    fake_driver_set_events(w->driver, &events);
    w->control = control_free(w->control);
}

void world_restart(struct world *w)
{
    stop_control(w);
    start_control(w);
}

void world_tear_down(struct world *w)
{
    stop_control(w);
    world_disconnect_proxy(w);
    buffer_deinit(&w->proxy.in);
    driver_free(w->driver);
    store_free(w->store);
    loop_free(w->loop);
    fd_close(w->link_fd);
    unlink(w->link_path);
    rmdir(w->folder);
}

/* --- objects ---------------------------------------------------------------------------------- */

static json_t *config_definition(unsigned count)
{
    return json_pack("{s:[{s:s, s:s, s:s, s:i, s:i}]}", "ProductionVariants", "VariantName", "v",
                     "ModelName", "m", "InstanceType", "ml.m5.large", "InitialInstanceCount",
                     (int)count, "ContainerStartupHealthCheckTimeoutInSeconds", 60);
}

void world_make_endpoint(struct world *w, const char *name, unsigned count)
{
    json_t *model = json_pack("{s:{s:s, s:{s:s}}}", "PrimaryContainer", "Image",
                              "weir/xgboost:latest", "Environment", "A", "1");
    json_t *config = config_definition(count);
    const char *subject;
    char config_name[64];

    snprintf(config_name, sizeof(config_name), "c-%s", name);
    if (!model_find(w->control, "m"))
        assert_int_equal(model_create(w->control, "m", model, NULL), 0);
    if (!endpoint_config_find(w->control, config_name))
        assert_int_equal(endpoint_config_create(w->control, config_name, config, NULL, &subject),
                         0);
    assert_int_equal(endpoint_create(w->control, name, config_name, NULL, &subject), 0);
    json_decref(model);
    json_decref(config);
}

bool world_in_service(struct world *w)
{
    return endpoint_find(w->control, "e")->status == ENDPOINT_IN_SERVICE;
}

int world_set_count(struct world *w, unsigned count)
{
    const struct variant_change change = { .variant = "v", .has_count = true, .count = count };
    const char *subject;

    return endpoint_update_weights_and_capacities(w->control, "e", &change, 1, &subject);
}
