#include "control/link_objects.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "control/instance.h"
#include "control/key.h"
#include "control/proxy_link.h"

enum {
    HEALTH_INTERVAL_MS = 2000,
    HEALTH_TIMEOUT_MS = 2000, /* as SageMaker gives a ping */
    HEALTHY_THRESHOLD = 2,
    UNHEALTHY_THRESHOLD = 3,
    /* While a lost instance is being replaced, some seconds of requests wait rather than fail. */
    QUEUE_LENGTH_MAX = 4096,
};

static void copy(char *to, size_t n, const char *from)
{
    snprintf(to, n, "%s", from);
}

int link_objects_endpoint(const struct endpoint *e, struct link_endpoint *ret)
{
    struct link_endpoint to = { .n_variants = e->n_variants };

    to.variants = calloc(e->n_variants + 1, sizeof(*to.variants));
    if (!to.variants)
        return fault(-ENOMEM);
    copy(to.name, sizeof(to.name), e->name);
    copy(to.model_name, sizeof(to.model_name), "primary");
    for (size_t i = 0; i < e->n_variants; i++) {
        const struct variant *v = &e->variants[i];

        copy(to.variants[i].name, sizeof(to.variants[i].name), v->name);
        to.variants[i].weight = v->desired_weight;
        variant_group(v, to.variants[i].target_group);
    }
    *ret = to;
    return 0;
}

static bool is_target(const struct instance *i)
{
    return i->state == INSTANCE_IN_SERVICE || i->state == INSTANCE_DRAINING;
}

static int targets(const struct variant *v, struct link_target_group *to)
{
    size_t n = 0;

    list_for_each (i, &v->instances, struct instance, link)
        n += is_target(i);
    to->targets = calloc(n + 1, sizeof(*to->targets));
    if (!to->targets)
        return -ENOMEM;

    list_for_each (i, &v->instances, struct instance, link) {
        struct link_target *target = &to->targets[to->n_targets];

        if (!is_target(i))
            continue;
        copy(target->id, sizeof(target->id), i->id);
        copy(target->address, sizeof(target->address), i->handle.address);
        copy(target->local_address, sizeof(target->local_address), i->local_address);
        target->draining = i->state == INSTANCE_DRAINING;
        target->weight = 1;
        to->n_targets++;
    }
    return 0;
}

/* How many requests at a time its server can take is the model's own property, like whatever else
 * is in its environment; SageMaker's API has no member for it. Anything that is no number means no
 * cap. */
static unsigned concurrency_max(const struct variant *v)
{
    const char *text = json_string_value(json_object_get(v->environment, "WEIR_CONCURRENCY_MAX"));
    uint64_t n;

    return text && text_to_u64(slice_from(text), UINT32_MAX, &n) == 0 ? (unsigned)n : 0;
}

int link_objects_target_group(const struct control *c, const struct variant *v,
                              struct link_target_group *ret)
{
    struct link_target_group to = LINK_TARGET_GROUP_DEFAULT;

    if (v->routing == ROUTING_RANDOM)
        to.algorithm = LINK_RANDOM;
    to.health_interval_ms = HEALTH_INTERVAL_MS;
    to.health_timeout_ms = HEALTH_TIMEOUT_MS;
    to.healthy_threshold = HEALTHY_THRESHOLD;
    to.unhealthy_threshold = UNHEALTHY_THRESHOLD;
    to.concurrency_max = concurrency_max(v);
    to.queue_length_max = QUEUE_LENGTH_MAX;
    to.outlook = variant_outlook(c, v, &to.queue_timeout_ms);
    to.request_timeout_ms = PROXY_LINK_REQUEST_TIMEOUT_MS;
    to.stream_timeout_ms = PROXY_LINK_STREAM_TIMEOUT_MS;
    to.deregistration_delay_ms = PROXY_LINK_DEREGISTRATION_DELAY_MS;
    if (targets(v, &to))
        return fault(-ENOMEM);
    variant_group(v, to.id);
    *ret = to;
    return 0;
}

/* Whether the proxy may know it already: a snapshot never takes away what is served. */
static bool is_routed(const struct endpoint *e)
{
    return endpoint_takes_requests(e) || (e->status == ENDPOINT_CREATING && e->announced);
}

static int add_endpoint(const struct control *c, struct link_snapshot *s, const struct endpoint *e)
{
    int r;

    if (is_routed(e)) {
        r = link_objects_endpoint(e, &s->endpoints[s->n_endpoints]);
        if (r)
            return r;
        s->n_endpoints++;
    }
    for (size_t i = 0; i < e->n_variants; i++) {
        r = link_objects_target_group(c, &e->variants[i], &s->target_groups[s->n_target_groups]);
        if (r)
            return r;
        s->n_target_groups++;
    }
    return 0;
}

void link_objects_key(const struct key *k, struct link_credential *ret)
{
    *ret = (struct link_credential){ .admin = k->may.admin };
    copy(ret->access_key_id, sizeof(ret->access_key_id), k->id);
    copy(ret->secret_access_key, sizeof(ret->secret_access_key), k->secret);
    copy(ret->sha256, sizeof(ret->sha256), k->sha256);
    copy(ret->invoke, sizeof(ret->invoke), k->may.invoke);
}

static void describe_server(const struct control *c, struct link_snapshot *s)
{
    struct link_credential *own;

    s->settings = (struct link_settings){
        .auth = c->settings.auth,
        .body_bytes_max = PROXY_LINK_BODY_BYTES_MAX,
    };
    copy(s->settings.region, sizeof(s->settings.region), c->settings.region);
    copy(s->settings.account, sizeof(s->settings.account), c->settings.account);
    map_for_each (slot, &c->keys)
        link_objects_key(slot->value, &s->credentials[s->n_credentials++]);
    if (!c->settings.access_key_id)
        return;
    own = &s->credentials[s->n_credentials++];
    own->admin = true;
    copy(own->access_key_id, sizeof(own->access_key_id), c->settings.access_key_id);
    copy(own->secret_access_key, sizeof(own->secret_access_key), c->settings.secret_access_key);
}

int link_objects_snapshot(const struct control *c, uint64_t revision, struct link_snapshot *ret)
{
    struct link_snapshot s = { .version = LINK_VERSION, .revision = revision };
    int r = 0;

    s.credentials = calloc(c->keys.size + 1, sizeof(*s.credentials));
    s.endpoints = calloc(c->endpoints.size + 1, sizeof(*s.endpoints));
    s.target_groups = calloc(c->endpoints.size * VARIANTS_MAX + 1, sizeof(*s.target_groups));
    if (!s.credentials || !s.endpoints || !s.target_groups)
        r = -ENOMEM;
    else
        describe_server(c, &s);
    map_for_each (slot, &c->endpoints)
        if (!r)
            r = add_endpoint(c, &s, slot->value);
    if (r) {
        link_snapshot_deinit(&s);
        return fault(r);
    }
    *ret = s;
    return 0;
}
