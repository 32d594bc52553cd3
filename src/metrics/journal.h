/* metrics/journal.h: a store of metrics as a stream of records that makes it anew.
 *
 * While a journal is attached, every put adds a record of a few bytes; once a second the owner
 * takes what came together and appends it to a file. A stream of puts alone would grow for ever. So
 * series are also written whole, some in each second, those first that waited longest. A round is
 * over when each was written since it began: what was recorded before the round is then not needed
 * any more, and the owner may delete it. A series that came up during a round has all its puts in
 * it.
 *
 * Streams are cut into segments, each of which tells the names that it uses: any of them can be
 * lost, and the others still be read. Pure: no clock, no I/O.
 */
#pragma once
#include "base/buffer.h"
#include "metrics/metrics.h"

struct bucket;
struct metric_journal;
struct metric_journal_reader;
struct series;

enum {
    METRIC_JOURNAL_BYTES_MAX = 64 << 20, /* records that wait to be taken; beyond, they are lost */
};

enum { METRIC_JOURNAL_E_MALFORMED = 1 /* what follows in these records cannot be read */ };

/** metric_journal_new() - note what is put into @m (borrowed) from now on. A round begins. */
int metric_journal_new(struct metrics *m, struct metric_journal **ret);
struct metric_journal *metric_journal_free(struct metric_journal *j);
DEFINE_AUTOFREE(struct metric_journal *, metric_journal_free)

/** metric_journal_take() - the records since the last call, to be appended in one piece
 * @ret_records: to be given to buffer_deinit(). Return: 0, or -ENOMEM: try again. */
int metric_journal_take(struct metric_journal *j, struct buffer *ret_records);
/** metric_journal_lost() - whether records were lost, here or told: then a new round is needed */
bool metric_journal_lost(const struct metric_journal *j);
void metric_journal_lose(struct metric_journal *j); /* what was taken could not be kept */

/** metric_journal_segment() - what is taken from now on goes to a new segment */
void metric_journal_segment(struct metric_journal *j);
/** metric_journal_round() - begin another round; what was lost before does not matter any more */
void metric_journal_round(struct metric_journal *j);
/** metric_journal_write() - write some series whole, about @bytes of them
 * Return: whether the round is over. */
bool metric_journal_write(struct metric_journal *j, size_t bytes);

/* --- reading ---------------------------------------------------------------------------------- */

/** metric_journal_reader_new() - put what is read into @m (borrowed) */
int metric_journal_reader_new(struct metrics *m, struct metric_journal_reader **ret);
struct metric_journal_reader *metric_journal_reader_free(struct metric_journal_reader *r);
DEFINE_AUTOFREE(struct metric_journal_reader *, metric_journal_reader_free)

void metric_journal_reader_segment(struct metric_journal_reader *r); /* another segment starts */
/** metric_journal_read() - records in the order in which they were taken; they may come from
 * outside.
 * Return: 0, METRIC_JOURNAL_E_MALFORMED or -ENOMEM. Series beyond the store's limit are left out. */
int metric_journal_read(struct metric_journal_reader *r, const void *bytes, size_t n);

/* --- told by metrics.c ------------------------------------------------------------------------ */

void metric_journal_welcome(struct metric_journal *j, struct series *s); /* a new one */
void metric_journal_put(struct metric_journal *j, struct series *s, wall_ms_t at,
                        unsigned resolution_s, const struct bucket *b);
