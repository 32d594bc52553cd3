/* Predictive scaling in a whole control plane on a simulated clock: when forecasts are made and acted
 * on, beside other policies, and what survives a restart. What is forecast is proven in src/scaling. */
#include <math.h>
#include <string.h>

#include "control/forecaster.h"
#include "control/instance.h"
#include "control/test_scaling.h"
#include "fleet/fake.h"

/* The world begins at 03:00:00Z; a load of 600 an hour, and of 36000 from 4 to 5 o'clock. An instance
 * takes 100 a minute, so that takes 6. */
#define PAIR                                                                                       \
    "'MetricSpecifications':[{'TargetValue':100,'PredefinedMetricPairSpecification':"              \
    "{'PredefinedMetricType':'SageMakerVariantInvocations'}}]"
#define SCALES ",'Mode':'ForecastAndScale'"
#define SOON   ",'SchedulingBufferTime':300"

enum { HOUR_MS = 3600000, MINUTE_MS = 60000, DAY_HOURS = 24, BUSY_HOUR = 4 };
enum { SETTLE_MS = 12000 }; /* after which an hour's data count */

/* --- helpers ---------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    int r = set_up_with(state, 1);

    run(*state, SETTLE_MS);
    register_target(*state, 1, 10);
    return r;
}

static struct scaling_policy *put_predictive(struct fixture *f, const char *text)
{
    return put_policy(f, "p", POLICY_PREDICTIVE, text);
}

static struct scaling_policy *find(struct fixture *f)
{
    return scaling_policy_find(target(f), "p");
}

static void put_value(struct fixture *f, const struct metric_name *name, double value, wall_ms_t at)
{
    const struct metric_datum d = { .at = at, .resolution_s = 60, .values = &value, .n_values = 1 };

    assert_int_equal(metrics_put(f->metrics, name, &d, wall(f)), 0);
}

static double load_at(wall_ms_t at)
{
    return at / HOUR_MS % DAY_HOURS == BUSY_HOUR ? 36000 : 600;
}

/* @hours of requests, up to the start of this hour */
static void remember(struct fixture *f, int hours)
{
    const struct metric_name name = {
        .namespace = "AWS/SageMaker",
        .name = "Invocations",
        .dimensions = { { "EndpointName", "e" }, { "VariantName", "v" } },
        .n_dimensions = 2,
    };
    wall_ms_t end = prediction_hour_of(wall(f));

    for (int i = 1; i <= hours; i++)
        put_value(f, &name, load_at(end - i * HOUR_MS), end - i * HOUR_MS);
}

/* to @minutes after three; what lies between passes at once */
static void go_to(struct fixture *f, int minutes)
{
    static const wall_ms_t three = 1767322800000;
    ms_t left = three + minutes * MINUTE_MS - wall(f);

    assert_true(left > 0);
    sim_clock_advance(&f->world.clock, left);
    run(f, 2000);
}

static int predicted(struct fixture *f)
{
    int n = -1;

    return forecaster_predicted(target(f), wall(f), &n) ? n : -1;
}

/* --- forecasts -------------------------------------------------------------------------------- */

static void forecasts_as_soon_as_a_day_is_known(void **state)
{
    struct fixture *f = *state;
    struct scaling_policy *p = put_predictive(f, PAIR);

    remember(f, DAY_HOURS - 1);
    run(f, 2000);
    assert_int_equal(p->predictive->prediction.made, 0);
    assert_int_equal(predicted(f), -1);
    go_to(f, 62);
    assert_int_equal(p->predictive->prediction.made, 0);
    remember(f, 1);
    go_to(f, 64);
    assert_true(p->predictive->prediction.made > 0);
    assert_int_equal(p->predictive->prediction.first, 1767322800000 + HOUR_MS);
    assert_int_equal(predicted(f), 6);
}

static void forecasts_anew_every_six_hours(void **state)
{
    struct fixture *f = *state;
    struct scaling_policy *p = put_predictive(f, PAIR);
    wall_ms_t made;

    remember(f, DAY_HOURS);
    run(f, 2000);
    made = p->predictive->prediction.made;
    assert_true(made > 0);
    go_to(f, 6 * 60 - 1);
    assert_int_equal(p->predictive->prediction.made, made);
    go_to(f, 6 * 60 + 1);
    assert_true(p->predictive->prediction.made > made);
    assert_int_equal(p->predictive->prediction.first, 1767322800000 + 6 * HOUR_MS);
}

static void an_old_forecast_serves_until_it_ends(void **state)
{
    struct fixture *f = *state;
    struct scaling_policy *p = put_predictive(f, PAIR);

    remember(f, DAY_HOURS);
    run(f, 2000);
    assert_true(p->predictive->prediction.made > 0);
    /* nothing more is known of the load: too little for another one after two weeks */
    go_to(f, 14 * 24 * 60 + 30);
    assert_int_equal(predicted(f), -1);
    assert_int_equal(counts(f).desired, 1);
}

static void what_it_says_of_an_hour_becomes_metrics(void **state)
{
    struct fixture *f = *state;
    const struct metric_statistic average = { .kind = STATISTIC_AVERAGE };
    struct forecast_point points[FORECASTER_POINTS_MAX];
    const wall_ms_t three = 1767322800000;
    struct metric_name name = { .namespace = "AWS/ApplicationAutoScaling",
                                .name = "PredictiveScalingLoadForecast",
                                .dimensions = { { "ResourceId", RESOURCE },
                                                { "ServiceNamespace", "sagemaker" },
                                                { "PolicyName", "p" },
                                                { "ScalableDimension",
                                                  "sagemaker:variant:DesiredInstanceCount" },
                                                { "PairIndex", "0" } },
                                .n_dimensions = 5 };
    double value;

    put_predictive(f, PAIR);
    remember(f, 2 * DAY_HOURS);
    run(f, 2000);
    go_to(f, 61);
    assert_int_equal(
        metrics_read(f->metrics, &name, METRIC_UNIT_ANY, three, 3600, 1, &average, &value, NULL),
        1);
    assert_true(fabs(value - 600) < 1e-6);
    name.name = "PredictiveScalingCapacityForecast";
    name.n_dimensions = 4;
    assert_int_equal(metrics_read(f->metrics, &name, METRIC_UNIT_ANY, three + HOUR_MS, 3600, 1,
                                  &average, &value, NULL),
                     1);
    assert_true(value == 6);
    /* where what is over can be seen long after */
    go_to(f, 13 * 60);
    assert_true(find(f)->predictive->prediction.first > three + HOUR_MS);
    assert_int_equal(
        forecaster_points(find(f), FORECAST_CAPACITY, three - HOUR_MS, three + 2 * HOUR_MS, points),
        2);
    assert_int_equal(points[1].start, three + HOUR_MS);
    assert_true(points[1].value == 6);
    assert_int_equal(forecaster_points(find(f), FORECAST_LOAD, three + 15 * HOUR_MS,
                                       three + 18 * HOUR_MS, points),
                     3);
}

/* --- acting ----------------------------------------------------------------------------------- */

static void adds_a_buffer_before_the_hour_and_says_why(void **state)
{
    struct fixture *f = *state;
    const struct scaling_activity *x;

    put_predictive(f, PAIR SCALES SOON);
    remember(f, 2 * DAY_HOURS);
    run(f, 2000);
    assert_int_equal(predicted(f), 1);
    go_to(f, 54);
    assert_int_equal(counts(f).desired, 1);
    assert_null(newest(f));
    go_to(f, 55);
    assert_int_equal(predicted(f), 6);
    assert_int_equal(counts(f).desired, 6);
    x = newest(f);
    assert_string_equal(x->cause,
                        "predictive scaling policy p was triggered. A load of 36000 is forecast "
                        "for the hour from 2026-01-02T04:00Z, of which an instance takes 6000 "
                        "(target 100): 600 / 100 rounded up is 6, wanted 300 s before; within 1 to "
                        "10, the desired count goes from 1 to 6.");
    assert_string_equal(x->policy, "p");
    assert_replays(x);
    run(f, 5000);
    assert_int_equal(x->status, ACTIVITY_SUCCESSFUL);
    go_to(f, 130);
    assert_int_equal(predicted(f), 1);
    assert_int_equal(counts(f).desired, 6); /* never in by itself */
}

static void a_forecast_only_never_acts(void **state)
{
    struct fixture *f = *state;

    put_predictive(f, PAIR SOON);
    remember(f, 2 * DAY_HOURS);
    run(f, 2000);
    go_to(f, 70);
    assert_int_equal(predicted(f), 6);
    assert_int_equal(counts(f).desired, 1);
    assert_null(newest(f));
}

/* @seconds of an idle endpoint, for a policy that scales in after 15 s */
static void idle(struct fixture *f, int seconds)
{
    const struct metric_name name = {
        .namespace = "AWS/SageMaker",
        .name = "InvocationsPerInstance",
        .dimensions = { { "EndpointName", "e" }, { "VariantName", "v" } },
        .n_dimensions = 2,
    };

    for (int i = 0; i < seconds; i++) {
        assert_int_equal(metrics_put_value(f->metrics, &name, 0, METRIC_UNIT_NONE, wall(f)), 0);
        run(f, 1000);
    }
}

static void other_policies_do_not_go_below_it_during_its_hour(void **state)
{
    struct fixture *f = *state;

    put_policy(f, "t", POLICY_TRACKING, FOLLOW);
    put_predictive(f, PAIR SCALES SOON);
    remember(f, 2 * DAY_HOURS);
    run(f, 2000);
    go_to(f, 60);
    assert_int_equal(counts(f).desired, 6);
    idle(f, 60);
    assert_int_equal(counts(f).desired, 6);
    assert_int_equal(world_set_count(&f->world, 9), 0);
    idle(f, 60);
    assert_int_equal(counts(f).desired, 6);
    assert_non_null(strstr(newest(f)->cause, "; a forecast needs 6; within 1 to 10, the desired "
                                             "count goes from 9 to 6."));
    assert_replays(newest(f));
    go_to(f, 121);
    idle(f, 60);
    assert_int_equal(counts(f).desired, 1);
}

static void a_count_that_somebody_lowers_stays_until_the_next_hour(void **state)
{
    struct fixture *f = *state;

    put_predictive(f, PAIR SCALES ",'SchedulingBufferTime':0");
    remember(f, 2 * DAY_HOURS);
    run(f, 2000);
    go_to(f, 61);
    assert_int_equal(counts(f).desired, 6);
    run(f, 5000);
    assert_int_equal(world_set_count(&f->world, 2), 0);
    run(f, 10000);
    assert_int_equal(counts(f).desired, 2);
    go_to(f, 25 * 60 + 1);
    assert_int_equal(counts(f).desired, 6);
}

static void the_maximum_is_kept_and_that_is_said_once(void **state)
{
    struct fixture *f = *state;

    register_target(f, 1, 4);
    put_predictive(f, PAIR SCALES SOON);
    remember(f, 2 * DAY_HOURS);
    run(f, 2000);
    go_to(f, 61);
    assert_int_equal(counts(f).desired, 4);
    run(f, 5000);
    assert_int_equal(world_set_count(&f->world, 4), 0);
    assert_int_equal(autoscaler(f)->n_activities, 1);
    /* at the maximum already when the next day comes */
    go_to(f, 25 * 60 + 1);
    assert_int_equal(newest(f)->reason, NOT_SCALED_AT_MAX);
    assert_string_equal(newest(f)->description, "Attempting to scale due to a forecast");
    assert_string_equal(newest(f)->cause, "predictive scaling policy p was triggered: 6 instances "
                                          "are forecast to be needed");
    assert_replays(newest(f));
    run(f, 10000);
    assert_int_equal(autoscaler(f)->n_activities, 2);
}

static void the_maximum_is_raised_where_that_is_asked_for(void **state)
{
    struct fixture *f = *state;

    register_target(f, 1, 4);
    put_predictive(f, PAIR SCALES SOON
                   ",'MaxCapacityBreachBehavior':'IncreaseMaxCapacity','MaxCapacityBuffer':50");
    remember(f, 2 * DAY_HOURS);
    run(f, 2000);
    go_to(f, 54);
    assert_int_equal(target(f)->max, 4);
    go_to(f, 61);
    assert_int_equal(target(f)->max, 9);
    assert_int_equal(counts(f).desired, 6);
    list_for_each (x, &autoscaler(f)->activities, struct scaling_activity, link) {
        assert_string_equal(x->description, "Setting max capacity to 9");
        assert_string_equal(x->cause,
                            "predictive scaling policy p was triggered. 6 instances are forecast "
                            "to be needed, and with a buffer of 50 percent room for 9");
        break;
    }
    restart(f, 0);
    assert_int_equal(target(f)->max, 9);
    go_to(f, 130);
    assert_int_equal(target(f)->max, 9); /* and stays */
}

static void suspension_holds_it_back_until_it_ends(void **state)
{
    struct fixture *f = *state;

    put_predictive(f, PAIR SCALES SOON
                   ",'MaxCapacityBreachBehavior':'IncreaseMaxCapacity','MaxCapacityBuffer':100");
    target(f)->out_suspended = true;
    remember(f, 2 * DAY_HOURS);
    run(f, 2000);
    go_to(f, 61);
    assert_int_equal(counts(f).desired, 1);
    assert_int_equal(target(f)->max, 10);
    target(f)->out_suspended = false;
    run(f, 2000);
    assert_int_equal(counts(f).desired, 6);
    assert_int_equal(target(f)->max, 12);
}

static void a_restart_keeps_the_forecast(void **state)
{
    struct fixture *f = *state;
    double load[FORECAST_HOURS];
    wall_ms_t made;

    put_predictive(f, PAIR SCALES SOON);
    remember(f, 2 * DAY_HOURS);
    run(f, 2000);
    made = find(f)->predictive->prediction.made;
    memcpy(load, find(f)->predictive->prediction.load, sizeof load);
    restart(f, 0);
    assert_int_equal(find(f)->predictive->prediction.made, made);
    assert_memory_equal(find(f)->predictive->prediction.load, load, sizeof load);
    go_to(f, 56);
    assert_int_equal(counts(f).desired, 6);
}

static void the_buffer_is_what_instances_take_to_start(void **state)
{
    struct fixture *f = *state;
    struct variant *v = variant(f);
    struct scaling_policy *p = put_predictive(f, PAIR SCALES);

    v->startup_ms = 0;
    assert_int_equal(forecaster_buffer_ms(p), 300000);
    fake_driver_set_ready_at_launch(f->world.driver, false);
    assert_int_equal(world_set_count(&f->world, 2), 0);
    run(f, 50000);
    list_for_each (i, &v->instances, struct instance, link)
        fake_driver_ready(f->world.driver, i->id);
    world_await(&f->world, world_in_service);
    assert_true(v->startup_ms >= 45000 && v->startup_ms <= 60000);
    assert_int_equal(forecaster_buffer_ms(p), 60000);
    restart(f, 0);
    assert_int_equal(forecaster_buffer_ms(find(f)), 60000);
    v = variant(f);
    v->startup_ms = 60001;
    assert_int_equal(forecaster_buffer_ms(find(f)), 120000);
    v->startup_ms = 4000000;
    assert_int_equal(forecaster_buffer_ms(find(f)), 3599000);
    assert_int_equal(forecaster_buffer_ms(put_predictive(f, PAIR SOON)), 300000);
}

/* --- customized metrics ----------------------------------------------------------------------- */

static const char learns[] =
    "'MetricSpecifications':[{'TargetValue':60,"
    "'CustomizedLoadMetricSpecification':{'MetricDataQueries':["
    "{'Id':'m','MetricStat':{'Metric':{'Namespace':'app','MetricName':'jobs'},'Stat':'Sum'}}]},"
    "'CustomizedScalingMetricSpecification':{'MetricDataQueries':["
    "{'Id':'s','MetricStat':{'Metric':{'Namespace':'app','MetricName':'busy'},'Stat':'Average'}}]}"
    "}]" SCALES SOON;

static const char learns_with_capacity[] =
    "'MetricSpecifications':[{'TargetValue':60,"
    "'CustomizedLoadMetricSpecification':{'MetricDataQueries':["
    "{'Id':'m','MetricStat':{'Metric':{'Namespace':'app','MetricName':'jobs'},'Stat':'Sum'},"
    "'ReturnData':false},{'Id':'e','Expression':'m*1'}]},"
    "'CustomizedScalingMetricSpecification':{'MetricDataQueries':["
    "{'Id':'s','MetricStat':{'Metric':{'Namespace':'app','MetricName':'busy'},'Stat':'Average'}}]},"
    "'CustomizedCapacityMetricSpecification':{'MetricDataQueries':["
    "{'Id':'c','MetricStat':{'Metric':{'Namespace':'app','MetricName':'nodes'},'Stat':'Average'}}]}"
    "}]" SCALES SOON;

static void what_an_instance_takes_is_learnt_from_customized_metrics(void **state)
{
    struct fixture *f = *state;
    const struct metric_name jobs = { .namespace = "app", .name = "jobs" };
    const struct metric_name busy = { .namespace = "app", .name = "busy" };
    const struct metric_name nodes = { .namespace = "app", .name = "nodes" };
    wall_ms_t end = prediction_hour_of(wall(f));
    struct scaling_policy *p;

    /* jobs are counted in two halves; 1000 jobs an hour keep 2 nodes 5 percent busy */
    for (int i = 1; i <= 2 * DAY_HOURS; i++) {
        wall_ms_t at = end - i * HOUR_MS;

        put_value(f, &jobs, load_at(at) / 2, at);
        put_value(f, &jobs, load_at(at) / 2, at + MINUTE_MS);
        put_value(f, &nodes, 2, at);
        put_value(f, &busy, load_at(at) / 1000 * 5, at);
    }
    p = put_predictive(f, learns_with_capacity);
    run(f, 2000);
    assert_true(fabs(p->predictive->prediction.factor - 0.01) < 1e-12);
    assert_true(fabs(p->predictive->prediction.correlation - 1) < 1e-9);
    go_to(f, 56);
    assert_int_equal(counts(f).desired, 6); /* 36000 x 0.01 / 60 */
}

static void without_instances_to_learn_from_there_is_no_capacity(void **state)
{
    struct fixture *f = *state;
    const struct metric_name jobs = { .namespace = "app", .name = "jobs" };
    struct forecast_point points[FORECASTER_POINTS_MAX];
    wall_ms_t end = prediction_hour_of(wall(f));
    struct scaling_policy *p;

    for (int i = 1; i <= 2 * DAY_HOURS; i++)
        put_value(f, &jobs, load_at(end - i * HOUR_MS), end - i * HOUR_MS);
    p = put_predictive(f, learns);
    run(f, 2000);
    assert_true(p->predictive->prediction.made > 0);
    assert_int_equal(forecaster_points(p, FORECAST_LOAD, end, end + 48 * HOUR_MS, points), 48);
    assert_int_equal(forecaster_points(p, FORECAST_CAPACITY, end, end + 48 * HOUR_MS, points), 0);
    go_to(f, 61);
    assert_int_equal(predicted(f), -1);
    assert_int_equal(counts(f).desired, 1);
    restart(f, 0);
    assert_true(isnan(find(f)->predictive->prediction.factor));
    /* an hour with instances is enough */
    end = prediction_hour_of(wall(f)) - HOUR_MS;
    put_value(f, &(struct metric_name){ .namespace = "app", .name = "busy" }, 6, end);
    put_value(f, &(struct metric_name){ .namespace = "app", .name = "jobs" }, 600, end);
    put_value(f,
              &(struct metric_name){ .namespace = "AWS/ApplicationELB",
                                     .name = "HealthyHostCount",
                                     .dimensions = { { "TargetGroup", "targetgroup/e/v" },
                                                     { "LoadBalancer", "app/weir/weir" } },
                                     .n_dimensions = 2 },
              2, end);
    go_to(f, 121);
    assert_true(fabs(find(f)->predictive->prediction.factor - 0.02) < 1e-12);
    assert_int_equal(predicted(f), 1);
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
