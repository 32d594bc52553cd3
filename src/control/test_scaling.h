/* control/test_scaling.h: what the tests of scaling share: a world (test_world.h) with an autoscaler,
 * in which endpoint "e" with its variant "v" is what is scaled.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/autoscaler.h"
#include "control/endpoint.h"
#include "control/scaling_activity.h"
#include "control/scaling_policy.h"
#include "control/test_json.h"
#include "control/test_world.h"

#define RESOURCE "endpoint/e/variant/v"
#define INVOCATIONS                                                                                \
    "'PredefinedMetricSpecification':"                                                             \
    "{'PredefinedMetricType':'SageMakerVariantInvocationsPerInstance'}"
/* 600 a minute for each instance, scaling in after 15 s */
#define FOLLOW "'TargetValue':600,'ScaleInCooldown':15," INVOCATIONS

struct fixture {
    struct world world;
    struct metrics *metrics;
    const char *resource; /* what target() is of; RESOURCE at first */
};

/** set_up_with() - @count instances are in service */
int set_up_with(void **state, unsigned count);
int tear_down(void **state);
/** detach() - control is without its autoscaler, until attach() */
void detach(struct fixture *f);
void attach(struct fixture *f);
/** restart() - control is gone for @away_ms, then there again */
void restart(struct fixture *f, ms_t away_ms);

static inline void run(struct fixture *f, ms_t ms)
{
    world_run(&f->world, ms);
}
static inline wall_ms_t wall(const struct fixture *f)
{
    return loop_wall(f->world.loop);
}
static inline struct autoscaler *autoscaler(const struct fixture *f)
{
    return f->world.control->autoscaler;
}

struct variant *variant(struct fixture *f);
struct variant_counts counts(struct fixture *f);

/** change_to() - of the scalable target; -1: as it is */
struct scaling_target_change change_to(const struct fixture *f, int min, int max);
/** register_as() - Return: what scaling_target_register() says */
int register_as(struct fixture *f, const struct scaling_target_change *change);
struct scaling_target *register_target(struct fixture *f, int min, int max);
struct scaling_target *target(struct fixture *f);
/** put_policy() - on that target; @text: its configuration, as for parse() */
struct scaling_policy *put_policy(struct fixture *f, const char *name, enum policy_kind kind,
                                  const char *text);

/** tell() - as an alarm above 50 tells it, with the policy's ARN as its action; what it has seen is
 * @age_ms old. Return: what scaling_policy_hear() says. */
int tell(struct fixture *f, const struct scaling_policy *p, double metric, ms_t age_ms);

/** activity() - the one @back before the newest, or NULL */
struct scaling_activity *activity(struct fixture *f, size_t back);
static inline struct scaling_activity *newest(struct fixture *f)
{
    return activity(f, 0);
}
/** assert_replays() - what it says of itself leads to the same decision again */
void assert_replays(const struct scaling_activity *x);
