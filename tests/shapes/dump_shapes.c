/* Prints the shapes of every operation as JSON, for check_shapes.py to hold against AWS's
 * models. */
#include <stdio.h>

#include "api/service.h"

static json_t *dump(const struct shape *shape);

static const char *const types[] = {
    [SHAPE_STRUCTURE] = "structure", [SHAPE_LIST] = "list",       [SHAPE_MAP] = "map",
    [SHAPE_STRING] = "string",       [SHAPE_INTEGER] = "integer", [SHAPE_LONG] = "long",
    [SHAPE_DOUBLE] = "double",       [SHAPE_BOOLEAN] = "boolean", [SHAPE_TIMESTAMP] = "timestamp",
};

static json_t *dump_members(const struct shape *shape)
{
    json_t *members = json_object();

    for (const struct member *m = shape->members; m->name; m++)
        json_object_set_new(
            members, m->name,
            json_pack("{s:b, s:o}", "required", m->required, "shape", dump(m->shape)));
    return members;
}

static json_t *dump_values(const struct shape *shape)
{
    json_t *values = json_array();

    for (const char *const *v = shape->values; *v; v++)
        json_array_append_new(values, json_string(*v));
    return values;
}

static json_t *dump(const struct shape *shape)
{
    json_t *dumped = json_pack("{s:s, s:s}", "name", shape->name, "type", types[shape->type]);

    if (shape->has_min)
        json_object_set_new(dumped, "min", json_real(shape->min));
    if (shape->has_max)
        json_object_set_new(dumped, "max", json_real(shape->max));
    if (shape->pattern)
        json_object_set_new(dumped, "pattern", json_string(shape->pattern));
    if (shape->values)
        json_object_set_new(dumped, "enum", dump_values(shape));
    if (shape->members)
        json_object_set_new(dumped, "members", dump_members(shape));
    if (shape->key)
        json_object_set_new(dumped, "key", dump(shape->key));
    if (shape->element)
        json_object_set_new(dumped, "element", dump(shape->element));
    return dumped;
}

static json_t *dump_operations(const struct service *service)
{
    json_t *operations = json_object();

    for (const struct operation *const *group = service->groups; *group; group++)
        for (const struct operation *o = *group; o->name; o++)
            json_object_set_new(operations, o->name,
                                json_pack("{s:o, s:o}", "input", dump(o->input), "output",
                                          o->output ? dump(o->output) : json_null()));
    return operations;
}

int main(void)
{
    json_t *all = json_object();
    int r;

    for (const struct service *const *s = services; *s; s++)
        json_object_set_new(all, (*s)->signing_name, dump_operations(*s));
    r = json_dumpf(all, stdout, JSON_INDENT(1));
    json_decref(all);
    return r ? 1 : 0;
}
