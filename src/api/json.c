#include "api/json.h"

#include <errno.h>
#include <string.h>

#include "api/number.h"
#include "base/error.h"

static int malformed(const json_error_t *error, char **ret_why)
{
    *ret_why = text_format("The body is not valid JSON: %s (line %d, column %d)", error->text,
                           error->line, error->column);
    return *ret_why ? JSON_E_MALFORMED : fault(-ENOMEM);
}

int json_decode(struct slice body, json_t **ret_value, char **ret_why)
{
    json_error_t error;
    json_t *value;

    if (body.size == 0) {
        value = json_object();
        if (!value)
            return fault(-ENOMEM);
    } else {
        value = json_loadb(body.data, body.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (!value)
            return malformed(&error, ret_why);
    }
    *ret_value = value;
    return 0;
}

int json_write_text(const char *text, struct buffer *out)
{
    int r = buffer_puts(out, "\"");

    for (const char *run = text; !r && *text; run = text) {
        while (*text && *text != '"' && *text != '\\' && (unsigned char)*text >= 0x20)
            text++;
        r = buffer_append(out, run, (size_t)(text - run));
        if (r || !*text)
            break;
        if (*text == '"' || *text == '\\')
            r = buffer_printf(out, "\\%c", *text);
        else
            r = buffer_printf(out, "\\u%04x", (unsigned)*text);
        text++;
    }
    return r ? fault(r) : fault(buffer_puts(out, "\""));
}

static int encode_name(const char *name, bool first, struct buffer *out)
{
    int r = first ? 0 : buffer_puts(out, ",");

    if (!r)
        r = json_write_text(name, out);
    return r ? fault(r) : fault(buffer_puts(out, ":"));
}

static int encode_structure(const struct shape *shape, json_t *value, struct buffer *out)
{
    bool first = true;
    int r = buffer_puts(out, "{");

    for (const struct member *m = shape->members; !r && m->name; m++) {
        json_t *item = json_object_get(value, m->name);

        if (!item || json_is_null(item))
            continue;
        r = encode_name(m->name, first, out);
        if (!r)
            r = json_encode(m->shape, item, out);
        first = false;
    }
    return r ? fault(r) : fault(buffer_puts(out, "}"));
}

static int encode_list(const struct shape *shape, json_t *value, struct buffer *out)
{
    size_t i;
    json_t *item;
    int r = buffer_puts(out, "[");

    json_array_foreach (value, i, item) {
        if (!r && i > 0)
            r = buffer_puts(out, ",");
        if (!r)
            r = json_encode(shape->element, item, out);
    }
    return r ? fault(r) : fault(buffer_puts(out, "]"));
}

static int encode_map(const struct shape *shape, json_t *value, struct buffer *out)
{
    bool first = true;
    const char *key;
    json_t *item;
    int r = buffer_puts(out, "{");

    json_object_foreach (value, key, item) {
        if (!r)
            r = encode_name(key, first, out);
        if (!r)
            r = json_encode(shape->element, item, out);
        first = false;
    }
    return r ? fault(r) : fault(buffer_puts(out, "}"));
}

static int encode_number(const struct shape *shape, json_t *value, struct buffer *out)
{
    char text[NUMBER_BYTES];

    if (shape->type == SHAPE_DOUBLE)
        number_double(json_number_value(value), text);
    else if (shape->type == SHAPE_TIMESTAMP)
        number_seconds(json_number_value(value), text);
    else if (json_is_integer(value))
        return fault(buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value)));
    else
        number_text(json_number_value(value), text);
    return fault(buffer_puts(out, text));
}

int json_encode(const struct shape *shape, json_t *value, struct buffer *out)
{
    switch (shape->type) {
    case SHAPE_STRUCTURE:
        return fault(encode_structure(shape, value, out));
    case SHAPE_LIST:
        return fault(encode_list(shape, value, out));
    case SHAPE_MAP:
        return fault(encode_map(shape, value, out));
    case SHAPE_STRING:
        return fault(
            json_write_text(json_string_value(value) ? json_string_value(value) : "", out));
    case SHAPE_BOOLEAN:
        return fault(buffer_puts(out, json_is_true(value) ? "true" : "false"));
    default:
        return fault(encode_number(shape, value, out));
    }
}
