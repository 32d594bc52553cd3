#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/parser.h"
#include "proxy/guard.h"

static struct address peer(const char *text)
{
    struct address a;

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

static struct guard *guard(const struct guard_settings *s)
{
    struct guard *g;

    assert_int_equal(guard_new(s, 7, &g), 0);
    return g;
}

static void all_together_have_a_limit(void **state)
{
    struct guard_settings s = GUARD_SETTINGS_DEFAULT;
    struct address a = peer("192.0.2.1:1"), local = peer("unix:/x");
    struct guard_pass one, two, three;
    struct guard *g;
    (void)state;

    s.connections_max = 2;
    g = guard(&s);
    assert_int_equal(guard_admit(g, &a, 0, &one), 0);
    assert_int_equal(guard_admit(g, &local, 0, &two), 0);
    assert_int_equal(guard_admit(g, &a, 0, &three), GUARD_E_FULL);
    guard_leave(g, &one);
    assert_int_equal(guard_admit(g, &a, 0, &three), 0);
    guard_free(g);
}

static void one_address_has_a_limit_but_trusted_proxies_have_not(void **state)
{
    struct guard_settings s = GUARD_SETTINGS_DEFAULT;
    struct address a = peer("192.0.2.1:1"), proxy = peer("10.0.0.1:1");
    struct guard_pass one, two;
    struct guard *g;
    (void)state;

    s.client_connections_max = 1;
    assert_int_equal(network_parse_list("10.0.0.0/8", &s.trusted), 0);
    g = guard(&s);
    assert_int_equal(guard_admit(g, &a, 0, &one), 0);
    assert_int_equal(guard_admit(g, &a, 0, &two), GUARD_E_CLIENT_FULL);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(guard_admit(g, &proxy, 0, &two), 0);
    guard_leave(g, &one);
    assert_int_equal(guard_admit(g, &a, 0, &one), 0);
    guard_free(g);
}

static struct http_head *head(const char *text)
{
    static struct http_head h;
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    size_t scanned = 0, size;
    const char *why;

    assert_int_equal(http_parse_request(text, strlen(text), &limits, &scanned, &h, &size, &why), 0);
    return &h;
}

static void requests_count_for_whom_the_proxy_names(void **state)
{
    struct guard_settings s = GUARD_SETTINGS_DEFAULT;
    struct address a = peer("10.0.0.1:1"), direct = peer("192.0.2.9:1");
    static const struct {
        const char *head, *client;
    } cases[] = {
        { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "10.0.0.1" },
        { "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n", "192.0.2.1" },
        /* what stands before the first one that we do not trust is only its word */
        { "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1, 192.0.2.2, 10.0.0.7\r\n\r\n",
          "192.0.2.2" },
        { "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\n"
          "X-Forwarded-For: 192.0.2.3:80\r\n\r\n",
          "192.0.2.3" },
        { "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: nonsense\r\n\r\n", "10.0.0.1" },
        { "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: [2001:db8::1]:9\r\n\r\n", "2001:db8::1" },
    };
    struct network_address client;
    struct guard_pass pass;
    struct guard *g;
    char text[ADDRESS_TEXT_BYTES];
    (void)state;

    assert_int_equal(network_parse_list("10.0.0.0/8", &s.trusted), 0);
    g = guard(&s);
    assert_int_equal(guard_admit(g, &a, 0, &pass), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_true(guard_client(g, &pass, head(cases[i].head), &client));
        network_address_text(&client, text);
        assert_string_equal(text, cases[i].client);
    }
    assert_int_equal(guard_admit(g, &direct, 0, &pass), 0);
    assert_true(guard_client(g, &pass, head(cases[1].head), &client));
    network_address_text(&client, text);
    assert_string_equal(text, "192.0.2.9"); /* nobody believes it */
    guard_free(g);
}

static void too_many_requests_hear_when_to_come_back(void **state)
{
    struct guard_settings s = GUARD_SETTINGS_DEFAULT;
    struct address a = peer("192.0.2.1:1");
    struct http_head *h = head("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    struct guard_pass pass;
    unsigned wait = 0;
    struct guard *g;
    (void)state;

    s.client_requests_per_s = 1;
    g = guard(&s);
    assert_int_equal(guard_admit(g, &a, 0, &pass), 0);
    assert_int_equal(guard_request(g, &pass, h, 0, &wait), 0);
    assert_int_equal(guard_request(g, &pass, h, 0, &wait), 0);
    assert_int_equal(guard_request(g, &pass, h, 0, &wait), GUARD_E_RATE);
    assert_in_range(wait, 1, 2);
    assert_int_equal(guard_request(g, &pass, h, 2000000, &wait), 0);
    assert_int_equal(guard_request(g, NULL, h, 0, &wait), 0);
    guard_look_at(g, 0, NULL, 1);
    guard_free(g);
}

static void bodies_have_a_ceiling(void **state)
{
    struct guard_settings s = { .kept_bytes_max = 100 };
    struct guard *g = guard(&s);
    (void)state;

    assert_true(guard_keep(g, 60));
    assert_false(guard_keep(g, 41));
    assert_true(guard_keep(g, 40));
    guard_release(g, 100);
    assert_true(guard_keep(g, 100));
    guard_free(g);
}

static void short_memory_refuses_until_there_is_some_again(void **state)
{
    struct guard_settings s = { .kept_bytes_max = 1000, .memory_bytes_max = 1600 };
    struct guard *g = guard(&s);
    struct address a = peer("192.0.2.1:1");
    struct guard_pass pass;
    (void)state;

    guard_look_at(g, 1600, NULL, 0);
    assert_true(guard_keep(g, 1));
    guard_look_at(g, 1601, NULL, 0);
    assert_false(guard_keep(g, 1));
    assert_int_equal(guard_admit(g, &a, 0, &pass), GUARD_E_MEMORY);
    guard_look_at(g, 1550, NULL, 0); /* not enough */
    assert_false(guard_keep(g, 1));
    guard_look_at(g, 1500, NULL, 0);
    assert_true(guard_keep(g, 1));
    assert_int_equal(guard_admit(g, &a, 0, &pass), 0);
    guard_look(g, NULL, 0);
    guard_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_together_have_a_limit),
        cmocka_unit_test(one_address_has_a_limit_but_trusted_proxies_have_not),
        cmocka_unit_test(requests_count_for_whom_the_proxy_names),
        cmocka_unit_test(too_many_requests_hear_when_to_come_back),
        cmocka_unit_test(bodies_have_a_ceiling),
        cmocka_unit_test(short_memory_refuses_until_there_is_some_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
