/* api/rig.h: what the tests of services on a real control plane share: that, with simulated time,
 * made-up load, and a driver whose instances do as told.
 */
#pragma once
#include "api/services.h"
#include "control/autoscaler.h"
#include "control/endpoint.h"
#include "control/test_json.h"

#define TRIPLE(resource)                                                                           \
    "'ServiceNamespace':'sagemaker','ResourceId':'" resource                                       \
    "','ScalableDimension':'sagemaker:variant:DesiredInstanceCount'"
#define TARGET   TRIPLE("endpoint/e/variant/v")
#define TRACKING "'TargetTrackingScalingPolicyConfiguration':"
#define INVOCATIONS                                                                                \
    "'PredefinedMetricSpecification':{'PredefinedMetricType':"                                     \
    "'SageMakerVariantInvocationsPerInstance'}"
#define CONCURRENCY                                                                                \
    "'PredefinedMetricSpecification':{'PredefinedMetricType':"                                     \
    "'SageMakerVariantConcurrentRequestsPerModelHighResolution'}"
#define INVALID "ValidationException"
#define MISSING "ObjectNotFoundException"

struct fixture {
    struct sim_clock clock;
    struct loop *loop;
    struct store *store;
    struct metrics *metrics;
    struct control *control;
    struct driver *driver;
    struct patterns *patterns;
    double load;             /* requests per second */
    struct courier *courier; /* for control when it begins; NULL: none */
};

int set_up(void **state);
int tear_down(void **state);
/** restart() - control anew, with what is in the store */
void restart(struct fixture *f);
/** invoke() - an operation. Return: what api_invoke() says; @ret is to api_call_deinit() */
int invoke(struct fixture *f, const char *operation, const char *input, struct api_call *ret);
/** ask() - an operation, with its input as for parse()
 * Return: the output, to json_decref(). */
json_t *ask(struct fixture *f, const char *operation, const char *input);
void done(struct fixture *f, const char *operation, const char *input);
/** refused() - it is, with just this error and message */
void refused(struct fixture *f, const char *operation, const char *input, const char *error,
             const char *message);
/** refused_each() - everything in a table is, as a ValidationException */
struct refusal {
    const char *input, *message;
};
void refused_all(struct fixture *f, const char *operation, const struct refusal *table, size_t n);
#define refused_each(f, operation, table)                                                          \
    refused_all(f, operation, table, sizeof(table) / sizeof *(table))
/** ask_for_one() - the only item of a list in an answer; a new reference */
json_t *ask_for_one(struct fixture *f, const char *operation, const char *input, const char *list);
size_t count_of(struct fixture *f, const char *operation, const char *input, const char *list);
const char *text(json_t *object, const char *member);
json_int_t integer(json_t *object, const char *member);
void assert_begins(const char *whole, const char *beginning);
void assert_contains(const char *whole, const char *part);
struct variant_counts counts(struct fixture *f);
/** run_second() - in which load requests come */
void run_second(struct fixture *f);
/** await_count() - Return: after how many seconds @n instances were in service and wanted */
int await_count(struct fixture *f, unsigned n);
void make_endpoint_of(struct fixture *f, const char *type);
/** make_target() - endpoint e with variant v of one instance, registered with 1 to 4 */
void make_target(struct fixture *f);
/** put_policy() - target tracking for that target */
void put_policy(struct fixture *f, const char *name, const char *configuration);
