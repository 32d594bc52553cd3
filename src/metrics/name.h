/* metrics/name.h: a metric's name as one string, its key.
 *
 *     namespace \1 name { \1 dimension \2 value }     dimensions sorted
 *
 * Names that mean the same series have equal keys, and keys in byte order are names sorted by
 * namespace, name and dimensions: the separators are below every byte that names may hold.
 */
#pragma once
#include "metrics/metrics.h"

enum {
    METRIC_KEY_BYTES_MAX =
        2 * (METRICS_NAME_CHARS_MAX + 1) +
        METRICS_DIMENSIONS_MAX * (METRICS_NAME_CHARS_MAX + METRICS_VALUE_CHARS_MAX + 2),
};

struct metric_key {
    size_t size;
    char text[METRIC_KEY_BYTES_MAX + 1]; /* NUL-terminated */
};

/** metric_key_make() - Return: 0, or METRICS_E_INVALID for a part that is empty, too long or holds
 * control characters, for two dimensions of one name, or for more than METRICS_DIMENSIONS_MAX */
int metric_key_make(struct metric_key *key, const struct metric_name *name);

/** metric_key_split() - the name of @text, which may come from outside; the name's strings live in
 * @storage. Return: 0, or METRICS_E_INVALID for what is no key. */
int metric_key_split(const char *text, struct metric_key *storage, struct metric_name *ret_name);
