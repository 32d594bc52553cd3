/* Where this machine lets nobody make cgroups there is only the honest answer to test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "fleet/cgroup.h"

struct fixture {
    struct cgroups *cgroups;
    char *how, *id;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(cgroups_new(&f->cgroups, &f->how), 0);
    f->id = text_format("i-test-%d", (int)getpid());
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    cgroups_free(f->cgroups);
    free(f->how);
    free(f->id);
    free(f);
    return 0;
}

static void says_what_limits_instances(void **state)
{
    struct fixture *f = *state;

    if (cgroups_usable(f->cgroups))
        assert_non_null(strstr(f->how, "cgroup v"));
    else
        assert_non_null(strstr(f->how, "no cgroup"));
}

/* A process in the group that uses so much memory and then waits to be killed. */
static pid_t start_member(const struct cgroup *g, size_t touch_bytes)
{
    char byte = 0;
    int fds[2];
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        char *p = cgroup_enter(g) == 0 ? malloc(touch_bytes + 1) : NULL;

        if (!p || write(fds[1], &byte, 1) != 1)
            _exit(1);
        for (size_t i = 0; i < touch_bytes; i += 4096)
            ((volatile char *)p)[i] = 1;
        for (;;)
            pause();
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 1); /* it is inside */
    close(fds[0]);
    return pid;
}

static void holds_a_process_until_it_is_killed(void **state)
{
    struct fixture *f = *state;
    struct cgroup *g, *found;
    uint64_t cpu_us, memory;
    int status, r;
    pid_t pid;

    if (!cgroups_usable(f->cgroups))
        skip();
    assert_int_equal(cgroup_new(f->cgroups, f->id, 0.5, 1, &g), 0);
    assert_int_equal(cgroup_of(f->cgroups, f->id, getpid(), &found), -ENOENT);
    pid = start_member(g, 0);
    assert_int_equal(cgroup_of(f->cgroups, f->id, pid, &found), 0);
    r = cgroup_usage(found, &cpu_us, &memory);
    assert_true(r == 0 || r == -ENODATA);
    assert_int_equal(cgroup_remove(g), -EBUSY);

    cgroup_kill(found);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_false(cgroup_out_of_memory(g));
    while ((r = cgroup_remove(g)) == -EBUSY)
        ;
    assert_int_equal(r, 0);
    assert_int_equal(cgroup_remove(g), 0);
    cgroup_free(found);
    cgroup_free(g);
}

static void ends_a_process_that_needs_too_much_memory(void **state)
{
    struct fixture *f = *state;
    struct cgroup *g;
    int status, r;
    pid_t pid;

    if (!strstr(f->how, "memory"))
        skip();
    assert_int_equal(cgroup_new(f->cgroups, f->id, 1, 1.0 / 32, &g), 0);
    pid = start_member(g, 128 << 20);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(cgroup_out_of_memory(g));
    while ((r = cgroup_remove(g)) == -EBUSY)
        ;
    assert_int_equal(r, 0);
    cgroup_free(g);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(says_what_limits_instances),
        TEST(holds_a_process_until_it_is_killed),
        TEST(ends_a_process_that_needs_too_much_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
