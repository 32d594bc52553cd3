#include "metrics/metrics.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "metrics/journal.h"
#include "metrics/store.h"

enum { AGE_NAMES = 2048 /* looked at in one call */ };

int metrics_new(size_t max_series, struct metrics **ret)
{
    struct metrics *m = calloc(1, sizeof(*m));
    uint64_t seed;

    if (!m)
        return -ENOMEM;
    random_secret(&seed, sizeof(seed));
    map_init(&m->names, seed);
    list_init(&m->in_turn);
    memcpy(m->horizon.keep, series_keep, sizeof(series_keep));
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

/* --- what may be put -------------------------------------------------------------------------- */

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

/* --- the names and their series --------------------------------------------------------------- */

static int entry_at(struct metrics *m, const char *key, struct metric_entry **ret_entry)
{
    autofree(entry_free) struct metric_entry *entry = NULL;
    int r;

    *ret_entry = map_get(&m->names, key);
    if (*ret_entry)
        return 0;
    entry = calloc(1, sizeof(*entry));
    r = entry ? map_put(&m->names, key, entry) : -ENOMEM;
    if (r)
        return r;
    entry->key = map_find(&m->names, key)->key;
    m->sorted_stale = true;
    *ret_entry = steal(entry);
    return 0;
}

static void drop_if_empty(struct metrics *m, struct metric_entry *entry)
{
    if (entry->series)
        return;
    map_remove(&m->names, entry->key);
    entry_free(entry);
    m->sorted_stale = true;
}

static struct series **place_of(struct metric_entry *entry, enum metric_unit unit)
{
    struct series **at = &entry->series;

    while (*at && (*at)->unit < unit)
        at = &(*at)->next;
    return at;
}

int metrics_series_of(struct metrics *m, const char *key, enum metric_unit unit,
                      struct series **ret_series)
{
    struct metric_entry *entry;
    struct series **at, *s;
    int r = entry_at(m, key, &entry);

    if (r)
        return r;
    at = place_of(entry, unit);
    if (*at && (*at)->unit == unit) {
        *ret_series = *at;
        return 0;
    }
    s = m->n_series < m->max_series ? series_new(unit) : NULL;
    if (!s) {
        drop_if_empty(m, entry);
        return m->n_series < m->max_series ? -ENOMEM : METRICS_E_FULL;
    }
    s->entry = entry;
    s->next = *at;
    *at = s;
    list_push_back(&m->in_turn, &s->journal);
    if (m->journal)
        metric_journal_welcome(m->journal, s);
    m->n_series++;
    *ret_series = s;
    return 0;
}

static void drop_series(struct metrics *m, struct series *s)
{
    struct metric_entry *entry = s->entry;

    *place_of(entry, s->unit) = s->next;
    series_free(s);
    m->n_series--;
    drop_if_empty(m, entry);
}

/* --- putting ---------------------------------------------------------------------------------- */

static bool is_empty(const struct series *s)
{
    for (unsigned k = 0; k < SERIES_TIERS; k++)
        if (s->tiers[k] && (s->tiers[k]->n_blocks > 0 || s->tiers[k]->tail.count > 0))
            return false;
    return true;
}

int metrics_put(struct metrics *m, const struct metric_name *name, const struct metric_datum *d,
                wall_ms_t now)
{
    struct sketch_fixed storage;
    struct metric_key key;
    struct series *s;
    struct bucket b;
    int r;

    if (now > m->horizon.now)
        m->horizon.now = now;
    if (!valid(d, now) || metric_key_make(&key, name) != 0)
        return METRICS_E_INVALID;
    r = metrics_series_of(m, key.text, d->unit, &s);
    if (r)
        return r;
    b = bucket_from(d, &storage);
    r = series_add(s, d->at, d->resolution_s, &b, &m->horizon);
    if (r) {
        if (is_empty(s))
            drop_series(m, s);
        return r;
    }
    if (d->at > s->entry->newest)
        s->entry->newest = d->at;
    if (m->journal)
        metric_journal_put(m->journal, s, d->at, d->resolution_s, &b);
    return 0;
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
    int r;

    if (statistic->kind < STATISTIC_PERCENTILE) {
        bucket_add_totals(sum, b); /* merging sketches is what costs */
        return;
    }
    r = bucket_merge(sum, b);
    assert(r == 0); /* the sketch has its full size */
}

static void read_series(struct reading *r, const struct series *s, const struct horizon *horizon)
{
    struct sketch_fixed storage;
    struct bucket sum = { .sketch = *sketch_fixed_init(&storage) };
    ms_t period_ms = r->period_s * MS_PER_S;
    wall_ms_t at, end = r->start + period_ms; /* of the period at hand */
    struct series_reader reader;
    const struct bucket *b;
    size_t period = 0;

    series_reader_init(&reader, s, r->start, r->period_s, horizon);
    while ((b = series_read(&reader, &at))) {
        if (at >= end) {
            size_t i = at - end < period_ms ? period + 1 : (size_t)((at - r->start) / period_ms);

            note(r, period, &sum);
            bucket_empty(&sum);
            if (i >= r->n)
                return;
            period = i;
            end = r->start + (wall_ms_t)(i + 1) * period_ms;
        }
        add(&sum, b, r->statistic);
    }
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
    for (const struct series *s = entry && n > 0 ? entry->series : NULL; s; s = s->next)
        if (unit == METRIC_UNIT_ANY || s->unit == unit)
            read_series(&r, s, &m->horizon);
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

void metrics_limit(struct metrics *m, size_t bytes_max)
{
    m->age.bytes_max = bytes_max;
}

size_t metrics_bytes_seen(const struct metrics *m)
{
    return m->age.bytes;
}

static void count_memory(struct metrics *m, const struct metric_entry *e)
{
    m->age.other_bytes += sizeof(*e) + strlen(e->key) + 1;
    for (const struct series *s = e->series; s; s = s->next) {
        m->age.other_bytes += sizeof(*s);
        for (unsigned k = 0; k < SERIES_TIERS; k++)
            m->age.tier_bytes[k] += series_tier_bytes(s, k);
    }
}

/* Where more is held than may be, the tier that holds most keeps its data three quarters as long;
 * with room again, all keep them longer. */
static void adjust_keeping(struct metrics *m)
{
    static const ms_t least = 600 * MS_PER_S;
    ms_t *keep = m->horizon.keep;
    unsigned most = 0;

    for (unsigned k = 1; k < SERIES_TIERS; k++)
        if (m->age.tier_bytes[k] > m->age.tier_bytes[most])
            most = k;
    if (m->age.bytes > m->age.bytes_max)
        keep[most] = keep[most] / 4 * 3 > least ? keep[most] / 4 * 3 : least;
    for (unsigned k = 0; k < SERIES_TIERS && m->age.bytes < m->age.bytes_max / 2; k++)
        keep[k] = keep[k] / 3 * 4 < series_keep[k] ? keep[k] / 3 * 4 : series_keep[k];
}

static void end_round(struct metrics *m)
{
    m->age.cursor = 0;
    m->age.bytes = sizeof(*m) + m->names.n_slots * sizeof(struct map_slot) +
                   m->n_sorted * sizeof(*m->sorted) + m->age.other_bytes;
    for (unsigned k = 0; k < SERIES_TIERS; k++)
        m->age.bytes += m->age.tier_bytes[k];
    if (m->age.bytes_max > 0)
        adjust_keeping(m);
    m->age.other_bytes = 0;
    memset(m->age.tier_bytes, 0, sizeof(m->age.tier_bytes));
}

/* Return: whether any data of the name are left. */
static bool age_entry(struct metrics *m, struct metric_entry *e)
{
    struct series **at = &e->series;

    while (*at) {
        struct series *s = *at;

        if (series_age(s, &m->horizon)) {
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
    struct metric_entry *dead[AGE_NAMES];
    size_t n_dead = 0;

    m->horizon.now = now;
    for (unsigned i = 0; i < AGE_NAMES && (slot = map_next(&m->names, &m->age.cursor)); i++) {
        if (age_entry(m, slot->value))
            count_memory(m, slot->value);
        else
            dead[n_dead++] = slot->value;
    }
    if (!slot)
        end_round(m);
    for (size_t i = 0; i < n_dead; i++)
        drop_if_empty(m, dead[i]);
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
