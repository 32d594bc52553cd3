/* Constraints, and AWS's sentences about values that fail them. */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "api/number.h"
#include "api/patterns.h"
#include "api/shape.h"
#include "api/shape_path.h"
#include "base/error.h"

enum {
    FAILURES_MAX = 10,      /* listed; more are counted */
    VALUE_BYTES_MAX = 1024, /* quoted of a value */
};

struct check {
    struct patterns *patterns;
    struct buffer failures; /* joined with "; " */
    int count;
};

static int check_value(struct check *c, const struct shape *shape, const struct shape_path *path,
                       json_t *value);

/* --- what a sentence quotes ------------------------------------------------------------------- */

static int quote_text(struct buffer *out, const char *text)
{
    size_t n = strlen(text);
    int r = buffer_append(out, text, n < VALUE_BYTES_MAX ? n : VALUE_BYTES_MAX);

    if (r || n <= VALUE_BYTES_MAX)
        return fault(r);
    return fault(buffer_puts(out, "..."));
}

static int quote_scalar(struct buffer *out, json_t *value)
{
    char number[NUMBER_BYTES];

    if (json_is_string(value))
        return fault(quote_text(out, json_string_value(value)));
    if (json_is_integer(value))
        return fault(buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value)));
    if (json_is_real(value)) {
        number_text(json_real_value(value), number);
        return fault(buffer_puts(out, number));
    }
    return fault(buffer_puts(out, json_is_true(value) ? "true" : "false"));
}

/* "[a, b]", and of a long list as much as of a long text. */
static int quote_list(struct buffer *out, json_t *list)
{
    size_t i, before = buffer_size(out);
    json_t *item;
    int r = buffer_puts(out, "[");

    json_array_foreach (list, i, item) {
        if (!r && i > 0)
            r = buffer_puts(out, ", ");
        if (!r && buffer_size(out) - before > VALUE_BYTES_MAX)
            return fault(buffer_puts(out, "..."));
        if (!r)
            r = quote_scalar(out, item);
    }
    return r ? fault(r) : fault(buffer_puts(out, "]"));
}

static bool is_container(const json_t *value)
{
    return json_is_object(value) || json_is_array(value);
}

/* Lists of scalars have a form of their own; other containers are quoted as JSON. */
static int quote(struct buffer *out, json_t *value)
{
    autofree(mem_free) char *text = NULL;

    if (!is_container(value))
        return fault(quote_scalar(out, value));
    if (json_is_array(value) && !is_container(json_array_get(value, 0)))
        return fault(quote_list(out, value));
    text = json_dumps(value, JSON_COMPACT);
    return text ? fault(quote_text(out, text)) : fault(-ENOMEM);
}

/* --- one failure ------------------------------------------------------------------------------ */

static int add_failure(struct check *c, const struct shape_path *path, json_t *value,
                       const char *constraint)
{
    int r = 0;

    if (c->count++ >= FAILURES_MAX)
        return 0;
    if (c->count > 1)
        r = buffer_puts(&c->failures, "; ");
    if (!r)
        r = buffer_puts(&c->failures, value ? "Value '" : "Value null at '");
    if (!r && value)
        r = quote(&c->failures, value);
    if (!r && value)
        r = buffer_puts(&c->failures, "' at '");
    if (!r)
        r = shape_path_write(path, &c->failures);
    if (!r)
        r = buffer_puts(&c->failures, "' failed to satisfy constraint: ");
    if (!r)
        r = buffer_puts(&c->failures, constraint);
    return fault(r);
}

/* Adds what a judge wrote into @why, if anything. */
static int blame(struct check *c, const struct shape_path *path, json_t *value, struct buffer *why)
{
    const char *constraint;

    if (buffer_size(why) == 0)
        return 0;
    constraint = buffer_cstr(why);
    return constraint ? fault(add_failure(c, path, value, constraint)) : fault(-ENOMEM);
}

/* --- what a scalar can fail; each appends its sentence to @out -------------------------------- */

static size_t characters(const char *utf8)
{
    size_t n = 0;

    for (; *utf8; utf8++)
        n += ((unsigned char)*utf8 & 0xc0) != 0x80;
    return n;
}

/* "Member must have length less than or equal to 63"; @what is "length" or "value" */
static int judge_range(const struct shape *shape, const char *what, double n, struct buffer *out)
{
    char bound[NUMBER_BYTES];
    bool low = shape->has_min && n < shape->min;

    if (!low && !(shape->has_max && n > shape->max))
        return 0;
    number_text(low ? shape->min : shape->max, bound);
    return fault(buffer_printf(out, "Member must have %s %s than or equal to %s", what,
                               low ? "greater" : "less", bound));
}

static int judge_enum(const struct shape *shape, const char *text, struct buffer *out)
{
    int r;

    for (const char *const *v = shape->values; *v; v++)
        if (strcmp(*v, text) == 0)
            return 0;
    r = buffer_puts(out, "Member must satisfy enum value set: [");
    for (const char *const *v = shape->values; !r && *v; v++)
        r = buffer_printf(out, "%s%s", v == shape->values ? "" : ", ", *v);
    return r ? fault(r) : fault(buffer_puts(out, "]"));
}

static int judge_string(struct check *c, const struct shape *shape, const char *text,
                        struct buffer *out)
{
    bool matches = true;
    int r;

    if (shape->values)
        return fault(judge_enum(shape, text, out));
    r = judge_range(shape, "length", (double)characters(text), out);
    if (r || buffer_size(out) > 0 || !shape->pattern)
        return fault(r);
    r = patterns_match(c->patterns, shape->posix ? shape->posix : shape->pattern, text, &matches);
    if (r || matches)
        return fault(r);
    return fault(
        buffer_printf(out, "Member must satisfy regular expression pattern: %s", shape->pattern));
}

/* Leaves @out empty if @value, a scalar, is good. */
static int judge_scalar(struct check *c, const struct shape *shape, json_t *value,
                        struct buffer *out)
{
    if (shape->type == SHAPE_STRING)
        return fault(judge_string(c, shape, json_string_value(value), out));
    if (json_is_number(value))
        return fault(judge_range(shape, "value", json_number_value(value), out));
    return 0;
}

/* --- containers ------------------------------------------------------------------------------- */

static bool is_scalar(const struct shape *shape)
{
    return shape->type != SHAPE_STRUCTURE && shape->type != SHAPE_LIST && shape->type != SHAPE_MAP;
}

static int check_structure(struct check *c, const struct shape *shape,
                           const struct shape_path *path, json_t *value)
{
    for (const struct member *m = shape->members; m->name; m++) {
        const struct shape_path at = { .up = path, .name = m->name };
        json_t *given = json_object_get(value, m->name);
        int r = 0;

        if (given)
            r = check_value(c, m->shape, &at, given);
        else if (m->required)
            r = add_failure(c, &at, NULL, "Member must not be null");
        if (r)
            return fault(r);
    }
    return 0;
}

static int check_size(struct check *c, const struct shape *shape, const struct shape_path *path,
                      json_t *value, size_t n)
{
    autobuffer struct buffer why = BUFFER_INIT(4096);
    int r = judge_range(shape, "length", (double)n, &why);

    return r ? fault(r) : fault(blame(c, path, value, &why));
}

/* A scalar in a list or map: AWS blames the whole container, once. */
static int check_entry(struct check *c, const struct shape *shape, json_t *value,
                       const char *subject, struct buffer *ret_why)
{
    autobuffer struct buffer why = BUFFER_INIT(65536);
    int r = judge_scalar(c, shape, value, &why);

    if (r || buffer_size(&why) == 0)
        return fault(r);
    return fault(buffer_printf(ret_why, "%s must satisfy constraint: [%.*s]", subject,
                               (int)buffer_size(&why), buffer_data(&why)));
}

static int check_list(struct check *c, const struct shape *shape, const struct shape_path *path,
                      json_t *value)
{
    autobuffer struct buffer why = BUFFER_INIT(65536);
    size_t i;
    json_t *item;
    int r = check_size(c, shape, path, value, json_array_size(value));

    json_array_foreach (value, i, item) {
        const struct shape_path at = { .up = path, .index = i + 1 };

        if (r || buffer_size(&why) > 0)
            break;
        if (is_scalar(shape->element))
            r = check_entry(c, shape->element, item, "Member", &why);
        else
            r = check_value(c, shape->element, &at, item);
    }
    return r ? fault(r) : fault(blame(c, path, value, &why));
}

static int check_map(struct check *c, const struct shape *shape, const struct shape_path *path,
                     json_t *value)
{
    autobuffer struct buffer why = BUFFER_INIT(65536);
    const char *key;
    json_t *item;
    int r = check_size(c, shape, path, value, json_object_size(value));

    json_object_foreach (value, key, item) {
        const struct shape_path at = { .up = path, .name = key };
        json_t *name = json_string(key);

        if (!name)
            r = -ENOMEM;
        if (!r)
            r = check_entry(c, shape->key, name, "Map keys", &why);
        json_decref(name);
        if (!r && buffer_size(&why) == 0)
            r = is_scalar(shape->element) ? check_entry(c, shape->element, item, "Map value", &why)
                                          : check_value(c, shape->element, &at, item);
        if (r || buffer_size(&why) > 0)
            break;
    }
    return r ? fault(r) : fault(blame(c, path, value, &why));
}

static int check_value(struct check *c, const struct shape *shape, const struct shape_path *path,
                       json_t *value)
{
    autobuffer struct buffer why = BUFFER_INIT(65536);
    int r;

    if (shape->type == SHAPE_STRUCTURE)
        return fault(check_structure(c, shape, path, value));
    if (shape->type == SHAPE_LIST)
        return fault(check_list(c, shape, path, value));
    if (shape->type == SHAPE_MAP)
        return fault(check_map(c, shape, path, value));
    r = judge_scalar(c, shape, value, &why);
    return r ? fault(r) : fault(blame(c, path, value, &why));
}

int shape_check(const struct shape *shape, json_t *value, struct patterns *patterns,
                struct buffer *why)
{
    struct check c = { .patterns = patterns, .failures = BUFFER_INIT(1 << 20) };
    int r = check_value(&c, shape, NULL, value);

    if (!r && c.count > 0)
        r = buffer_printf(why, "%d validation error%s detected: %.*s", c.count,
                          c.count == 1 ? "" : "s", (int)buffer_size(&c.failures),
                          buffer_data(&c.failures));
    buffer_deinit(&c.failures);
    return r ? fault(r) : c.count;
}
