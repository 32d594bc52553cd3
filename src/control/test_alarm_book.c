/* Alarms in a control plane on a simulated clock: when they are judged, what they set off and how
 * often, and what survives a restart. How a state follows from points is proven in src/scaling. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/alarm_book.h"
#include "control/test_json.h"
#include "control/test_world.h"

enum { POSTS_MAX = 16, SIGNALS_MAX = 64 };

static const char policy[] =
    "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:id:resource/sagemaker/endpoint/e/"
    "variant/v:policyName/p";

static struct world world;
static struct metrics *metrics;
static struct alarm_book *book;

/* --- somebody who acts for policies ----------------------------------------------------------- */

static struct {
    size_t n;
    int answer;
    enum alarm_state state[SIGNALS_MAX];
    bool repeated[SIGNALS_MAX];
    double last[SIGNALS_MAX], threshold[SIGNALS_MAX];
    size_t n_points[SIGNALS_MAX];
    wall_ms_t at[SIGNALS_MAX], queried[SIGNALS_MAX];
} heard;

static int hear(void *context, const char *arn, const struct alarm_signal *s)
{
    size_t i = heard.n++;

    assert_true(i < SIGNALS_MAX);
    assert_string_equal(arn, policy);
    assert_string_equal(s->alarm, "a");
    heard.state[i] = s->state;
    heard.repeated[i] = s->repeated;
    heard.n_points[i] = s->n_points;
    heard.last[i] = s->n_points > 0 ? s->points[s->n_points - 1] : (double)NAN;
    heard.threshold[i] = s->threshold;
    heard.at[i] = s->now;
    heard.queried[i] = s->queried;
    return heard.answer;
}

/* --- a web server that answers when it is told to --------------------------------------------- */

struct post {
    char *url, *body;
    courier_answered_fn *answered;
    void *context;
};

static struct {
    struct courier base;
    struct post open[POSTS_MAX]; /* not answered yet */
    size_t n_open, n;            /* n: ever */
    char url[256], body[4096];   /* of the newest */
} web;

static int web_send(struct courier *p, const struct courier_request *request,
                    courier_answered_fn *answered, void *context)
{
    if (web.n_open == POSTS_MAX)
        return -ENOMEM;
    web.open[web.n_open++] = (struct post){ .answered = answered, .context = context };
    web.n++;
    snprintf(web.url, sizeof web.url, "%s", request->url);
    snprintf(web.body, sizeof web.body, "%s", request->body);
    return 0;
}

static void web_answer(const struct courier_answer *answer)
{
    struct post post = web.open[0];

    assert_true(web.n_open > 0);
    memmove(&web.open[0], &web.open[1], --web.n_open * sizeof web.open[0]);
    post.answered(answer, post.context);
}

static void web_answer_status(unsigned status)
{
    web_answer(&(struct courier_answer){ .status = status });
}

static void web_cancel(struct courier *p, const void *context)
{
    while (web.n_open > 0 && web.open[0].context == context)
        web_answer(&(struct courier_answer){ .error = "cancelled" });
}

static const struct courier_ops web_ops = { web_send, web_cancel, NULL };

/* --- a world ---------------------------------------------------------------------------------- */

static void attach(void)
{
    world.control->metrics = metrics;
    assert_int_equal(alarm_book_new(world.control, &web.base, &world.control->alarms), 0);
    book = world.control->alarms;
    alarm_book_set_actor(book, hear, NULL);
}

static void detach(void)
{
    book = world.control->alarms = alarm_book_free(world.control->alarms);
}

static void restart(void)
{
    detach();
    world_restart(&world);
    attach();
}

static int set_up(void **state)
{
    memset(&heard, 0, sizeof heard);
    memset(&web, 0, sizeof web);
    web.base.ops = &web_ops;
    world_set_up(&world);
    assert_int_equal(metrics_new(100, &metrics), 0);
    attach();
    return 0;
}

static int tear_down(void **state)
{
    detach();
    world_tear_down(&world);
    metrics = metrics_free(metrics);
    return 0;
}

static int try_put(enum alarm_kind kind, const char *members, const char *more)
{
    char text[4096], why[ALARM_WATCH_WHY_BYTES] = "";
    json_t *configuration;
    int r;

    snprintf(text, sizeof text, "'OKActions':[],'InsufficientDataActions':[],%s%s%s", members,
             *more ? "," : "", more);
    configuration = parse(text);
    if (!json_object_get(configuration, "AlarmActions"))
        json_object_set_new(configuration, "AlarmActions", json_array());
    r = alarm_book_put(book, kind, configuration, NULL, why);
    json_decref(configuration);
    return r;
}

/* Sum of m over a minute > 10, twice; @more replaces members */
static struct alarm *put_alarm(const char *name, const char *more)
{
    char members[512];

    snprintf(members, sizeof members,
             "'AlarmName':'%s','Namespace':'N','MetricName':'m','Dimensions':[],'Statistic':'Sum',"
             "'Period':60,'EvaluationPeriods':2,'Threshold':10,'ComparisonOperator':"
             "'GreaterThanThreshold'",
             name);
    assert_int_equal(try_put(ALARM_OF_METRIC, members, more), 0);
    return alarm_book_find(book, name);
}

static int try_put_composite(const char *name, const char *rule, const char *more)
{
    char members[512];

    snprintf(members, sizeof members, "'AlarmName':'%s','AlarmRule':'%s'", name, rule);
    return try_put(ALARM_COMPOSITE, members, more);
}

static struct alarm *alarm_new_named(const char *name)
{
    char members[ALARM_NAME_BYTES + 256];

    snprintf(members, sizeof members,
             "'AlarmName':'%s','Namespace':'N','MetricName':'m','Dimensions':[],'Statistic':'Sum',"
             "'Period':60,'EvaluationPeriods':2,'Threshold':10,'ComparisonOperator':"
             "'GreaterThanThreshold'",
             name);
    assert_int_equal(try_put(ALARM_OF_METRIC, members, ""), 0);
    return alarm_book_find(book, name);
}

static enum alarm_state state_of(const char *name)
{
    const struct alarm *a = alarm_book_find(book, name);

    assert_non_null(a);
    return a->state;
}

/* @seconds, in each of which the metric gets @value; NAN: nothing */
static void pass(int seconds, double value)
{
    const struct metric_name name = { .namespace = "N", .name = "m" };

    for (int i = 0; i < seconds; i++) {
        wall_ms_t now = loop_wall(world.loop);

        if (!isnan(value))
            assert_int_equal(metrics_put_value(metrics, &name, value, METRIC_UNIT_NONE, now), 0);
        world_run(&world, 1000);
    }
}

static void pass_until(double value, const char *alarm, enum alarm_state state)
{
    for (int i = 0; state_of(alarm) != state; i++) {
        assert_true(i < 600);
        pass(1, value);
    }
}

static size_t count_events(const char *alarm, enum alarm_event_type type)
{
    size_t n = 0;

    list_for_each (e, &book->history.events, struct alarm_event, link)
        n += strcmp(e->alarm, alarm) == 0 && e->type == type;
    return n;
}

static json_t *last_event(void)
{
    struct alarm_event *e =
        container_of(book->history.events.head.previous, struct alarm_event, link);
    char path[ALARM_HISTORY_PATH_BYTES];
    json_t *document = NULL;

    alarm_event_path(e, path);
    assert_int_equal(store_get(world.store, path, &document, NULL), 0);
    return document;
}

static const char *text(json_t *value, const char *member)
{
    return json_string_value(json_object_get(value, member));
}

#define ACTION "'AlarmActions':['%s']"

static const char *action(const char *what)
{
    static char members[512];

    snprintf(members, sizeof members, ACTION, what);
    return members;
}

/* --- judging ---------------------------------------------------------------------------------- */

static void follows_its_metric(void **state)
{
    const struct alarm *a = put_alarm("a", "");

    assert_int_equal(a->state, ALARM_INSUFFICIENT_DATA);
    assert_string_equal(a->reason, "Unchecked: Initial alarm creation");
    pass_until(1, "a", ALARM_ALARM);
    assert_non_null(strstr(a->reason, "Threshold Crossed: "));
    assert_non_null(strstr(a->reason_data, "\"recentDatapoints\":["));
    assert_int_equal(a->transitioned % 60000, 1000); /* a second after a whole minute */
    pass_until(0.1, "a", ALARM_OK);
    pass_until(NAN, "a", ALARM_INSUFFICIENT_DATA);
    assert_int_equal(count_events("a", ALARM_EVENT_STATE), 3);
}

static void an_update_keeps_the_state_and_judges_anew(void **state)
{
    put_alarm("a", "");
    pass_until(1, "a", ALARM_ALARM);
    put_alarm("a", "'Threshold':1000");
    assert_int_equal(state_of("a"), ALARM_ALARM);
    pass(2, 1);
    assert_int_equal(state_of("a"), ALARM_OK);
    assert_int_equal(count_events("a", ALARM_EVENT_CONFIGURATION), 2);
}

static void short_periods_are_judged_each_ten_seconds(void **state)
{
    const struct alarm *a = put_alarm("a", "'Period':10,'EvaluationPeriods':1,'Threshold':5");

    pass_until(1, "a", ALARM_ALARM);
    assert_int_equal(a->transitioned % 10000, 1000);
    pass(11, 0.1);
    assert_int_equal(a->state, ALARM_OK);
}

static void metric_math_is_judged_without_samples(void **state)
{
    const struct alarm *a;

    assert_int_equal(try_put(ALARM_OF_METRIC,
                             "'AlarmName':'a','Dimensions':[],'EvaluationPeriods':1,'Threshold':50,"
                             "'ComparisonOperator':'GreaterThanOrEqualToThreshold','Metrics':["
                             "{'Id':'m','ReturnData':false,'MetricStat':{'Metric':{'Namespace':'N',"
                             "'MetricName':'m'},'Period':60,'Stat':'Sum'}},"
                             "{'Id':'half','ReturnData':false,'Expression':'m / 2'},"
                             "{'Id':'all','Expression':'half * 2 + 0 * m'}]",
                             ""),
                     0);
    a = alarm_book_find(book, "a");
    pass_until(1, "a", ALARM_ALARM);
    assert_non_null(strstr(a->reason_data, "\"recentDatapoints\":[60.0]"));
    assert_null(strstr(a->reason_data, "sampleCount"));
}

static void metric_math_that_cannot_be_is_refused(void **state)
{
    static const char *const lists[] = {
        "{'Id':'e','Expression':'1 + 1'}",                       /* no metric */
        "{'Id':'m','MetricStat':%},{'Id':'e','Expression':'m'}", /* two are returned */
        "{'Id':'m','ReturnData':false,'MetricStat':%},{'Id':'e','Expression':'SUM(m)'}", /* scalar */
        "{'Id':'m','ReturnData':false,'MetricStat':%},{'Id':'e','Expression':'e + m'}", /* itself */
        "{'Id':'m','ReturnData':false,'MetricStat':%},{'Id':'e','Expression':'x'}", /* unknown */
        "{'Id':'m','ReturnData':false,'MetricStat':%},{'Id':'e','Expression':'m +'}",
        "{'Id':'m','ReturnData':false,'MetricStat':%},{'Id':'e','Expression':'[m, m]'}",
        "{'Id':'m','ReturnData':false,'MetricStat':%},{'Id':'m','Expression':'m'}", /* twice */
    };
    static const char stat[] =
        "{'Metric':{'Namespace':'N','MetricName':'m'},'Period':60,'Stat':'Sum'}";

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *gap = strchr(lists[i], '%');
        char members[1024];

        snprintf(members, sizeof members,
                 "'AlarmName':'a','Dimensions':[],'EvaluationPeriods':1,'Threshold':1,"
                 "'ComparisonOperator':'LessThanThreshold','Metrics':[%.*s%s%s]",
                 gap ? (int)(gap - lists[i]) : (int)strlen(lists[i]), lists[i], gap ? stat : "",
                 gap ? gap + 1 : "");
        if (try_put(ALARM_OF_METRIC, members, "") != ALARM_E_CONFIGURATION)
            fail_msg("%s", lists[i]);
        assert_null(alarm_book_find(book, "a"));
    }
}

static void few_samples_leave_the_state(void **state)
{
    const char *p99 = "'EvaluationPeriods':1,'Threshold':0.5,'ExtendedStatistic':'p99',"
                      "'EvaluateLowSampleCountPercentile':'%s'";
    char more[256];

    snprintf(more, sizeof more, p99, "ignore");
    put_alarm("a", more);
    snprintf(more, sizeof more, p99, "evaluate");
    put_alarm("b", more);
    pass_until(1, "b", ALARM_ALARM);
    pass(120, 1); /* 60 samples in a minute; p99 needs 1000 */
    assert_int_equal(state_of("a"), ALARM_INSUFFICIENT_DATA);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void policies_are_told_again_each_minute(void **state)
{
    put_alarm("a", action(policy));
    pass_until(1, "a", ALARM_ALARM);
    assert_int_equal(heard.n, 1);
    assert_false(heard.repeated[0]);
    assert_int_equal(heard.state[0], ALARM_ALARM);
    assert_int_equal(heard.n_points[0], 2);
    assert_true(heard.last[0] == 60 && heard.threshold[0] == 10);
    assert_int_equal(heard.queried[0], heard.at[0]);
    pass(180, 2);
    assert_int_equal(heard.n, 4);
    for (size_t i = 1; i < 4; i++) {
        assert_true(heard.repeated[i]);
        assert_int_equal(heard.at[i] - heard.at[i - 1], 60000);
    }
    assert_true(heard.last[3] == 120); /* fresh each time */
    assert_int_equal(count_events("a", ALARM_EVENT_ACTION), 1);
    pass_until(0, "a", ALARM_OK);
    pass(120, 0);
    assert_true(heard.n <= 6); /* OK has no actions */
}

static void policies_are_told_again_where_the_clock_is_set_back(void **state)
{
    const ms_t hours = 9 * 3600 * MS_PER_S;
    char more[1024];

    snprintf(more, sizeof more, "%s,'TreatMissingData':'ignore'", action(policy));
    put_alarm("a", more);
    world.clock.epoch += hours;
    world_run(&world, 1000);
    pass_until(1, "a", ALARM_ALARM);
    assert_int_equal(heard.n, 1);
    world.clock.epoch -= hours;
    world_run(&world, 1000);
    pass(5, 1);
    assert_int_equal(heard.n, 2);
    assert_true(heard.repeated[1]);
}

static void disabled_actions_do_not_run(void **state)
{
    struct alarm *a = put_alarm("a", action(policy));

    assert_int_equal(alarm_book_enable(book, &a, 1, false), 0);
    pass_until(1, "a", ALARM_ALARM);
    pass(120, 1);
    assert_int_equal(heard.n, 0);
    assert_int_equal(alarm_book_enable(book, &a, 1, true), 0);
    pass(2, 1);
    assert_int_equal(heard.n, 1);
}

static void a_state_set_by_hand_carries_its_points(void **state)
{
    struct alarm *a = put_alarm("a", action(policy));
    json_t *event;

    heard.answer = ALARM_ACTION_E_STALE;
    assert_int_equal(alarm_book_set_state(a, ALARM_ALARM, "by hand",
                                          "{\"recentDatapoints\":[1.5,null,7],\"threshold\":10,"
                                          "\"queryDate\":\"2026-01-21T20:22:54.408+0000\"}"),
                     0);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.n_points[0], 3);
    assert_true(heard.last[0] == 7);
    assert_int_equal(heard.queried[0], 1769026974408);
    event = last_event();
    assert_string_equal(text(event, "HistoryItemType"), "Action");
    assert_int_equal(strncmp(text(event, "HistorySummary"), "Failed to execute action arn:", 29),
                     0);
    json_decref(event);
    /* what is so already is not news */
    assert_int_equal(alarm_book_set_state(a, ALARM_ALARM, "again", NULL), 0);
    assert_int_equal(heard.n, 1);
}

static void urls_are_told_once(void **state)
{
    json_auto_t *message = NULL;
    json_t *event;

    put_alarm("a", action("https://example.com/hook"));
    pass_until(1, "a", ALARM_ALARM);
    assert_int_equal(web.n, 1);
    assert_string_equal(web.url, "https://example.com/hook");
    message = json_loads(web.body, 0, NULL);
    assert_string_equal(text(message, "NewStateValue"), "ALARM");
    assert_string_equal(text(message, "OldStateValue"), "INSUFFICIENT_DATA");
    assert_string_equal(text(json_object_get(message, "Trigger"), "Statistic"), "SUM");
    web_answer_status(204);
    event = last_event();
    assert_string_equal(text(event, "HistorySummary"),
                        "Successfully executed action https://example.com/hook");
    json_decref(event);
    pass(180, 1);
    assert_int_equal(web.n, 1);
}

static void urls_that_do_not_answer_are_tried_five_times(void **state)
{
    json_t *event;

    put_alarm("a", action("http://example.com/"));
    pass_until(1, "a", ALARM_ALARM);
    for (unsigned i = 1; i <= WEBHOOK_TRIES; i++) {
        assert_int_equal(web.n, i);
        if (i % 2)
            web_answer_status(503);
        else
            web_answer(&(struct courier_answer){ .error = "connection refused" });
        pass(1 << (i - 1), 1);
    }
    assert_int_equal(web.n, WEBHOOK_TRIES);
    assert_int_equal(webhooks_waiting(book->webhooks), 0);
    event = last_event();
    assert_string_equal(text(event, "HistorySummary"),
                        "Failed to execute action http://example.com/");
    assert_non_null(strstr(text(event, "HistoryData"), "status 503 (tried 5 times)"));
    json_decref(event);
}

static void a_refusal_is_final(void **state)
{
    put_alarm("a", action("http://example.com/"));
    pass_until(1, "a", ALARM_ALARM);
    web_answer_status(404);
    pass(20, 1);
    assert_int_equal(web.n, 1);
    assert_int_equal(count_events("a", ALARM_EVENT_ACTION), 1);
}

static void delivered(void *context, const char *why)
{
    ++*(size_t *)context;
}

static void the_queue_has_a_bound(void **state)
{
    size_t done = 0;

    for (int i = 0; i < WEBHOOK_QUEUE_MAX; i++)
        assert_int_equal(webhook_send(book->webhooks, "http://x/", "{}", delivered, &done), 0);
    assert_int_equal(webhook_send(book->webhooks, "http://x/", "{}", delivered, &done),
                     WEBHOOK_E_FULL);
    world_run(&world, 100);
    assert_int_equal(web.n_open, WEBHOOK_UNDER_WAY_MAX);
    while (done < WEBHOOK_QUEUE_MAX) {
        web_answer_status(200);
        world_run(&world, 10);
    }
}

static void what_is_not_delivered_at_the_end_is_told(void **state)
{
    put_alarm("a", action("http://example.com/"));
    pass_until(1, "a", ALARM_ALARM);
    restart();
    assert_int_equal(count_events("a", ALARM_EVENT_ACTION), 1);
}

static void names_may_be_long_and_of_any_script(void **state)
{
    char name[ALARM_NAME_BYTES] = "";
    struct alarm *a;

    for (int i = 0; i < ALARM_NAME_CHARS_MAX; i++)
        strcat(name, "\xf0\x9f\xa6\x80");
    a = alarm_new_named(name);
    assert_int_equal(alarm_book_set_state(a, ALARM_ALARM, "by hand", NULL), 0);
    restart();
    assert_int_equal(state_of(name), ALARM_ALARM);
    assert_int_equal(count_events(name, ALARM_EVENT_CONFIGURATION), 1);
}

static void history_keeps_what_fits(void **state)
{
    static char data[3900];
    struct alarm *a = put_alarm("a", "");
    json_t *event;

    memset(data, ' ', sizeof data - 1);
    data[0] = '{';
    data[sizeof data - 2] = '}';
    assert_int_equal(alarm_book_set_state(a, ALARM_ALARM, "by hand", data), 0);
    assert_int_equal(alarm_book_set_state(a, ALARM_OK, "again", "{\"x\":1}"), 0);
    event = last_event();
    assert_non_null(strstr(text(event, "HistoryData"), "\"stateReasonData\":{\"x\":1}"));
    json_decref(event);
}

static void the_name_of_a_deleted_managed_alarm_stays_its_policys(void **state)
{
    const char *members = "'AlarmName':'m','Namespace':'N','MetricName':'m','Dimensions':[],"
                          "'Statistic':'Sum','Period':60,'EvaluationPeriods':3,'Threshold':10,"
                          "'ComparisonOperator':'GreaterThanThreshold'";
    char text[512];
    json_t *configuration;
    struct alarm *a;

    snprintf(text, sizeof text, "%s,'OKActions':[],'AlarmActions':[],'InsufficientDataActions':[]",
             members);
    configuration = parse(text);
    assert_int_equal(alarm_book_claim(book, configuration), 0);
    json_decref(configuration);
    a = alarm_book_find(book, "m");
    assert_int_equal(alarm_book_delete(book, &a, 1), 0);
    assert_null(alarm_book_find(book, "m"));
    assert_int_equal(try_put(ALARM_OF_METRIC, members, ""), ALARM_BOOK_E_MANAGED);
}

/* --- composites ------------------------------------------------------------------------------- */

static void composites_follow_the_others(void **state)
{
    struct alarm *a = put_alarm("a", "'TreatMissingData':'ignore'");
    const struct alarm *top;

    assert_int_equal(try_put_composite("c", "ALARM(a)", ""), 0);
    assert_int_equal(try_put_composite("top", "NOT ALARM(c)", ""), 0);
    world_run(&world, 2000);
    assert_int_equal(state_of("c"), ALARM_OK);
    assert_int_equal(state_of("top"), ALARM_ALARM);
    assert_int_equal(alarm_book_set_state(a, ALARM_ALARM, "by hand", NULL), 0);
    assert_int_equal(state_of("c"), ALARM_ALARM); /* at once */
    assert_int_equal(state_of("top"), ALARM_OK);
    top = alarm_book_find(book, "top");
    assert_int_equal(strncmp(top->reason, "arn:aws:cloudwatch:us-east-1:000000000000:alarm:c ", 50),
                     0);
    assert_non_null(strstr(top->reason, " transitioned to ALARM at "));
}

static void what_a_suppressor_held_back_runs_when_it_is_taken_away(void **state)
{
    char more[1024];

    snprintf(more, sizeof more,
             "%s,'ActionsSuppressor':'a','ActionsSuppressorWaitPeriod':60,"
             "'ActionsSuppressorExtensionPeriod':60",
             action("https://example.com/hook"));
    assert_int_equal(
        alarm_book_set_state(put_alarm("a", "'TreatMissingData':'ignore'"), ALARM_ALARM, "x", NULL),
        0);
    assert_int_equal(try_put_composite("c", "ALARM(a)", more), 0);
    world_run(&world, 3000);
    assert_int_equal(state_of("c"), ALARM_ALARM);
    assert_int_equal(alarm_book_find(book, "c")->suppression.by, SUPPRESSED_BY_ALARM);
    assert_int_equal(web.n, 0);

    assert_int_equal(try_put_composite("c", "ALARM(a)", action("https://example.com/hook")), 0);
    world_run(&world, 3000);
    assert_int_equal(alarm_book_find(book, "c")->suppression.by, SUPPRESSED_BY_NOTHING);
    assert_int_equal(web.n, 1);
}

static void a_wait_for_a_suppressor_ends_where_the_clock_is_set_back(void **state)
{
    const ms_t hours = 9 * 3600 * MS_PER_S;
    struct alarm *a = put_alarm("a", "'TreatMissingData':'ignore'");
    char more[1024];

    put_alarm("quiet", "'TreatMissingData':'ignore'");
    snprintf(more, sizeof more,
             "%s,'ActionsSuppressor':'quiet','ActionsSuppressorWaitPeriod':60,"
             "'ActionsSuppressorExtensionPeriod':0",
             action("https://example.com/hook"));
    assert_int_equal(try_put_composite("c", "ALARM(a)", more), 0);
    world.clock.epoch += hours;
    world_run(&world, 2000);
    assert_int_equal(alarm_book_set_state(a, ALARM_ALARM, "x", NULL), 0);
    world.clock.epoch -= hours;
    world_run(&world, 55000);
    assert_int_equal(web.n, 0);
    world_run(&world, 10000);
    assert_int_equal(web.n, 1);
}

static void composites_that_cannot_be_are_refused(void **state)
{
    put_alarm("a", "");
    assert_int_equal(try_put_composite("c", "ALARM(x)", ""), ALARM_BOOK_E_NO_CHILD);
    assert_int_equal(try_put_composite("c", "ALARM(c)", ""), ALARM_BOOK_E_NO_CHILD);
    assert_int_equal(try_put_composite("c", "ALARM(", ""), ALARM_E_CONFIGURATION);
    assert_int_equal(try_put_composite("a", "TRUE", ""), ALARM_BOOK_E_KIND);
    assert_int_equal(try_put_composite("c", "TRUE", "'ActionsSuppressor':'x'"),
                     ALARM_BOOK_E_NO_SUPPRESSOR);
    assert_int_equal(try_put_composite("c", "ALARM(a)", ""), 0);
    assert_int_equal(try_put_composite("d", "ALARM(c)", ""), 0);
    assert_int_equal(try_put_composite("c", "ALARM(d)", ""), ALARM_BOOK_E_CYCLE);
    assert_int_equal(try_put_composite("c", "ALARM(c)", ""), ALARM_BOOK_E_CYCLE);
}

/* --- keeping ---------------------------------------------------------------------------------- */

static void a_restart_forgets_nothing(void **state)
{
    struct alarm *a = put_alarm("a", "'TreatMissingData':'ignore'");
    size_t n;

    assert_int_equal(try_put_composite("c", "ALARM(a)", ""), 0);
    assert_int_equal(alarm_book_set_state(a, ALARM_ALARM, "by hand", "{\"x\":1}"), 0);
    world_run(&world, 2000);
    n = book->history.n;
    restart();
    world_run(&world, 3000);
    a = alarm_book_find(book, "a");
    assert_int_equal(a->state, ALARM_ALARM);
    assert_string_equal(a->reason, "by hand");
    assert_string_equal(a->reason_data, "{\"x\":1}");
    assert_int_equal(state_of("c"), ALARM_ALARM);
    assert_int_equal(book->history.n, n);
    assert_int_equal(alarm_book_delete(book, &a, 1), 0);
    restart();
    assert_null(alarm_book_find(book, "a"));
    assert_int_equal(book->history.n, n + 1);
}

/* Nothing is acted on that could not be written. */
static void a_store_that_fails_ends_it_before_any_action(void **state)
{
    put_alarm("a", action(policy));
    pass(100, NAN);
    world.may_fail = true;
    world_fail_write(&world, 1);
    pass(60, 1);
    pass(60, 1);
    assert_int_equal(heard.n, 0);
    assert_true(world.control->error < 0);
    restart();
    assert_int_equal(state_of("a"), ALARM_INSUFFICIENT_DATA);
    pass_until(1, "a", ALARM_ALARM);
    assert_int_equal(heard.n, 1);
}

static void history_is_bounded(void **state)
{
    struct alarm *a = put_alarm("a", "");

    for (int i = 0; i < ALARM_HISTORY_MAX; i++)
        assert_int_equal(alarm_history_add(&book->history, &book->changes, "a", false,
                                           ALARM_EVENT_ACTION, loop_wall(world.loop), "x",
                                           json_object()),
                         0);
    assert_int_equal(book->history.n, ALARM_HISTORY_MAX);
    assert_int_equal(changes_write(&book->changes, world.control), 0);
    sim_clock_advance(&world.clock, ALARM_HISTORY_KEPT_MS + 1);
    world_run(&world, 1000);
    assert_int_equal(alarm_book_enable(book, &a, 1, false), 0);
    assert_true(book->history.n <= 2);
}

static void managed_alarms_belong_to_their_policy(void **state)
{
    json_auto_t *c = parse("'AlarmName':'managed','Namespace':'N','MetricName':'m','Dimensions':[],"
                           "'Statistic':'Sum','Period':60,'EvaluationPeriods':2,'Threshold':10,"
                           "'ComparisonOperator':'GreaterThanThreshold','OKActions':[],"
                           "'InsufficientDataActions':[],'AlarmActions':[]");
    struct alarm *a;

    assert_int_equal(alarm_book_claim(book, c), 0);
    pass(150, 1); /* judged by nobody here */
    assert_int_equal(state_of("managed"), ALARM_INSUFFICIENT_DATA);
    assert_int_equal(try_put(ALARM_OF_METRIC,
                             "'AlarmName':'managed','MetricName':'m',"
                             "'Namespace':'N','Statistic':'Sum','Period':60,"
                             "'EvaluationPeriods':1,'Threshold':1,"
                             "'ComparisonOperator':'GreaterThanThreshold'",
                             ""),
                     ALARM_BOOK_E_MANAGED);
    a = alarm_book_find(book, "managed");
    assert_int_equal(alarm_book_delete(book, &a, 1), 0);
    assert_null(alarm_book_find(book, "managed"));

    /* it stays deleted, also after a restart, until its policy lets it go */
    restart();
    assert_int_equal(alarm_book_claim(book, c), 0);
    assert_int_equal(alarm_book_sweep(book), 0);
    assert_null(alarm_book_find(book, "managed"));
    assert_int_equal(alarm_book_release(book, "managed"), 0);
    assert_int_equal(alarm_book_claim(book, c), 0);
    assert_non_null(alarm_book_find(book, "managed"));

    /* whose policy is gone is swept away */
    world_run(&world, 2000);
    restart();
    assert_non_null(alarm_book_find(book, "managed"));
    assert_int_equal(alarm_book_sweep(book), 0);
    assert_null(alarm_book_find(book, "managed"));
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(follows_its_metric),
        test(an_update_keeps_the_state_and_judges_anew),
        test(short_periods_are_judged_each_ten_seconds),
        test(metric_math_is_judged_without_samples),
        test(metric_math_that_cannot_be_is_refused),
        test(few_samples_leave_the_state),
        test(policies_are_told_again_each_minute),
        test(policies_are_told_again_where_the_clock_is_set_back),
        test(disabled_actions_do_not_run),
        test(a_state_set_by_hand_carries_its_points),
        test(urls_are_told_once),
        test(urls_that_do_not_answer_are_tried_five_times),
        test(a_refusal_is_final),
        test(the_queue_has_a_bound),
        test(what_is_not_delivered_at_the_end_is_told),
        test(names_may_be_long_and_of_any_script),
        test(history_keeps_what_fits),
        test(the_name_of_a_deleted_managed_alarm_stays_its_policys),
        test(composites_follow_the_others),
        test(what_a_suppressor_held_back_runs_when_it_is_taken_away),
        test(a_wait_for_a_suppressor_ends_where_the_clock_is_set_back),
        test(composites_that_cannot_be_are_refused),
        test(a_restart_forgets_nothing),
        test(a_store_that_fails_ends_it_before_any_action),
        test(history_is_bounded),
        test(managed_alarms_belong_to_their_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
