#include "api/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/query.h"
#include "base/error.h"
#include "http/url.h"

#define RPC_PREFIX    "/service/"
#define RPC_OPERATION "/operation/"

static void copy(struct slice s, char ret[ROUTE_NAME_BYTES])
{
    snprintf(ret, ROUTE_NAME_BYTES, "%.*s", (int)(s.size < ROUTE_NAME_BYTES ? s.size : 0), s.data);
}

static void copy_parameter(struct slice form, const char *name, char ret[ROUTE_NAME_BYTES])
{
    autofree(mem_free) char *value = query_parameter(form, name);

    copy(slice_from(value), ret);
}

static bool equal(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static const struct service *find_service(unsigned protocol, const char *asked)
{
    for (const struct service *const *s = services; *s; s++) {
        const char *name = protocol == SERVICE_QUERY ? (*s)->query_version : (*s)->target_prefix;

        if ((*s)->protocols & protocol && equal(name, asked))
            return *s;
    }
    return NULL;
}

/* /service/SERVICE/operation/OPERATION */
static bool find_rpc(struct slice path, struct route *ret)
{
    struct slice service, operation;
    const char *middle;

    if (path.size < sizeof(RPC_PREFIX) ||
        memcmp(path.data, RPC_PREFIX, sizeof(RPC_PREFIX) - 1) != 0)
        return false;
    service.data = path.data + sizeof(RPC_PREFIX) - 1;
    service.size = path.size - (sizeof(RPC_PREFIX) - 1);
    middle = memmem(service.data, service.size, RPC_OPERATION, sizeof(RPC_OPERATION) - 1);
    if (!middle)
        return false;
    operation.data = middle + sizeof(RPC_OPERATION) - 1;
    operation.size = (size_t)(service.data + service.size - operation.data);
    service.size = (size_t)(middle - service.data);
    copy(service, ret->asked_service);
    copy(operation, ret->asked_operation);
    ret->protocol = PROTOCOL_CBOR;
    ret->service = find_service(SERVICE_CBOR, ret->asked_service);
    return true;
}

static bool find_target(const struct http_head *head, struct route *ret)
{
    struct slice target = http_header_value(head, "X-Amz-Target");
    const char *dot = target.size ? memrchr(target.data, '.', target.size) : NULL;
    size_t n;

    if (!target.data)
        return false;
    n = dot ? (size_t)(dot - target.data) : 0;
    copy((struct slice){ target.data, n }, ret->asked_service);
    if (dot)
        n++;
    copy((struct slice){ target.data + n, target.size - n }, ret->asked_operation);
    ret->protocol = PROTOCOL_JSON;
    ret->service = find_service(SERVICE_JSON, ret->asked_service);
    return true;
}

static bool is_form(const struct http_head *head)
{
    static const char type[] = "application/x-www-form-urlencoded";
    struct slice given = http_header_value(head, "Content-Type");
    struct slice start = { given.data,
                           given.size < sizeof(type) - 1 ? given.size : sizeof(type) - 1 };

    return slice_is_nocase(start, type);
}

static bool find_action(const struct http_head *head, struct slice query, struct slice body,
                        struct route *ret)
{
    if (is_form(head))
        ret->form = body;
    else if (slice_is(head->method, "GET"))
        ret->form = query;
    else
        return false;
    copy_parameter(ret->form, "Action", ret->asked_operation);
    if (!is_form(head) && !ret->asked_operation[0])
        return false;
    copy_parameter(ret->form, "Version", ret->asked_service);
    ret->protocol = PROTOCOL_QUERY;
    ret->service = find_service(SERVICE_QUERY, ret->asked_service);
    return true;
}

void route_find(const struct http_head *head, struct slice body, struct route *ret)
{
    struct url_target target = { 0 };

    *ret = (struct route){
        .protocol = PROTOCOL_REST_JSON,
        .query_mode = slice_is_nocase(http_header_value(head, "x-amzn-query-mode"), "true"),
    };
    if (url_split_target(head->target, &target) != 0)
        return;
    if (!find_rpc(target.path, ret) && !find_target(head, ret))
        find_action(head, target.query, body, ret);
    if (ret->service)
        ret->operation = service_find_operation(ret->service, ret->asked_operation);
}

/* --- what there is instead -------------------------------------------------------------------- */

static int list_operations(const struct service *service, struct buffer *out)
{
    const char *separator = "";
    int r = 0;

    for (const struct operation *const *group = service->groups; *group; group++)
        for (const struct operation *o = *group; !r && o->name; o++) {
            r = buffer_printf(out, "%s%s", separator, o->name);
            separator = ", ";
        }
    return fault(r);
}

static int list_services(struct buffer *out)
{
    int r = 0;

    for (const struct service *const *s = services; !r && *s; s++)
        r = buffer_printf(out, "%s%s", s == services ? "" : ", ", (*s)->name);
    return fault(r);
}

int route_explain(const struct route *route, const struct http_head *head, struct buffer *out)
{
    int r;

    if (route->service) {
        r = buffer_printf(out, "weir does not have the operation '%s' of %s. It has: ",
                          route->asked_operation, route->service->name);
        if (!r)
            r = list_operations(route->service, out);
        return r ? fault(r) : fault(buffer_puts(out, "."));
    }
    if (route->protocol == PROTOCOL_REST_JSON)
        r = buffer_printf(out, "There is nothing at %.*s %.*s.", (int)head->method.size,
                          head->method.data, (int)head->target.size, head->target.data);
    else
        r = buffer_printf(out, "weir does not have the %s '%s', which was asked for '%s'.",
                          route->protocol == PROTOCOL_QUERY ? "Version" : "service",
                          route->asked_service, route->asked_operation);
    if (!r)
        r = buffer_puts(out, " It has operations of: ");
    if (!r)
        r = list_services(out);
    return r ? fault(r) : fault(buffer_puts(out, "."));
}
