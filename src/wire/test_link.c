#include "wire/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What `text` says, through a struct and back to JSON. */
static json_t *there_and_back(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    struct link_message m;
    json_t *back;

    assert_non_null(json);
    assert_int_equal(link_message_from_json(json, &m), 0);
    back = link_message_to_json(&m);
    assert_non_null(back);
    link_message_deinit(&m);
    json_decref(json);
    return back;
}

#define GROUP                                                                                      \
    "{\"id\":\"e/v\",\"algorithm\":\"random\",\"protocol_version\":\"GRPC\",\"health_path\":\"/"   \
    "ping\",\"health_matcher\":\"0-99\","                                                          \
    "\"health_interval_ms\":1,\"health_timeout_ms\":2,\"healthy_threshold\":3,"                    \
    "\"unhealthy_threshold\":4,\"concurrency_max\":9,\"queue_length_max\":5,"                      \
    "\"queue_bytes_max\":10,\"queue_timeout_ms\":6,\"outlook\":\"failing\",\"request_timeout_"     \
    "ms\":7,"                                                                                      \
    "\"stream_timeout_ms\":17,\"idle_timeout_ms\":18,\"client_gone\":\"finish\","                  \
    "\"fin_means_gone\":true,\"deregistration_delay_ms\":8,\"slow_start_ms\":11,\"zone_spill\":1." \
    "5,"                                                                                           \
    "\"stickiness\":\"header\",\"sticky_name\":\"X-Key\",\"sticky_cookie_s\":12,"                  \
    "\"sticky_load_max\":1.25,\"eject_after\":13,\"eject_ms\":14,\"eject_percent_max\":15,"        \
    "\"retry_percent\":16,\"zones\":[{\"zone\":\"a\",\"weight\":0.5}],\"targets\":["               \
    "{\"id\":\"i-1\",\"address\":\"127.0.0.1:1\",\"local_address\":\"unix:/"                       \
    "i-1\",\"draining\":false,\"weight\":2.0,"                                                     \
    "\"concurrency_max\":4,\"zone\":\"a\"},"                                                       \
    "{\"id\":\"i-2\",\"address\":\"unix:/"                                                         \
    "x\",\"local_address\":\"\",\"draining\":true,\"weight\":0.0,"                                 \
    "\"concurrency_max\":0,\"zone\":\"\"}]}"
#define ENDPOINT                                                                                   \
    "{\"name\":\"e\",\"model_name\":\"primary\",\"variants\":["                                    \
    "{\"name\":\"v\",\"weight\":0.5,\"target_group\":\"e/v\"}]}"
#define SETTINGS                                                                                   \
    "{\"auth\":false,\"region\":\"eu-west-1\",\"account\":\"123456789012\",\"body_bytes_max\":9,"  \
    "\"zone\":\"a\"}"
#define ROUTE "{\"path_prefix\":\"/\",\"target_group\":\"e/v\"}"
#define CREDENTIAL                                                                                 \
    "{\"access_key_id\":\"AKID\",\"secret_access_key\":\"secret\",\"sha256\":\"\",\"admin\":"      \
    "false,"                                                                                       \
    "\"invoke\":\"a-* b\"}"

static void every_message_survives_both_ways(void **state)
{
    static const char *const messages[] = {
        "{\"type\":\"snapshot\",\"version\":1,\"revision\":4,\"settings\":" SETTINGS
        ",\"credentials\":[" CREDENTIAL "],\"endpoints\":[" ENDPOINT "],\"target_groups\":[" GROUP
        "],\"routes\":[" ROUTE "]}",
        "{\"type\":\"update\",\"revision\":5,\"kind\":\"endpoint\",\"id\":\"e\","
        "\"object\":" ENDPOINT "}",
        "{\"type\":\"update\",\"revision\":5,\"kind\":\"target_group\",\"id\":\"e/v\","
        "\"object\":" GROUP "}",
        "{\"type\":\"update\",\"revision\":5,\"kind\":\"credential\",\"id\":\"AKID\","
        "\"object\":" CREDENTIAL "}",
        "{\"type\":\"update\",\"revision\":5,\"kind\":\"settings\",\"id\":\"\",\"object\":" SETTINGS
        "}",
        "{\"type\":\"update\",\"revision\":5,\"kind\":\"endpoint\",\"id\":\"e\",\"object\":null}",
        "{\"type\":\"hello\",\"version\":1,\"pid\":77}",
        "{\"type\":\"ack\",\"revision\":5}",
        "{\"type\":\"event\",\"event\":\"drained\",\"group\":\"e/v\",\"target\":\"i-1\","
        "\"state\":\"\",\"queued\":3,\"oldest_queued_ms\":40}",
        "{\"type\":\"event\",\"event\":\"queue_waiting\",\"group\":\"e/v\",\"target\":\"\","
        "\"state\":\"\",\"queued\":3,\"oldest_queued_ms\":40}",
        "{\"type\":\"report\",\"at_ms\":1700000000000,\"interval_ms\":1000,\"groups\":[]}",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
        json_t *json = json_loads(messages[i], 0, NULL);
        json_t *back = there_and_back(messages[i]);

        if (!json_equal(json, back))
            fail_msg("message %zu came back as %s", i, json_dumps(back, 0));
        json_decref(json);
        json_decref(back);
    }
}

static void reports_carry_their_histograms(void **state)
{
    struct link_message in = { .type = LINK_REPORT,
                               .report = { .at_ms = 12, .interval_ms = 1000 } };
    struct link_message out;
    struct link_report_group *g = calloc(1, sizeof(*g));
    json_t *json;
    (void)state;

    assert_non_null(g);
    strcpy(g->id, "e/v");
    g->arrivals = 4;
    g->arrivals_per_target = 2.5;
    g->no_capacity = 1;
    g->requests = 3;
    g->requests_per_target = 1.5;
    histogram_record(&g->model_latency_us, 10);
    histogram_record(&g->model_latency_us, 123456789);
    histogram_record_n(&g->overhead_us, 7, 4000000);
    in.report.groups = g;
    in.report.n_groups = 1;

    json = link_message_to_json(&in);
    assert_non_null(json);
    assert_int_equal(link_message_from_json(json, &out), 0);
    assert_int_equal(out.type, LINK_REPORT);
    assert_int_equal(out.report.n_groups, 1);
    assert_memory_equal(&out.report.groups[0].model_latency_us, &g->model_latency_us,
                        sizeof(g->model_latency_us));
    assert_memory_equal(&out.report.groups[0].overhead_us, &g->overhead_us, sizeof(g->overhead_us));
    assert_int_equal(out.report.groups[0].arrivals, 4);
    assert_true(out.report.groups[0].arrivals_per_target == 2.5);
    assert_int_equal(out.report.groups[0].no_capacity, 1);
    assert_true(out.report.groups[0].requests_per_target == 1.5);
    json_decref(json);
    link_message_deinit(&in);
    link_message_deinit(&out);
}

static void what_is_left_out_has_safe_defaults(void **state)
{
    json_t *json = json_loads("{\"type\":\"snapshot\",\"revision\":1,\"settings\":{},\"future\":1,"
                              "\"target_groups\":[{\"id\":\"g\",\"algorithm\":\"of the future\"}]}",
                              0, NULL);
    struct link_message m;
    (void)state;

    assert_int_equal(link_message_from_json(json, &m), 0);
    assert_true(m.snapshot.settings.auth);
    assert_int_equal(m.snapshot.target_groups[0].request_timeout_ms, 60000);
    assert_int_equal(m.snapshot.target_groups[0].algorithm, LINK_LEAST_EXPECTED_WAIT);
    assert_string_equal(m.snapshot.target_groups[0].health_path, "/ping");
    assert_int_equal(m.snapshot.n_endpoints, 0);
    link_message_deinit(&m);
    json_decref(json);
}

#define LONG_NAME                                                                                  \
    "0123456789012345678901234567890123456789012345678901234567890123456789"                       \
    "0123456789012345678901234567890123456789012345678901234567890123456789"

static const struct {
    const char *text;
    int outcome;
} malformed[] = {
    { "{}", LINK_E_MALFORMED },
    { "{\"type\":7}", LINK_E_MALFORMED },
    { "{\"type\":\"gossip\"}", LINK_E_UNKNOWN },
    { "{\"type\":\"ack\"}", LINK_E_MALFORMED },
    { "{\"type\":\"ack\",\"revision\":-1}", LINK_E_MALFORMED },
    { "{\"type\":\"ack\",\"revision\":1.5}", LINK_E_MALFORMED },
    { "{\"type\":\"ack\",\"revision\":\"1\"}", LINK_E_MALFORMED },
    { "{\"type\":\"hello\",\"version\":4294967296}", LINK_E_MALFORMED },
    { "{\"type\":\"snapshot\",\"revision\":1}", LINK_E_MALFORMED },
    { "{\"type\":\"snapshot\",\"revision\":1,\"settings\":{\"auth\":0}}", LINK_E_MALFORMED },
    { "{\"type\":\"snapshot\",\"revision\":1,\"settings\":{},\"endpoints\":{}}", LINK_E_MALFORMED },
    { "{\"type\":\"snapshot\",\"revision\":1,\"settings\":{},"
      "\"endpoints\":[" ENDPOINT ",{\"name\":\"" LONG_NAME "\"}]}",
      LINK_E_MALFORMED },
    { "{\"type\":\"snapshot\",\"revision\":1,\"settings\":{},"
      "\"target_groups\":[" GROUP ",{\"id\":\"g\",\"targets\":[{\"id\":\"i\"}]}]}",
      LINK_E_MALFORMED },
    { "{\"type\":\"update\",\"revision\":1,\"kind\":\"weather\",\"id\":\"x\",\"object\":{}}",
      LINK_E_UNKNOWN },
    { "{\"type\":\"update\",\"revision\":1,\"kind\":\"endpoint\",\"id\":\"x\"}", LINK_E_MALFORMED },
    { "{\"type\":\"update\",\"revision\":1,\"kind\":\"endpoint\",\"object\":null}",
      LINK_E_MALFORMED },
    { "{\"type\":\"update\",\"revision\":1,\"kind\":\"settings\",\"object\":null}",
      LINK_E_MALFORMED },
    { "{\"type\":\"event\",\"event\":\"party\",\"group\":\"g\"}", LINK_E_UNKNOWN },
    { "{\"type\":\"event\",\"event\":\"drained\"}", LINK_E_MALFORMED },
    { "{\"type\":\"update\",\"revision\":1,\"kind\":\"endpoint\",\"id\":\"e\",\"object\":"
      "{\"name\":\"e\",\"variants\":[{\"name\":\"v\",\"weight\":-1,\"target_group\":\"g\"}]}}",
      LINK_E_MALFORMED },
    { "{\"type\":\"report\",\"groups\":[{\"id\":\"g\",\"overhead_us\":{\"count\":1}}]}",
      LINK_E_MALFORMED },
    { "{\"type\":\"report\",\"groups\":[{\"id\":\"g\",\"overhead_us\":{\"count\":1,\"sum\":1,"
      "\"min\":1,\"max\":1,\"buckets\":[1]}}]}",
      LINK_E_MALFORMED },
    { "{\"type\":\"report\",\"groups\":[{\"id\":\"g\",\"overhead_us\":{\"count\":1,\"sum\":1,"
      "\"min\":1,\"max\":1,\"buckets\":[99999,1]}}]}",
      LINK_E_MALFORMED },
};

static void malformed_messages_are_refused_whole(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
        json_t *json = json_loads(malformed[i].text, 0, NULL);
        struct link_message m;
        int r;

        assert_non_null(json);
        r = link_message_from_json(json, &m);
        if (r != malformed[i].outcome)
            fail_msg("%s gave %d", malformed[i].text, r);
        json_decref(json);
    }
}

/* All that a person may get wrong is in cli/test_proxy_routes.c. */
static void a_malformed_snapshot_is_told_where(void **state)
{
    static const char *const cases[][2] = {
        { "[]", "it is a list, but must be an object" },
        { "{\"revision\":1}", "settings: it is missing, and must be an object" },
        { "{\"revision\":1,\"settings\":{\"auth\":0}}",
          "settings.auth: it is 0, but must be true or false" },
        { "{\"revision\":1,\"settings\":{},\"routes\":[" ROUTE ",{\"path_prefix\":7}]}",
          "routes[1].path_prefix: it is 7, but must be a text of 1 up to 127 bytes" },
    };
    char why[COMPLAINT_BYTES];
    struct link_snapshot s;
    json_t *json;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json = json_loads(cases[i][0], 0, NULL);
        assert_int_equal(link_snapshot_from_json(json, &s, why), LINK_E_MALFORMED);
        assert_string_equal(why, cases[i][1]);
        json_decref(json);
    }
    json = json_loads("{\"revision\":1,\"settings\":{},\"routes\":[" ROUTE "]}", 0, NULL);
    assert_int_equal(link_snapshot_from_json(json, &s, why), 0);
    assert_string_equal(s.routes[0].path_prefix, "/");
    json_decref(json);
    link_snapshot_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_survives_both_ways),
        cmocka_unit_test(reports_carry_their_histograms),
        cmocka_unit_test(what_is_left_out_has_safe_defaults),
        cmocka_unit_test(malformed_messages_are_refused_whole),
        cmocka_unit_test(a_malformed_snapshot_is_told_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
