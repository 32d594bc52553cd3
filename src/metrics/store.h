/* metrics/store.h: what metrics.c and listing.c share: the names and their series. */
#pragma once
#include "base/map.h"
#include "metrics/name.h"
#include "metrics/series.h"

struct metric_entry {
    struct series *series; /* one per unit, in the enum's order */
    wall_ms_t newest;      /* of its data */
};

struct metrics {
    struct map names; /* key -> struct metric_entry */
    size_t n_series, max_series;
    wall_ms_t now;     /* the latest told */
    size_t age_cursor; /* where metrics_age() goes on */

    /* the names in order, for listing: made when asked for after names came or went */
    struct metric_sorted {
        const char *key; /* the map's */
        const struct metric_entry *entry;
    } * sorted;
    size_t n_sorted;
    bool sorted_stale;
};
