#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "supervisor/state_dir.h"

static char parent[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(parent, sizeof(parent), "/tmp/weir-test-state-XXXXXX");
    assert_non_null(mkdtemp(parent));
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", parent);
    return system(command);
}

static void assert_contains(const char *text, const char *needle)
{
    if (!text || !strstr(text, needle))
        fail_msg("expected '%s' in: %s", needle, text ? text : "(nothing)");
}

static void is_made_for_its_owner_only(void **state)
{
    autofree(mem_free) char *path = text_format("%s/state", parent);
    struct state_dir s;
    struct stat st;
    char *why;

    (void)state;
    assert_int_equal(state_dir_open(path, &s, &why), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    state_dir_close(&s);
    assert_int_equal(state_dir_open(path, &s, &why), 0);
    state_dir_close(&s);
    state_dir_close(&s);
}

static void is_for_one_server_at_a_time(void **state)
{
    struct state_dir s, other;
    char *why, pid[32];

    (void)state;
    snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
    assert_int_equal(state_dir_open(parent, &s, &why), 0);
    assert_int_equal(state_dir_open(parent, &other, &why), -EBUSY);
    assert_contains(why, parent);
    assert_contains(why, pid);
    free(why);
    state_dir_close(&s);
}

static void says_why_it_cannot_be_used(void **state)
{
    autofree(mem_free) char *file = text_format("%s/file", parent);
    autofree(mem_free) char *below = text_format("%s/file/state", parent);
    autofree(mem_free) char *far = text_format("%s/none/state", parent);
    struct state_dir s;
    char *why;

    (void)state;
    close(open(file, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(state_dir_open(file, &s, &why), -ENOTDIR);
    assert_contains(why, file);
    free(why);
    assert_int_equal(state_dir_open(below, &s, &why), -ENOTDIR);
    assert_contains(why, below);
    free(why);
    assert_int_equal(state_dir_open(far, &s, &why), -ENOENT);
    free(why);
}

static void its_sockets_work_however_long_its_path_is(void **state)
{
    autofree(mem_free) char *path = text_format("%s/%0150d", parent, 1);
    struct address a;
    struct state_dir s;
    int listener, client;
    char *why, *text;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(state_dir_open(i ? path : parent, &s, &why), 0);
        text = state_dir_socket(&s, "a.sock");
        assert_int_equal(address_parse(text, &a), 0);
        assert_int_equal(address_listen(&a, false, &listener), 0);
        assert_int_equal(address_connect(&a, &client), 0);
        close(client);
        close(listener);
        free(text);
        text = state_dir_file(&s, "a.sock");
        assert_int_equal(access(text, F_OK), 0);
        free(text);
        state_dir_close(&s);
    }
}

static void replaces_a_file_in_one_step(void **state)
{
    char text[16] = "";
    struct state_dir s;
    char *why, *path;
    int fd;

    (void)state;
    assert_int_equal(state_dir_open(parent, &s, &why), 0);
    assert_int_equal(state_dir_write(&s, "server.json", "{}"), 0);
    assert_int_equal(state_dir_write(&s, "server.json", "[1]"), 0);
    path = state_dir_file(&s, "server.json");
    fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, text, sizeof(text) - 1), 3);
    assert_string_equal(text, "[1]");
    close(fd);
    free(path);
    assert_true(state_dir_write(&s, "none/x", "") < 0);
    state_dir_close(&s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(is_made_for_its_owner_only),  TEST(is_for_one_server_at_a_time),
        TEST(says_why_it_cannot_be_used),  TEST(its_sockets_work_however_long_its_path_is),
        TEST(replaces_a_file_in_one_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
