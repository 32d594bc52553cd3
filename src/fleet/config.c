#include "fleet/config.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "fleet/command_line.h"
#include "fleet/instance_type.h"

enum { CONFIG_BYTES_MAX = 1024 * 1024 };

struct fleet_config {
    json_t *root;
};

static int __attribute__((format(printf, 3, 4)))
refuse(char **ret_why, const char *path, const char *format, ...)
{
    autofree(mem_free) char *what = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&what, format, args);
    va_end(args);
    if (n < 0)
        what = NULL;
    *ret_why =
        text_format("the config file %s cannot be used: %s", path, what ? what : "no memory");
    return -EINVAL;
}

static int check_members(const json_t *object, const char *where, const char *const *known,
                         const char *path, char **ret_why)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)object, key, value) {
        const char *const *k = known;

        while (*k && strcmp(*k, key) != 0)
            k++;
        if (!*k)
            return refuse(ret_why, path, "%s has no member \"%s\"", where, key);
    }
    return 0;
}

static int check_images(const json_t *images, const char *path, char **ret_why)
{
    const char *name;
    json_t *line;

    if (images && !json_is_object(images))
        return refuse(ret_why, path, "\"images\" must be an object of command lines");
    json_object_foreach ((json_t *)images, name, line) {
        autofree(command_line_free) char **words = NULL;
        int r;

        if (!json_is_string(line))
            return refuse(ret_why, path, "image \"%s\" must be a command line (a string)", name);
        r = command_line_split(json_string_value(line), &words);
        if (r < 0)
            return fault(r);
        if (r)
            return refuse(ret_why, path, "image \"%s\" %s", name,
                          r == COMMAND_LINE_E_EMPTY ? "has an empty command line"
                                                    : "has a quote that is not closed");
    }
    return 0;
}

/* Changes *@value if @row has the member @name. */
static int read_number(const json_t *row, const char *type, const char *name, double max,
                       double *value, const char *path, char **ret_why)
{
    const json_t *number = json_object_get(row, name);

    if (!number)
        return 0;
    if (!json_is_number(number) || !(json_number_value(number) >= 0) ||
        json_number_value(number) > max)
        return refuse(ret_why, path, "\"%s\" of instance type \"%s\" must be a number from 0 to %g",
                      name, type, max);
    *value = json_number_value(number);
    return 0;
}

static int read_type(const char *name, const json_t *row, struct instance_type *type,
                     const char *path, char **ret_why)
{
    static const char *const members[] = { "vcpus", "memory_gib", "gpus", "usd_per_hour", NULL };
    const struct instance_type *known = instance_type_find(name);
    double gpus = known ? known->gpus : 0;
    int r;

    if (!json_is_object(row))
        return refuse(ret_why, path, "instance type \"%s\" must be an object", name);
    *type = known ? *known : (struct instance_type){ .name = name };
    r = check_members(row, "an instance type", members, path, ret_why);
    if (r == 0)
        r = read_number(row, name, "vcpus", 4096, &type->vcpus, path, ret_why);
    if (r == 0)
        r = read_number(row, name, "memory_gib", 1 << 20, &type->memory_gib, path, ret_why);
    if (r == 0)
        r = read_number(row, name, "gpus", 1024, &gpus, path, ret_why);
    if (r == 0)
        r = read_number(row, name, "usd_per_hour", 1e6, &type->usd_per_hour, path, ret_why);
    if (r)
        return r;
    if (!(type->vcpus > 0) || !(type->memory_gib > 0))
        return refuse(ret_why, path,
                      "instance type \"%s\" needs \"vcpus\" and \"memory_gib\" above 0", name);
    type->gpus = (unsigned)gpus;
    return 0;
}

static int check_types(const json_t *rows, const char *path, char **ret_why)
{
    struct instance_type type;
    const char *name;
    json_t *row;
    int r;

    if (rows && !json_is_object(rows))
        return refuse(ret_why, path, "\"instance_types\" must be an object of objects");
    if (json_object_size(rows) > 64)
        return refuse(ret_why, path, "\"instance_types\" has more than 64 members");
    json_object_foreach ((json_t *)rows, name, row) {
        r = read_type(name, row, &type, path, ret_why);
        if (r)
            return r;
    }
    return 0;
}

/* After check_types(), so that nothing takes effect of a file that is wrong further on. */
static int define_types(const json_t *rows, const char *path, char **ret_why)
{
    struct instance_type type;
    const char *name;
    json_t *row;
    int r;

    json_object_foreach ((json_t *)rows, name, row) {
        r = read_type(name, row, &type, path, ret_why);
        if (r == 0)
            r = instance_type_define(&type);
        if (r)
            return fault(r);
    }
    return 0;
}

static int read_json(const char *path, json_t **ret_root, char **ret_why)
{
    autofree(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    json_error_t error;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        int r = -errno;

        *ret_why = text_format("cannot read the config file %s: %s", path, strerror(-r));
        return r;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > CONFIG_BYTES_MAX)
        return refuse(ret_why, path, "it is not a regular file of at most 1 MiB");
    *ret_root = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
    if (!*ret_root)
        return refuse(ret_why, path, "line %d: %s", error.line, error.text);
    return 0;
}

int fleet_config_load(const char *path, struct fleet_config **ret_config, char **ret_why)
{
    static const char *const members[] = { "images", "instance_types", NULL };
    autofree(fleet_config_free) struct fleet_config *c = calloc(1, sizeof(*c));
    int r;

    *ret_why = NULL;
    if (!c)
        return fault(-ENOMEM);
    if (path) {
        r = read_json(path, &c->root, ret_why);
        if (r)
            return fault(r);
        if (!json_is_object(c->root))
            return fault(refuse(ret_why, path, "it must be a JSON object"));
        r = check_members(c->root, "the file", members, path, ret_why);
        if (r == 0)
            r = check_images(json_object_get(c->root, "images"), path, ret_why);
        if (r == 0)
            r = check_types(json_object_get(c->root, "instance_types"), path, ret_why);
        if (r == 0)
            r = define_types(json_object_get(c->root, "instance_types"), path, ret_why);
        if (r)
            return fault(r);
    }
    *ret_config = steal(c);
    return 0;
}

struct fleet_config *fleet_config_free(struct fleet_config *c)
{
    if (c) {
        json_decref(c->root);
        free(c);
    }
    return NULL;
}

const char *fleet_config_image(const struct fleet_config *c, const char *name)
{
    if (!c)
        return NULL;
    return json_string_value(json_object_get(json_object_get(c->root, "images"), name));
}
