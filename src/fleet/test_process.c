/* The process driver with real processes: small shell commands. Every wait is for a condition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "fleet/cgroup.h"
#include "fleet/output.h"
#include "fleet/proc.h"
#include "fleet/process.h"

/* Instances of this process alone: a group of limits is found by its instance's name, and tests of
 * another checkout may run at the same time. */
static char first[32], second[32];

struct fixture {
    char dir[64];
    struct loop *loop;
    struct driver *driver;
    unsigned n_gone;
    char gone[32], why[2048];
};

static void note_gone(void *context, const char *id, const char *why)
{
    struct fixture *f = context;

    snprintf(f->gone, sizeof(f->gone), "%s", id);
    snprintf(f->why, sizeof(f->why), "%s", why);
    f->n_gone++;
}

static struct driver *make_driver(struct fixture *f)
{
    const struct driver_events events = { .gone = note_gone, .context = f };
    const struct process_driver_settings settings = {
        .state_dir = f->dir,
        .region = "eu-west-1",
        .program = "/bin/echo",
    };
    struct driver *d;

    assert_int_equal(process_driver_new(f->loop, NULL, &settings, &events, &d), 0);
    return d;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/weir-test-process-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(loop_new(clock_real(), &f->loop), 0);
    f->driver = make_driver(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    driver_free(f->driver);
    loop_free(f->loop);
    assert_int_equal(remove_tree(f->dir), 0);
    free(f);
    return 0;
}

static int launch_spec(struct fixture *f, const struct instance_spec *spec,
                       struct driver_handle *ret_handle, char **ret_why)
{
    return driver_launch(f->driver, spec, ret_handle, ret_why);
}

/* Runs a shell script as instance @id. */
static struct driver_handle launch_script(struct fixture *f, const char *id, const char *script)
{
    autofree(mem_free) char *image = text_format("command:/bin/sh -c '%s'", script);
    const struct instance_spec spec = {
        .id = id,
        .image = image,
        .instance_type = "ml.c5.large",
    };
    struct driver_handle handle;
    char *why;

    assert_int_equal(launch_spec(f, &spec, &handle, &why), 0);
    return handle;
}

static void wait_gone(struct fixture *f, unsigned n)
{
    while (f->n_gone < n)
        assert_int_equal(loop_turn(f->loop, 1000), 0);
}

/* Turns the loop until the instance has printed @lines lines. */
static char *wait_output(struct fixture *f, const char *id, unsigned lines)
{
    for (;;) {
        char *tail = driver_log_tail(f->driver, id, 1000);
        unsigned n = tail ? 1 : 0;

        for (const char *p = tail; p && (p = strchr(p, '\n')); p++)
            n++;
        if (n >= lines)
            return tail;
        free(tail);
        assert_int_equal(loop_turn(f->loop, 5), 0);
    }
}

static pid_t pid_of(const struct driver_handle *h)
{
    return (pid_t)atoi(h->text);
}

static bool exists(struct fixture *f, const char *format, const char *id)
{
    autofree(mem_free) char *name = text_format(format, id);
    autofree(mem_free) char *path = text_format("%s/instances/%s", f->dir, name);
    struct stat st;

    return lstat(path, &st) == 0;
}

static void assert_contains(const char *text, const char *needle)
{
    if (!text || !strstr(text, needle))
        fail_msg("expected '%s' in: %s", needle, text ? text : "(nothing)");
}

static void assert_within(const char *text, const char *id, const char *path)
{
    autofree(mem_free) char *needle = text_format("/instances/%s%s", id, path);

    assert_contains(text, needle);
}

static void gives_the_instance_what_it_may_count_on(void **state)
{
    struct fixture *f = *state;
    json_t *environment = json_pack("{s:s, s:s, s:s}", "MY_SETTING", "a b", "OMP_NUM_THREADS", "7",
                                    "SAGEMAKER_BIND_TO_PORT", "1");
    const struct instance_spec spec = {
        .id = first,
        .image = "command:/usr/bin/env",
        .instance_type = "ml.c5.xlarge",
        .environment = environment,
    };
    struct driver_handle handle;
    char *why, *tail, line[128];

    setenv("LEAKED_SECRET", "x", 1);
    assert_int_equal(launch_spec(f, &spec, &handle, &why), 0);
    wait_gone(f, 1);
    tail = driver_log_tail(f->driver, first, 100);
    assert_contains(tail, "MY_SETTING=a b");
    assert_contains(tail, "OMP_NUM_THREADS=7");
    assert_contains(tail, "SM_NUM_CPUS=4");
    assert_contains(tail, "SAGEMAKER_REGION=eu-west-1");
    assert_contains(tail, "PATH=");
    assert_within(tail, first, "/model");
    assert_null(strstr(tail, "LEAKED_SECRET"));
    snprintf(line, sizeof(line), "SAGEMAKER_BIND_TO_PORT=%s\n", strchr(handle.address, ':') + 1);
    assert_contains(tail, line);
    assert_contains(tail, "WEIR_BIND_TO_UNIX=/");
    assert_within(tail, first, "/http.sock\n");
    free(tail);
    json_decref(environment);
}

static void tells_where_the_instance_listens_as_well(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char address[DRIVER_ADDRESS_BYTES];

    assert_true(fd >= 0);
    launch_script(f, first, "sleep 1000");
    assert_false(driver_local_address(f->driver, first, address));
    assert_false(driver_local_address(f->driver, second, address));
    assert_in_range(
        snprintf(a.sun_path, sizeof(a.sun_path), "%s/instances/%s/http.sock", f->dir, first), 1,
        sizeof(a.sun_path) - 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    close(fd);
    assert_true(driver_local_address(f->driver, first, address));
    assert_int_equal(strncmp(address, "unix:/", 6), 0);
    assert_true(exists(f, "%s/http.sock", first));
    assert_int_equal(driver_kill(f->driver, first), 0);
    wait_gone(f, 1);
    assert_false(exists(f, "%s/http.sock", first));
}

static void sets_the_process_apart(void **state)
{
    struct fixture *f = *state;
    int leaked = open("/dev/null", O_RDONLY);
    struct driver_handle handle;
    char *tail, leader[32];

    handle = launch_script(f, first,
                           "ls /proc/self/fd; grep NoNewPrivs /proc/self/status; "
                           "cat /proc/self/limits; cut -d\" \" -f5,6 /proc/$$/stat; pwd; cat");
    wait_gone(f, 1);
    close(leaked);
    tail = driver_log_tail(f->driver, first, 100);
    assert_contains(tail, "0\n1\n2\n3\nNoNewPrivs:\t1\n"); /* 3 is the listing's own */
    assert_contains(tail, "Max core file size        0 ");
    snprintf(leader, sizeof(leader), "%d %d\n", (int)pid_of(&handle), (int)pid_of(&handle));
    assert_contains(tail, leader);
    assert_within(tail, first, "");
    free(tail);
}

static void runs_the_built_in_server_on_the_model_directory(void **state)
{
    struct fixture *f = *state;
    const struct instance_spec spec = {
        .id = first,
        .image = "weir/xgboost:latest",
        .instance_type = "ml.c5.large",
    };
    struct driver_handle handle;
    char *why, *tail;

    assert_int_equal(launch_spec(f, &spec, &handle, &why), 0);
    wait_gone(f, 1);
    tail = driver_log_tail(f->driver, first, 1);
    assert_contains(tail, "model-server --model /");
    assert_within(tail, first, "/model");
    free(tail);
}

static void tells_how_an_instance_ended(void **state)
{
    static const struct {
        const char *script, *needle;
    } cases[] = {
        { "echo one; echo two; exit 3",
          "exited with code 3. The last lines of its output:\none\ntwo" },
        { "kill -SEGV $$", "killed by signal 11 (Segmentation fault)." },
        { "exec /nonexistent/program", "exited with code 127" },
        { "printf \"\\377bad\\001\"", "\n?bad?" },
    };
    struct fixture *f = *state;
    char id[32];

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(id, sizeof(id), "i-%d-case-%u", getpid(), i);
        launch_script(f, id, cases[i].script);
        wait_gone(f, i + 1);
        assert_string_equal(f->gone, id);
        assert_contains(f->why, cases[i].needle);
        assert_false(exists(f, "%s/model", id));
        assert_true(exists(f, "%s/output.log", id));
    }
}

static void refuses_what_cannot_run_here(void **state)
{
    static const struct {
        const char *image, *type, *url, *needle;
    } cases[] = {
        { "nobody/knows:1", "ml.c5.large", NULL, "\"nobody/knows:1\" is not known" },
        { "command:", "ml.c5.large", NULL, "has no command" },
        { "command:a 'b", "ml.c5.large", NULL, "not finished" },
        { "command:/nonexistent/server", "ml.c5.large", NULL, "no executable program" },
        { "command:no-such-program-here", "ml.c5.large", NULL, "no executable program" },
        { "command:/etc/passwd", "ml.c5.large", NULL, "no executable program" },
        { "command:/bin/true", "ml.none", NULL, "\"ml.none\" is not known" },
        { "command:/bin/true", "ml.c5.large", "s3://bucket/key", "file:///PATH" },
        { "command:/bin/true", "ml.c5.large", "file:///nonexistent.tar.gz",
          "Please ensure that there is an object located at the URL" },
        { "command:/bin/true", "ml.c5.large", "file:///tmp", "not a regular file" },
        { "command:/bin/true", "ml.c5.large", "file:///a%00b", "file:///PATH" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct instance_spec spec = {
            .id = first,
            .image = cases[i].image,
            .instance_type = cases[i].type,
            .model_data_url = cases[i].url,
        };
        struct driver_handle handle;
        char *why;

        assert_int_equal(launch_spec(f, &spec, &handle, &why), DRIVER_E_REFUSED);
        assert_contains(why, cases[i].needle);
        assert_false(exists(f, "%s", first));
        free(why);
    }
    assert_int_equal(driver_terminate(f->driver, first), DRIVER_E_UNKNOWN);
}

static char *write_model(struct fixture *f, const char *name, const char *text)
{
    char *path = text_format("%s/%s", f->dir, name);
    autofree(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return path;
}

static void launch_with_model(struct fixture *f, const char *id, const char *path,
                              const char *command)
{
    autofree(mem_free) char *url = text_format("file://%s", path);
    const struct instance_spec spec = {
        .id = id,
        .image = command,
        .instance_type = "ml.c5.large",
        .model_data_url = url,
    };
    struct driver_handle handle;
    char *why;

    assert_int_equal(launch_spec(f, &spec, &handle, &why), 0);
}

static void places_the_model_before_the_server_starts(void **state)
{
    struct fixture *f = *state;
    autofree(mem_free) char *path = write_model(f, "my model.json", "weights");
    autofree(mem_free) char *bad = write_model(f, "bad.tar.gz", "no archive");
    autofree(mem_free) char *url = text_format("%s/my%%20model.json", f->dir);

    launch_with_model(f, first, url, "command:/bin/cat 'model/my model.json'");
    wait_gone(f, 1);
    assert_contains(f->why, "code 0. The last lines of its output:\nweights");

    launch_with_model(f, second, bad, "command:/bin/cat");
    wait_gone(f, 2);
    assert_contains(f->why, "Failed to extract the model data archive");
    assert_contains(f->why, "bad.tar.gz");
}

static void stops_the_whole_group_on_request(void **state)
{
    struct fixture *f = *state;
    uint64_t ticks;
    pid_t child;
    char *tail;

    launch_script(f, first, "sleep 1000 & echo $!; wait");
    tail = wait_output(f, first, 1);
    child = (pid_t)atoi(tail);
    free(tail);
    assert_int_equal(proc_start_time(child, &ticks), 0);
    assert_int_equal(driver_terminate(f->driver, first), 0);
    assert_int_equal(driver_terminate(f->driver, first), 0);
    wait_gone(f, 1);
    assert_contains(f->why, "signal 15 (Terminated)");
    while (proc_start_time(child, &ticks) == 0)
        assert_int_equal(loop_turn(f->loop, 5), 0);
    assert_int_equal(driver_terminate(f->driver, first), DRIVER_E_UNKNOWN);
}

/* A child that left the group and ignores signals is ended with its cgroup, where there are any;
 * the rest of the group in any case. */
static void leaves_no_children_behind(void **state)
{
    struct fixture *f = *state;
    uint64_t ticks;
    pid_t child;
    char *tail;

    launch_script(f, first, "(trap \"\" TERM; echo up; exec sleep 1000) & echo $!; sleep 1000");
    tail = wait_output(f, first, 2);
    child = (pid_t)atoi(strncmp(tail, "up", 2) == 0 ? tail + 3 : tail);
    free(tail);
    assert_int_equal(driver_terminate(f->driver, first), 0);
    wait_gone(f, 1);
    while (proc_start_time(child, &ticks) == 0)
        assert_int_equal(loop_turn(f->loop, 5), 0);
}

static void an_instance_outlives_its_driver_and_is_adopted(void **state)
{
    struct fixture *f = *state;
    struct driver_handle handle, other;
    struct instance_usage usage;
    uint64_t ticks;

    handle = launch_script(f, first, "echo up; while :; do sleep 1; done");
    free(wait_output(f, first, 1));
    f->driver = driver_free(f->driver);
    assert_int_equal(proc_start_time(pid_of(&handle), &ticks), 0);

    f->driver = make_driver(f);
    other = handle;
    snprintf(other.text, sizeof(other.text), "%d:%d", (int)pid_of(&handle), 1);
    assert_int_equal(driver_adopt(f->driver, second, &other), DRIVER_E_GONE);
    assert_int_equal(driver_adopt(f->driver, first, &handle), 0);
    do {
        assert_int_equal(loop_turn(f->loop, 5), 0);
        assert_int_equal(driver_usage(f->driver, first, &usage), 0);
    } while (usage.memory_bytes == 0); /* counted in batches */
    assert_true(usage.cpu_percent < 200);
    assert_int_equal(driver_terminate(f->driver, first), 0);
    wait_gone(f, 1);
    assert_string_equal(f->gone, first);
    assert_int_equal(driver_adopt(f->driver, first, &handle), DRIVER_E_GONE);
    assert_false(exists(f, "%s/model", first));
}

/* Makes a process that is no child of this one, as instances are after a restart. */
static void the_end_of_an_adopted_stranger_is_told(void **state)
{
    struct fixture *f = *state;
    struct driver_handle handle = { .address = "127.0.0.1:1" };
    uint64_t ticks;
    int fds[2];
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    if (fork() == 0) {
        pid = fork();
        if (pid > 0) {
            (void)!write(fds[1], &pid, sizeof(pid));
            _exit(0);
        }
        setsid();
        pause();
    }
    assert_int_equal(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(waitpid(-1, NULL, 0) > 0, 1);
    assert_int_equal(proc_start_time(pid, &ticks), 0);
    snprintf(handle.text, sizeof(handle.text), "%d:%llu", (int)pid, (unsigned long long)ticks);
    assert_int_equal(driver_adopt(f->driver, first, &handle), 0);
    kill(pid, SIGKILL);
    wait_gone(f, 1);
    assert_contains(f->why, "an earlier run of weir");
}

static void a_launch_that_was_cut_short_is_ended(void **state)
{
    struct fixture *f = *state;
    struct driver_handle handle, none = { "", "" };
    uint64_t ticks;

    handle = launch_script(f, first, "sleep 1000");
    f->driver = driver_free(f->driver);
    f->driver = make_driver(f);
    assert_int_equal(driver_adopt(f->driver, first, &none), DRIVER_E_GONE);
    while (proc_start_time(pid_of(&handle), &ticks) == 0)
        assert_int_equal(loop_turn(f->loop, 5), 0);
    waitpid(pid_of(&handle), NULL, 0);
    assert_int_equal(driver_adopt(f->driver, "i-none", &none), DRIVER_E_GONE);
}

static void one_that_will_not_stop_is_killed(void **state)
{
    struct fixture *f = *state;

    launch_script(f, first, "trap \"\" TERM; echo up; while :; do sleep 0.01; done");
    free(wait_output(f, first, 1));
    assert_int_equal(driver_terminate(f->driver, first), 0);
    assert_int_equal(loop_turn(f->loop, 50), 0);
    assert_int_equal(f->n_gone, 0);
    assert_int_equal(driver_kill(f->driver, first), 0);
    wait_gone(f, 1);
    assert_contains(f->why, "signal 9 (Killed)");
    assert_int_equal(driver_kill(f->driver, first), DRIVER_E_UNKNOWN);
}

/* Its leader ended while no driver looked; a child of it goes on where only the cgroup reaches
 * it. */
static void what_an_unseen_end_left_is_cleared_up(void **state)
{
    struct fixture *f = *state;
    struct driver_handle handle;
    struct cgroups *cgroups;
    uint64_t ticks;
    pid_t child;
    char *tail, *how;

    assert_int_equal(cgroups_new(&cgroups, &how), 0);
    handle = launch_script(f, first, "setsid sleep 1000 & echo $!; wait");
    tail = wait_output(f, first, 1);
    child = (pid_t)atoi(tail);
    free(tail);
    f->driver = driver_free(f->driver);
    kill(pid_of(&handle), SIGKILL);
    assert_int_equal(waitpid(pid_of(&handle), NULL, 0), pid_of(&handle));

    f->driver = make_driver(f);
    assert_int_equal(driver_adopt(f->driver, first, &handle), DRIVER_E_GONE);
    assert_false(exists(f, "%s/model", first));
    if (!cgroups_usable(cgroups))
        kill(child, SIGKILL);
    while (proc_start_time(child, &ticks) == 0)
        assert_int_equal(loop_turn(f->loop, 5), 0);
    cgroups_free(cgroups);
    free(how);
}

/* What the kernel says that a process has had of a CPU. */
static double cpu_seconds(pid_t pid)
{
    struct timespec t;
    clockid_t clock;

    assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
    assert_int_equal(clock_gettime(clock, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* However little of a CPU it gets, what is told of it in percent adds up. */
static void samples_what_is_used(void **state)
{
    struct fixture *f = *state;
    struct driver_handle handle = launch_script(f, first, "while :; do :; done");
    struct instance_usage usage;
    uint64_t most = 0; /* a group's memory is counted in batches: it may be 0 at first */
    double told_s = 0, used_s = 0;

    while (used_s < 0.3 || most == 0) {
        us_t before = loop_now_us(f->loop);

        assert_int_equal(loop_turn(f->loop, 50), 0);
        used_s = cpu_seconds(pid_of(&handle));
        assert_int_equal(driver_usage(f->driver, first, &usage), 0);
        told_s += usage.cpu_percent / 100 * (double)(loop_now_us(f->loop) - before) / 1e6;
        if (usage.memory_bytes > most)
            most = usage.memory_bytes;
    }
    assert_true(told_s > used_s * 0.8);
    assert_true(told_s < cpu_seconds(pid_of(&handle)) * 1.2);
    assert_int_equal(driver_usage(f->driver, second, &usage), DRIVER_E_UNKNOWN);
    assert_int_equal(driver_terminate(f->driver, first), 0);
    wait_gone(f, 1);
}

static void instances_get_ports_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct driver_handle handles[8];
    char id[32];

    for (unsigned i = 0; i < 8; i++) {
        snprintf(id, sizeof(id), "i-%d-port-%u", getpid(), i);
        handles[i] = launch_script(f, id, "sleep 1000");
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(handles[i].address, handles[k].address);
    }
    for (unsigned i = 0; i < 8; i++) {
        snprintf(id, sizeof(id), "i-%d-port-%u", getpid(), i);
        assert_int_equal(driver_terminate(f->driver, id), 0);
    }
    wait_gone(f, 8);
}

static void needs_its_state_directory(void **state)
{
    const struct driver_events events = { .gone = note_gone };
    const struct process_driver_settings settings = { .state_dir = "/nonexistent", .region = "r" };
    struct process_driver_settings ours = settings;
    struct fixture *f = *state;
    autofree(mem_free) char *file = text_format("%s/instances", f->dir);
    struct driver *d;

    assert_int_equal(process_driver_new(f->loop, NULL, &settings, &events, &d), -ENOENT);
    assert_int_equal(rmdir(file), 0);
    close(open(file, O_WRONLY | O_CREAT, 0600));
    ours.state_dir = f->dir;
    assert_int_equal(process_driver_new(f->loop, NULL, &ours, &events, &d), -ENOTDIR);
}

int main(void)
{
    snprintf(first, sizeof(first), "i-%d-1", getpid());
    snprintf(second, sizeof(second), "i-%d-2", getpid());
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(gives_the_instance_what_it_may_count_on),
        TEST(tells_where_the_instance_listens_as_well),
        TEST(sets_the_process_apart),
        TEST(runs_the_built_in_server_on_the_model_directory),
        TEST(tells_how_an_instance_ended),
        TEST(refuses_what_cannot_run_here),
        TEST(places_the_model_before_the_server_starts),
        TEST(stops_the_whole_group_on_request),
        TEST(leaves_no_children_behind),
        TEST(an_instance_outlives_its_driver_and_is_adopted),
        TEST(the_end_of_an_adopted_stranger_is_told),
        TEST(a_launch_that_was_cut_short_is_ended),
        TEST(one_that_will_not_stop_is_killed),
        TEST(what_an_unseen_end_left_is_cleared_up),
        TEST(samples_what_is_used),
        TEST(instances_get_ports_of_their_own),
        TEST(needs_its_state_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
