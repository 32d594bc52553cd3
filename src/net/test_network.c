#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/network.h"

static bool has(const char *network, const char *address)
{
    struct network n;
    struct network_address a;

    assert_int_equal(network_parse(slice_from(network), &n), 0);
    assert_int_equal(network_address_parse(slice_from(address), &a), 0);
    return network_has(&n, &a);
}

static void a_network_has_what_shares_its_prefix(void **state)
{
    (void)state;
    assert_true(has("192.0.2.0/24", "192.0.2.255"));
    assert_false(has("192.0.2.0/24", "192.0.3.0"));
    assert_true(has("192.0.2.128/25", "192.0.2.200:4711"));
    assert_false(has("192.0.2.128/25", "192.0.2.127"));
    assert_true(has("10.1.2.3", "10.1.2.3"));
    assert_false(has("10.1.2.3", "10.1.2.4"));
    assert_true(has("0.0.0.0/0", "203.0.113.9"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("2001:db8::/32", "[2001:db8:ffff::1]:443"));
    assert_false(has("2001:db8::/32", "2001:db9::1"));
    assert_true(has("192.0.2.0/24", "::ffff:192.0.2.7"));
    assert_true(has("::/0", "192.0.2.7"));
}

static void what_is_none_is_refused(void **state)
{
    static const char *const wrong[] = { "",         "x",      "10.0.0.0/33", "10.0.0.0/",
                                         "10/8",     "::/129", "10.0.0.0/-1", "10.0.0.0/8/8",
                                         "1.2.3.4.", "/8",     "1:2:3/8" };
    struct network n;
    struct network_list l;
    struct network_address a;
    (void)state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(network_parse(slice_from(wrong[i]), &n), -EINVAL);
    assert_int_equal(network_parse_list("10.0.0.0/8,,::1", &l), -EINVAL);
    assert_int_equal(network_address_parse(slice_from("unknown"), &a), -EINVAL);
    assert_int_equal(network_address_parse(slice_from("[::1"), &a), -EINVAL);
    assert_int_equal(network_address_parse(slice_from(""), &a), -EINVAL);
}

static void a_list_has_what_one_of_its_networks_has(void **state)
{
    struct network_list l;
    struct network_address a;
    char text[ADDRESS_TEXT_BYTES];
    (void)state;

    assert_int_equal(network_parse_list("10.0.0.0/8, 127.0.0.1,::1", &l), 0);
    assert_int_equal(l.n, 3);
    assert_int_equal(network_address_parse(slice_from("127.0.0.1:80"), &a), 0);
    assert_true(network_list_has(&l, &a));
    network_address_text(&a, text);
    assert_string_equal(text, "127.0.0.1");
    assert_int_equal(network_address_parse(slice_from("[2001:db8::1]:80"), &a), 0);
    assert_false(network_list_has(&l, &a));
    network_address_text(&a, text);
    assert_string_equal(text, "2001:db8::1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_has_what_shares_its_prefix),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(a_list_has_what_one_of_its_networks_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
