#include "net/address.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void text_forms(void **state)
{
    static const struct {
        const char *text, *back;
        bool loopback;
    } cases[] = {
        { "127.0.0.1:80", "127.0.0.1:80", true },
        { "127.9.9.9:80", "127.9.9.9:80", true },
        { "localhost:8080", "127.0.0.1:8080", true },
        { "10.0.0.1:65535", "10.0.0.1:65535", false },
        { ":0", "0.0.0.0:0", false },
        { "[::1]:443", "[::1]:443", true },
        { "[::]:443", "[::]:443", false },
        { "unix:/run/x.sock", "unix:/run/x.sock", true },
        { "", NULL, false },
        { "80", NULL, false },
        { "host.example:80", NULL, false },
        { "127.0.0.1", NULL, false },
        { "127.0.0.1:", NULL, false },
        { "127.0.0.1:65536", NULL, false },
        { "127.0.0.1:-1", NULL, false },
        { "::1:80", NULL, false },
        { "[127.0.0.1]:80", NULL, false },
        { "[::1:80", NULL, false },
        { "unix:relative", NULL, false },
        { "unix:", NULL, false },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[ADDRESS_TEXT_BYTES];
        struct address a;

        assert_int_equal(address_parse(cases[i].text, &a), cases[i].back ? 0 : -EINVAL);
        if (!cases[i].back)
            continue;
        address_text(&a, text);
        assert_string_equal(text, cases[i].back);
        assert_int_equal(address_is_loopback(&a), cases[i].loopback);
    }
}

static void unix_paths_have_a_limit(void **state)
{
    char text[256] = "unix:/";
    struct address a;

    (void)state;
    memset(text + 6, 'x', 106);
    assert_int_equal(address_parse(text, &a), 0);
    text[112] = 'x';
    assert_int_equal(address_parse(text, &a), -EINVAL);
}

static void several_sockets_share_a_port_when_asked(void **state)
{
    autofree(fd_close) int one = -1, two = -1, three = -1;
    struct address a;

    (void)state;
    assert_int_equal(address_parse("127.0.0.1:0", &a), 0);
    assert_int_equal(address_listen(&a, true, &one), 0);
    assert_int_equal(address_of(one, &a), 0);
    assert_int_equal(address_listen(&a, true, &two), 0);
    assert_int_equal(address_listen(&a, false, &three), -EADDRINUSE);
    assert_int_equal(three, -1);
}

static void a_connect_finds_the_listener(void **state)
{
    autofree(fd_close) int listener = -1, client = -1;
    struct address a;

    (void)state;
    assert_int_equal(address_parse("127.0.0.1:0", &a), 0);
    assert_int_equal(address_listen(&a, false, &listener), 0);
    assert_int_equal(address_of(listener, &a), 0);
    assert_int_equal(address_connect(&a, &client), 0);
}

static void only_an_abandoned_unix_socket_is_replaced(void **state)
{
    autofree(fd_close) int one = -1, two = -1, file = -1;
    char dir[] = "/tmp/test_address_XXXXXX", text[64];
    struct address a;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(text, sizeof(text), "unix:%s/s", dir);
    assert_int_equal(address_parse(text, &a), 0);

    assert_int_equal(address_listen(&a, false, &one), 0);
    assert_int_equal(address_listen(&a, false, &two), -EADDRINUSE);
    one = fd_close(one); /* the file stays, as after a crash */
    assert_int_equal(address_listen(&a, false, &two), 0);
    unlink(text + 5);

    file = open(text + 5, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    assert_int_equal(address_listen(&a, false, &one), -EADDRINUSE);
    assert_int_equal(access(text + 5, F_OK), 0);
    unlink(text + 5);
    rmdir(dir);
}

static void a_unix_socket_is_for_our_user_only(void **state)
{
    autofree(fd_close) int fd = -1;
    char dir[] = "/tmp/test_address_XXXXXX", text[64];
    mode_t before = umask(0);
    struct address a;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(text, sizeof(text), "unix:%s/s", dir);
    assert_int_equal(address_parse(text, &a), 0);
    assert_int_equal(address_listen(&a, false, &fd), 0);
    umask(before);
    assert_int_equal(stat(text + 5, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    unlink(text + 5);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_forms),
        cmocka_unit_test(unix_paths_have_a_limit),
        cmocka_unit_test(several_sockets_share_a_port_when_asked),
        cmocka_unit_test(a_connect_finds_the_listener),
        cmocka_unit_test(only_an_abandoned_unix_socket_is_replaced),
        cmocka_unit_test(a_unix_socket_is_for_our_user_only),
    };

    return cmocka_run_group_tests_name("net/address", tests, NULL, NULL);
}
