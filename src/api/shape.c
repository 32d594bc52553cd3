#include "api/shape.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "api/shape_path.h"
#include "base/error.h"
#include "base/text.h"

const struct shape shape_string = STRING("String");
const struct shape shape_integer = INTEGER("Integer");
const struct shape shape_long = LONG("Long");
const struct shape shape_double = DOUBLE("Double");
const struct shape shape_boolean = { .name = "Boolean", .type = SHAPE_BOOLEAN };
const struct shape shape_timestamp = { .name = "Timestamp", .type = SHAPE_TIMESTAMP };

/* Calendar time from the year 1 to 9999, in seconds since 1970. */
#define TIMESTAMP_MIN (-62135596800.0)
#define TIMESTAMP_MAX 253402300799.0

static const char *const expected[] = {
    [SHAPE_STRUCTURE] = "an object",   [SHAPE_LIST] = "a list",
    [SHAPE_MAP] = "an object",         [SHAPE_STRING] = "a string",
    [SHAPE_INTEGER] = "an integer",    [SHAPE_LONG] = "an integer",
    [SHAPE_DOUBLE] = "a number",       [SHAPE_BOOLEAN] = "true or false",
    [SHAPE_TIMESTAMP] = "a timestamp",
};

static int read_value(char **ret_why, const struct shape *shape, const struct shape_path *path,
                      json_t *value, json_t **ret_value);

static int wrong_type(char **ret_why, const struct shape *shape, const struct shape_path *path)
{
    autobuffer struct buffer why = BUFFER_INIT(4096);
    int r = buffer_printf(&why, "Expected %s", expected[shape->type]);

    if (!r && path)
        r = buffer_puts(&why, " at '");
    if (!r)
        r = shape_path_write(path, &why);
    if (!r)
        r = buffer_puts(&why, path ? "'" : "");
    /* a path too long to quote still is a wrong type */
    if (r == -ENOBUFS)
        r = 0;
    if (r)
        return fault(r);

    *ret_why = slice_dup((struct slice){ buffer_data(&why), buffer_size(&why) });
    return *ret_why ? SHAPE_E_TYPE : fault(-ENOMEM);
}

/* Puts what read_value() made of @value into @into (an array, or an object under @name). */
static int read_into(char **ret_why, const struct shape *shape, const struct shape_path *path,
                     json_t *value, json_t *into, const char *name)
{
    json_t *item = NULL;
    int r = read_value(ret_why, shape, path, value, &item);

    if (r)
        return r;
    if (name)
        r = json_object_set_new_nocheck(into, name, item);
    else
        r = json_array_append_new(into, item);
    return r ? fault(-ENOMEM) : 0;
}

static int read_structure(char **ret_why, const struct shape *shape, const struct shape_path *path,
                          json_t *value, json_t *into)
{
    for (const struct member *m = shape->members; m->name; m++) {
        const struct shape_path at = { .up = path, .name = m->name };
        json_t *given = json_object_get(value, m->name);
        int r;

        if (!given || json_is_null(given))
            continue;
        r = read_into(ret_why, m->shape, &at, given, into, m->name);
        if (r)
            return r;
    }
    return 0;
}

static int read_list(char **ret_why, const struct shape *shape, const struct shape_path *path,
                     json_t *value, json_t *into)
{
    size_t i;
    json_t *item;

    json_array_foreach (value, i, item) {
        const struct shape_path at = { .up = path, .index = i + 1 };
        int r = read_into(ret_why, shape->element, &at, item, into, NULL);

        if (r)
            return r;
    }
    return 0;
}

static int read_map(char **ret_why, const struct shape *shape, const struct shape_path *path,
                    json_t *value, json_t *into)
{
    const char *key;
    json_t *item;

    json_object_foreach (value, key, item) {
        const struct shape_path at = { .up = path, .name = key };
        int r;

        if (json_is_null(item))
            continue;
        r = read_into(ret_why, shape->element, &at, item, into, key);
        if (r)
            return r;
    }
    return 0;
}

static int read_container(char **ret_why, const struct shape *shape, const struct shape_path *path,
                          json_t *value, json_t **ret_value)
{
    bool list = shape->type == SHAPE_LIST;
    json_t *into;
    int r;

    if (list ? !json_is_array(value) : !json_is_object(value))
        return wrong_type(ret_why, shape, path);
    into = list ? json_array() : json_object();
    if (!into)
        return fault(-ENOMEM);
    if (list)
        r = read_list(ret_why, shape, path, value, into);
    else if (shape->type == SHAPE_MAP)
        r = read_map(ret_why, shape, path, value, into);
    else
        r = read_structure(ret_why, shape, path, value, into);
    if (r) {
        json_decref(into);
        return r;
    }
    *ret_value = into;
    return 0;
}

static bool to_integer(const struct shape *shape, json_t *value, json_int_t *ret_integer)
{
    json_int_t n;

    if (json_is_integer(value)) {
        n = json_integer_value(value);
    } else if (json_is_real(value)) {
        double d = json_real_value(value);

        /* 2^53: beyond it reals skip integers */
        if (d != floor(d) || fabs(d) > 9007199254740992.0)
            return false;
        n = (json_int_t)d;
    } else {
        return false;
    }
    if (shape->type == SHAPE_INTEGER && (n < INT32_MIN || n > INT32_MAX))
        return false;
    *ret_integer = n;
    return true;
}

static bool is_timestamp(json_t *value)
{
    double d = json_number_value(value);

    return json_is_number(value) && d >= TIMESTAMP_MIN && d <= TIMESTAMP_MAX;
}

/* JSON has no numbers for these, so that decoders leave them as text. */
static bool is_non_finite(json_t *value)
{
    static const char *const texts[] = { "NaN", "Infinity", "-Infinity", "inf", "-inf" };
    const char *text = json_string_value(value);

    for (size_t i = 0; text && i < sizeof(texts) / sizeof(*texts); i++)
        if (strcasecmp(text, texts[i]) == 0)
            return true;
    return false;
}

/* Whether @value is what its shape says, as it stands. */
static bool is_as_it_should_be(const struct shape *shape, json_t *value)
{
    switch (shape->type) {
    case SHAPE_STRING:
        return json_is_string(value);
    case SHAPE_BOOLEAN:
        return json_is_boolean(value);
    case SHAPE_DOUBLE:
        return shape->non_finite && is_non_finite(value);
    default:
        return false;
    }
}

static bool is_real(const struct shape *shape, json_t *value)
{
    return (shape->type == SHAPE_DOUBLE && json_is_number(value)) ||
           (shape->type == SHAPE_TIMESTAMP && is_timestamp(value));
}

static int read_scalar(char **ret_why, const struct shape *shape, const struct shape_path *path,
                       json_t *value, json_t **ret_value)
{
    json_t *read = NULL;
    json_int_t n;

    if (is_as_it_should_be(shape, value))
        read = json_incref(value);
    else if (is_real(shape, value))
        read = json_real(json_number_value(value));
    else if ((shape->type == SHAPE_INTEGER || shape->type == SHAPE_LONG) &&
             to_integer(shape, value, &n))
        read = json_integer(n);
    else
        return wrong_type(ret_why, shape, path);

    if (!read)
        return fault(-ENOMEM);
    *ret_value = read;
    return 0;
}

static int read_value(char **ret_why, const struct shape *shape, const struct shape_path *path,
                      json_t *value, json_t **ret_value)
{
    switch (shape->type) {
    case SHAPE_STRUCTURE:
    case SHAPE_LIST:
    case SHAPE_MAP:
        return read_container(ret_why, shape, path, value, ret_value);
    default:
        return read_scalar(ret_why, shape, path, value, ret_value);
    }
}

int shape_read(const struct shape *shape, json_t *value, json_t **ret_value, char **ret_why)
{
    return read_value(ret_why, shape, NULL, value, ret_value);
}
