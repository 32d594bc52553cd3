/* Random calls, failures and restarts. What must hold meanwhile is checked by test_world.c; at the
 * end everything has to converge, and to leave nothing behind. WEIR_SEED repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"
#include "control/endpoint.h"
#include "control/instance.h"
#include "control/test_world.h"
#include "fleet/fake.h"

enum { ROUNDS = 6, STEPS = 120, ENDPOINTS = 2 };

static const char *const names[ENDPOINTS] = { "one", "two" };
static struct world world;
static struct random dice;

static struct endpoint *some_endpoint(struct world *w)
{
    return endpoint_find(w->control, names[random_below(&dice, ENDPOINTS)]);
}

static struct instance *some_instance(struct world *w)
{
    size_t n = w->control->instances.size;
    uint32_t nth = n > 0 ? random_below(&dice, (uint32_t)n) : 0;

    map_for_each (slot, &w->control->instances)
        if (nth-- == 0)
            return slot->value;
    return NULL;
}

static void create_or_delete(struct world *w)
{
    const char *name = names[random_below(&dice, ENDPOINTS)];

    if (endpoint_find(w->control, name))
        endpoint_delete(w->control, name);
    else
        world_make_endpoint(w, name, 2);
}

static void rescale(struct world *w)
{
    const struct endpoint *e = some_endpoint(w);

    if (e)
        endpoint_set_desired(w->control, e->name, "v", 1 + random_below(&dice, 7), "dice");
}

static void reweigh(struct world *w)
{
    struct variant_change change = { .variant = "v", .has_weight = true, .weight = 2 };
    const struct endpoint *e = some_endpoint(w);
    const char *subject;

    if (e)
        endpoint_update_weights_and_capacities(w->control, e->name, &change, 1, &subject);
}

static void make_ready(struct world *w)
{
    const struct instance *i = some_instance(w);

    if (i && fake_driver_has(w->driver, i->id))
        fake_driver_ready(w->driver, i->id);
}

static void kill_one(struct world *w)
{
    const struct instance *i = some_instance(w);

    if (i && fake_driver_has(w->driver, i->id))
        fake_driver_die(w->driver, i->id, "killed by the dice");
}

static void change_health(struct world *w)
{
    const struct instance *i = some_instance(w);

    if (i)
        world_say_health(w, i->id, random_below(&dice, 2));
}

static void change_driver(struct world *w)
{
    switch (random_below(&dice, 4)) {
    case 0:
        fake_driver_fail_launch(w->driver, 1 + random_below(&dice, 3),
                                random_below(&dice, 2) ? DRIVER_E_REFUSED : -12);
        break;
    case 1:
        fake_driver_set_ready_at_launch(w->driver, random_below(&dice, 2));
        break;
    case 2:
        fake_driver_set_obedient(w->driver, random_below(&dice, 3) > 0);
        break;
    case 3:
        w->proxy.drains = random_below(&dice, 3) > 0;
        break;
    }
}

static void reconnect(struct world *w)
{
    world_disconnect_proxy(w);
    world_run(w, random_below(&dice, 20000));
    world_connect_proxy(w);
}

static void restart(struct world *w)
{
    world_restart(w);
    world_run(w, random_below(&dice, 3000));
    if (w->proxy.fd >= 0)
        world_disconnect_proxy(w);
    world_connect_proxy(w);
}

static void do_something(struct world *w)
{
    static void (*const deeds[])(struct world * w) = {
        create_or_delete, rescale,  rescale,       rescale,       reweigh,   make_ready, make_ready,
        make_ready,       kill_one, change_health, change_driver, reconnect, restart,
    };

    deeds[random_below(&dice, sizeof(deeds) / sizeof(deeds[0]))](w);
    world_run(w, random_below(&dice, random_below(&dice, 10) == 0 ? 80000 : 2000));
}

/* --- the end ---------------------------------------------------------------------------------- */

static bool converged(struct world *w)
{
    unsigned wanted = 0;

    map_for_each (slot, &w->control->endpoints) {
        const struct endpoint *e = slot->value;

        if (e->status == ENDPOINT_FAILED)
            continue;
        if (e->status != ENDPOINT_IN_SERVICE || e->failure_reason[0] != '\0')
            return false;
        if (variant_counts(&e->variants[0]).in_service != e->variants[0].desired_count)
            return false;
        wanted += e->variants[0].desired_count;
    }
    return w->control->instances.size == wanted && fake_driver_count(w->driver) == wanted;
}

static bool nothing_left(struct world *w)
{
    return w->control->endpoints.size == 0;
}

/* Everything behaves from now on: those that start answer, those that are told to stop end. */
static void calm(struct world *w)
{
    fake_driver_set_ready_at_launch(w->driver, true);
    fake_driver_set_obedient(w->driver, true);
    w->proxy.drains = true;
    restart(w);
    map_for_each (slot, &w->control->instances)
        if (fake_driver_has(w->driver, slot->key))
            fake_driver_ready(w->driver, slot->key);
}

static int count_document(const char *path, json_t *document, int64_t revision, void *context)
{
    (void)path;
    (void)document;
    (void)revision;
    ++*(unsigned *)context;
    return 0;
}

static unsigned stored(struct world *w, const char *prefix)
{
    unsigned n = 0;

    assert_int_equal(store_list(w->store, prefix, count_document, &n), 0);
    return n;
}

static void check_converged(struct world *w)
{
    assert_int_equal(stored(w, "/instances/"), w->control->instances.size);
    map_for_each (slot, &w->control->endpoints) {
        const struct endpoint *e = slot->value;
        char group[LINK_NAME_BYTES];

        variant_group(&e->variants[0], group);
        assert_int_equal(world_serving(w, group),
                         e->status == ENDPOINT_FAILED ? 0 : e->variants[0].desired_count);
        assert_int_equal(world_routes(w, e->name), e->status != ENDPOINT_FAILED);
    }
}

static void converges_whatever_happened(void **state)
{
    const char *given = getenv("WEIR_SEED");
    uint64_t seed;

    (void)state;
    random_secret(&seed, sizeof(seed));
    if (given)
        seed = strtoull(given, NULL, 10);
    print_message("WEIR_SEED=%llu\n", (unsigned long long)seed);
    random_init(&dice, seed);

    for (unsigned round = 0; round < ROUNDS; round++) {
        world_set_up(&world);
        world_connect_proxy(&world);
        for (unsigned i = 0; i < STEPS; i++)
            do_something(&world);
        calm(&world);
        world_await(&world, converged);
        world_run(&world, 1000); /* what was said last arrives */
        check_converged(&world);
        for (unsigned i = 0; i < ENDPOINTS; i++)
            endpoint_delete(world.control, names[i]);
        world_await(&world, nothing_left);
        assert_int_equal(fake_driver_count(world.driver), 0);
        assert_int_equal(stored(&world, "/instances/"), 0);
        assert_int_equal(stored(&world, "/endpoints/"), 0);
        world_tear_down(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(converges_whatever_happened) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
