/* api/service.h: services, their operations, and the calls that handlers get.
 *
 * To add an operation: its input and output shapes (shape.h), a handler, and a row in one of the
 * service's lists of operations. To add a service: a struct service and a line in services.c.
 *
 *     static int describe_thing(struct api_call *call)
 *     {
 *         const char *name = input_text(call, "ThingName");    // present: the shape requires it
 *         struct thing *t = thing_find(call->control, name);
 *
 *         if (!t)
 *             return api_error(call, "ValidationException", "Could not find thing \"%s\".", name);
 *         call->output = json_pack("{s:s, s:f}", "ThingName", name, "CreationTime", t->created_s);
 *         return 0;                                             // no memory: NULL output is
 * noticed
 *     }
 *
 *     const struct operation thing_operations[] = {
 *         { "DescribeThing", &describe_thing_input, &describe_thing_output, describe_thing },
 *         { NULL },
 *     };
 *
 * A handler sees validated input and knows nothing of protocols. It runs to its end on control's
 * thread and returns 0, what api_error() returned, or a negative errno, which becomes
 * InternalFailure and a line in the log. It checks everything before it changes anything.
 */
#pragma once
#include <stdarg.h>

#include "api/shape.h"
#include "control/control.h"

struct api_call;

struct operation {
    const char *name;           /* NULL ends a list */
    const struct shape *input;  /* a structure */
    const struct shape *output; /* a structure, or NULL where AWS's model has no output */
    int (*handle)(struct api_call *call);
};

/* An error that a service can answer with. Errors without a row have status 400 and one name. */
struct service_error {
    const char *name;       /* as modelled, what handlers say and JSON and CBOR carry; NULL ends */
    const char *query_code; /* what Query carries, and x-amzn-query-error; NULL: the name */
    unsigned status;        /* 0: 400. From 500 on the fault is ours ("Receiver"). */
};

enum { SERVICE_JSON = 1, SERVICE_QUERY = 2, SERVICE_CBOR = 4 };

struct service {
    const char *name;          /* for people: "Amazon SageMaker" */
    const char *signing_name;  /* of the credential scope: "sagemaker" */
    unsigned protocols;        /* SERVICE_* */
    const char *target_prefix; /* before the dot of X-Amz-Target, and in RPC v2 paths */
    const char *json_version;  /* "1.1" or "1.0" */
    const char *query_version; /* the Version parameter */
    const char *xml_namespace;
    const char *error_namespace;  /* before __type, "com.amazonaws.cloudwatch#"; NULL: none */
    const char *constraint_error; /* what a failed constraint is called: "ValidationException" */
    const char *token_error;      /* what a bad NextToken is called */
    const struct service_error *errors;    /* may be NULL */
    const struct operation *const *groups; /* lists of operations, NULL-terminated */
};

/* One request on its way through a handler. */
struct api_call {
    struct control *control;
    const struct service *service;
    const struct operation *operation;
    const char *principal; /* access key id, or "no-auth" */
    wall_ms_t now;
    json_t *input;  /* validated; borrowed */
    json_t *output; /* the handler's: a new reference; ignored for operations without output */

    const char *error; /* with API_REFUSED: the error's name, constant */
    char *message;     /* owned */
    const char
        *about; /* its ResourceName, of the input; NULL: it has none. Set before api_error(). */
};

enum { API_REFUSED = 1 };

/** api_error() - refuse a call; `return api_error(...)` ends a handler
 * @name: as modelled, a constant. Return: API_REFUSED, or -ENOMEM. */
int api_error(struct api_call *call, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * api_invoke() - run an operation: read and check the input, call the handler
 * @call:  control, service, operation, principal and now are set
 * @input: as decoded; borrowed; NULL for none
 *
 * Afterwards call->output is an object unless the operation has no output. This is also how tests
 * call handlers. Return: 0, API_REFUSED (error and message are set), or a negative errno.
 */
int api_invoke(struct api_call *call, json_t *input, struct patterns *patterns);
void api_call_deinit(struct api_call *call);

/** service_find_operation() - NULL if weir's @service has none of that name */
const struct operation *service_find_operation(const struct service *service, const char *name);
/** service_error_find() - never NULL: unknown names get a row with defaults in @storage */
const struct service_error *service_error_find(const struct service *service, const char *name,
                                               struct service_error *storage);

/* services.c: every service, NULL-terminated */
extern const struct service *const services[];

/* --- members of the input --------------------------------------------------------------------- */

const char *input_text(const struct api_call *call, const char *member); /* NULL if absent */
json_int_t input_integer(const struct api_call *call, const char *member, json_int_t absent);
double input_number(const struct api_call *call, const char *member, double absent);
bool input_boolean(const struct api_call *call, const char *member, bool absent);
json_t *input_get(const struct api_call *call, const char *member); /* borrowed; NULL if absent */

/* --- lists in pages --------------------------------------------------------------------------- */

/**
 * api_page() - answer with one page of a list, and a NextToken if more follow
 * @list:  the output member that holds the list
 * @items: taken over, also on failure; every item, in the order the answer shall have
 * @key:   a string member that tells items apart
 * @max:   items on a page
 *
 * The token is opaque, and good only for the same operation with the same input (the token itself,
 * MaxResults and MaxRecords apart). An item that vanished between pages moves nothing.
 * Return: as a handler does.
 */
int api_page(struct api_call *call, const char *list, json_t *items, const char *key, size_t max);
