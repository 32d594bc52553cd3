#include "control/test_scaling.h"

#include <string.h>

#include "control/explanation.h"
#include "control/telemetry.h"
#include "fleet/fake.h"

enum { METRICS_MAX = 1000, SETTLE_MS = 3000 };

/* --- control ---------------------------------------------------------------------------------- */

/* Nobody ever answers what custom resources are asked. */
static int send_into_silence(struct courier *c, const struct courier_request *request,
                             courier_answered_fn *answered, void *context)
{
    return 0;
}

static void cancel_in_silence(struct courier *c, const void *context)
{
}

static const struct courier_ops silence = { send_into_silence, cancel_in_silence, NULL };
static struct courier courier = { .ops = &silence };

void attach(struct fixture *f)
{
    struct control *c = f->world.control;

    c->metrics = f->metrics;
    c->courier = &courier;
    assert_int_equal(telemetry_new(c, &c->telemetry), 0);
    assert_int_equal(autoscaler_new(c, &c->autoscaler), 0);
}

void detach(struct fixture *f)
{
    struct control *c = f->world.control;

    c->autoscaler = autoscaler_free(c->autoscaler);
    c->telemetry = telemetry_free(c->telemetry);
}

int set_up_with(void **state, unsigned count)
{
    static struct fixture f;

    f.resource = RESOURCE;
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

/* --- what is scaled, and how ------------------------------------------------------------------ */

struct variant *variant(struct fixture *f)
{
    return endpoint_variant(endpoint_find(f->world.control, "e"), "v");
}

struct variant_counts counts(struct fixture *f)
{
    return variant_counts(variant(f));
}

struct scaling_target_change change_to(const struct fixture *f, int min, int max)
{
    return (struct scaling_target_change){ .resource_id = f->resource,
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
    const struct scaling_target_change change = change_to(f, min, max);

    assert_int_equal(register_as(f, &change), 0);
    return target(f);
}

struct scaling_target *target(struct fixture *f)
{
    return scaling_target_find(autoscaler(f), f->resource);
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

int tell(struct fixture *f, const struct scaling_policy *p, double metric, ms_t age_ms)
{
    char arn[SCALING_ARN_BYTES];
    wall_ms_t now = wall(f);

    scaling_policy_arn(p, arn);
    return scaling_policy_hear(autoscaler(f), arn,
                               &(struct alarm_signal){ .alarm = "busy",
                                                       .state = ALARM_ALARM,
                                                       .now = now,
                                                       .comparison = ALARM_GREATER,
                                                       .threshold = 50,
                                                       .points = &metric,
                                                       .n_points = 1,
                                                       .queried = now - age_ms });
}

/* --- what came of it -------------------------------------------------------------------------- */

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
