#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/arn.h"
#include "control/endpoint.h"
#include "control/instance.h"
#include "control/meter.h"
#include "control/model.h"
#include "control/plan.h"
#include "control/proxy_link.h"
#include "control/reconcile.h"
#include "control/tags.h"
#include "control/test_world.h"
#include "fleet/fake.h"

static struct world world;

static int set_up(void **state)
{
    world_set_up(&world);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    world_tear_down(*state);
    return 0;
}

static struct endpoint *endpoint(struct world *w)
{
    return endpoint_find(w->control, "e");
}

static bool failed(struct world *w)
{
    return endpoint(w)->status == ENDPOINT_FAILED;
}

static bool deleted(struct world *w)
{
    return !endpoint(w);
}

static bool no_instances(struct world *w)
{
    return w->control->instances.size == 0;
}

static bool only_the_wanted_are_left(struct world *w)
{
    return world_in_service(w) &&
           w->control->instances.size == endpoint(w)->variants[0].desired_count;
}

/* The id of the @nth oldest instance. */
static const char *instance_id(struct world *w, size_t nth)
{
    list_for_each (i, &endpoint(w)->variants[0].instances, struct instance, link)
        if (nth-- == 0)
            return i->id;
    fail_msg("no such instance");
    return NULL;
}

static void make_and_await(struct world *w, unsigned count)
{
    fake_driver_set_ready_at_launch(w->driver, true);
    world_make_endpoint(w, "e", count);
    world_await(w, world_in_service);
}

static void is_in_service_when_every_instance_answered_and_the_proxy_knows(void **state)
{
    struct world *w = *state;
    struct variant_counts counts;

    world_connect_proxy(w);
    w->proxy.acks = false;
    world_make_endpoint(w, "e", 2);
    world_run(w, 3000);
    assert_int_equal(endpoint(w)->status, ENDPOINT_CREATING);
    assert_int_equal(fake_driver_count(w->driver), 2);
    assert_int_equal(world_serving(w, "e/v"), 0);
    assert_false(world_routes(w, "e"));

    fake_driver_ready(w->driver, instance_id(w, 0));
    world_run(w, 3000);
    assert_int_equal(world_serving(w, "e/v"), 1);
    assert_false(world_routes(w, "e"));
    assert_int_equal(endpoint_variant_counts(w->control, "E", "v", &counts), 0);
    assert_int_equal(counts.in_service, 1);
    assert_int_equal(counts.pending, 1);
    assert_int_equal(counts.desired, 2);

    fake_driver_ready(w->driver, instance_id(w, 1));
    world_run(w, 3000);
    assert_true(world_routes(w, "e"));
    assert_int_equal(endpoint(w)->status, ENDPOINT_CREATING); /* not acknowledged yet */
    w->proxy.acks = true;
    world_disconnect_proxy(w);
    world_connect_proxy(w);
    world_await(w, world_in_service);
    assert_int_equal(world_serving(w, "e/v"), 2);
}

static void names_what_is_wrong_with_a_call(void **state)
{
    struct world *w = *state;
    struct variant_change change = { .variant = "nope", .has_count = true, .count = 1 };
    const char *subject = NULL;

    assert_int_equal(model_delete(w->control, "m"), MODEL_E_NOT_FOUND);
    assert_int_equal(endpoint_delete(w->control, "e"), ENDPOINT_E_NOT_FOUND);
    assert_int_equal(endpoint_create(w->control, "e", "c", NULL, &subject), ENDPOINT_E_NO_CONFIG);
    assert_int_equal(world_set_count(w, 1), ENDPOINT_E_NOT_FOUND);

    world_make_endpoint(w, "e", 1);
    assert_int_equal(world_set_count(w, 2), ENDPOINT_E_IN_PROGRESS);
    assert_int_equal(endpoint_set_desired(w->control, "e", "v", 2, "test"), ENDPOINT_E_IN_PROGRESS);
    assert_int_equal(endpoint_delete(w->control, "e"), ENDPOINT_E_IN_PROGRESS);
    assert_int_equal(endpoint_create(w->control, "E", "c-e", NULL, &subject), ENDPOINT_E_EXISTS);
    world_run(w, 1000);
    fake_driver_ready(w->driver, instance_id(w, 0));
    world_await(w, world_in_service);

    assert_int_equal(world_set_count(w, 0), ENDPOINT_E_ZERO);
    assert_int_equal(world_set_count(w, 21), ENDPOINT_E_LIMIT);
    assert_int_equal(endpoint_update_weights_and_capacities(w->control, "e", &change, 1, &subject),
                     ENDPOINT_E_NO_VARIANT);
    assert_string_equal(subject, "nope");
    assert_int_equal(endpoint(w)->status, ENDPOINT_IN_SERVICE);
    assert_int_equal(model_delete(w->control, "M"), 0);
    assert_int_equal(endpoint_create(w->control, "e2", "c-e", NULL, &subject), ENDPOINT_E_NO_MODEL);
    assert_string_equal(subject, "m");
}

static void config_outcomes(void **state)
{
    static const struct {
        const char *variants;
        int outcome;
    } cases[] = {
        { "[{\"VariantName\":\"a\",\"ModelName\":\"x\",\"InstanceType\":\"ml.m5.large\","
          "\"InitialInstanceCount\":1}]",
          ENDPOINT_CONFIG_E_NO_MODEL },
        { "[{\"VariantName\":\"a\",\"ModelName\":\"m\",\"InstanceType\":\"ml.none\","
          "\"InitialInstanceCount\":1}]",
          ENDPOINT_CONFIG_E_INSTANCE_TYPE },
        { "[{\"VariantName\":\"a\",\"ServerlessConfig\":{}}]", ENDPOINT_CONFIG_E_INCOMPLETE },
        { "[{\"VariantName\":\"a\",\"ModelName\":\"m\",\"InstanceType\":\"ml.m5.large\","
          "\"InitialInstanceCount\":1},{\"VariantName\":\"a\",\"ModelName\":\"m\","
          "\"InstanceType\":\"ml.m5.large\",\"InitialInstanceCount\":1}]",
          ENDPOINT_CONFIG_E_DUPLICATE },
    };
    struct world *w = *state;

    world_make_endpoint(w, "e", 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *variants = json_loads(cases[i].variants, 0, NULL);
        json_t *definition = json_pack("{s:o}", "ProductionVariants", variants);
        const char *subject = NULL;

        assert_int_equal(endpoint_config_create(w->control, "bad", definition, NULL, &subject),
                         cases[i].outcome);
        assert_non_null(subject);
        assert_null(endpoint_config_find(w->control, "bad"));
        json_decref(definition);
    }
    assert_int_equal(endpoint_config_delete(w->control, "c-e"), 0);
    assert_int_equal(endpoint_config_delete(w->control, "c-e"), ENDPOINT_CONFIG_E_NOT_FOUND);
}

static void scales_out_and_in_without_losing_the_old_ones(void **state)
{
    struct world *w = *state;
    char first[32];

    world_connect_proxy(w);
    make_and_await(w, 1);
    snprintf(first, sizeof(first), "%s", instance_id(w, 0));
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(world_set_count(w, 4), 0);
        assert_int_equal(endpoint(w)->status, ENDPOINT_UPDATING);
        assert_int_equal(world_set_count(w, 3), ENDPOINT_E_IN_PROGRESS);
        world_await(w, only_the_wanted_are_left);
        assert_int_equal(world_serving(w, "e/v"), 4);
        assert_int_equal(world_set_count(w, 1), 0);
        world_await(w, only_the_wanted_are_left);
        assert_int_equal(world_serving(w, "e/v"), 1);
        assert_string_equal(instance_id(w, 0), first);
    }
    assert_int_equal(fake_driver_count(w->driver), 1);
}

static void the_newest_scaling_wish_wins(void **state)
{
    struct world *w = *state;

    world_connect_proxy(w);
    make_and_await(w, 1);
    assert_int_equal(endpoint_set_desired(w->control, "e", "v", 4, "load"), 0);
    assert_int_equal(endpoint_set_desired(w->control, "e", "v", 6, "more load"), 0);
    world_run(w, 50);
    assert_int_equal(endpoint_set_desired(w->control, "e", "v", 2, "less load"), 0);
    world_await(w, only_the_wanted_are_left);
    assert_int_equal(fake_driver_count(w->driver), 2);
    assert_int_equal(endpoint_set_desired(w->control, "e", "v", 2, "the same"), 0);
    assert_int_equal(endpoint(w)->status, ENDPOINT_IN_SERVICE);
}

static void scaling_in_waits_for_drained(void **state)
{
    struct world *w = *state;

    world_connect_proxy(w);
    make_and_await(w, 2);
    w->proxy.drains = false;
    assert_int_equal(world_set_count(w, 1), 0);
    world_await(w, world_in_service);
    world_run(w, PROXY_LINK_DEREGISTRATION_DELAY_MS - 2000);
    assert_int_equal(fake_driver_count(w->driver), 2);
    /* scaling out meanwhile launches anew: who drains is not revived */
    assert_int_equal(world_set_count(w, 2), 0);
    world_run(w, 1000);
    assert_int_equal(fake_driver_count(w->driver), 3);
    world_run(w, 8000); /* the delay has passed */
    assert_int_equal(fake_driver_count(w->driver), 2);
    assert_int_equal(world_serving(w, "e/v"), 2);
}

static void weights_are_current_when_the_proxy_has_them(void **state)
{
    struct world *w = *state;
    struct variant_change change = { .variant = "v", .has_weight = true, .weight = 3 };
    const char *subject;

    world_connect_proxy(w);
    make_and_await(w, 1);
    w->proxy.acks = false;
    assert_int_equal(endpoint_update_weights_and_capacities(w->control, "e", &change, 1, &subject),
                     0);
    world_run(w, 1000);
    assert_true(w->proxy.weights[0] == 3);
    assert_true(endpoint(w)->variants[0].current_weight == 1);
    assert_int_equal(endpoint(w)->status, ENDPOINT_UPDATING);
    assert_int_equal(variant_status(&endpoint(w)->variants[0]), VARIANT_UPDATING);
    w->proxy.acks = true;
    world_disconnect_proxy(w);
    world_connect_proxy(w);
    world_await(w, world_in_service);
    assert_true(endpoint(w)->variants[0].current_weight == 3);
    assert_int_equal(variant_status(&endpoint(w)->variants[0]), VARIANT_STEADY);
}

static void replaces_one_that_was_killed(void **state)
{
    struct world *w = *state;

    world_connect_proxy(w);
    make_and_await(w, 2);
    for (unsigned launches = 3; launches < 6; launches++) {
        fake_driver_die(w->driver, instance_id(w, 0), "killed");
        world_run(w, 200);
        assert_int_equal(endpoint(w)->status, ENDPOINT_IN_SERVICE);
        assert_int_equal(fake_driver_launches(w->driver), launches == 3 ? 3 : launches - 1);
        world_run(w, 5000);
        assert_int_equal(fake_driver_launches(w->driver), launches);
        assert_int_equal(world_serving(w, "e/v"), 2);
        assert_int_equal(fake_driver_count(w->driver), 2);
    }
}

static void replaces_an_unhealthy_one_launching_first(void **state)
{
    struct world *w = *state;
    char sick[32];

    world_connect_proxy(w);
    make_and_await(w, 2);
    snprintf(sick, sizeof(sick), "%s", instance_id(w, 0));
    world_say_health(w, sick, false);
    world_run(w, 20000);
    world_say_health(w, sick, true); /* it came back */
    world_run(w, 20000);
    assert_int_equal(fake_driver_launches(w->driver), 2);

    fake_driver_set_ready_at_launch(w->driver, false);
    world_say_health(w, sick, false);
    world_run(w, 32000);
    assert_int_equal(fake_driver_launches(w->driver), 3);
    assert_int_equal(world_serving(w, "e/v"), 2); /* the sick one still stands in */
    fake_driver_ready(w->driver, instance_id(w, 2));
    world_run(w, 2000);
    assert_int_equal(world_serving(w, "e/v"), 2);
    assert_false(fake_driver_has(w->driver, sick));
}

static bool one_instance(struct world *w)
{
    return w->control->instances.size == 1;
}

static void a_model_that_will_not_load_fails_its_endpoint(void **state)
{
    struct world *w = *state;

    world_connect_proxy(w);
    world_make_endpoint(w, "e", 1);
    for (unsigned i = 0; i < PLAN_LAUNCH_FAILURES_MAX; i++) {
        world_await(w, one_instance);
        assert_int_equal(endpoint(w)->status, ENDPOINT_CREATING);
        fake_driver_die(w->driver, instance_id(w, 0), "exit code 3: bad model file");
        world_await(w, no_instances);
    }
    world_await(w, failed);
    assert_non_null(strstr(endpoint(w)->failure_reason,
                           "The primary container for production variant v did not pass the ping "
                           "health check."));
    assert_non_null(strstr(endpoint(w)->failure_reason, "bad model file"));
    world_run(w, 100000);
    assert_int_equal(fake_driver_launches(w->driver), 3);
    assert_int_equal(world_set_count(w, 2), ENDPOINT_E_FAILED);
    assert_int_equal(endpoint_set_desired(w->control, "e", "v", 2, "test"), ENDPOINT_E_FAILED);
    assert_int_equal(endpoint_delete(w->control, "e"), 0);
    world_await(w, deleted);
}

static void a_reason_that_is_no_text_is_kept_as_one(void **state)
{
    struct world *w = *state;

    world_make_endpoint(w, "e", 1);
    for (unsigned i = 0; i < PLAN_LAUNCH_FAILURES_MAX; i++) {
        world_await(w, one_instance);
        fake_driver_die(w->driver, instance_id(w, 0), "cannot unpack caf\xe9.bin");
        world_await(w, no_instances);
    }
    world_await(w, failed);
    assert_non_null(strstr(endpoint(w)->failure_reason, "cannot unpack caf?.bin"));
    world_restart(w);
    assert_non_null(strstr(endpoint(w)->failure_reason, "cannot unpack caf?.bin"));
}

static void a_refused_launch_fails_the_endpoint_at_once(void **state)
{
    struct world *w = *state;

    fake_driver_fail_launch(w->driver, 1, DRIVER_E_REFUSED);
    world_make_endpoint(w, "e", 3);
    world_await(w, failed);
    assert_non_null(strstr(endpoint(w)->failure_reason, "the test refuses this launch"));
    world_await(w, no_instances);
    assert_int_equal(fake_driver_count(w->driver), 0);
}

static void a_start_beyond_its_timeout_fails_the_endpoint(void **state)
{
    struct world *w = *state;

    world_make_endpoint(w, "e", 1);
    world_run(w, 59000);
    assert_int_equal(endpoint(w)->status, ENDPOINT_CREATING);
    world_run(w, 3000);
    assert_int_equal(endpoint(w)->status, ENDPOINT_FAILED);
    assert_non_null(strstr(endpoint(w)->failure_reason, "within 60 s"));
    assert_non_null(strstr(endpoint(w)->failure_reason, "output of i-"));
}

static void a_rescale_that_cannot_launch_goes_back_and_keeps_trying(void **state)
{
    struct world *w = *state;

    world_connect_proxy(w);
    make_and_await(w, 1);
    fake_driver_fail_launch(w->driver, 1, DRIVER_E_REFUSED);
    assert_int_equal(world_set_count(w, 2), 0);
    world_await(w, world_in_service);
    assert_non_null(strstr(endpoint(w)->failure_reason, "the test refuses this launch"));
    assert_int_equal(endpoint(w)->variants[0].desired_count, 2);
    world_run(w, 5000);
    assert_int_equal(world_serving(w, "e/v"), 2);
    assert_string_equal(endpoint(w)->failure_reason, "");
}

static void launches_are_retried_ever_more_slowly(void **state)
{
    struct world *w = *state;
    unsigned launches = 0;

    world_connect_proxy(w);
    make_and_await(w, 1);
    fake_driver_set_ready_at_launch(w->driver, false);
    assert_int_equal(world_set_count(w, 2), 0);
    for (ms_t ms = 0; ms < 100000; ms += 1000) {
        world_run(w, 1000);
        if (w->control->instances.size == 2)
            fake_driver_die(w->driver, instance_id(w, 1), "exit code 1");
    }
    launches = fake_driver_launches(w->driver);
    assert_in_range(launches, 5, 9); /* 1 + 1, and after 1, 2, 4 ... 32 s and what it took */
    assert_int_equal(world_serving(w, "e/v"), 1);
}

static void a_restarted_control_adopts_what_runs(void **state)
{
    struct world *w = *state;
    char kept[32], dead[32];

    world_connect_proxy(w);
    make_and_await(w, 3);
    snprintf(kept, sizeof(kept), "%s", instance_id(w, 0));
    snprintf(dead, sizeof(dead), "%s", instance_id(w, 1));

    world_restart(w); /* the proxy sees its connection close */
    assert_int_equal(endpoint(w)->status, ENDPOINT_IN_SERVICE);
    assert_int_equal(w->control->instances.size, 3);
    world_run(w, 2000);
    world_connect_proxy(w);
    world_run(w, 2000);
    assert_int_equal(w->proxy.snapshots, 2);
    assert_int_equal(fake_driver_launches(w->driver), 3);
    assert_int_equal(world_serving(w, "e/v"), 3);
    assert_true(world_routes(w, "e"));
    assert_string_equal(instance_id(w, 0), kept);

    fake_driver_die(w->driver, dead, "killed meanwhile");
    world_restart(w);
    world_connect_proxy(w);
    world_run(w, 3000);
    assert_int_equal(fake_driver_launches(w->driver), 4);
    assert_int_equal(world_serving(w, "e/v"), 3);
}

static void the_proxy_is_told_of_unix_sockets(void **state)
{
    struct world *w = *state;
    const struct world_target *t = &w->proxy.targets[0];
    char want[64];

    world_connect_proxy(w);
    fake_driver_set_local(w->driver, true);
    make_and_await(w, 1);
    snprintf(want, sizeof(want), "unix:/run/%s.sock", instance_id(w, 0));
    assert_int_equal(w->proxy.n_targets, 1);
    assert_string_equal(t->local_address, want);

    world_disconnect_proxy(w);
    memset(w->proxy.targets[0].local_address, 0, sizeof(t->local_address));
    world_restart(w);
    world_connect_proxy(w);
    world_run(w, 1000);
    assert_string_equal(t->local_address, want);
}

static void a_restart_goes_on_where_it_was(void **state)
{
    struct world *w = *state;

    world_connect_proxy(w);
    world_make_endpoint(w, "e", 2);
    world_run(w, 1000);
    world_restart(w); /* while pending */
    world_connect_proxy(w);
    world_run(w, 1000);
    assert_int_equal(fake_driver_launches(w->driver), 2);
    fake_driver_ready(w->driver, instance_id(w, 0));
    fake_driver_ready(w->driver, instance_id(w, 1));
    world_await(w, world_in_service);

    w->proxy.drains = false;
    assert_int_equal(world_set_count(w, 1), 0);
    world_run(w, 1000);
    world_restart(w); /* while draining */
    w->proxy.drains = true;
    world_connect_proxy(w);
    world_await(w, only_the_wanted_are_left);

    fake_driver_set_obedient(w->driver, false);
    assert_int_equal(endpoint_delete(w->control, "e"), 0);
    world_run(w, 2000);
    assert_false(world_routes(w, "e"));
    world_restart(w); /* while terminating */
    assert_int_equal(endpoint(w)->status, ENDPOINT_DELETING);
    fake_driver_die(w->driver, instance_id(w, 0), "at last");
    world_await(w, deleted);
}

static void deletion_drains_and_leaves_nothing(void **state)
{
    struct world *w = *state;
    json_t *document = NULL, *tags = NULL,
           *list = json_pack("[{s:s, s:s}]", "Key", "a", "Value", "1");
    char arn[ARN_BYTES];

    world_connect_proxy(w);
    make_and_await(w, 2);
    arn_of(w->control, "endpoint", "e", arn);
    assert_true(arn_exists(w->control, arn));
    assert_int_equal(tags_add(w->control, arn, list), 0);
    assert_int_equal(endpoint_delete(w->control, "e"), 0);
    assert_int_equal(endpoint_delete(w->control, "e"), ENDPOINT_E_IN_PROGRESS);
    world_await(w, deleted);
    assert_int_equal(fake_driver_count(w->driver), 0);
    assert_int_equal(store_get(w->store, "/endpoints/e", &document, NULL), STORE_E_NOT_FOUND);
    assert_false(arn_exists(w->control, arn));
    assert_int_equal(tags_get(w->control, arn, &tags), 0);
    assert_int_equal(json_array_size(tags), 0);
    json_decref(tags);
    json_decref(list);
    world_make_endpoint(w, "e", 1); /* the name is free again */
    world_await(w, world_in_service);
}

static void tags_are_set_overwritten_and_removed(void **state)
{
    struct world *w = *state;
    json_t *first =
        json_pack("[{s:s, s:s}, {s:s, s:s}]", "Key", "a", "Value", "1", "Key", "b", "Value", "2");
    json_t *second = json_pack("[{s:s, s:s}]", "Key", "a", "Value", "3");
    json_t *keys = json_pack("[s, s]", "b", "unknown"), *tags = NULL, *many = json_array();

    assert_int_equal(tags_add(w->control, "arn:x", first), 0);
    assert_int_equal(tags_add(w->control, "arn:x", second), 0);
    assert_int_equal(tags_remove(w->control, "arn:x", keys), 0);
    assert_int_equal(tags_get(w->control, "arn:x", &tags), 0);
    assert_true(json_equal(tags, second));
    for (int i = 0; i < TAGS_MAX; i++) {
        char key[16];

        snprintf(key, sizeof(key), "k%d", i);
        json_array_append_new(many, json_pack("{s:s, s:s}", "Key", key, "Value", ""));
    }
    assert_int_equal(tags_add(w->control, "arn:x", many), TAGS_E_TOO_MANY);
    json_decref(tags);
    json_decref(first);
    json_decref(second);
    json_decref(keys);
    json_decref(many);
}

static int sum_meter(const struct meter_line *line, void *context)
{
    struct meter_line *sum = context;

    *sum = *line;
    return 0;
}

static void the_meter_counts_from_launch_to_gone_across_restarts(void **state)
{
    struct world *w = *state;
    struct meter_line line = { 0 };

    world_connect_proxy(w);
    make_and_await(w, 1);
    assert_int_equal(world_set_count(w, 3), 0);
    world_await(w, only_the_wanted_are_left);
    world_run(w, 100000);
    assert_int_equal(world_set_count(w, 1), 0);
    world_await(w, only_the_wanted_are_left);
    world_run(w, 99000);
    sim_clock_advance(&w->clock, 1000); /* as if control were away */
    world_restart(w);
    world_run(w, 100);
    assert_int_equal(meter_each(w->control->meter, sum_meter, &line), 0);
    assert_int_equal(line.running, 1);
    assert_int_equal(line.peak, 3);
    assert_true(line.instance_seconds > 399 && line.instance_seconds < 404);
    assert_true(line.seconds > 199 && line.seconds < 204);
    assert_true(line.static_peak_seconds == line.seconds * 3);
    assert_true(line.usd > 0 && line.usd < line.static_peak_usd);
}

static void the_meter_keeps_the_last_seconds_of_a_program_that_ends(void **state)
{
    struct world *w = *state;
    struct meter_line before = { 0 }, after = { 0 };

    make_and_await(w, 1);
    world_run(w, 64000);
    reconcile_stop(w->control);
    world_await(w, no_instances);
    assert_int_equal(meter_each(w->control->meter, sum_meter, &before), 0);
    world_restart(w);
    assert_int_equal(meter_each(w->control->meter, sum_meter, &after), 0);
    assert_true(before.instance_seconds > 64);
    assert_true(after.instance_seconds == before.instance_seconds);
}

static void stopping_terminates_all_and_keeps_the_objects(void **state)
{
    struct world *w = *state;

    make_and_await(w, 3);
    reconcile_stop(w->control);
    world_await(w, no_instances);
    assert_int_equal(fake_driver_count(w->driver), 0);
    assert_int_equal(endpoint(w)->status, ENDPOINT_IN_SERVICE);
    world_restart(w);
    world_await(w, only_the_wanted_are_left);
    assert_int_equal(fake_driver_count(w->driver), 3);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(is_in_service_when_every_instance_answered_and_the_proxy_knows),
        TEST(names_what_is_wrong_with_a_call),
        TEST(config_outcomes),
        TEST(scales_out_and_in_without_losing_the_old_ones),
        TEST(the_newest_scaling_wish_wins),
        TEST(scaling_in_waits_for_drained),
        TEST(weights_are_current_when_the_proxy_has_them),
        TEST(replaces_one_that_was_killed),
        TEST(replaces_an_unhealthy_one_launching_first),
        TEST(a_model_that_will_not_load_fails_its_endpoint),
        TEST(a_reason_that_is_no_text_is_kept_as_one),
        TEST(a_refused_launch_fails_the_endpoint_at_once),
        TEST(a_start_beyond_its_timeout_fails_the_endpoint),
        TEST(a_rescale_that_cannot_launch_goes_back_and_keeps_trying),
        TEST(launches_are_retried_ever_more_slowly),
        TEST(a_restarted_control_adopts_what_runs),
        TEST(the_proxy_is_told_of_unix_sockets),
        TEST(a_restart_goes_on_where_it_was),
        TEST(deletion_drains_and_leaves_nothing),
        TEST(tags_are_set_overwritten_and_removed),
        TEST(the_meter_counts_from_launch_to_gone_across_restarts),
        TEST(the_meter_keeps_the_last_seconds_of_a_program_that_ends),
        TEST(stopping_terminates_all_and_keeps_the_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
