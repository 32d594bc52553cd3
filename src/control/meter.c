#include "control/meter.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "control/record.h"
#include "fleet/instance_type.h"

static const double MS_PER_HOUR = 3600.0 * 1000.0;

struct line {
    char *endpoint, *variant, *instance_type;
    unsigned running, peak;
    ms_t at;            /* up to when the following are counted */
    double instance_ms; /* of all instances together */
    double any_ms;      /* with at least one running */
    wall_ms_t first, last;
    ms_t away_ms; /* from the last store by an earlier run until now: adopted instances ran then */
    bool dirty;
};

struct meter {
    struct control *control;
    struct map lines; /* path in the store -> struct line */
    ms_t stored_at;
    bool urgent; /* an instance came or went since then */
};

static struct line *line_free(struct line *l)
{
    if (!l)
        return NULL;
    free(l->endpoint);
    free(l->variant);
    free(l->instance_type);
    free(l);
    return NULL;
}
DEFINE_AUTOFREE(struct line *, line_free)

static int line_new(const char *endpoint, const char *variant, const char *type, ms_t now,
                    struct line **ret)
{
    autofree(line_free) struct line *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->endpoint = strdup(endpoint);
    l->variant = strdup(variant);
    l->instance_type = strdup(type);
    l->at = now;
    if (!l->endpoint || !l->variant || !l->instance_type)
        return -ENOMEM;
    *ret = steal(l);
    return 0;
}

static char *path_of(const char *endpoint, const char *variant, const char *type)
{
    return text_format("/meter/%s/%s/%s", endpoint, variant, type);
}

static void accrue(struct meter *m, struct line *l)
{
    ms_t now = loop_now(m->control->loop);
    double passed = (double)(now - l->at);

    l->at = now;
    if (l->running == 0)
        return;
    l->instance_ms += passed * l->running;
    l->any_ms += passed;
    l->last = loop_wall(m->control->loop);
    l->dirty = true;
}

/* --- the store -------------------------------------------------------------------------------- */

static json_t *document_of(struct meter *m, const struct line *l)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:I, s:I, s:I}", "endpoint", l->endpoint,
                     "variant", l->variant, "instance_type", l->instance_type, "peak", (int)l->peak,
                     "instance_ms", l->instance_ms, "any_ms", l->any_ms, "first",
                     (json_int_t)l->first, "last", (json_int_t)l->last, "stored",
                     (json_int_t)loop_wall(m->control->loop));
}

static int load_line(struct meter *m, const char *path, json_t *document)
{
    autofree(line_free) struct line *l = NULL;
    const char *endpoint, *variant, *type;
    json_int_t peak, first, last, stored;
    double instance_ms, any_ms;
    wall_ms_t now = loop_wall(m->control->loop);
    int r;

    if (json_unpack(document, "{s:s, s:s, s:s, s:I, s:F, s:F, s:I, s:I, s:I}", "endpoint",
                    &endpoint, "variant", &variant, "instance_type", &type, "peak", &peak,
                    "instance_ms", &instance_ms, "any_ms", &any_ms, "first", &first, "last", &last,
                    "stored", &stored))
        return -EINVAL;
    r = line_new(endpoint, variant, type, loop_now(m->control->loop), &l);
    if (r)
        return r;
    l->peak = (unsigned)peak;
    l->instance_ms = instance_ms;
    l->any_ms = any_ms;
    l->first = first;
    l->last = last;
    l->away_ms = now > stored ? now - stored : 0;
    r = map_put(&m->lines, path, l);
    if (r)
        return r;
    (void)steal(l);
    return 0;
}

static int load_each(const char *path, json_t *document, int64_t revision, void *context)
{
    struct meter *m = context;
    int r = load_line(m, path, document);

    (void)revision;
    if (r)
        log_error(m->control->log, "stored document cannot be read", "path=%s", path);
    return r;
}

static int collect(struct meter *m, struct store_operation *operations, size_t *ret_n)
{
    *ret_n = 0;
    map_for_each (slot, &m->lines) {
        const struct line *l = slot->value;
        json_t *document = l->dirty ? document_of(m, l) : NULL;

        if (!l->dirty)
            continue;
        if (!document)
            return -ENOMEM;
        operations[(*ret_n)++] =
            (struct store_operation){ slot->key, document, STORE_ANY_REVISION };
    }
    return 0;
}

static int store_lines(struct meter *m)
{
    autofree(mem_free) struct store_operation *operations =
        calloc(m->lines.size + 1, sizeof(*operations));
    size_t n = 0;
    int r = operations ? collect(m, operations, &n) : -ENOMEM;

    if (!r && n > 0)
        r = store_transact(m->control->store, operations, n, NULL);
    for (size_t i = 0; i < n; i++)
        json_decref(operations[i].document);
    if (r)
        return fault(r);

    map_for_each (slot, &m->lines)
        ((struct line *)slot->value)->dirty = false;
    m->stored_at = loop_now(m->control->loop);
    m->urgent = false;
    return 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Room for one more: the line that ended longest ago is forgotten when there are too many. */
static void make_room(struct meter *m)
{
    const struct map_slot *oldest = NULL;
    autofree(mem_free) char *path = NULL;

    if (m->lines.size < METER_LINES_MAX)
        return;
    map_for_each (slot, &m->lines) {
        const struct line *l = slot->value;

        if (l->running == 0 && (!oldest || l->last < ((struct line *)oldest->value)->last))
            oldest = slot;
    }
    if (!oldest)
        return;
    path = strdup(oldest->key);
    if (!path)
        return;
    log_warn(m->control->log, "meter is full", "forgotten=%s", path);
    line_free(map_remove(&m->lines, path));
    record_delete(m->control, path, NULL);
}

static struct line *find_or_add(struct meter *m, const char *endpoint, const char *variant,
                                const char *type)
{
    autofree(mem_free) char *path = path_of(endpoint, variant, type);
    autofree(line_free) struct line *l = NULL;
    struct line *found = path ? map_get(&m->lines, path) : NULL;

    if (found || !path)
        return found;
    make_room(m);
    if (line_new(endpoint, variant, type, loop_now(m->control->loop), &l) ||
        map_put(&m->lines, path, l))
        return NULL;
    l->first = l->last = loop_wall(m->control->loop);
    return steal(l);
}

/* Count one more or one fewer; without memory for a line the instance goes unmetered, but runs. */
static struct line *change(struct meter *m, const char *endpoint, const char *variant,
                           const char *type, int by)
{
    struct line *l = find_or_add(m, endpoint, variant, type);

    if (!l) {
        log_error(m->control->log, "instance is not metered", "endpoint=%s variant=%s", endpoint,
                  variant);
        return NULL;
    }
    accrue(m, l);
    if (by > 0 || l->running > 0)
        l->running += (unsigned)by;
    l->dirty = m->urgent = true;
    return l;
}

void meter_launched(struct meter *m, const char *endpoint, const char *variant, const char *type)
{
    change(m, endpoint, variant, type, 1);
}

void meter_adopted(struct meter *m, const char *endpoint, const char *variant, const char *type)
{
    struct line *l = change(m, endpoint, variant, type, 1);

    if (!l)
        return;
    l->instance_ms += (double)l->away_ms;
    if (l->running == 1)
        l->any_ms += (double)l->away_ms;
}

void meter_gone(struct meter *m, const char *endpoint, const char *variant, const char *type)
{
    change(m, endpoint, variant, type, -1);
}

void meter_in_service(struct meter *m, const char *endpoint, const char *variant, const char *type,
                      unsigned count)
{
    struct line *l = count > 0 ? find_or_add(m, endpoint, variant, type) : NULL;

    if (!l || l->peak >= count)
        return;
    l->peak = count;
    l->dirty = true;
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct meter_line report(const struct line *l)
{
    const struct instance_type *type = instance_type_find(l->instance_type);
    double price = type ? type->usd_per_hour : NAN;

    return (struct meter_line){
        .endpoint = l->endpoint,
        .variant = l->variant,
        .instance_type = l->instance_type,
        .running = l->running,
        .peak = l->peak,
        .instance_seconds = l->instance_ms / MS_PER_S,
        .seconds = l->any_ms / MS_PER_S,
        .static_peak_seconds = l->any_ms * l->peak / MS_PER_S,
        .usd_per_hour = price,
        .usd = price * l->instance_ms / MS_PER_HOUR,
        .static_peak_usd = price * l->any_ms * l->peak / MS_PER_HOUR,
        .first = l->first,
        .last = l->last,
    };
}

static int by_path(const void *a, const void *b)
{
    return strcmp((*(const struct map_slot *const *)a)->key,
                  (*(const struct map_slot *const *)b)->key);
}

int meter_each(struct meter *m, int (*each)(const struct meter_line *line, void *context),
               void *context)
{
    autofree(mem_free) const struct map_slot **sorted =
        calloc(m->lines.size + 1, sizeof(struct map_slot *));
    size_t n = 0;

    if (!sorted)
        return fault(-ENOMEM);
    map_for_each (slot, &m->lines)
        sorted[n++] = slot;
    qsort(sorted, n, sizeof(struct map_slot *), by_path);
    for (size_t i = 0; i < n; i++) {
        struct line *l = sorted[i]->value;
        struct meter_line line;
        int r;

        accrue(m, l);
        line = report(l);
        r = each(&line, context);
        if (r)
            return r;
    }
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

int meter_tick(struct meter *m)
{
    map_for_each (slot, &m->lines)
        accrue(m, slot->value);
    if (m->urgent || loop_now(m->control->loop) - m->stored_at >= METER_STORE_MS)
        return fault(store_lines(m));
    return 0;
}

int meter_new(struct control *c, struct meter **ret)
{
    autofree(meter_free) struct meter *m = calloc(1, sizeof(*m));
    int r;

    if (!m)
        return fault(-ENOMEM);
    m->control = c;
    m->stored_at = loop_now(c->loop);
    map_init(&m->lines, random_u64(&c->random));
    r = store_list(c->store, "/meter/", load_each, m);
    if (r)
        return fault(r);
    *ret = steal(m);
    return 0;
}

static void store_rest(struct meter *m)
{
    struct control *c = m->control;
    int r;

    map_for_each (slot, &m->lines)
        accrue(m, slot->value);
    r = c->error == 0 ? store_lines(m) : 0;
    if (r)
        log_error(c->log, "last seconds are not metered", "error=\"%s\"", strerror(-r));
}

struct meter *meter_free(struct meter *m)
{
    if (!m)
        return NULL;
    store_rest(m);
    map_for_each (slot, &m->lines)
        line_free(slot->value);
    map_deinit(&m->lines);
    free(m);
    return NULL;
}
