/* metrics/store.h: what metrics.c and listing.c share: the names and their series. */
#pragma once
#include "base/map.h"
#include "metrics/name.h"
#include "metrics/series.h"

struct metric_journal;

struct metric_entry {
    const char *key;       /* the map's */
    struct series *series; /* one per unit, in the enum's order */
    wall_ms_t newest;      /* of its data */
};

struct metrics {
    struct map names; /* key -> struct metric_entry */
    size_t n_series, max_series;
    struct horizon horizon;
    struct list in_turn; /* every series, the one that waits longest for the journal first */
    struct metric_journal *journal; /* NULL: nobody notes what is put */

    /* ageing goes round and round, and counts the memory on its way */
    struct {
        size_t cursor, bytes_max;
        size_t tier_bytes[SERIES_TIERS], other_bytes; /* of this round so far */
        size_t bytes;                                 /* of the round before */
    } age;

    /* the names in order, for listing: made when asked for after names came or went */
    struct metric_sorted {
        const char *key; /* the map's */
        const struct metric_entry *entry;
    } * sorted;
    size_t n_sorted;
    bool sorted_stale;
};

/** metrics_series_of() - the series of that key and unit, made if there is none
 * Return: 0, METRICS_E_FULL or -ENOMEM. */
int metrics_series_of(struct metrics *m, const char *key, enum metric_unit unit,
                      struct series **ret_series);
