/* Custom resources: what their answers may be, how they are asked, and what becomes of changes. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/custom_resource.h"

#define URL "http://capacity.example/scalableTargetDimensions/1"

/* --- answers ---------------------------------------------------------------------------------- */

static int read_answer(const char *text, struct custom_resource_answer *ret, const char **ret_why)
{
    return custom_resource_answer_read(slice_from(text), ret, ret_why);
}

static void an_answer_as_aws_publishes_it_is_read(void **state)
{
    struct custom_resource_answer a;
    const char *why;

    assert_int_equal(
        read_answer("{\"actualCapacity\": 2.0, \"desiredCapacity\": 3.0, \"dimensionName\": "
                    "\"MyDimension\", \"resourceName\": \"MyService\", "
                    "\"scalableTargetDimensionId\": \"1-23456789\", \"scalingStatus\": "
                    "\"InProgress\", \"version\": \"MyVersion\"}",
                    &a, &why),
        0);
    assert_int_equal(a.actual, 2);
    assert_int_equal(a.desired, 3);
    assert_int_equal(a.status, CUSTOM_RESOURCE_IN_PROGRESS);
    assert_string_equal(a.reason, "");
}

static void part_of_a_unit_is_not_in_service(void **state)
{
    struct custom_resource_answer a;
    const char *why;

    assert_int_equal(read_answer("{\"actualCapacity\": 2.9, \"desiredCapacity\": 2.9, "
                                 "\"scalingStatus\": \"Failed\", \"failureReason\": "
                                 "\"no\\u0007 \\u00e4 room\"}",
                                 &a, &why),
                     0);
    assert_int_equal(a.actual, 2);
    assert_int_equal(a.desired, 3);
    assert_string_equal(a.reason, "no? ?? room");
}

static void what_is_no_capacity_is_refused(void **state)
{
#define REST ",\"scalingStatus\":\"Successful\"}"
    static const char *const cases[] = {
        "",
        "[]",
        "null",
        "{",
        "{}",
        "<html>",
        "{\"actualCapacity\":1,\"desiredCapacity\":1}",
        "{\"actualCapacity\":1,\"desiredCapacity\":1,\"scalingStatus\":\"Done\"}",
        "{\"actualCapacity\":1,\"desiredCapacity\":1,\"scalingStatus\":3}",
        "{\"actualCapacity\":-1,\"desiredCapacity\":1" REST,
        "{\"actualCapacity\":1,\"desiredCapacity\":-0.6" REST,
        "{\"actualCapacity\":\"1\",\"desiredCapacity\":1" REST,
        "{\"actualCapacity\":1,\"desiredCapacity\":1e99" REST,
        "{\"actualCapacity\":2147483648,\"desiredCapacity\":1" REST,
        "{\"actualCapacity\":1,\"actualCapacity\":1,\"desiredCapacity\":1" REST,
        "{\"actualCapacity\":1,\"desiredCapacity\":1" REST "x",
    };
    struct custom_resource_answer a;
    const char *why;
    char *large = malloc(CUSTOM_RESOURCE_BODY_BYTES_MAX + 2);

    assert_non_null(large);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        why = NULL;
        if (read_answer(cases[i], &a, &why) != CUSTOM_RESOURCE_E_MALFORMED)
            fail_msg("not refused: %s", cases[i]);
        assert_non_null(why);
    }
    memset(large, ' ', CUSTOM_RESOURCE_BODY_BYTES_MAX + 1);
    large[CUSTOM_RESOURCE_BODY_BYTES_MAX + 1] = '\0';
    memcpy(large, cases[13], 10);
    assert_int_equal(read_answer(large, &a, &why), CUSTOM_RESOURCE_E_MALFORMED);
    free(large);
}

static void urls_lead_where_they_seem_to(void **state)
{
    static const struct {
        const char *url;
        bool valid;
    } cases[] = {
        { "https://example.execute-api.us-west-2.amazonaws.com/prod/scalableTargetDimensions/1-23",
          true },
        { "http://127.0.0.1:8080/x?y=z", true },
        { "http://[::1]:8080/", true },
        { "http://host", true },
        { "ftp://host/", false },
        { "file:///etc/passwd", false },
        { "HTTP://host/", false },
        { "http:///path", false },
        { "http://?x", false },
        { "http://user@host/", false },
        { "http://user:password@host/", false },
        { "http://host/a@b", true },
        { "http://host\\@other/", false },
        { "http://host/#x", false },
        { "http://host/a b", false },
        { "http://host/\r\nX: y", false },
        { "http://h\303\244st/", false },
        { "endpoint/e/variant/v", false },
    };
    const char *why;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (custom_resource_url_valid(cases[i].url, &why) != cases[i].valid)
            fail_msg("%s", cases[i].url);
}

/* --- asking, with a courier that answers when it is told to ----------------------------------- */

static struct {
    struct courier base;
    unsigned n, n_open; /* ever, and not answered yet */
    char method[16], body[128];
    courier_answered_fn *answered;
    void *context;
    bool fails;
} web;

static int web_send(struct courier *c, const struct courier_request *request,
                    courier_answered_fn *answered, void *context)
{
    if (web.fails)
        return -ENOMEM;
    web.n++;
    web.n_open++;
    snprintf(web.method, sizeof web.method, "%s", request->method);
    snprintf(web.body, sizeof web.body, "%s", request->body ? request->body : "");
    assert_true(strncmp(request->url, "http://", 7) == 0);
    assert_true(request->timeout > 0 && request->answer_bytes_max > 0);
    web.answered = answered;
    web.context = context;
    return 0;
}

static void answer(unsigned status, const char *body)
{
    const struct courier_answer a = { .status = status, .body = slice_from(body) };

    assert_true(web.n_open > 0);
    web.n_open--;
    web.answered(&a, web.context);
}

static void fail_to_answer(const char *error)
{
    const struct courier_answer a = { .error = error };

    web.n_open--;
    web.answered(&a, web.context);
}

static void web_cancel(struct courier *c, const void *context)
{
    if (web.n_open > 0)
        fail_to_answer("cancelled");
}

static const struct courier_ops web_ops = { web_send, web_cancel, NULL };

struct fixture {
    struct sim_clock clock;
    struct loop *loop;
    struct custom_resources all;
    struct custom_resource *r;
};

static int set_up(void **state)
{
    static struct fixture f;

    memset(&web, 0, sizeof web);
    web.base.ops = &web_ops;
    sim_clock_init(&f.clock, 1767323045000);
    assert_int_equal(loop_new(&f.clock.base, &f.loop), 0);
    custom_resources_init(&f.all, f.loop, NULL, &web.base);
    assert_int_equal(custom_resource_watch(&f.all, URL), 0);
    f.r = custom_resource_find(&f.all, URL);
    assert_non_null(f.r);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    custom_resources_deinit(&f->all);
    assert_int_equal(f->all.n_under_way, 0);
    loop_free(f->loop);
    return 0;
}

static void pass(struct fixture *f, ms_t ms)
{
    for (; ms > 0; ms -= 1000) {
        sim_clock_advance(&f->clock, ms < 1000 ? ms : 1000);
        assert_int_equal(loop_turn(f->loop, 0), 0);
        custom_resources_tick(&f->all);
    }
}

#define SAYS(actual, desired, status)                                                              \
    "{\"actualCapacity\": " #actual ", \"desiredCapacity\": " #desired                             \
    ", \"scalingStatus\": \"" status "\"}"

static void is_asked_at_once_and_then_every_few_seconds(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(custom_resource_watch(&f->all, URL), 0); /* once is enough */
    custom_resources_tick(&f->all);
    assert_int_equal(web.n, 1);
    assert_string_equal(web.method, "GET");
    assert_string_equal(web.body, "");
    pass(f, 3000);
    assert_int_equal(web.n, 1); /* one request at a time */
    answer(200, SAYS(2, 2, "Successful"));
    assert_true(f->r->known);
    assert_int_equal(f->r->answer.actual, 2);
    pass(f, 4000);
    assert_int_equal(web.n, 1);
    pass(f, 1000);
    assert_int_equal(web.n, 2);
    answer(200, SAYS(2, 3, "InProgress"));
    pass(f, 1000);
    assert_int_equal(web.n, 3);
}

static void a_change_is_patched_and_taken_from_the_answer(void **state)
{
    struct fixture *f = *state;

    custom_resources_tick(&f->all);
    answer(200, SAYS(2, 2, "Successful"));
    custom_resource_set(f->r, 5);
    assert_string_equal(web.method, "PATCH");
    assert_string_equal(web.body, "{\"desiredCapacity\": 5}");
    assert_int_equal(f->r->wanted, 5);
    answer(200, SAYS(2, 5, "Pending"));
    assert_int_equal(f->r->wanted, -1);
    assert_int_equal(f->r->answer.desired, 5);
    pass(f, 1000);
    assert_string_equal(web.method, "GET");
}

static void the_newest_wish_is_sent_last(void **state)
{
    struct fixture *f = *state;

    custom_resources_tick(&f->all); /* a GET is under way */
    custom_resource_set(f->r, 5);
    assert_int_equal(web.n, 1);
    answer(200, SAYS(2, 2, "Successful"));
    assert_int_equal(web.n, 2);
    assert_string_equal(web.body, "{\"desiredCapacity\": 5}");
    custom_resource_set(f->r, 7);
    assert_int_equal(web.n, 2);
    answer(200, SAYS(2, 5, "Pending"));
    assert_int_equal(f->r->wanted, 7);
    assert_string_equal(web.body, "{\"desiredCapacity\": 7}");
    answer(204, ""); /* says nothing of itself: asked at once */
    assert_int_equal(f->r->wanted, -1);
    assert_int_equal(f->r->answer.desired, 7);
    pass(f, 1000);
    assert_string_equal(web.method, "GET");
}

static void what_may_pass_is_tried_again(void **state)
{
    struct fixture *f = *state;

    custom_resources_tick(&f->all);
    answer(200, SAYS(2, 2, "Successful"));
    custom_resource_set(f->r, 5);
    answer(503, "busy");
    assert_int_equal(f->r->wanted, 5);
    pass(f, 1000);
    assert_int_equal(web.n, 3);
    fail_to_answer("connection refused");
    pass(f, 1000);
    assert_int_equal(web.n, 3);
    pass(f, 1000);
    assert_int_equal(web.n, 4);
    assert_string_equal(web.method, "PATCH");
    answer(429, "{\"message\": \"Too many\"}");
    assert_int_equal(f->r->wanted, -1);
    assert_int_equal(f->r->refused, 5);
    assert_string_equal(f->r->refusal,
                        "the custom resource answered with status code 429: Too many");
}

static void what_is_refused_is_not_tried_again(void **state)
{
    struct fixture *f = *state;

    custom_resources_tick(&f->all);
    answer(200, SAYS(2, 2, "Successful"));
    custom_resource_set(f->r, 5);
    answer(403, "{\"message\": \"not you\"}");
    assert_string_equal(f->r->refusal,
                        "the custom resource answered with status code 403: not you");
    assert_int_equal(f->r->wanted, -1);
    assert_int_equal(f->r->answer.desired, 2);
    pass(f, 1000);
    assert_string_equal(web.method, "GET");
    answer(200, SAYS(2, 2, "Successful"));
    custom_resource_set(f->r, 3); /* another one may be taken */
    assert_string_equal(f->r->refusal, "");
    answer(200, SAYS(2, 3, "Pending"));
    assert_int_equal(f->r->answer.desired, 3);
}

static void who_does_not_answer_is_asked_ever_more_rarely(void **state)
{
    struct fixture *f = *state;
    unsigned n;

    custom_resources_tick(&f->all);
    fail_to_answer("Could not resolve host");
    assert_string_equal(f->r->trouble,
                        "the custom resource did not answer: Could not resolve host");
    assert_false(f->r->known);
    for (int i = 0; i < 300; i++) {
        pass(f, 1000);
        if (web.n_open > 0)
            answer(200, i % 2 ? "{}" : "no");
    }
    n = web.n;
    assert_in_range(n, 8, 14); /* 1, 2, 4 ... 60 s */
    while (web.n_open == 0)
        pass(f, 1000);
    answer(200, SAYS(1, 1, "Successful"));
    assert_string_equal(f->r->trouble, "");
    assert_true(f->r->known);
    pass(f, 5000);
    assert_int_equal(web.n, n + 2);
}

static void without_memory_or_courier_it_goes_on(void **state)
{
    struct fixture *f = *state;

    web.fails = true;
    custom_resources_tick(&f->all);
    assert_int_equal(f->all.n_under_way, 0);
    web.fails = false;
    pass(f, 6000);
    assert_int_equal(web.n, 1);
    answer(200, SAYS(1, 1, "Successful"));
    f->all.courier = NULL;
    pass(f, 6000);
    assert_string_equal(f->r->trouble, "this server makes no requests");
    f->all.courier = &web.base;
}

static void who_is_forgotten_is_not_heard(void **state)
{
    struct fixture *f = *state;

    custom_resources_tick(&f->all);
    assert_int_equal(f->all.n_under_way, 1);
    custom_resource_forget(&f->all, URL); /* cancels what is under way */
    assert_null(custom_resource_find(&f->all, URL));
    assert_int_equal(f->all.n_under_way, 0);
    custom_resource_forget(&f->all, URL);
}

static void not_too_many_are_asked_at_once(void **state)
{
    struct fixture *f = *state;
    char url[64];

    for (int i = 0; i < 2 * CUSTOM_RESOURCE_UNDER_WAY_MAX; i++) {
        snprintf(url, sizeof url, "http://h/%d", i);
        assert_int_equal(custom_resource_watch(&f->all, url), 0);
    }
    custom_resources_tick(&f->all);
    assert_int_equal(web.n, CUSTOM_RESOURCE_UNDER_WAY_MAX);
    for (int i = 0; i < 2 * CUSTOM_RESOURCE_UNDER_WAY_MAX; i++) {
        snprintf(url, sizeof url, "http://h/%d", i);
        custom_resource_find(&f->all, url)->under_way = false; /* as if answered */
    }
    f->r->under_way = false;
    f->all.n_under_way = 0;
    web.n_open = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        cmocka_unit_test(an_answer_as_aws_publishes_it_is_read),
        cmocka_unit_test(part_of_a_unit_is_not_in_service),
        cmocka_unit_test(what_is_no_capacity_is_refused),
        cmocka_unit_test(urls_lead_where_they_seem_to),
        TEST(is_asked_at_once_and_then_every_few_seconds),
        TEST(a_change_is_patched_and_taken_from_the_answer),
        TEST(the_newest_wish_is_sent_last),
        TEST(what_may_pass_is_tried_again),
        TEST(what_is_refused_is_not_tried_again),
        TEST(who_does_not_answer_is_asked_ever_more_rarely),
        TEST(without_memory_or_courier_it_goes_on),
        TEST(who_is_forgotten_is_not_heard),
        TEST(not_too_many_are_asked_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
