/* Predictive scaling in a whole control plane on a simulated clock: when forecasts are made and acted
 * on, beside other policies, and what survives a restart. What is forecast is proven in src/scaling. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/autoscaler.h"
#include "control/endpoint.h"
#include "control/explanation.h"
#include "control/forecaster.h"
#include "control/instance.h"
#include "control/scaling_activity.h"
#include "control/test_world.h"
#include "fleet/fake.h"

/* The world begins at 03:00:00Z; a load of 600 an hour, and of 36000 from 4 to 5 o'clock. An instance
 * takes 100 a minute, so that takes 6. */
#define PAIR                                                                                       \
    "'MetricSpecifications':[{'TargetValue':100,'PredefinedMetricPairSpecification':"              \
    "{'PredefinedMetricType':'SageMakerVariantInvocations'}}]"
#define SCALES ",'Mode':'ForecastAndScale'"
#define SOON   ",'SchedulingBufferTime':300"

enum {
    HOUR_MS = 3600000,
    MINUTE_MS = 60000,
    TEXT_BYTES = 4096,
    DAY_HOURS = 24,
    BUSY_HOUR = 4,
    SETTLE_MS = 12000
}; /* after which an hour's data count */

static const char resource[] = "endpoint/e/variant/v";

static struct world world;
static struct metrics *metrics;
static struct scaling_target *target;

/* --- helpers ---------------------------------------------------------------------------------- */

static void attach(void)
{
    world.control->metrics = metrics;
    assert_int_equal(autoscaler_new(world.control, &world.control->autoscaler), 0);
}

static void detach(void)
{
    world.control->autoscaler = autoscaler_free(world.control->autoscaler);
}

static bool in_service(struct world *w)
{
    return endpoint_find(w->control, "e")->status == ENDPOINT_IN_SERVICE;
}

static void register_target(int min, int max)
{
    const struct scaling_target_change change = { .resource_id = resource,
                                                  .min = min,
                                                  .max = max,
                                                  .in_suspended = -1,
                                                  .out_suspended = -1,
                                                  .scheduled_suspended = -1 };
    char why[SCALABLE_WHY_BYTES];

    assert_int_equal(scaling_target_register(world.control->autoscaler, &change, &target, why), 0);
}

static int set_up(void **state)
{
    world_set_up(&world);
    world_connect_proxy(&world);
    assert_int_equal(metrics_new(1000, &metrics), 0);
    attach();
    fake_driver_set_ready_at_launch(world.driver, true);
    world_make_endpoint(&world, "e", 1);
    world_await(&world, in_service);
    world_run(&world, SETTLE_MS);
    register_target(1, 10);
    return 0;
}

static int tear_down(void **state)
{
    detach();
    world_tear_down(&world);
    metrics = metrics_free(metrics);
    return 0;
}

static void restart(void)
{
    detach();
    world_restart(&world);
    attach();
    target = scaling_target_find(world.control->autoscaler, resource);
    assert_non_null(target);
    world_run(&world, 2000);
}

/* ' stands for " */
static json_t *parse(const char *text)
{
    char copy[TEXT_BYTES];
    json_t *value;

    snprintf(copy, sizeof copy, "{%s}", text);
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    value = json_loads(copy, 0, NULL);
    assert_non_null(value);
    return value;
}

static struct scaling_policy *put(const char *name, enum policy_kind kind, const char *text)
{
    json_t *configuration = parse(text);
    struct scaling_policy *p = NULL;
    char why[SCALING_WHY_BYTES] = "";

    if (scaling_policy_put(target, name, kind, configuration, &p, why) != 0)
        fail_msg("%s", why);
    json_decref(configuration);
    return p;
}

static struct scaling_policy *put_predictive(const char *text)
{
    return put("p", POLICY_PREDICTIVE, text);
}

static struct scaling_policy *find(void)
{
    return scaling_policy_find(target, "p");
}

static void put_value(const struct metric_name *name, double value, wall_ms_t at)
{
    const struct metric_datum d = { .at = at, .resolution_s = 60, .values = &value, .n_values = 1 };

    assert_int_equal(metrics_put(metrics, name, &d, loop_wall(world.loop)), 0);
}

static double load_at(wall_ms_t at)
{
    return at / HOUR_MS % DAY_HOURS == BUSY_HOUR ? 36000 : 600;
}

/* @hours of requests, up to the start of this hour */
static void remember(int hours)
{
    const struct metric_name name = {
        .namespace = "AWS/SageMaker",
        .name = "Invocations",
        .dimensions = { { "EndpointName", "e" }, { "VariantName", "v" } },
        .n_dimensions = 2,
    };
    wall_ms_t end = prediction_hour_of(loop_wall(world.loop));

    for (int i = 1; i <= hours; i++)
        put_value(&name, load_at(end - i * HOUR_MS), end - i * HOUR_MS);
}

/* to @minutes after three; what lies between passes at once */
static void go_to(int minutes)
{
    static const wall_ms_t three = 1767322800000;
    ms_t left = three + minutes * MINUTE_MS - loop_wall(world.loop);

    assert_true(left > 0);
    sim_clock_advance(&world.clock, left);
    world_run(&world, 2000);
}

static int desired(void)
{
    struct variant_counts c;

    assert_int_equal(endpoint_variant_counts(world.control, "e", "v", &c), 0);
    return (int)c.desired;
}

static void set_count(unsigned count)
{
    const struct variant_change change = { .variant = "v", .has_count = true, .count = count };
    const char *subject;

    assert_int_equal(
        endpoint_update_weights_and_capacities(world.control, "e", &change, 1, &subject), 0);
}

static struct scaling_activity *newest(void)
{
    struct list *list = &world.control->autoscaler->activities;

    return list_empty(list) ? NULL
                            : container_of(list->head.previous, struct scaling_activity, link);
}

static int predicted(void)
{
    int n = -1;

    return forecaster_predicted(target, loop_wall(world.loop), &n) ? n : -1;
}

static void assert_replays(const struct scaling_activity *x)
{
    autofree(explanation_free) struct explanation_file *f = NULL;
    struct wish scratch[EXPLANATION_WISHES_MAX];
    struct decision again;
    json_t *details = json_loads(x->details, 0, NULL);

    assert_int_equal(explanation_read(details, &f), 0);
    json_decref(details);
    again = explain_replay(&f->x, scratch);
    assert_true(explain_same(&again, &f->x.decision));
}

/* --- forecasts -------------------------------------------------------------------------------- */

static void forecasts_as_soon_as_a_day_is_known(void **state)
{
    struct scaling_policy *p = put_predictive(PAIR);

    remember(DAY_HOURS - 1);
    world_run(&world, 2000);
    assert_int_equal(p->predictive->prediction.made, 0);
    assert_int_equal(predicted(), -1);
    go_to(62);
    assert_int_equal(p->predictive->prediction.made, 0);
    remember(1);
    go_to(64);
    assert_true(p->predictive->prediction.made > 0);
    assert_int_equal(p->predictive->prediction.first, 1767322800000 + HOUR_MS);
    assert_int_equal(predicted(), 6);
}

static void forecasts_anew_every_six_hours(void **state)
{
    struct scaling_policy *p = put_predictive(PAIR);
    wall_ms_t made;

    remember(DAY_HOURS);
    world_run(&world, 2000);
    made = p->predictive->prediction.made;
    assert_true(made > 0);
    go_to(6 * 60 - 1);
    assert_int_equal(p->predictive->prediction.made, made);
    go_to(6 * 60 + 1);
    assert_true(p->predictive->prediction.made > made);
    assert_int_equal(p->predictive->prediction.first, 1767322800000 + 6 * HOUR_MS);
}

static void an_old_forecast_serves_until_it_ends(void **state)
{
    struct scaling_policy *p = put_predictive(PAIR);

    remember(DAY_HOURS);
    world_run(&world, 2000);
    assert_true(p->predictive->prediction.made > 0);
    /* nothing more is known of the load: too little for another one after two weeks */
    go_to(14 * 24 * 60 + 30);
    assert_int_equal(predicted(), -1);
    assert_int_equal(desired(), 1);
}

static void what_it_says_of_an_hour_becomes_metrics(void **state)
{
    const struct metric_statistic average = { .kind = STATISTIC_AVERAGE };
    struct forecast_point points[FORECASTER_POINTS_MAX];
    const wall_ms_t three = 1767322800000;
    struct metric_name name = { .namespace = "AWS/ApplicationAutoScaling",
                                .name = "PredictiveScalingLoadForecast",
                                .dimensions = { { "ResourceId", resource },
                                                { "ServiceNamespace", "sagemaker" },
                                                { "PolicyName", "p" },
                                                { "ScalableDimension",
                                                  "sagemaker:variant:DesiredInstanceCount" },
                                                { "PairIndex", "0" } },
                                .n_dimensions = 5 };
    double value;

    put_predictive(PAIR);
    remember(2 * DAY_HOURS);
    world_run(&world, 2000);
    go_to(61);
    assert_int_equal(
        metrics_read(metrics, &name, METRIC_UNIT_ANY, three, 3600, 1, &average, &value, NULL), 1);
    assert_true(fabs(value - 600) < 1e-6);
    name.name = "PredictiveScalingCapacityForecast";
    name.n_dimensions = 4;
    assert_int_equal(metrics_read(metrics, &name, METRIC_UNIT_ANY, three + HOUR_MS, 3600, 1,
                                  &average, &value, NULL),
                     1);
    assert_true(value == 6);
    /* where what is over can be seen long after */
    go_to(13 * 60);
    assert_true(find()->predictive->prediction.first > three + HOUR_MS);
    assert_int_equal(
        forecaster_points(find(), FORECAST_CAPACITY, three - HOUR_MS, three + 2 * HOUR_MS, points),
        2);
    assert_int_equal(points[1].start, three + HOUR_MS);
    assert_true(points[1].value == 6);
    assert_int_equal(forecaster_points(find(), FORECAST_LOAD, three + 15 * HOUR_MS,
                                       three + 18 * HOUR_MS, points),
                     3);
}

/* --- acting ----------------------------------------------------------------------------------- */

static void adds_a_buffer_before_the_hour_and_says_why(void **state)
{
    const struct scaling_activity *x;

    put_predictive(PAIR SCALES SOON);
    remember(2 * DAY_HOURS);
    world_run(&world, 2000);
    assert_int_equal(predicted(), 1);
    go_to(54);
    assert_int_equal(desired(), 1);
    assert_null(newest());
    go_to(55);
    assert_int_equal(predicted(), 6);
    assert_int_equal(desired(), 6);
    x = newest();
    assert_string_equal(x->cause,
                        "predictive scaling policy p was triggered. A load of 36000 is forecast "
                        "for the hour from 2026-01-02T04:00Z, of which an instance takes 6000 "
                        "(target 100): 600 / 100 rounded up is 6, wanted 300 s before; within 1 to "
                        "10, the desired count goes from 1 to 6.");
    assert_string_equal(x->policy, "p");
    assert_replays(x);
    world_run(&world, 5000);
    assert_int_equal(x->status, ACTIVITY_SUCCESSFUL);
    go_to(130);
    assert_int_equal(predicted(), 1);
    assert_int_equal(desired(), 6); /* never in by itself */
}

static void a_forecast_only_never_acts(void **state)
{
    put_predictive(PAIR SOON);
    remember(2 * DAY_HOURS);
    world_run(&world, 2000);
    go_to(70);
    assert_int_equal(predicted(), 6);
    assert_int_equal(desired(), 1);
    assert_null(newest());
}

/* @seconds of an idle endpoint, for a policy that scales in after 15 s */
static void idle(int seconds)
{
    const struct metric_name name = {
        .namespace = "AWS/SageMaker",
        .name = "InvocationsPerInstance",
        .dimensions = { { "EndpointName", "e" }, { "VariantName", "v" } },
        .n_dimensions = 2,
    };

    for (int i = 0; i < seconds; i++) {
        assert_int_equal(
            metrics_put_value(metrics, &name, 0, METRIC_UNIT_NONE, loop_wall(world.loop)), 0);
        world_run(&world, 1000);
    }
}

static void other_policies_do_not_go_below_it_during_its_hour(void **state)
{
    put("t", POLICY_TRACKING,
        "'TargetValue':600,'ScaleInCooldown':15,'PredefinedMetricSpecification':"
        "{'PredefinedMetricType':'SageMakerVariantInvocationsPerInstance'}");
    put_predictive(PAIR SCALES SOON);
    remember(2 * DAY_HOURS);
    world_run(&world, 2000);
    go_to(60);
    assert_int_equal(desired(), 6);
    idle(60);
    assert_int_equal(desired(), 6);
    set_count(9);
    idle(60);
    assert_int_equal(desired(), 6);
    assert_non_null(strstr(newest()->cause, "; a forecast needs 6; within 1 to 10, the desired "
                                            "count goes from 9 to 6."));
    assert_replays(newest());
    go_to(121);
    idle(60);
    assert_int_equal(desired(), 1);
}

static void a_count_that_somebody_lowers_stays_until_the_next_hour(void **state)
{
    put_predictive(PAIR SCALES ",'SchedulingBufferTime':0");
    remember(2 * DAY_HOURS);
    world_run(&world, 2000);
    go_to(61);
    assert_int_equal(desired(), 6);
    world_run(&world, 5000);
    set_count(2);
    world_run(&world, 10000);
    assert_int_equal(desired(), 2);
    go_to(25 * 60 + 1);
    assert_int_equal(desired(), 6);
}

static void the_maximum_is_kept_and_that_is_said_once(void **state)
{
    register_target(1, 4);
    put_predictive(PAIR SCALES SOON);
    remember(2 * DAY_HOURS);
    world_run(&world, 2000);
    go_to(61);
    assert_int_equal(desired(), 4);
    world_run(&world, 5000);
    set_count(4);
    assert_int_equal(world.control->autoscaler->n_activities, 1);
    /* at the maximum already when the next day comes */
    go_to(25 * 60 + 1);
    assert_int_equal(newest()->reason, NOT_SCALED_AT_MAX);
    assert_string_equal(newest()->description, "Attempting to scale due to a forecast");
    assert_string_equal(newest()->cause, "predictive scaling policy p was triggered: 6 instances "
                                         "are forecast to be needed");
    assert_replays(newest());
    world_run(&world, 10000);
    assert_int_equal(world.control->autoscaler->n_activities, 2);
}

static void the_maximum_is_raised_where_that_is_asked_for(void **state)
{
    register_target(1, 4);
    put_predictive(PAIR SCALES SOON
                   ",'MaxCapacityBreachBehavior':'IncreaseMaxCapacity','MaxCapacityBuffer':50");
    remember(2 * DAY_HOURS);
    world_run(&world, 2000);
    go_to(54);
    assert_int_equal(target->max, 4);
    go_to(61);
    assert_int_equal(target->max, 9);
    assert_int_equal(desired(), 6);
    list_for_each (x, &world.control->autoscaler->activities, struct scaling_activity, link) {
        assert_string_equal(x->description, "Setting max capacity to 9");
        assert_string_equal(x->cause,
                            "predictive scaling policy p was triggered. 6 instances are forecast "
                            "to be needed, and with a buffer of 50 percent room for 9");
        break;
    }
    restart();
    assert_int_equal(target->max, 9);
    go_to(130);
    assert_int_equal(target->max, 9); /* and stays */
}

static void suspension_holds_it_back_until_it_ends(void **state)
{
    put_predictive(PAIR SCALES SOON
                   ",'MaxCapacityBreachBehavior':'IncreaseMaxCapacity','MaxCapacityBuffer':100");
    target->out_suspended = true;
    remember(2 * DAY_HOURS);
    world_run(&world, 2000);
    go_to(61);
    assert_int_equal(desired(), 1);
    assert_int_equal(target->max, 10);
    target->out_suspended = false;
    world_run(&world, 2000);
    assert_int_equal(desired(), 6);
    assert_int_equal(target->max, 12);
}

static void a_restart_keeps_the_forecast(void **state)
{
    double load[FORECAST_HOURS];
    wall_ms_t made;

    put_predictive(PAIR SCALES SOON);
    remember(2 * DAY_HOURS);
    world_run(&world, 2000);
    made = find()->predictive->prediction.made;
    memcpy(load, find()->predictive->prediction.load, sizeof load);
    restart();
    assert_int_equal(find()->predictive->prediction.made, made);
    assert_memory_equal(find()->predictive->prediction.load, load, sizeof load);
    go_to(56);
    assert_int_equal(desired(), 6);
}

static void the_buffer_is_what_instances_take_to_start(void **state)
{
    struct variant *v = endpoint_variant(endpoint_find(world.control, "e"), "v");
    struct scaling_policy *p = put_predictive(PAIR SCALES);

    v->startup_ms = 0;
    assert_int_equal(forecaster_buffer_ms(p), 300000);
    fake_driver_set_ready_at_launch(world.driver, false);
    set_count(2);
    world_run(&world, 50000);
    list_for_each (i, &v->instances, struct instance, link)
        fake_driver_ready(world.driver, i->id);
    world_await(&world, in_service);
    assert_true(v->startup_ms >= 45000 && v->startup_ms <= 60000);
    assert_int_equal(forecaster_buffer_ms(p), 60000);
    restart();
    assert_int_equal(forecaster_buffer_ms(find()), 60000);
    v = endpoint_variant(endpoint_find(world.control, "e"), "v");
    v->startup_ms = 60001;
    assert_int_equal(forecaster_buffer_ms(find()), 120000);
    v->startup_ms = 4000000;
    assert_int_equal(forecaster_buffer_ms(find()), 3599000);
    assert_int_equal(forecaster_buffer_ms(put_predictive(PAIR SOON)), 300000);
}

/* --- customized metrics ----------------------------------------------------------------------- */

#define METRIC(id, name, stat, more)                                                               \
    "{'Id':'" id "','MetricStat':{'Metric':{'Namespace':'app','MetricName':'" name                 \
    "'},'Stat':'" stat "'}" more "}"
#define QUERIES(list) "{'MetricDataQueries':[" list "]}"

static void what_an_instance_takes_is_learnt_from_customized_metrics(void **state)
{
    const struct metric_name jobs = { .namespace = "app", .name = "jobs" };
    const struct metric_name busy = { .namespace = "app", .name = "busy" };
    const struct metric_name nodes = { .namespace = "app", .name = "nodes" };
    wall_ms_t end = prediction_hour_of(loop_wall(world.loop));
    struct scaling_policy *p;

    /* jobs are counted in two halves; 1000 jobs an hour keep 2 nodes 5 percent busy */
    for (int i = 1; i <= 2 * DAY_HOURS; i++) {
        wall_ms_t at = end - i * HOUR_MS;
        put_value(&jobs, load_at(at) / 2, at);
        put_value(&jobs, load_at(at) / 2, at + MINUTE_MS);
        put_value(&nodes, 2, at);
        put_value(&busy, load_at(at) / 1000 * 5, at);
    }
    p = put_predictive(
        "'MetricSpecifications':[{'TargetValue':60,"
        "'CustomizedLoadMetricSpecification':" QUERIES(METRIC(
            "m", "jobs", "Sum",
            ",'ReturnData':false") ",{'Id':'e','Expression':"
                                   "'m*1'}") ",'Customized"
                                             "ScalingMetricSpecification':" QUERIES(METRIC(
                                                 "s", "busy", "Average",
                                                 "")) ","
                                                      "'CustomizedCapacityMetricSpecification'"
                                                      ":" QUERIES(METRIC("c", "nodes", "Average",
                                                                         "")) "}]" SCALES SOON);
    world_run(&world, 2000);
    assert_true(fabs(p->predictive->prediction.factor - 0.01) < 1e-12);
    assert_true(fabs(p->predictive->prediction.correlation - 1) < 1e-9);
    go_to(56);
    assert_int_equal(desired(), 6); /* 36000 x 0.01 / 60 */
}

static void without_instances_to_learn_from_there_is_no_capacity(void **state)
{
    const struct metric_name jobs = { .namespace = "app", .name = "jobs" };
    struct forecast_point points[FORECASTER_POINTS_MAX];
    wall_ms_t end = prediction_hour_of(loop_wall(world.loop));
    struct scaling_policy *p;

    for (int i = 1; i <= 2 * DAY_HOURS; i++)
        put_value(&jobs, load_at(end - i * HOUR_MS), end - i * HOUR_MS);
    p = put_predictive(
        "'MetricSpecifications':[{'TargetValue':60,"
        "'CustomizedLoadMetricSpecification':" QUERIES(METRIC(
            "m", "jobs", "Sum", "")) ","
                                     "'CustomizedScalingMetricSpecification':" QUERIES(
                                         METRIC("s", "busy", "Average", "")) "}]" SCALES SOON);
    world_run(&world, 2000);
    assert_true(p->predictive->prediction.made > 0);
    assert_int_equal(forecaster_points(p, FORECAST_LOAD, end, end + 48 * HOUR_MS, points), 48);
    assert_int_equal(forecaster_points(p, FORECAST_CAPACITY, end, end + 48 * HOUR_MS, points), 0);
    go_to(61);
    assert_int_equal(predicted(), -1);
    assert_int_equal(desired(), 1);
    restart();
    assert_true(isnan(find()->predictive->prediction.factor));
    /* an hour with instances is enough */
    end = prediction_hour_of(loop_wall(world.loop)) - HOUR_MS;
    put_value(&(struct metric_name){ .namespace = "app", .name = "busy" }, 6, end);
    put_value(&(struct metric_name){ .namespace = "app", .name = "jobs" }, 600, end);
    put_value(&(struct metric_name){ .namespace = "AWS/ApplicationELB",
                                     .name = "HealthyHostCount",
                                     .dimensions = { { "TargetGroup", "targetgroup/e/v" },
                                                     { "LoadBalancer", "app/weir/weir" } },
                                     .n_dimensions = 2 },
              2, end);
    go_to(121);
    assert_true(fabs(find()->predictive->prediction.factor - 0.02) < 1e-12);
    assert_int_equal(predicted(), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(forecasts_as_soon_as_a_day_is_known),
        TEST(forecasts_anew_every_six_hours),
        TEST(an_old_forecast_serves_until_it_ends),
        TEST(what_it_says_of_an_hour_becomes_metrics),
        TEST(adds_a_buffer_before_the_hour_and_says_why),
        TEST(a_forecast_only_never_acts),
        TEST(other_policies_do_not_go_below_it_during_its_hour),
        TEST(a_count_that_somebody_lowers_stays_until_the_next_hour),
        TEST(the_maximum_is_kept_and_that_is_said_once),
        TEST(the_maximum_is_raised_where_that_is_asked_for),
        TEST(suspension_holds_it_back_until_it_ends),
        TEST(a_restart_keeps_the_forecast),
        TEST(the_buffer_is_what_instances_take_to_start),
        TEST(what_an_instance_takes_is_learnt_from_customized_metrics),
        TEST(without_instances_to_learn_from_there_is_no_capacity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
