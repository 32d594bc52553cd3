#include "cli/front_options.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/socket_batch.h"
#include "base/text.h"

enum { SECONDS_MAX = 86400, COUNT_MAX = 10000000, MB_MAX = 1 << 24 };

static const char *const names[] = {
#define FRONT_NAME(name, id, value) name,
    FRONT_OPTIONS(FRONT_NAME)
#undef FRONT_NAME
};
static const char *const values[] = {
#define FRONT_VALUE(name, id, value) value,
    FRONT_OPTIONS(FRONT_VALUE)
#undef FRONT_VALUE
};

const char *front_options_name(int id)
{
    return names[id - FRONT_OPTION_FIRST];
}

void front_options_init(struct front_options *o)
{
    *o = (struct front_options){ .access_fd = -1, .guard = GUARD_SETTINGS_DEFAULT };
}

static int take_count(const char *value, uint64_t min, unsigned *ret)
{
    uint64_t n;
    int r = option_number(value, min, COUNT_MAX, &n);

    if (!r)
        *ret = (unsigned)n;
    return r;
}

static int take_mb(const char *value, uint64_t min, size_t *ret_bytes)
{
    uint64_t n;
    int r = option_number(value, min, MB_MAX, &n);

    if (!r)
        *ret_bytes = (size_t)n << 20;
    return r;
}

/* A wait of 0 s would let nobody in. */
static int take_timeout(const char *value, ms_t *ret_ms)
{
    int r = option_seconds(value, SECONDS_MAX, ret_ms);

    return r ? r : *ret_ms > 0 ? 0 : -EINVAL;
}

static int take_access_log(struct front_options *o, const char *value)
{
    if (isdigit((unsigned char)value[0]))
        return option_descriptor(value, &o->access_fd);
    o->access_path = value;
    return value[0] ? 0 : -EINVAL;
}

static int take_io(struct front_options *o, const char *value)
{
    static const char *const words[] = {
        [FRONT_IO_AUTO] = "auto", [FRONT_IO_EPOLL] = "epoll", [FRONT_IO_URING] = "uring"
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(value, words[i]) == 0) {
            o->io = (enum front_io)i;
            return 0;
        }
    }
    return -EINVAL;
}

static int take_milliseconds(const char *value, ms_t *ret_ms)
{
    uint64_t n;
    int r = option_number(value, 0, SECONDS_MAX * MS_PER_S, &n);

    if (!r)
        *ret_ms = (ms_t)n;
    return r;
}

static int take_format(struct front_options *o, const char *value)
{
    int json;
    int r = option_choice(value, "alb", "json", &json);

    if (!r)
        o->access_format = json ? ACCESS_JSON : ACCESS_ALB;
    return r;
}

static int take(struct front_options *o, int id, const char *value)
{
    switch (id) {
    case FRONT_OPTION_IO:
        return take_io(o, value);
    case FRONT_OPTION_ACCESS_LOG:
        return take_access_log(o, value);
    case FRONT_OPTION_ACCESS_LOG_FORMAT:
        return take_format(o, value);
    case FRONT_OPTION_SLOW_REQUEST_MS:
        return take_milliseconds(value, &o->slow_ms);
    case FRONT_OPTION_CONNECTIONS_MAX:
        return take_count(value, 1, &o->guard.connections_max);
    case FRONT_OPTION_CLIENT_CONNECTIONS_MAX:
        return take_count(value, 0, &o->guard.client_connections_max);
    case FRONT_OPTION_CLIENT_REQUESTS_PER_S:
        return take_count(value, 0, &o->guard.client_requests_per_s);
    case FRONT_OPTION_CLIENT_BURST:
        return take_count(value, 1, &o->guard.client_burst);
    case FRONT_OPTION_TRUSTED_PROXIES:
        return network_parse_list(value, &o->guard.trusted);
    case FRONT_OPTION_HEAD_TIMEOUT:
        return take_timeout(value, &o->head_timeout_ms);
    case FRONT_OPTION_BODY_TIMEOUT:
        return take_timeout(value, &o->body_timeout_ms);
    case FRONT_OPTION_IDLE_TIMEOUT:
        return take_timeout(value, &o->idle_timeout_ms);
    case FRONT_OPTION_HANDSHAKE_TIMEOUT:
        return take_timeout(value, &o->handshake_timeout_ms);
    case FRONT_OPTION_KEPT_BODIES_MAX_MB:
        return take_mb(value, 1, &o->guard.kept_bytes_max);
    case FRONT_OPTION_MEMORY_MAX_MB:
        return take_mb(value, 0, &o->guard.memory_bytes_max);
    }
    return -EINVAL;
}

int front_options_take(struct front_options *o, int id, const char *value)
{
    o->texts[id - FRONT_OPTION_FIRST] = value;
    return take(o, id, value);
}

static int find(const char *name)
{
    for (int id = FRONT_OPTION_FIRST; id < FRONT_OPTION_END; id++)
        if (strcmp(front_options_name(id), name) == 0)
            return id;
    return 0;
}

static int take_json(struct front_options *o, int id, const json_t *value)
{
    autofree(mem_free) char *number = NULL;

    if (o->texts[id - FRONT_OPTION_FIRST])
        return 0;
    if (json_is_string(value)) /* kept, as paths are */
        return front_options_take(o, id, json_string_value(value));
    if (!json_is_integer(value) || id == FRONT_OPTION_ACCESS_LOG)
        return -EINVAL;
    number = text_format("%lld", (long long)json_integer_value(value));
    return number ? take(o, id, number) : -ENOMEM;
}

int front_options_take_json(struct front_options *o, json_t *json, char ret_why[COMPLAINT_BYTES])
{
    const struct json_place options = { .member = "options" };
    const char *name;
    json_t *value;
    int r = json && !json_is_object(json) ? -EINVAL : 0;

    if (r)
        complaint_of_value(ret_why, &options, json, "an object");
    json_object_foreach (json, name, value) {
        const struct json_place at = { .up = &options, .member = name };
        int id = find(name);

        if (!id) {
            complaint_of_name(ret_why, &options, name, names, FRONT_OPTIONS_MAX);
            return -EINVAL;
        }
        r = take_json(o, id, value);
        if (r == -ENOMEM)
            complaint_write(ret_why, &at, "out of memory");
        else if (r)
            complaint_of_value(ret_why, &at, value, values[id - FRONT_OPTION_FIRST]);
        if (r)
            return r;
    }
    return r;
}

static const char *why_no_uring(int r)
{
    switch (r) {
    case -ENOTSUP:
        return "this weir was built without io_uring, or the kernel has none";
    case -EPERM:
    case -EACCES:
        return "the kernel does not permit io_uring (sysctl kernel.io_uring_disabled, or a filter "
               "of system calls)";
    }
    return strerror(-r);
}

int front_options_check_io(const struct front_options *o, bool *ret_uring, const char **ret_why)
{
    int r = o->io == FRONT_IO_EPOLL ? 0 : socket_batch_is_there();

    *ret_uring = o->io != FRONT_IO_EPOLL && r == 0;
    if (!r || o->io == FRONT_IO_AUTO)
        return 0;
    *ret_why = why_no_uring(r);
    return r;
}

void front_options_apply(const struct front_options *o, struct worker_settings *settings)
{
    if (o->head_timeout_ms)
        settings->head_timeout_ms = o->head_timeout_ms;
    if (o->body_timeout_ms)
        settings->body_timeout_ms = o->body_timeout_ms;
    if (o->idle_timeout_ms)
        settings->idle_timeout_ms = o->idle_timeout_ms;
    if (o->handshake_timeout_ms)
        settings->handshake_timeout_ms = o->handshake_timeout_ms;
}
