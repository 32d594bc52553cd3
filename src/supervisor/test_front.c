#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "supervisor/front.h"

static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fd_close(fds[i]);
}

static void opens_several_sockets_on_one_port(void **state)
{
    struct address any, bound, other;
    int fds[3];

    (void)state;
    assert_int_equal(address_parse("127.0.0.1:0", &any), 0);
    assert_int_equal(front_open(&any, 3, fds, &bound), 0);
    for (size_t i = 0; i < 3; i++) {
        char a[ADDRESS_TEXT_BYTES], b[ADDRESS_TEXT_BYTES];

        assert_int_equal(address_of(fds[i], &other), 0);
        address_text(&bound, a);
        address_text(&other, b);
        assert_string_equal(a, b);
    }
    close_all(fds, 3);
}

static void refuses_a_port_that_somebody_has(void **state)
{
    struct address any, bound, taken;
    int fds[2], more[2], alone;

    (void)state;
    assert_int_equal(address_parse("127.0.0.1:0", &any), 0);
    assert_int_equal(front_open(&any, 2, fds, &bound), 0);
    assert_int_equal(front_open(&bound, 2, more, &taken), -EADDRINUSE);
    close_all(fds, 2);

    assert_int_equal(address_listen(&any, false, &alone), 0);
    assert_int_equal(address_of(alone, &taken), 0);
    assert_int_equal(front_open(&taken, 2, more, &bound), -EADDRINUSE);
    fd_close(alone);
}

static void every_interface_is_reached_through_loopback(void **state)
{
    static const char *const cases[][2] = {
        { "0.0.0.0:80", "127.0.0.1:80" },
        { "127.0.0.2:80", "127.0.0.2:80" },
        { "[::]:80", "[::1]:80" },
        { "[::1]:80", "[::1]:80" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[ADDRESS_TEXT_BYTES];
        struct address a;

        assert_int_equal(address_parse(cases[i][0], &a), 0);
        a = front_reachable(&a);
        address_text(&a, text);
        assert_string_equal(text, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_several_sockets_on_one_port),
        cmocka_unit_test(refuses_a_port_that_somebody_has),
        cmocka_unit_test(every_interface_is_reached_through_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
