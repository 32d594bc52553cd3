#include "control/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/reconcile.h"
#include "control/record.h"

enum { INSTANCE_PATH_BYTES = 64 };

static const char *const state_texts[] = {
    [INSTANCE_PENDING] = "Pending",
    [INSTANCE_IN_SERVICE] = "InService",
    [INSTANCE_DRAINING] = "Draining",
    [INSTANCE_TERMINATING] = "Terminating",
};
enum { N_STATES = sizeof(state_texts) / sizeof(state_texts[0]) };

const char *instance_state_text(enum instance_state state)
{
    return state_texts[state];
}

int instance_state_parse(const char *text, enum instance_state *ret)
{
    for (unsigned i = 0; i < N_STATES; i++)
        if (strcmp(text, state_texts[i]) == 0) {
            *ret = (enum instance_state)i;
            return 0;
        }
    return -EINVAL;
}

static void choose_id(struct control *c, struct instance *i)
{
    do
        snprintf(i->id, sizeof(i->id), "i-%016llx%llx", (unsigned long long)random_u64(&c->random),
                 (unsigned long long)(random_u64(&c->random) & 0xf));
    while (map_get(&c->instances, i->id));
}

int instance_add(struct control *c, struct variant *v, struct instance *i)
{
    int r = map_put(&c->instances, i->id, i);

    if (r)
        return fault(r);
    i->control = c;
    i->variant = v;
    i->since = loop_now(c->loop);
    list_push_back(&v->instances, &i->link);
    return 0;
}

int instance_new(struct control *c, struct variant *v, struct instance **ret)
{
    struct instance *i = calloc(1, sizeof(*i));
    int r;

    if (!i)
        return fault(-ENOMEM);
    choose_id(c, i);
    i->generation = v->generation;
    i->state = INSTANCE_PENDING;
    i->launched = loop_wall(c->loop);
    r = instance_add(c, v, i);
    if (r) {
        free(i);
        return fault(r);
    }
    *ret = i;
    return 0;
}

static void is_ready(struct readiness *r)
{
    struct instance *i = container_of(r, struct instance, readiness);

    i->ready = true;
    reconcile_wake(i->control);
}

void instance_ping(struct instance *i)
{
    struct control *c = i->control;
    int r = readiness_start(&i->readiness, c->loop, i->handle.address, is_ready);

    /* It stays Pending until its startup timeout, and is replaced then. */
    if (r)
        log_warn(c->log, "cannot ping instance", "instance=%s address=%s error=\"%s\"", i->id,
                 i->handle.address, strerror(-r));
}

void instance_find_local(struct instance *i)
{
    if (!driver_local_address(i->control->driver, i->id, i->local_address))
        i->local_address[0] = '\0';
}

struct instance *instance_find(const struct control *c, const char *id)
{
    return map_get(&c->instances, id);
}

static void path_of(const struct instance *i, char ret_path[INSTANCE_PATH_BYTES])
{
    snprintf(ret_path, INSTANCE_PATH_BYTES, "/instances/%s", i->id);
}

int instance_store(struct control *c, const struct instance *i)
{
    char path[INSTANCE_PATH_BYTES];
    json_t *document =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:I, s:s, s:s}", "id", i->id, "endpoint",
                  i->variant->endpoint->name, "variant", i->variant->name, "generation",
                  (int)i->generation, "state", instance_state_text(i->state), "launched",
                  (json_int_t)i->launched, "handle", i->handle.text, "address", i->handle.address);
    int r;

    if (!document)
        return fault(-ENOMEM);
    path_of(i, path);
    r = record_put(c, path, document);
    json_decref(document);
    return fault(r);
}

void instance_drop(struct control *c, struct instance *i)
{
    map_remove(&c->instances, i->id);
    list_remove(&i->link);
    readiness_stop(&i->readiness);
    free(i);
}

int instance_forget(struct control *c, struct instance *i)
{
    char path[INSTANCE_PATH_BYTES];

    path_of(i, path);
    instance_drop(c, i);
    return fault(record_delete(c, path, NULL));
}
