/* Whatever write fails, control ends rather than go on with what is not kept; the next one finds a
 * state from which everything converges, with no process left over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "control/endpoint.h"
#include "control/instance.h"
#include "control/model.h"
#include "control/test_world.h"
#include "fleet/fake.h"

enum { WRITES = 40, RUN_MS = 4000 };

static struct world world;

static bool settled(struct world *w)
{
    unsigned wanted = 0;

    map_for_each (slot, &w->control->endpoints) {
        const struct endpoint *e = slot->value;

        if (e->status != ENDPOINT_IN_SERVICE)
            return false;
        wanted += e->variants[0].desired_count;
    }
    return w->control->instances.size == wanted && fake_driver_count(w->driver) == wanted;
}

/* What a user may do; each call is checked only when it was acknowledged. */
static void play(struct world *w, bool *ret_created, unsigned *ret_count)
{
    struct variant_change change = { .variant = "v", .has_count = true };
    const char *subject;

    *ret_created = endpoint_create(w->control, "e", "c", NULL, &subject) == 0;
    *ret_count = 2;
    for (unsigned i = 0; i < 3 && w->control->error == 0; i++) {
        world_run(w, RUN_MS);
        change.count = i % 2 ? 1 : 4;
        if (w->control->error == 0 &&
            endpoint_update_weights_and_capacities(w->control, "e", &change, 1, &subject) == 0)
            *ret_count = change.count;
    }
    world_run(w, RUN_MS);
}

static void prepare(struct world *w)
{
    json_t *model = json_pack("{s:{s:s}}", "PrimaryContainer", "Image", "image");
    json_t *config =
        json_pack("{s:[{s:s, s:s, s:s, s:i}]}", "ProductionVariants", "VariantName", "v",
                  "ModelName", "m", "InstanceType", "ml.m5.large", "InitialInstanceCount", 2);
    const char *subject;

    world_set_up(w);
    world_connect_proxy(w);
    fake_driver_set_ready_at_launch(w->driver, true);
    assert_int_equal(model_create(w->control, "m", model, NULL), 0);
    assert_int_equal(endpoint_config_create(w->control, "c", config, NULL, &subject), 0);
    json_decref(model);
    json_decref(config);
}

static void every_write_may_fail(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= WRITES; nth++) {
        bool created, failed;
        unsigned count;

        prepare(&world);
        world_fail_write(&world, nth);
        play(&world, &created, &count);
        failed = world.control->error != 0;
        assert_true(failed || nth > WRITES / 2);

        world_restart(&world);
        world_disconnect_proxy(&world);
        world_connect_proxy(&world);
        world_await(&world, settled);
        assert_int_equal(!!endpoint_find(world.control, "e"), created);
        if (created)
            assert_int_equal(endpoint_find(world.control, "e")->variants[0].desired_count, count);
        world_tear_down(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_write_may_fail) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
