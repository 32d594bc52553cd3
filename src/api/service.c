#include "api/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int api_error(struct api_call *call, const char *name, const char *format, ...)
{
    va_list args;
    char *message;
    int n;

    va_start(args, format);
    n = vasprintf(&message, format, args);
    va_end(args);
    if (n < 0)
        return fault(-ENOMEM);

    free(call->message);
    call->message = message;
    call->error = name;
    return API_REFUSED;
}

void api_call_deinit(struct api_call *call)
{
    json_decref(call->input);
    json_decref(call->output);
    free(call->message);
    call->input = call->output = NULL;
    call->message = NULL;
}

static int read_input(struct api_call *call, json_t *input)
{
    autofree(mem_free) char *why = NULL;
    json_t *nothing = input ? NULL : json_object();
    int r;

    if (!input && !nothing)
        return fault(-ENOMEM);
    r = shape_read(call->operation->input, input ? input : nothing, &call->input, &why);
    json_decref(nothing);
    if (r == SHAPE_E_TYPE)
        return api_error(call, "SerializationException", "%s", why);
    return fault(r);
}

static int check_input(struct api_call *call, struct patterns *patterns)
{
    autobuffer struct buffer why = BUFFER_INIT(2 << 20);
    int r = shape_check(call->operation->input, call->input, patterns, &why);

    if (r <= 0)
        return fault(r);
    return api_error(call, call->service->constraint_error, "%.*s", (int)buffer_size(&why),
                     buffer_data(&why));
}

int api_invoke(struct api_call *call, json_t *input, struct patterns *patterns)
{
    int r = read_input(call, input);

    if (!r)
        r = check_input(call, patterns);
    if (!r)
        r = call->operation->handle(call);
    if (r)
        return r == API_REFUSED ? r : fault(r);
    return call->operation->output && !call->output ? fault(-ENOMEM) : 0;
}

const struct operation *service_find_operation(const struct service *service, const char *name)
{
    for (const struct operation *const *group = service->groups; *group; group++)
        for (const struct operation *o = *group; o->name; o++)
            if (strcmp(o->name, name) == 0)
                return o;
    return NULL;
}

const struct service_error *service_error_find(const struct service *service, const char *name,
                                               struct service_error *storage)
{
    for (const struct service_error *e = service->errors; e && e->name; e++)
        if (strcmp(e->name, name) == 0)
            return e;
    *storage = (struct service_error){ .name = name, .query_code = name, .status = 400 };
    return storage;
}

json_t *input_get(const struct api_call *call, const char *member)
{
    return json_object_get(call->input, member);
}

const char *input_text(const struct api_call *call, const char *member)
{
    return json_string_value(input_get(call, member));
}

json_int_t input_integer(const struct api_call *call, const char *member, json_int_t absent)
{
    json_t *value = input_get(call, member);

    return value ? json_integer_value(value) : absent;
}

double input_number(const struct api_call *call, const char *member, double absent)
{
    json_t *value = input_get(call, member);

    return value ? json_number_value(value) : absent;
}

bool input_boolean(const struct api_call *call, const char *member, bool absent)
{
    json_t *value = input_get(call, member);

    return value ? json_is_true(value) : absent;
}
