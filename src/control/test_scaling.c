#include "control/test_scaling.h"

#include <string.h>

#include "control/explanation.h"
#include "control/telemetry.h"
#include "fleet/fake.h"

enum { METRICS_MAX = 1000, SETTLE_MS = 3000 };

static void attach(struct fixture *f)
{
    struct control *c = f->world.control;

    c->metrics = f->metrics;
    assert_int_equal(telemetry_new(c, &c->telemetry), 0);
    assert_int_equal(autoscaler_new(c, &c->autoscaler), 0);
}

static void detach(struct fixture *f)
{
    struct control *c = f->world.control;

    c->autoscaler = autoscaler_free(c->autoscaler);
    c->telemetry = telemetry_free(c->telemetry);
}

int set_up_with(void **state, unsigned count)
{
    static struct fixture f;

    world_set_up(&f.world);
    world_connect_proxy(&f.world);
    assert_int_equal(metrics_new(METRICS_MAX, &f.metrics), 0);
    attach(&f);
    fake_driver_set_ready_at_launch(f.world.driver, true);
    world_make_endpoint(&f.world, "e", count);
    world_await(&f.world, world_in_service);
    *state = &f;
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;

    detach(f);
    world_tear_down(&f->world);
    f->metrics = metrics_free(f->metrics);
    return 0;
}

void restart(struct fixture *f, ms_t away_ms)
{
    detach(f);
    sim_clock_advance(&f->world.clock, away_ms);
    world_restart(&f->world);
    attach(f);
    run(f, SETTLE_MS);
}

struct variant *variant(struct fixture *f)
{
    return endpoint_variant(endpoint_find(f->world.control, "e"), "v");
}

struct variant_counts counts(struct fixture *f)
{
    return variant_counts(variant(f));
}

struct scaling_target_change change_to(int min, int max)
{
    return (struct scaling_target_change){ .resource_id = RESOURCE,
                                           .min = min,
                                           .max = max,
                                           .in_suspended = -1,
                                           .out_suspended = -1,
                                           .scheduled_suspended = -1 };
}

int register_as(struct fixture *f, const struct scaling_target_change *change)
{
    char why[SCALABLE_WHY_BYTES];
    struct scaling_target *t;

    return scaling_target_register(autoscaler(f), change, &t, why);
}

struct scaling_target *register_target(struct fixture *f, int min, int max)
{
    const struct scaling_target_change change = change_to(min, max);

    assert_int_equal(register_as(f, &change), 0);
    return target(f);
}

struct scaling_target *target(struct fixture *f)
{
    return scaling_target_find(autoscaler(f), RESOURCE);
}

struct scaling_policy *put_policy(struct fixture *f, const char *name, enum policy_kind kind,
                                  const char *text)
{
    json_t *configuration = parse(text);
    char why[SCALING_WHY_BYTES] = "";
    struct scaling_policy *p = NULL;

    if (scaling_policy_put(target(f), name, kind, configuration, &p, why) != 0)
        fail_msg("%s", why);
    json_decref(configuration);
    return p;
}

struct scaling_activity *activity(struct fixture *f, size_t back)
{
    list_for_each_backwards (x, &autoscaler(f)->activities, struct scaling_activity, link)
        if (back-- == 0)
            return x;
    return NULL;
}

void assert_replays(const struct scaling_activity *x)
{
    autofree(explanation_free) struct explanation_file *f = NULL;
    struct wish scratch[EXPLANATION_WISHES_MAX];
    json_t *details = json_loads(x->details, 0, NULL);
    struct decision again;

    assert_int_equal(explanation_read(details, &f), 0);
    json_decref(details);
    again = explain_replay(&f->x, scratch);
    assert_true(explain_same(&again, &f->x.decision));
    assert_int_equal(f->x.at, x->start);
    if (!x->not_scaled)
        assert_int_equal(again.to, x->to);
}
