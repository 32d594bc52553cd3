/* api/route.h: which operation of which service a request asks for, and in which protocol.
 *
 * All services share one address. Requests tell by path (Smithy RPC v2 CBOR), by X-Amz-Target
 * (AWS JSON), or by Action and Version in a form, sent by POST or as a GET's query (AWS Query).
 * All else is taken for a REST-JSON call that weir does not have.
 */
#pragma once
#include "api/service.h"
#include "http/message.h"

enum protocol { PROTOCOL_REST_JSON, PROTOCOL_JSON, PROTOCOL_QUERY, PROTOCOL_CBOR };

enum { ROUTE_NAME_BYTES = 128 };

struct route {
    enum protocol protocol;
    const struct service *service;        /* NULL: none that weir has */
    const struct operation *operation;    /* NULL likewise */
    char asked_service[ROUTE_NAME_BYTES]; /* target prefix, RPC v2 service or Version, cut; or "" */
    char asked_operation[ROUTE_NAME_BYTES]; /* cut; or "" */
    struct slice form;                      /* PROTOCOL_QUERY: the parameters, still encoded */
    bool query_mode; /* the client wants the Query error code in x-amzn-query-error */
};

/** route_find() - @body may be empty where authentication failed; the protocol shows without it */
void route_find(const struct http_head *head, struct slice body, struct route *ret);

/** route_explain() - a sentence on why there is no operation, naming what there is */
int route_explain(const struct route *route, const struct http_head *head, struct buffer *out);
