#include "metrics/metrics.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "metrics/store.h"

enum { AGE_NAMES = 512 /* looked at in one call */ };

int metrics_new(size_t max_series, struct metrics **ret)
{
    struct metrics *m = calloc(1, sizeof(*m));
    uint64_t seed;

    if (!m)
        return -ENOMEM;
    random_secret(&seed, sizeof(seed));
    map_init(&m->names, seed);
    m->max_series = max_series;
    *ret = m;
    return 0;
}

static struct metric_entry *entry_free(struct metric_entry *e)
{
    if (!e)
        return NULL;
    while (e->series) {
        struct series *next = e->series->next;

        series_free(e->series);
        e->series = next;
    }
    free(e);
    return NULL;
}
DEFINE_AUTOFREE(struct metric_entry *, entry_free)

struct metrics *metrics_free(struct metrics *m)
{
    if (!m)
        return NULL;
    map_for_each (slot, &m->names)
        entry_free(slot->value);
    map_deinit(&m->names);
    free(m->sorted);
    free(m);
    return NULL;
}

static const struct metric_entry *find(const struct metrics *m, const struct metric_name *name)
{
    struct metric_key key;

    return metric_key_make(&key, name) == 0 ? map_get_n(&m->names, key.text, key.size) : NULL;
}

/* --- putting ---------------------------------------------------------------------------------- */

static bool valid_number(double v)
{
    return isfinite(v) && fabs(v) <= METRICS_VALUE_MAX;
}

static bool valid_set(const struct metric_datum *d)
{
    return valid_number(d->count) && valid_number(d->sum) && valid_number(d->min) &&
           valid_number(d->max) && d->min <= d->max;
}

static bool valid(const struct metric_datum *d, wall_ms_t now)
{
    if (d->at < now - METRICS_PAST_MAX || d->at > now + METRICS_FUTURE_MAX ||
        d->unit >= METRIC_UNIT_ANY || (d->resolution_s != 1 && d->resolution_s != 60))
        return false;
    for (size_t i = 0; i < d->n_values; i++)
        if (!valid_number(d->values[i]) ||
            (d->counts && !(valid_number(d->counts[i]) && d->counts[i] > 0)))
            return false;
    return d->count > 0 ? valid_set(d) : d->count == 0 && d->n_values > 0;
}

/* The series of that unit; units are in the enum's order. A new one is not linked yet. */
static int series_at(struct metrics *m, struct metric_entry *entry, enum metric_unit unit,
                     struct series ***ret_at, struct series **ret_new)
{
    struct series **at = &entry->series;

    while (*at && (*at)->unit < unit)
        at = &(*at)->next;
    *ret_at = at;
    if (*at && (*at)->unit == unit)
        return 0;
    if (m->n_series >= m->max_series)
        return METRICS_E_FULL;
    *ret_new = series_new(unit);
    return *ret_new ? 0 : -ENOMEM;
}

static int put_into(struct metrics *m, struct metric_entry *entry, const struct metric_datum *d)
{
    autofree(series_free) struct series *anew = NULL;
    struct sketch_fixed storage;
    struct bucket b;
    struct series **at;
    int r;

    r = series_at(m, entry, d->unit, &at, &anew);
    if (r)
        return r;
    b = bucket_from(d, &storage);
    r = series_add(anew ? anew : *at, d->at, d->resolution_s, &b, m->now);
    if (r)
        return r;

    if (anew) {
        anew->next = *at;
        *at = steal(anew);
        m->n_series++;
    }
    if (d->at > entry->newest)
        entry->newest = d->at;
    return 0;
}

/* the first datum of a name */
static int put_new(struct metrics *m, const char *key, const struct metric_datum *d)
{
    autofree(entry_free) struct metric_entry *entry = calloc(1, sizeof(*entry));
    int r;

    if (!entry)
        return -ENOMEM;
    entry->newest = d->at;
    r = put_into(m, entry, d);
    if (r)
        return r;
    r = map_put(&m->names, key, entry);
    if (r) {
        m->n_series--;
        return r;
    }
    entry = NULL; /* the map's now */
    m->sorted_stale = true;
    return 0;
}

int metrics_put(struct metrics *m, const struct metric_name *name, const struct metric_datum *d,
                wall_ms_t now)
{
    struct metric_entry *entry;
    struct metric_key key;

    if (now > m->now)
        m->now = now;
    if (!valid(d, now) || metric_key_make(&key, name) != 0)
        return METRICS_E_INVALID;

    entry = map_get_n(&m->names, key.text, key.size);
    if (entry)
        return put_into(m, entry, d);
    return put_new(m, key.text, d);
}

int metrics_put_value(struct metrics *m, const struct metric_name *name, double value,
                      enum metric_unit unit, wall_ms_t now)
{
    struct metric_datum d = {
        .at = now, .unit = unit, .resolution_s = 1, .values = &value, .n_values = 1
    };
    return metrics_put(m, name, &d, now);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
    wall_ms_t start;
    unsigned period_s;
    size_t n;
    const struct metric_statistic *statistic;
    double *values, *counts;
    size_t found;
};

static void note(struct reading *r, size_t i, const struct bucket *sum)
{
    if (sum->count == 0 || !isnan(r->values[i]))
        return;
    r->values[i] = bucket_statistic(sum, r->statistic);
    if (r->counts)
        r->counts[i] = sum->count;
    if (!isnan(r->values[i]))
        r->found++;
}

static void add(struct bucket *sum, const struct bucket *b,
                const struct metric_statistic *statistic)
{
    struct bucket plain = *b;
    int r;

    if (statistic->kind != STATISTIC_PERCENTILE)
        plain.kind = BUCKET_OPAQUE; /* merging sketches is what costs */
    r = bucket_merge(sum, &plain);
    assert(r == 0); /* the sketch has its full size */
}

static void read_series(struct reading *r, const struct series *s, wall_ms_t now)
{
    struct sketch_fixed storage;
    struct bucket sum = { .sketch = *sketch_fixed_init(&storage) };
    struct series_reader reader;
    const struct bucket *b;
    size_t period = 0;
    wall_ms_t at;

    series_reader_init(&reader, s, r->start, r->period_s, now);
    while ((b = series_read(&reader, &at))) {
        uint64_t i = (uint64_t)(at - r->start) / (r->period_s * (uint64_t)MS_PER_S);

        if (i >= r->n)
            break;
        if (i != period) {
            note(r, period, &sum);
            period = i;
            bucket_empty(&sum);
        }
        add(&sum, b, r->statistic);
    }
    if (r->n > 0)
        note(r, period, &sum);
}

size_t metrics_read(const struct metrics *m, const struct metric_name *name, enum metric_unit unit,
                    wall_ms_t start, unsigned period_s, size_t n,
                    const struct metric_statistic *statistic, double *ret_values,
                    double *ret_counts)
{
    const struct metric_entry *entry = find(m, name);
    struct reading r = { start, period_s, n, statistic, ret_values, ret_counts, 0 };

    assert(period_s > 0);
    for (size_t i = 0; i < n; i++) {
        ret_values[i] = NAN;
        if (ret_counts)
            ret_counts[i] = 0;
    }
    for (const struct series *s = entry ? entry->series : NULL; s; s = s->next)
        if (unit == METRIC_UNIT_ANY || s->unit == unit)
            read_series(&r, s, m->now);
    return r.found;
}

size_t metrics_units(const struct metrics *m, const struct metric_name *name,
                     enum metric_unit ret_units[METRIC_UNIT_ANY])
{
    const struct metric_entry *entry = find(m, name);
    size_t n = 0;

    for (const struct series *s = entry ? entry->series : NULL; s; s = s->next)
        ret_units[n++] = s->unit;
    return n;
}

/* --- ageing ----------------------------------------------------------------------------------- */

/* Return: whether any data of the name are left. */
static bool age_entry(struct metrics *m, struct metric_entry *e)
{
    struct series **at = &e->series;

    while (*at) {
        struct series *s = *at;

        if (series_age(s, m->now)) {
            at = &s->next;
        } else {
            *at = s->next;
            series_free(s);
            m->n_series--;
        }
    }
    return e->series;
}

void metrics_age(struct metrics *m, wall_ms_t now)
{
    const struct map_slot *slot = NULL;
    char *dead[AGE_NAMES];
    size_t n_dead = 0;

    if (now > m->now)
        m->now = now;
    for (unsigned i = 0; i < AGE_NAMES && (slot = map_next(&m->names, &m->age_cursor)); i++) {
        char *key = age_entry(m, slot->value) ? NULL : strdup(slot->key);

        if (key)
            dead[n_dead++] = key;
    }
    if (!slot)
        m->age_cursor = 0;
    for (size_t i = 0; i < n_dead; i++) {
        entry_free(map_remove(&m->names, dead[i]));
        free(dead[i]);
        m->sorted_stale = true;
    }
}

size_t metrics_series(const struct metrics *m)
{
    return m->n_series;
}

size_t metrics_room(const struct metrics *m)
{
    return m->max_series - m->n_series;
}

size_t metrics_bytes(const struct metrics *m)
{
    size_t bytes =
        sizeof(*m) + m->names.n_slots * sizeof(struct map_slot) + m->n_sorted * sizeof(*m->sorted);

    map_for_each (slot, &m->names) {
        const struct metric_entry *e = slot->value;

        bytes += sizeof(*e) + strlen(slot->key) + 1;
        for (const struct series *s = e->series; s; s = s->next)
            bytes += series_bytes(s);
    }
    return bytes;
}
