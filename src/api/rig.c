#include "api/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/alarm_book.h"
#include "fleet/fake.h"

enum { STEP_MS = 100, AWAIT_S = 1800 };

static void begin(struct fixture *f)
{
    const struct control_settings settings = { .region = "us-east-1",
                                               .account = "000000000000",
                                               .instances_max = 8,
                                               .state_dir = "/nonexistent" };
    struct driver_events events;

    assert_int_equal(control_new(f->loop, NULL, f->store, f->metrics, &settings, 1, &f->control),
                     0);
    f->control->courier = f->courier;
    assert_int_equal(alarm_book_new(f->control, NULL, &f->control->alarms), 0);
    assert_int_equal(autoscaler_new(f->control, &f->control->autoscaler), 0);
    assert_int_equal(alarm_book_sweep(f->control->alarms), 0);
    events = control_driver_events(f->control);
    if (f->driver)
        fake_driver_set_events(f->driver, &events);
    else
        assert_int_equal(fake_driver_new(f->loop, &events, &f->driver), 0);
    fake_driver_set_ready_at_launch(f->driver, true);
    assert_int_equal(control_start(f->control, f->driver), 0);
}

static void end(struct fixture *f)
{
    f->control->autoscaler = autoscaler_free(f->control->autoscaler);
    f->control->alarms = alarm_book_free(f->control->alarms);
    f->control = control_free(f->control);
}

int set_up(void **state)
{
    static struct fixture f;

    f = (struct fixture){ 0 };
    sim_clock_init(&f.clock, 1767323045000);
    assert_int_equal(loop_new(&f.clock.base, &f.loop), 0);
    assert_int_equal(store_open_memory(&f.store), 0);
    assert_int_equal(metrics_new(100, &f.metrics), 0);
    assert_int_equal(patterns_new(&f.patterns), 0);
    begin(&f);
    *state = &f;
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;

    end(f);
    patterns_free(f->patterns);
    driver_free(f->driver);
    metrics_free(f->metrics);
    store_free(f->store);
    loop_free(f->loop);
    return 0;
}

void restart(struct fixture *f)
{
    end(f);
    begin(f);
}

/* --- calls, in JSON with ' for " -------------------------------------------------------------- */

static const struct operation *find_operation(const char *name, const struct service **ret)
{
    for (const struct service *const *s = services; *s; s++) {
        const struct operation *o = service_find_operation(*s, name);

        *ret = *s;
        if (o) /* of equal names (TagResource), Application Auto Scaling's is the first */
            return o;
    }
    return NULL;
}

int invoke(struct fixture *f, const char *operation, const char *input, struct api_call *ret)
{
    json_t *value = parse(input);
    int r;

    *ret = (struct api_call){ .control = f->control,
                              .principal = "AKIDEXAMPLE",
                              .now = loop_wall(f->loop) };
    ret->operation = find_operation(operation, &ret->service);
    assert_non_null(ret->operation);
    r = api_invoke(ret, value, f->patterns);
    json_decref(value);
    return r;
}

json_t *ask(struct fixture *f, const char *operation, const char *input)
{
    struct api_call call;
    json_t *output;

    if (invoke(f, operation, input, &call) != 0)
        fail_msg("%s: %s", operation, call.message);
    output = json_incref(call.output);
    api_call_deinit(&call);
    return output;
}

void done(struct fixture *f, const char *operation, const char *input)
{
    json_decref(ask(f, operation, input));
}

void refused(struct fixture *f, const char *operation, const char *input, const char *error,
             const char *message)
{
    struct api_call call;

    if (invoke(f, operation, input, &call) != API_REFUSED)
        fail_msg("not refused: %s %s", operation, input);
    assert_string_equal(call.message, message);
    assert_string_equal(call.error, error);
    api_call_deinit(&call);
}

void refused_all(struct fixture *f, const char *operation, const struct refusal *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        refused(f, operation, table[i].input, INVALID, table[i].message);
}

const char *text(json_t *object, const char *member)
{
    const char *t = json_string_value(json_object_get(object, member));

    if (!t)
        fail_msg("no %s", member);
    return t;
}

json_int_t integer(json_t *object, const char *member)
{
    assert_true(json_is_integer(json_object_get(object, member)));
    return json_integer_value(json_object_get(object, member));
}

void assert_begins(const char *whole, const char *beginning)
{
    if (strncmp(whole, beginning, strlen(beginning)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", whole, beginning);
}

void assert_contains(const char *whole, const char *part)
{
    if (!strstr(whole, part))
        fail_msg("\"%s\" does not contain \"%s\"", whole, part);
}

json_t *ask_for_one(struct fixture *f, const char *operation, const char *input, const char *list)
{
    json_t *output = ask(f, operation, input);
    json_t *items = json_object_get(output, list);
    json_t *item = json_incref(json_array_get(items, 0));

    assert_int_equal(json_array_size(items), 1);
    json_decref(output);
    return item;
}

size_t count_of(struct fixture *f, const char *operation, const char *input, const char *list)
{
    json_t *output = ask(f, operation, input);
    size_t n = json_array_size(json_object_get(output, list));

    assert_true(json_is_array(json_object_get(output, list)));
    json_decref(output);
    return n;
}

/* --- the world -------------------------------------------------------------------------------- */

struct variant_counts counts(struct fixture *f)
{
    struct variant_counts c = { 0 };

    endpoint_variant_counts(f->control, "e", "v", &c);
    return c;
}

/* What telemetry would make of a second in which f->load requests came. */
static void report(struct fixture *f)
{
    struct metric_name name = {
        "AWS/SageMaker",
        "InvocationsPerInstance",
        { { "EndpointName", "e" }, { "VariantName", "v" } },
        2,
    };
    unsigned n = counts(f).in_service;
    double each = n > 0 && f->load > 0 ? 1.0 / n : 0;
    struct metric_datum d = {
        .at = loop_wall(f->loop),
        .unit = METRIC_UNIT_NONE,
        .resolution_s = 1,
        .count = f->load > 0 ? f->load : 1,
        .sum = f->load * each,
        .min = each,
        .max = each,
    };

    assert_int_equal(metrics_put(f->metrics, &name, &d, d.at), 0);
}

void run_second(struct fixture *f)
{
    report(f);
    for (int i = 0; i < 1000 / STEP_MS; i++) {
        sim_clock_advance(&f->clock, STEP_MS);
        for (int turn = 0; turn < 4; turn++)
            assert_int_equal(loop_turn(f->loop, 0), 0);
    }
}

int await_count(struct fixture *f, unsigned n)
{
    for (int s = 0; s < AWAIT_S; s++) {
        if (counts(f).in_service == n && counts(f).desired == n)
            return s;
        run_second(f);
    }
    fail_msg("there are %u instances, not %u", counts(f).in_service, n);
    return AWAIT_S;
}

void make_endpoint_of(struct fixture *f, const char *type)
{
    char input[512];

    done(f, "CreateModel", "'ModelName':'m','PrimaryContainer':{'Image':'weir/xgboost:latest'}");
    snprintf(input, sizeof input,
             "'EndpointConfigName':'c','ProductionVariants':[{'VariantName':'v','ModelName':'m',"
             "'InstanceType':'%s','InitialInstanceCount':1}]",
             type);
    done(f, "CreateEndpointConfig", input);
    done(f, "CreateEndpoint", "'EndpointName':'e','EndpointConfigName':'c'");
    await_count(f, 1);
    run_second(f);
}

void make_target(struct fixture *f)
{
    make_endpoint_of(f, "ml.m5.large");
    done(f, "RegisterScalableTarget", TARGET ",'MinCapacity':1,'MaxCapacity':4");
}

void put_policy(struct fixture *f, const char *name, const char *configuration)
{
    char input[1024];

    snprintf(input, sizeof input,
             TARGET ",'PolicyName':'%s','PolicyType':'TargetTrackingScaling'," TRACKING "{%s}",
             name, configuration);
    done(f, "PutScalingPolicy", input);
}
