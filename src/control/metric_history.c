#include "control/metric_history.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "metrics/journal.h"
#include "store/segments.h"

enum {
    SEGMENT_BYTES = 64 << 20, /* then another one: what a damaged file can cost */
    ROUND_BYTES = 4 << 20,    /* of whole series, written in one second */
    SPARE_BYTES = 16 << 20,   /* that come together before a round pays */
};

static const ms_t retry_ms = 60 * MS_PER_S; /* after the disk failed */

struct metric_history {
    struct control *control;
    struct segments *segments;
    struct metric_journal *journal;
    bool in_round;
    uint64_t round_segment;              /* the first one of the round */
    uint64_t whole_bytes;                /* what the last round took */
    uint64_t round_bytes, segment_bytes; /* appended since the round, the segment began */
    wall_ms_t failed;                    /* when writing failed; 0: it does not */
};

/* --- reading ---------------------------------------------------------------------------------- */

struct loading {
    struct metric_journal_reader *reader;
    uint64_t segment, frames;
};

static int load_frame(uint64_t segment, const void *frame, size_t n, void *context)
{
    struct loading *l = context;

    if (segment != l->segment)
        metric_journal_reader_segment(l->reader);
    l->segment = segment;
    l->frames++;
    return metric_journal_read(l->reader, frame, n);
}

static int load(struct metric_history *h)
{
    struct control *c = h->control;
    autofree(metric_journal_reader_free) struct metric_journal_reader *reader = NULL;
    struct loading loading = { 0 };
    us_t begun = loop_clock(c->loop)->mono_us(loop_clock(c->loop));
    int r = metric_journal_reader_new(c->metrics, &reader);

    loading.reader = reader;
    if (!r)
        r = segments_read(h->segments, load_frame, &loading);
    if (r)
        return fault(r);
    log_info(c->log, "metrics read", "series=%zu seconds=%" PRIu64 " bytes=%" PRIu64 " ms=%" PRId64,
             metrics_series(c->metrics), loading.frames, segments_bytes(h->segments),
             (loop_clock(c->loop)->mono_us(loop_clock(c->loop)) - begun) / 1000);
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* What is taken from now on goes to another segment. */
static int rotate(struct metric_history *h)
{
    int r = segments_rotate(h->segments);

    if (r)
        return fault(r);
    metric_journal_segment(h->journal);
    h->segment_bytes = 0;
    return 0;
}

static void begin_round(struct metric_history *h)
{
    if (rotate(h))
        return; /* the next second tries again */
    metric_journal_round(h->journal);
    h->in_round = true;
    h->round_bytes = 0;
    h->round_segment = segments_current(h->segments);
}

static int append(struct metric_history *h)
{
    struct buffer records;
    int r = metric_journal_take(h->journal, &records);

    if (r)
        return fault(r);
    h->round_bytes += buffer_size(&records);
    h->segment_bytes += buffer_size(&records);
    if (buffer_size(&records) > 0)
        r = segments_append(h->segments, &records);
    buffer_deinit(&records);
    return r;
}

static void end_round(struct metric_history *h)
{
    if (segments_drop_before(h->segments, h->round_segment))
        return;
    h->in_round = false;
    h->whole_bytes = h->round_bytes;
}

/* Something was not written. Once writing works, all is written anew. */
static void recover(struct metric_history *h, wall_ms_t now)
{
    int error = segments_error(h->segments);

    if (h->failed && now >= h->failed && now - h->failed < retry_ms)
        return;
    log_warn(h->control->log, "metrics are not kept; trying again", "why=\"%s\" retry_s=%" PRId64,
             error ? strerror(-error) : "the disk does not keep up", retry_ms / MS_PER_S);
    h->failed = now;
    begin_round(h);
}

void metric_history_tick(struct metric_history *h)
{
    bool over = h->in_round && metric_journal_write(h->journal, ROUND_BYTES);

    if (append(h))
        metric_journal_lose(h->journal);
    if (metric_journal_lost(h->journal) || segments_error(h->segments)) {
        recover(h, loop_wall(h->control->loop));
        return;
    }
    h->failed = 0;
    if (over)
        end_round(h);
    if (!h->in_round && h->round_bytes > 3 * h->whole_bytes + SPARE_BYTES)
        begin_round(h);
    else if (h->segment_bytes > SEGMENT_BYTES)
        rotate(h);
}

uint64_t metric_history_bytes(const struct metric_history *h)
{
    return segments_bytes(h->segments);
}

/* --- life ------------------------------------------------------------------------------------- */

int metric_history_new(struct control *c, const char *directory, struct metric_history **ret)
{
    autofree(metric_history_free) struct metric_history *h = calloc(1, sizeof(*h));
    int r;

    if (!h)
        return fault(-ENOMEM);
    h->control = c;
    r = segments_open(directory, c->log, &h->segments);
    if (!r)
        r = load(h);
    if (!r)
        r = metric_journal_new(c->metrics, &h->journal);
    if (r)
        return fault(r);
    h->in_round = true;
    h->round_segment = segments_current(h->segments);
    *ret = steal(h);
    return 0;
}

struct metric_history *metric_history_free(struct metric_history *h)
{
    if (!h)
        return NULL;
    if (h->journal)
        append(h); /* what is lost here is a second */
    metric_journal_free(h->journal);
    segments_free(h->segments);
    free(h);
    return NULL;
}
