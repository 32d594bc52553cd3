#include "metrics/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/store.h"

/* Each record starts with its type. Identifiers count from 0 in every segment. */
enum record {
    RECORD_NOW = 1, /* when what follows was put: ms */
    RECORD_NAME,    /* identifier, unit, bytes of the key, key */
    RECORD_PUT,     /* identifier, resolution in s, ms before now, bucket */
    RECORD_SERIES,  /* identifier, newest datum of the name in ms, the series whole */
};

enum {
    IDENTIFIERS_MAX = 1 << 20,
    HEAD_BYTES_MAX = 1 + 4 * CODEC_VARINT_BYTES_MAX,
};

#define NOW_MAX   ((wall_ms_t)1 << 50)           /* in tens of thousands of years */
#define PUT_SLACK ((ms_t)86400 * 366 * MS_PER_S) /* the clock may have been set since */

struct metric_journal {
    struct metrics *metrics;
    struct buffer records;
    wall_ms_t now; /* said last */
    uint32_t segment, next_id, round;
    bool lost;
};

int metric_journal_new(struct metrics *m, struct metric_journal **ret)
{
    struct metric_journal *j = calloc(1, sizeof(*j));

    if (!j)
        return -ENOMEM;
    j->metrics = m;
    j->records = BUFFER_INIT(METRIC_JOURNAL_BYTES_MAX);
    j->segment = j->round = 1;
    list_for_each (s, &m->in_turn, struct series, journal)
        s->journal_segment = s->journal_round = 0;
    m->journal = j;
    *ret = j;
    return 0;
}

struct metric_journal *metric_journal_free(struct metric_journal *j)
{
    if (!j)
        return NULL;
    j->metrics->journal = NULL;
    buffer_deinit(&j->records);
    free(j);
    return NULL;
}

int metric_journal_take(struct metric_journal *j, struct buffer *ret_records)
{
    struct buffer anew = BUFFER_INIT(METRIC_JOURNAL_BYTES_MAX);
    int r = buffer_reserve(&anew, buffer_size(&j->records)); /* a second is much like another */

    if (r)
        return r;
    *ret_records = j->records;
    j->records = anew;
    j->now = 0;
    return 0;
}

bool metric_journal_lost(const struct metric_journal *j)
{
    return j->lost;
}

void metric_journal_lose(struct metric_journal *j)
{
    j->lost = true;
}

void metric_journal_segment(struct metric_journal *j)
{
    j->segment++;
    j->next_id = 0;
}

void metric_journal_round(struct metric_journal *j)
{
    j->round++;
    j->lost = false;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int say_now(struct metric_journal *j)
{
    uint8_t bytes[HEAD_BYTES_MAX], *at = bytes;

    *at++ = RECORD_NOW;
    at = codec_put_signed(at, j->metrics->horizon.now);
    j->now = j->metrics->horizon.now;
    return buffer_append(&j->records, bytes, (size_t)(at - bytes));
}

static int say_name(struct metric_journal *j, struct series *s)
{
    size_t length = strlen(s->entry->key);
    uint8_t bytes[HEAD_BYTES_MAX], *at = bytes;
    int r;

    *at++ = RECORD_NAME;
    at = codec_put_varint(at, j->next_id);
    at = codec_put_varint(at, s->unit);
    at = codec_put_varint(at, length);
    r = buffer_append(&j->records, bytes, (size_t)(at - bytes));
    if (!r)
        r = buffer_append(&j->records, s->entry->key, length);
    s->journal_segment = j->segment;
    s->journal_id = j->next_id++;
    return r;
}

static int introduce(struct metric_journal *j, struct series *s)
{
    int r = j->now == j->metrics->horizon.now ? 0 : say_now(j);

    if (!r && s->journal_segment != j->segment)
        r = say_name(j, s);
    return r;
}

static int say_put(struct metric_journal *j, const struct series *s, wall_ms_t at,
                   unsigned resolution_s, const struct bucket *b)
{
    uint8_t *start, *to;
    int r = buffer_reserve(&j->records, HEAD_BYTES_MAX + codec_bucket_bytes(b));

    if (r)
        return r;
    start = to = (uint8_t *)buffer_tail(&j->records);
    *to++ = RECORD_PUT;
    to = codec_put_varint(to, s->journal_id);
    to = codec_put_varint(to, resolution_s);
    to = codec_put_signed(to, j->now - at);
    to = codec_put_bucket(to, 0, b);
    buffer_commit(&j->records, (size_t)(to - start));
    return 0;
}

/* A record that does not fit is lost, and with it may go what it began. */
static void lose(struct metric_journal *j, size_t size_before)
{
    buffer_truncate(&j->records, size_before);
    j->lost = true;
}

void metric_journal_put(struct metric_journal *j, struct series *s, wall_ms_t at,
                        unsigned resolution_s, const struct bucket *b)
{
    size_t size = buffer_size(&j->records);

    if (!j->lost && (introduce(j, s) || say_put(j, s, at, resolution_s, b)))
        lose(j, size);
}

void metric_journal_welcome(struct metric_journal *j, struct series *s)
{
    s->journal_segment = 0;
    s->journal_round = j->round;
}

static int say_series(struct metric_journal *j, struct series *s)
{
    uint8_t bytes[HEAD_BYTES_MAX], *at = bytes;
    int r = introduce(j, s);

    *at++ = RECORD_SERIES;
    at = codec_put_varint(at, s->journal_id);
    at = codec_put_signed(at, s->entry->newest);
    if (!r)
        r = buffer_append(&j->records, bytes, (size_t)(at - bytes));
    return r ? r : series_write(s, &j->records);
}

bool metric_journal_write(struct metric_journal *j, size_t bytes)
{
    struct list *in_turn = &j->metrics->in_turn;
    size_t size = buffer_size(&j->records), until = size + bytes;
    struct series *s = NULL;

    while (!j->lost && size < until && (s = list_first_entry(in_turn, struct series, journal)) &&
           s->journal_round != j->round) {
        if (say_series(j, s)) {
            lose(j, size);
            return false;
        }
        s->journal_round = j->round;
        list_remove(&s->journal);
        list_push_back(in_turn, &s->journal);
        size = buffer_size(&j->records);
    }
    s = list_first_entry(in_turn, struct series, journal);
    return !j->lost && (!s || s->journal_round == j->round);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct metric_journal_reader {
    struct metrics *metrics;
    struct series **series; /* by identifier; NULL: one too many */
    size_t n, capacity;
    struct series *scratch;
    wall_ms_t now; /* as told; 0: not yet */
};

int metric_journal_reader_new(struct metrics *m, struct metric_journal_reader **ret)
{
    autofree(metric_journal_reader_free) struct metric_journal_reader *r = calloc(1, sizeof(*r));

    if (!r || !(r->scratch = series_new(METRIC_UNIT_NONE)))
        return -ENOMEM;
    r->metrics = m;
    *ret = steal(r);
    return 0;
}

struct metric_journal_reader *metric_journal_reader_free(struct metric_journal_reader *r)
{
    if (!r)
        return NULL;
    series_free(r->scratch);
    free(r->series);
    free(r);
    return NULL;
}

void metric_journal_reader_segment(struct metric_journal_reader *r)
{
    r->n = 0;
    r->now = 0;
}

static int add_identifier(struct metric_journal_reader *r, struct series *s)
{
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        struct series **grown = reallocarray(r->series, capacity, sizeof(struct series *));

        if (!grown)
            return -ENOMEM;
        r->series = grown;
        r->capacity = capacity;
    }
    r->series[r->n++] = s;
    return 0;
}

/* Return: whether @key is as metric_key_make() makes it. */
static bool is_key(const struct metric_key *key)
{
    struct metric_key storage, again;
    struct metric_name name;

    return strlen(key->text) == key->size && metric_key_split(key->text, &storage, &name) == 0 &&
           metric_key_make(&again, &name) == 0 && strcmp(again.text, key->text) == 0;
}

static int read_name(struct metric_journal_reader *r, struct codec_reader *from)
{
    uint64_t id = codec_size(from, IDENTIFIERS_MAX);
    uint64_t unit = codec_size(from, METRIC_UNIT_ANY - 1);
    struct metric_key key = { .size = codec_size(from, METRIC_KEY_BYTES_MAX) };
    struct series *s = NULL;
    int result;

    if (from->bad || id != r->n || (size_t)(from->end - from->at) < key.size)
        return METRIC_JOURNAL_E_MALFORMED;
    memcpy(key.text, from->at, key.size);
    key.text[key.size] = '\0';
    from->at += key.size;
    if (!is_key(&key))
        return METRIC_JOURNAL_E_MALFORMED;
    result = metrics_series_of(r->metrics, key.text, (enum metric_unit)unit, &s);
    if (result < 0)
        return result;
    return add_identifier(r, result == METRICS_E_FULL ? NULL : s);
}

/* the series of the identifier that follows; one to throw away for those beyond the limit */
static struct series *read_series_id(struct metric_journal_reader *r, struct codec_reader *from)
{
    uint64_t id = codec_size(from, IDENTIFIERS_MAX);

    if (from->bad || id >= r->n)
        return NULL;
    return r->series[id] ? r->series[id] : r->scratch;
}

static void note_newest(struct series *s, wall_ms_t at)
{
    if (s->entry && at > s->entry->newest)
        s->entry->newest = at;
}

static int read_put(struct metric_journal_reader *r, struct codec_reader *from)
{
    struct sketch_fixed storage;
    struct bucket b = { .sketch = *sketch_fixed_init(&storage) };
    struct series *s = read_series_id(r, from);
    uint64_t resolution_s = codec_size(from, 60), head;
    int64_t age = codec_signed(from);

    if (!s || r->now == 0 || from->bad || (resolution_s != 1 && resolution_s != 60) ||
        age > METRICS_PAST_MAX + PUT_SLACK || age < -METRICS_FUTURE_MAX - PUT_SLACK)
        return METRIC_JOURNAL_E_MALFORMED;
    head = codec_varint(from);
    if (head >> CODEC_FORM_BITS != 0 || !codec_bucket(from, (enum codec_form)head, &b))
        return METRIC_JOURNAL_E_MALFORMED;
    if (s == r->scratch)
        return 0;
    note_newest(s, r->now - age);
    return series_add(s, r->now - age, (unsigned)resolution_s, &b, &r->metrics->horizon);
}

static int read_series(struct metric_journal_reader *r, struct codec_reader *from)
{
    struct series *s = read_series_id(r, from);
    int64_t newest = codec_signed(from);
    int result;

    if (!s || from->bad)
        return METRIC_JOURNAL_E_MALFORMED;
    result = series_restore(s, from);
    if (result < 0)
        return result;
    note_newest(s, newest);
    return result ? METRIC_JOURNAL_E_MALFORMED : 0;
}

static int read_now(struct metric_journal_reader *r, struct codec_reader *from)
{
    int64_t now = codec_signed(from);

    if (from->bad || now <= 0 || now > NOW_MAX)
        return METRIC_JOURNAL_E_MALFORMED;
    r->now = r->metrics->horizon.now = now;
    return 0;
}

static int read_record(struct metric_journal_reader *r, struct codec_reader *from)
{
    switch (*from->at++) {
    case RECORD_NOW:
        return read_now(r, from);
    case RECORD_NAME:
        return read_name(r, from);
    case RECORD_PUT:
        return read_put(r, from);
    case RECORD_SERIES:
        return read_series(r, from);
    default:
        return METRIC_JOURNAL_E_MALFORMED;
    }
}

int metric_journal_read(struct metric_journal_reader *r, const void *bytes, size_t n)
{
    struct codec_reader from = { bytes, n > 0 ? (const uint8_t *)bytes + n : bytes, false };
    int result = 0;

    while (!result && from.at < from.end)
        result = read_record(r, &from);
    return result;
}
