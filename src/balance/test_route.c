/* From what control says to the route that workers serve: catalog.c, registry.c, route.c. */
#include "balance/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "balance/catalog.h"

struct fixture {
    struct catalog catalog;
    struct registry registry;
    uint64_t serial;
};

static const char *secret_of(const struct route *route, const char *id)
{
    const struct link_credential *c = map_get(&route->credentials, id);

    return c ? c->secret_access_key : NULL;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    registry_init(&f->registry, 7);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    registry_deinit(&f->registry);
    catalog_deinit(&f->catalog);
    free(f);
    return 0;
}

static void hear(struct fixture *f, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    struct link_message m;

    assert_non_null(json);
    assert_int_equal(link_message_from_json(json, &m), 0);
    if (m.type == LINK_SNAPSHOT)
        catalog_replace(&f->catalog, &m.snapshot);
    else
        assert_int_equal(catalog_update(&f->catalog, &m.update), 0);
    link_message_deinit(&m);
    json_decref(json);
}

static struct route *build(struct fixture *f)
{
    struct route *route;

    assert_int_equal(route_new(&f->catalog.state, &f->registry, ++f->serial, 0, &route), 0);
    return route;
}

static const char snapshot[] =
    "{\"type\":\"snapshot\",\"revision\":5,\"settings\":{\"region\":\"eu-west-1\"},"
    "\"credentials\":[{\"access_key_id\":\"A\",\"secret_access_key\":\"s\"}],"
    "\"endpoints\":[{\"name\":\"e\",\"variants\":["
    "{\"name\":\"v\",\"weight\":3,\"target_group\":\"e/v\"},"
    "{\"name\":\"w\",\"weight\":1,\"target_group\":\"e/w\"},"
    "{\"name\":\"off\",\"weight\":0,\"target_group\":\"e/w\"}]}],"
    "\"target_groups\":[{\"id\":\"e/v\",\"targets\":["
    "{\"id\":\"1\",\"address\":\"127.0.0.1:1\"},"
    "{\"id\":\"bad\",\"address\":\"nowhere\"},"
    "{\"id\":\"2\",\"address\":\"127.0.0.1:2\",\"draining\":true}]}]}";

static void a_snapshot_becomes_a_route(void **state)
{
    struct fixture *f = *state;
    autofree(route_unref) struct route *route = NULL;
    const struct route_endpoint *e;
    const struct route_variant *v;

    hear(f, snapshot);
    route = build(f);
    assert_int_equal(route->revision, 5);
    assert_string_equal(secret_of(route, "A"), "s");
    assert_null(route_endpoint(route, "E"));
    e = route_endpoint(route, "e");
    assert_non_null(e);
    assert_string_equal(e->model_name, "primary");
    v = route_variant(e, "v");
    assert_non_null(v->group);
    assert_int_equal(v->group->n_targets, 2); /* the one without an address is left out */
    assert_false(v->group->targets[0].draining);
    assert_true(v->group->targets[1].draining);
    assert_null(route_variant(e, "w")->group); /* control has not said what it is */
    assert_null(route_variant(e, "x"));
}

static const char *matched(const struct route *route, const char *path)
{
    const struct route_path *p = route_match(route, slice_from(path));

    if (!p)
        return "nowhere";
    return p->group ? p->group->config.id : "no group";
}

static void the_longest_prefix_counts(void **state)
{
    struct fixture *f = *state;
    autofree(route_unref) struct route *route = NULL;

    hear(f, "{\"type\":\"snapshot\",\"revision\":5,\"settings\":{},\"target_groups\":["
            "{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"}],\"routes\":["
            "{\"path_prefix\":\"/x\",\"target_group\":\"a\"},"
            "{\"path_prefix\":\"/x/longer\",\"target_group\":\"b\"},"
            "{\"path_prefix\":\"/none\",\"target_group\":\"d\"},"
            "{\"path_prefix\":\"/y/\",\"target_group\":\"c\"}]}");
    route = build(f);
    assert_string_equal(matched(route, "/x"), "a");
    assert_string_equal(matched(route, "/xylophone"), "a");
    assert_string_equal(matched(route, "/x/longer/still"), "b");
    assert_string_equal(matched(route, "/y/"), "c");
    assert_string_equal(matched(route, "/y"), "nowhere");
    assert_string_equal(matched(route, "/none"), "no group");
    assert_string_equal(route_path(route, "/x/longer")->group->config.id, "b");
    assert_null(route_path(route, "/x/long"));
}

static void updates_change_one_object(void **state)
{
    struct fixture *f = *state;
    autofree(route_unref) struct route *route = NULL;

    hear(f, snapshot);
    hear(f, "{\"type\":\"update\",\"revision\":6,\"kind\":\"target_group\",\"id\":\"e/w\","
            "\"object\":{\"id\":\"e/w\",\"targets\":[{\"id\":\"3\",\"address\":\"unix:/x\"}]}}");
    hear(f, "{\"type\":\"update\",\"revision\":7,\"kind\":\"target_group\",\"id\":\"e/v\","
            "\"object\":null}");
    hear(f, "{\"type\":\"update\",\"revision\":8,\"kind\":\"credential\",\"id\":\"A\",\"object\":"
            "{\"access_key_id\":\"A\",\"secret_access_key\":\"t\"}}");
    hear(f, "{\"type\":\"update\",\"revision\":9,\"kind\":\"settings\",\"object\":"
            "{\"region\":\"us-west-2\",\"auth\":false}}");
    hear(f,
         "{\"type\":\"update\",\"revision\":3,\"kind\":\"endpoint\",\"id\":\"e\",\"object\":null}");
    route = build(f);
    assert_int_equal(route->revision, 9);
    assert_non_null(route_endpoint(route, "e")); /* the old news was not believed */
    assert_null(route_variant(route_endpoint(route, "e"), "v")->group);
    assert_int_equal(route_variant(route_endpoint(route, "e"), "w")->group->n_targets, 1);
    assert_string_equal(secret_of(route, "A"), "t");
    assert_string_equal(route->settings.region, "us-west-2");
    assert_false(route->settings.auth);
}

static void updates_without_a_snapshot_mean_nothing(void **state)
{
    struct fixture *f = *state;

    hear(f, "{\"type\":\"update\",\"revision\":3,\"kind\":\"endpoint\",\"id\":\"e\",\"object\":"
            "{\"name\":\"e\"}}");
    assert_false(f->catalog.known);
    assert_int_equal(f->catalog.state.n_endpoints, 0);
}

static void targets_keep_their_counts_from_route_to_route(void **state)
{
    struct fixture *f = *state;
    struct route *one, *two;
    struct target *t;

    hear(f, snapshot);
    one = build(f);
    t = one->groups[0].targets[0].target;
    assert_true(target_begin(t, 1));
    two = build(f);
    assert_ptr_equal(two->groups[0].targets[0].target, t);
    assert_ptr_equal(two->groups[0].gauge, one->groups[0].gauge);
    route_unref(one);
    registry_sweep(&f->registry);
    assert_int_equal(f->registry.targets.size, 2);
    target_end(t);
    route_unref(two);
    registry_sweep(&f->registry);
    assert_int_equal(f->registry.targets.size, 0);
    assert_int_equal(f->registry.gauges.size, 0);
}

static void variants_are_chosen_by_weight(void **state)
{
    struct fixture *f = *state;
    autofree(route_unref) struct route *route = NULL;
    struct random random;
    unsigned v = 0, w = 0;

    hear(f, snapshot);
    route = build(f);
    random_init(&random, 1);
    for (int i = 0; i < 40000; i++) {
        const char *name = route_choose(route_endpoint(route, "e"), &random)->name;

        v += strcmp(name, "v") == 0;
        w += strcmp(name, "w") == 0;
    }
    assert_in_range(v, 29400, 30600);
    assert_int_equal(v + w, 40000);
}

static void without_weights_all_are_equal(void **state)
{
    struct fixture *f = *state;
    autofree(route_unref) struct route *route = NULL;
    struct random random;
    unsigned a = 0;

    hear(f, "{\"type\":\"snapshot\",\"revision\":5,\"settings\":{},\"endpoints\":["
            "{\"name\":\"e\",\"variants\":["
            "{\"name\":\"a\",\"weight\":0,\"target_group\":\"g\"},"
            "{\"name\":\"b\",\"weight\":0,\"target_group\":\"g\"}]},{\"name\":\"none\"},"
            "{\"name\":\"e\"}]}");
    route = build(f);
    random_init(&random, 1);
    for (int i = 0; i < 10000; i++)
        a += route_choose(route_endpoint(route, "e"), &random)->name[0] == 'a';
    assert_in_range(a, 4700, 5300);
    assert_null(route_choose(route_endpoint(route, "none"), &random));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_snapshot_becomes_a_route),
        TEST(the_longest_prefix_counts),
        TEST(updates_change_one_object),
        TEST(updates_without_a_snapshot_mean_nothing),
        TEST(targets_keep_their_counts_from_route_to_route),
        TEST(variants_are_chosen_by_weight),
        TEST(without_weights_all_are_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
