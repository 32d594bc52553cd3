/* What outlived an earlier run is taken over, not launched anew. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "control/meter.h"
#include "control/proxy_link.h"
#include "control/reconcile.h"
#include "control/record.h"

static int copy(char *to, size_t size, const char *text)
{
    size_t n = strlen(text);

    if (n >= size)
        return -EINVAL;
    memcpy(to, text, n + 1);
    return 0;
}

static int read_instance(json_t *document, struct instance *i, const char **ret_endpoint,
                         const char **ret_variant)
{
    const char *id, *state, *handle, *address;
    json_int_t generation, launched;

    if (json_unpack(document, "{s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:s}", "id", &id, "endpoint",
                    ret_endpoint, "variant", ret_variant, "generation", &generation, "state",
                    &state, "launched", &launched, "handle", &handle, "address", &address) ||
        copy(i->id, sizeof(i->id), id) || copy(i->handle.text, sizeof(i->handle.text), handle) ||
        copy(i->handle.address, sizeof(i->handle.address), address))
        return -EINVAL;
    i->generation = (unsigned)generation;
    i->launched = launched;
    return instance_state_parse(state, &i->state);
}

static struct variant *owner(const struct control *c, const char *endpoint, const char *variant)
{
    const struct endpoint *e = endpoint_find(c, endpoint);

    return e ? endpoint_variant(e, variant) : NULL;
}

static int load(struct control *c, json_t *document)
{
    struct instance *i = calloc(1, sizeof(*i));
    const char *endpoint = "", *variant = "";
    struct variant *v = NULL;
    int r = i ? read_instance(document, i, &endpoint, &variant) : -ENOMEM;

    if (!r) {
        v = owner(c, endpoint, variant);
        r = v ? instance_add(c, v, i) : -EINVAL;
    }
    if (r)
        free(i);
    return r;
}

/* The list of a variant is by age, which the order of records in the store is not. */
static void insert_by_launch(struct list *sorted, struct instance *i)
{
    struct list_link *before = sorted->head.previous;

    while (before != &sorted->head &&
           container_of(before, struct instance, link)->launched > i->launched)
        before = before->previous;
    list_insert_between(&i->link, before, before->next);
}

static void sort_by_launch(struct variant *v)
{
    struct list sorted;

    list_init(&sorted);
    list_for_each_safe (i, &v->instances, struct instance, link) {
        list_remove(&i->link);
        insert_by_launch(&sorted, i);
    }
    list_for_each_safe (i, &sorted, struct instance, link) {
        list_remove(&i->link);
        list_push_back(&v->instances, &i->link);
    }
}

static void resume(struct control *c, struct instance *i)
{
    struct variant *v = i->variant;

    meter_adopted(c->meter, v->endpoint->name, v->name, v->instance_type);
    if (i->state == INSTANCE_IN_SERVICE)
        v->ever_in_service = true;
    if (i->state == INSTANCE_IN_SERVICE || i->state == INSTANCE_DRAINING)
        instance_find_local(i);
    if (i->state == INSTANCE_DRAINING)
        i->drain_revision = proxy_link_target_group(c->link, v);
    if (i->state == INSTANCE_PENDING)
        instance_ping(i);
    if (i->state == INSTANCE_TERMINATING)
        driver_terminate(c->driver, i->id);
}

static int adopt_variant(struct control *c, struct variant *v, unsigned *n_adopted,
                         unsigned *n_gone)
{
    int r;

    sort_by_launch(v);
    list_for_each_safe (i, &v->instances, struct instance, link) {
        r = driver_adopt(c->driver, i->id, &i->handle);
        if (r < 0)
            return fault(r);
        if (r == 0) {
            resume(c, i);
            ++*n_adopted;
            continue;
        }
        log_warn(c->log, "instance is gone", "endpoint=%s variant=%s instance=%s state=%s",
                 v->endpoint->name, v->name, i->id, instance_state_text(i->state));
        r = instance_forget(c, i);
        if (r)
            return fault(r);
        ++*n_gone;
    }
    meter_in_service(c->meter, v->endpoint->name, v->name, v->instance_type,
                     variant_counts(v).in_service);
    return 0;
}

int reconcile_start(struct control *c)
{
    unsigned n_adopted = 0, n_gone = 0;
    int r = record_load(c, "/instances/", load);

    if (r)
        return fault(r);
    map_for_each (slot, &c->endpoints) {
        struct endpoint *e = slot->value;

        for (size_t i = 0; i < e->n_variants; i++) {
            r = adopt_variant(c, &e->variants[i], &n_adopted, &n_gone);
            if (r)
                return fault(r);
        }
        e->announced = endpoint_takes_requests(e);
    }
    log_info(c->log, "state loaded", "endpoints=%zu instances_adopted=%u instances_gone=%u",
             c->endpoints.size, n_adopted, n_gone);
    reconcile_wake(c);
    return 0;
}
