#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <pthread.h>

#include "proxy/client_table.h"

static struct network_address address(const char *text)
{
    struct network_address a;

    assert_int_equal(network_address_parse(slice_from(text), &a), 0);
    return a;
}

static struct network_address numbered(unsigned i)
{
    char text[32];

    snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
    return address(text);
}

static void an_address_has_only_so_many_connections(void **state)
{
    struct network_address a = address("192.0.2.1"), b = address("192.0.2.2");
    struct client_entry *first, *second, *other;
    struct client_table t;
    (void)state;

    assert_int_equal(client_table_init(&t, 64, 7), 0);
    assert_int_equal(client_table_connect(&t, &a, 2, 0, &first), 0);
    assert_int_equal(client_table_connect(&t, &a, 2, 0, &second), 0);
    assert_int_equal(client_table_connect(&t, &a, 2, 0, &other), CLIENT_TABLE_E_LIMIT);
    assert_int_equal(client_table_connect(&t, &b, 2, 0, &other), 0);
    client_table_disconnect(first);
    assert_int_equal(client_table_connect(&t, &a, 2, 0, &first), 0);
    client_table_deinit(&t);
}

static void a_customer_of_ipv6_is_one_client(void **state)
{
    struct network_address a = address("2001:db8:1:2::1"), b = address("2001:db8:1:2:ffff::9"),
                           c = address("2001:db8:1:3::1");
    struct client_entry *e;
    struct client_table t;
    (void)state;

    assert_int_equal(client_table_init(&t, 64, 7), 0);
    assert_int_equal(client_table_connect(&t, &a, 1, 0, &e), 0);
    assert_int_equal(client_table_connect(&t, &b, 1, 0, &e), CLIENT_TABLE_E_LIMIT);
    assert_int_equal(client_table_connect(&t, &c, 1, 0, &e), 0);
    client_table_deinit(&t);
}

static void tokens_come_back_with_time(void **state)
{
    struct network_address a = address("192.0.2.1");
    struct client_table t;
    us_t now = 5000000, wait = 0;
    (void)state;

    assert_int_equal(client_table_init(&t, 64, 7), 0);
    for (unsigned i = 0; i < 3; i++) /* the burst */
        assert_int_equal(client_table_request(&t, &a, 10, 3, now, &wait), 0);
    assert_int_equal(client_table_request(&t, &a, 10, 3, now, &wait), CLIENT_TABLE_E_LIMIT);
    assert_in_range(wait, 100000, 100001); /* a tenth of a second */
    assert_int_equal(client_table_request(&t, &a, 10, 3, now + wait, &wait), 0);
    assert_int_equal(client_table_request(&t, &a, 10, 3, now + 100001, &wait),
                     CLIENT_TABLE_E_LIMIT);
    now += 60000000; /* no more than a burst is ever saved */
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(client_table_request(&t, &a, 10, 3, now, &wait), 0);
    assert_int_equal(client_table_request(&t, &a, 10, 3, now, &wait), CLIENT_TABLE_E_LIMIT);
    client_table_deinit(&t);
}

static void over_a_long_time_the_rate_is_kept_exactly(void **state)
{
    struct network_address a = address("192.0.2.1");
    struct client_table t;
    unsigned n = 0;
    us_t wait;
    (void)state;

    assert_int_equal(client_table_init(&t, 64, 7), 0);
    for (us_t now = 0; now < 10000000; now += 37)
        n += client_table_request(&t, &a, 7000, 10, now, &wait) == 0;
    assert_in_range(n, 69990, 70020);
    client_table_deinit(&t);
}

static void a_full_table_says_so_and_idle_entries_are_given_away(void **state)
{
    struct client_entry *entries[64];
    struct network_address a;
    struct client_table t;
    unsigned n = 0, full = 0;
    us_t wait;
    (void)state;

    assert_int_equal(client_table_init(&t, 64, 7), 0);
    for (unsigned i = 0; i < 1000; i++) {
        struct client_entry *e;
        int r;

        a = numbered(i);
        r = client_table_connect(&t, &a, 1, 0, &e);
        if (r)
            full += r == CLIENT_TABLE_E_FULL;
        else
            entries[n++] = e;
    }
    assert_int_equal(n, 64);
    assert_int_equal(full, 1000 - 64);
    a = numbered(5000);
    assert_int_equal(client_table_request(&t, &a, 1, 1, 0, &wait), CLIENT_TABLE_E_FULL);
    for (unsigned i = 0; i < n; i++)
        client_table_disconnect(entries[i]);
    for (unsigned i = 0; i < 64; i++) { /* debts of requests keep an entry, for a while */
        a = numbered(6000 + i);
        client_table_request(&t, &a, 1, 1, 0, &wait);
    }
    a = numbered(7000);
    assert_int_equal(client_table_request(&t, &a, 1, 1, 2000000, &wait), 0);
    client_table_deinit(&t);
}

struct crowd {
    struct client_table table;
    atomic_uint inside, most;
};

static void *come_and_go(void *context)
{
    struct crowd *c = context;
    struct network_address a = address("192.0.2.1");

    for (unsigned i = 0; i < 20000; i++) {
        struct client_entry *e;
        unsigned now, most;

        if (client_table_connect(&c->table, &a, 3, 0, &e))
            continue;
        now = atomic_fetch_add(&c->inside, 1) + 1;
        most = atomic_load(&c->most);
        while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
            continue;
        atomic_fetch_sub(&c->inside, 1);
        client_table_disconnect(e);
    }
    return NULL;
}

static void threads_share_one_limit(void **state)
{
    struct crowd c = { .most = 0 };
    struct network_address a = address("192.0.2.1");
    struct client_entry *e;
    pthread_t threads[4];
    (void)state;

    assert_int_equal(client_table_init(&c.table, 64, 7), 0);
    assert_int_equal(client_table_connect(&c.table, &a, 3, 0, &e), 0); /* it stays known */
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &c), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(c.most, 1, 2);
    assert_int_equal(atomic_load(&e->connections), 1);
    client_table_deinit(&c.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_only_so_many_connections),
        cmocka_unit_test(a_customer_of_ipv6_is_one_client),
        cmocka_unit_test(tokens_come_back_with_time),
        cmocka_unit_test(over_a_long_time_the_rate_is_kept_exactly),
        cmocka_unit_test(a_full_table_says_so_and_idle_entries_are_given_away),
        cmocka_unit_test(threads_share_one_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
