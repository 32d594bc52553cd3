/* Requests by libcurl to a real server on this machine: what arrives, what is answered, what fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/address.h"
#include "net/courier.h"
#include "net/server.h"

enum { TIMEOUT_MS = 60000, TURN_MS = 100 };

struct fixture {
    struct loop *loop;
    struct server *server;
    struct courier *courier;
    int listen_fd;
    char url[64];
    /* what the server saw */
    unsigned handled;
    char body[256];
    struct server_request *later;
    /* what the courier said */
    unsigned answered, status;
    char error[256], answer[256];
};

static void handle(struct server_request *r, void *context)
{
    struct fixture *f = context;
    const struct http_head *head = server_request_head(r);
    struct slice body = server_request_body(r);

    f->handled++;
    if (slice_is(head->target, "/echo")) {
        char text[256];
        int n = snprintf(text, sizeof text, "%.*s %.*s", (int)head->method.size, head->method.data,
                         (int)body.size, body.size > 0 ? body.data : "");

        server_reply(r, 200, NULL, 0, (struct slice){ text, (size_t)n });
        return;
    }
    snprintf(f->body, sizeof f->body, "%.*s", (int)body.size, body.data);
    if (slice_is(head->target, "/later"))
        f->later = r;
    else
        server_reply(r, slice_is(head->target, "/bad") ? 500 : 204, NULL, 0, SLICE(""));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct server_settings settings = SERVER_SETTINGS_DEFAULT;
    struct address address;
    char text[ADDRESS_TEXT_BYTES];

    assert_non_null(f);
    *state = f;
    assert_int_equal(loop_new(clock_real(), &f->loop), 0);
    assert_int_equal(address_parse("127.0.0.1:0", &address), 0);
    assert_int_equal(address_listen(&address, false, &f->listen_fd), 0);
    assert_int_equal(address_of(f->listen_fd, &address), 0);
    address_text(&address, text);
    snprintf(f->url, sizeof f->url, "http://%.50s", text);
    assert_int_equal(server_new(f->loop, NULL, f->listen_fd, &settings, handle, f, &f->server), 0);
    assert_int_equal(courier_new_curl(f->loop, &f->courier), 0);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    courier_free(f->courier);
    if (f->later)
        server_reply(f->later, 200, NULL, 0, SLICE(""));
    server_free(f->server);
    loop_free(f->loop);
    fd_close(f->listen_fd);
    free(f);
    return 0;
}

static void answered(const struct courier_answer *answer, void *context)
{
    struct fixture *f = context;

    f->answered++;
    f->status = answer->status;
    snprintf(f->answer, sizeof f->answer, "%.*s", (int)answer->body.size,
             answer->body.size > 0 ? answer->body.data : "");
    snprintf(f->error, sizeof f->error, "%s", answer->error ? answer->error : "");
}

static void post(struct fixture *f, const char *path, const char *body, ms_t timeout)
{
    struct courier_request request;
    char url[128];

    snprintf(url, sizeof url, "%s%s", f->url, path);
    request =
        (struct courier_request){ .method = "POST", .url = url, .body = body, .timeout = timeout };
    assert_int_equal(courier_send(f->courier, &request, answered, f), 0);
    assert_int_equal(f->answered, 0);
}

static void ask(struct fixture *f, const char *method, const char *url, const char *body,
                size_t answer_bytes_max)
{
    const struct courier_request request = { .method = method,
                                             .url = url,
                                             .body = body,
                                             .timeout = TIMEOUT_MS,
                                             .answer_bytes_max = answer_bytes_max };

    assert_int_equal(courier_send(f->courier, &request, answered, f), 0);
}

static void turn_until(struct fixture *f, const unsigned *count, unsigned wanted)
{
    ms_t until = loop_now(f->loop) + TIMEOUT_MS;

    while (*count < wanted) {
        assert_int_equal(loop_turn(f->loop, TURN_MS), 0);
        assert_true(loop_now(f->loop) < until);
    }
}

static void a_post_arrives_and_is_answered(void **state)
{
    struct fixture *f = *state;

    post(f, "/", "{\"a\":1}", TIMEOUT_MS);
    turn_until(f, &f->answered, 1);
    assert_string_equal(f->error, "");
    assert_int_equal(f->status, 204);
    assert_string_equal(f->body, "{\"a\":1}");
    f->answered = 0;
    post(f, "/bad", "{}", TIMEOUT_MS);
    turn_until(f, &f->answered, 1);
    assert_int_equal(f->status, 500);
}

static void several_go_at_once(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 5; i++)
        post(f, "/", "{}", TIMEOUT_MS);
    turn_until(f, &f->answered, 5);
    assert_int_equal(f->handled, 5);
}

static void who_does_not_answer_is_given_up(void **state)
{
    struct fixture *f = *state;

    post(f, "/later", "{}", 1000);
    turn_until(f, &f->answered, 1);
    assert_string_not_equal(f->error, "");
}

static void nobody_there_is_an_error(void **state)
{
    struct fixture *f = *state;

    f->server = server_free(f->server);
    f->listen_fd = fd_close(f->listen_fd);
    post(f, "/", "{}", TIMEOUT_MS);
    turn_until(f, &f->answered, 1);
    assert_string_not_equal(f->error, "");
}

static void only_http_is_spoken(void **state)
{
    struct fixture *f = *state;

    ask(f, "GET", "file:///etc/hostname", NULL, 0);
    turn_until(f, &f->answered, 1);
    assert_string_not_equal(f->error, "");
}

/* Where clouds keep their machines' credentials; refused before anything is sent. */
static void metadata_services_are_not_reached(void **state)
{
    static const char *const urls[] = { "http://169.254.169.254/latest/meta-data/",
                                        "http://[::ffff:169.254.169.254]/",
                                        "http://[fe80::1]/",
                                        "http://0xa9fea9fe/",
                                        "http://[fd00:ec2::254]/",
                                        "http://100.100.100.200/" };
    struct fixture *f = *state;

    for (unsigned i = 0; i < sizeof urls / sizeof *urls; i++) {
        ask(f, "GET", urls[i], NULL, 0);
        turn_until(f, &f->answered, i + 1);
        assert_string_not_equal(f->error, "");
    }
}

static void an_answer_is_kept_where_it_is_wanted(void **state)
{
    struct fixture *f = *state;
    char url[128];

    snprintf(url, sizeof url, "%s/echo", f->url);
    ask(f, "PATCH", url, "{\"desiredCapacity\":3}", 64);
    turn_until(f, &f->answered, 1);
    assert_string_equal(f->error, "");
    assert_int_equal(f->status, 200);
    assert_string_equal(f->answer, "PATCH {\"desiredCapacity\":3}");

    ask(f, "GET", url, NULL, 64);
    turn_until(f, &f->answered, 2);
    assert_string_equal(f->answer, "GET ");

    ask(f, "PATCH", url, "{\"desiredCapacity\":3}", 8);
    turn_until(f, &f->answered, 3);
    assert_string_not_equal(f->error, ""); /* too long */
}

static void one_of_several_can_be_cancelled(void **state)
{
    struct fixture *f = *state;
    struct fixture other = { 0 };
    char url[128];

    post(f, "/later", "{}", TIMEOUT_MS);
    turn_until(f, &f->handled, 1);
    snprintf(url, sizeof url, "%s/", f->url);
    assert_int_equal(courier_send(f->courier,
                                  &(struct courier_request){
                                      .method = "GET", .url = url, .timeout = TIMEOUT_MS },
                                  answered, &other),
                     0);
    courier_cancel(f->courier, f);
    assert_int_equal(f->answered, 1);
    assert_string_equal(f->error, "cancelled");
    assert_int_equal(other.answered, 0);
    turn_until(f, &other.answered, 1);
    assert_int_equal(other.status, 204);
}

static void what_is_cancelled_is_answered_at_once(void **state)
{
    struct fixture *f = *state;

    post(f, "/later", "{}", TIMEOUT_MS);
    turn_until(f, &f->handled, 1);
    courier_cancel(f->courier, NULL);
    assert_int_equal(f->answered, 1);
    assert_string_equal(f->error, "cancelled");
}

struct quitter {
    struct fixture *f;
    unsigned answered;
};

static void quit(const struct courier_answer *answer, void *context)
{
    struct quitter *q = context;

    q->answered++;
    courier_cancel(q->f->courier, q);
}

static void an_answer_may_cancel_the_others(void **state)
{
    struct fixture *f = *state;
    struct quitter q = { .f = f };
    char url[128];

    snprintf(url, sizeof url, "%s/", f->url);
    for (int i = 0; i < 3; i++)
        assert_int_equal(courier_send(f->courier,
                                      &(struct courier_request){
                                          .method = "GET", .url = url, .timeout = TIMEOUT_MS },
                                      quit, &q),
                         0);
    turn_until(f, &q.answered, 3);
    assert_int_equal(q.answered, 3);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_post_arrives_and_is_answered),
        test(several_go_at_once),
        test(who_does_not_answer_is_given_up),
        test(nobody_there_is_an_error),
        test(only_http_is_spoken),
        test(metadata_services_are_not_reached),
        test(an_answer_is_kept_where_it_is_wanted),
        test(one_of_several_can_be_cancelled),
        test(what_is_cancelled_is_answered_at_once),
        test(an_answer_may_cancel_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
