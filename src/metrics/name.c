#include "metrics/name.h"

#include <assert.h>
#include <string.h>

static const char between_parts = '\1', before_value = '\2';

static int append(struct metric_key *key, const char *text, size_t chars_max)
{
    size_t n = strnlen(text, chars_max + 1);

    if (n == 0 || n > chars_max)
        return METRICS_E_INVALID;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return METRICS_E_INVALID;

    assert(key->size + n < sizeof(key->text));
    memcpy(key->text + key->size, text, n);
    key->size += n;
    return 0;
}

/* Sorts by insertion: there are few dimensions, and most often they come sorted. */
static int sort_dimensions(const struct metric_name *name,
                           const struct metric_dimension *ret_sorted[METRICS_DIMENSIONS_MAX])
{
    for (size_t i = 0; i < name->n_dimensions; i++) {
        const struct metric_dimension *d = &name->dimensions[i];
        size_t at = i;
        int order = 1;

        while (at > 0 && (order = strcmp(d->name, ret_sorted[at - 1]->name)) < 0) {
            ret_sorted[at] = ret_sorted[at - 1];
            at--;
        }
        if (at > 0 && order == 0)
            return METRICS_E_INVALID;
        ret_sorted[at] = d;
    }
    return 0;
}

int metric_key_make(struct metric_key *key, const struct metric_name *name)
{
    const struct metric_dimension *sorted[METRICS_DIMENSIONS_MAX];

    key->size = 0;
    if (name->n_dimensions > METRICS_DIMENSIONS_MAX || sort_dimensions(name, sorted) != 0 ||
        append(key, name->namespace, METRICS_NAME_CHARS_MAX) != 0)
        return METRICS_E_INVALID;
    key->text[key->size++] = between_parts;
    if (append(key, name->name, METRICS_NAME_CHARS_MAX) != 0)
        return METRICS_E_INVALID;

    for (size_t i = 0; i < name->n_dimensions; i++) {
        key->text[key->size++] = between_parts;
        if (append(key, sorted[i]->name, METRICS_NAME_CHARS_MAX) != 0)
            return METRICS_E_INVALID;
        key->text[key->size++] = before_value;
        if (append(key, sorted[i]->value, METRICS_VALUE_CHARS_MAX) != 0)
            return METRICS_E_INVALID;
    }
    key->text[key->size] = '\0';
    return 0;
}

/* Ends the text at *@at in front of the next @separator, moves *@at behind it. */
static const char *cut(char **at, char separator)
{
    char *start = *at, *end = strchrnul(start, separator);

    *at = *end ? end + 1 : end;
    *end = '\0';
    return start;
}

int metric_key_split(const char *text, struct metric_key *storage, struct metric_name *ret_name)
{
    char *at = storage->text;

    storage->size = strlen(text);
    if (storage->size > METRIC_KEY_BYTES_MAX)
        return METRICS_E_INVALID;
    memcpy(storage->text, text, storage->size + 1);

    ret_name->namespace = cut(&at, between_parts);
    ret_name->name = cut(&at, between_parts);
    for (ret_name->n_dimensions = 0; *at; ret_name->n_dimensions++) {
        struct metric_dimension *d = &ret_name->dimensions[ret_name->n_dimensions];

        if (ret_name->n_dimensions == METRICS_DIMENSIONS_MAX)
            return METRICS_E_INVALID;
        d->name = cut(&at, before_value);
        d->value = cut(&at, between_parts);
    }
    return *ret_name->namespace && *ret_name->name ? 0 : METRICS_E_INVALID;
}
