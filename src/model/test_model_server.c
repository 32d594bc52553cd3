/* The threads of a model server under many clients at once; meant for ThreadSanitizer too. */
#include "model/model_server.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/testing.h"

enum { CLIENTS = 4, REQUESTS = 25 };

/* A server in a process of its own, because it stops at signals. The process is this program again,
 * with arguments: a copy of one that has had threads could not start any. */
struct running {
    pid_t pid;
    FILE *log;
    struct address address, local;
};

static void local_address(const char *model, struct address *ret)
{
    char text[ADDRESS_TEXT_BYTES];

    snprintf(text, sizeof(text), "unix:%s.sock", model);
    if (address_parse(text, ret))
        abort();
}

static int serve(const char *model, const char *delay_ms)
{
    struct model_server_settings settings = { .model = model,
                                              .ensemble = true,
                                              .n_threads = 3,
                                              .delay_ms = atoi(delay_ms),
                                              .body_bytes_max = 10000 };
    struct log log = {
        .fd = STDOUT_FILENO, .level = LOG_INFO, .program = "test", .clock = clock_real()
    };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (address_parse("127.0.0.1:0", &settings.listen) != 0)
        return 1;
    local_address(model, &settings.listen_local);
    return model_server_run(&settings, &log) ? 1 : 0;
}

static void start(struct running *r, const char *model, const char *delay_ms)
{
    const char *const arguments[] = { "server", model, delay_ms, NULL };
    char line[500], *at = NULL;
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        execv("/proc/self/exe", (char *const *)arguments);
        _exit(127);
    }
    close(fds[1]);
    r->log = fdopen(fds[0], "r");
    assert_non_null(r->log);
    assert_non_null(fgets(line, sizeof(line), r->log));
    at = strstr(line, "address=");
    assert_non_null(at);
    at += strlen("address=");
    at[strcspn(at, " ")] = '\0';
    assert_int_equal(address_parse(at, &r->address), 0);
    local_address(model, &r->local);
}

/* Reads the log up to a line with @event. */
static void await(struct running *r, const char *event)
{
    char line[1000];

    do
        assert_non_null(fgets(line, sizeof(line), r->log));
    while (!strstr(line, event));
}

static int stop(struct running *r)
{
    int status;

    kill(r->pid, SIGTERM);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    fclose(r->log);
    unlink(r->local.local.sun_path);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* One request on a connection of its own; the whole answer in @ret_answer. Return: false on
 * failure. */
static bool exchange(const struct address *address, const char *request, char *ret_answer,
                     size_t size)
{
    autofree(fd_close) int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0;
    ssize_t got;

    if (fd < 0 || connect(fd, &address->any, address->size) < 0 ||
        send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        return false;
    while ((got = recv(fd, ret_answer + n, size - 1 - n, 0)) > 0)
        n += (size_t)got;
    ret_answer[n] = '\0';
    return got == 0 && n > 0;
}

/* As SageMaker does: ask until it says that it is ready. The log tells earlier that the model is
 * loaded than every thread has it. */
static void await_ready(const struct running *r)
{
    char answer[1000];

    do
        assert_true(exchange(&r->address,
                             "GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", answer,
                             sizeof(answer)));
    while (strncmp(answer, "HTTP/1.1 200 ", 13) != 0);
}

struct client {
    pthread_t thread;
    const struct address *address;
    const float *want;
    unsigned failures;
};

static bool invoke(const struct client *c, unsigned row)
{
    char body[200], request[500], answer[1000], *end;

    snprintf(body, sizeof(body), "%g,%g,%g,%g", testing_data(row, 0), testing_data(row, 1),
             testing_data(row, 2), testing_data(row, 3));
    snprintf(request, sizeof(request),
             "POST /invocations HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: "
             "text/csv\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    if (!exchange(c->address, request, answer, sizeof(answer)) ||
        strncmp(answer, "HTTP/1.1 200 ", 13) != 0)
        return false;
    end = strstr(answer, "\r\n\r\n");
    return end && fabs(strtod(end + 4, NULL) - (double)c->want[row]) < 1e-5;
}

static void *run_client(void *context)
{
    struct client *c = context;

    for (unsigned i = 0; i < REQUESTS; i++)
        c->failures += !invoke(c, i % TESTING_ROWS);
    return NULL;
}

/* A server that has a model, and what the model says to testing_data(). */
struct fixture {
    struct testing_folder folder;
    struct testing_model model;
    struct running server;
    const float *want;
};

static void serve_model(struct fixture *f, const char *format, const char *delay_ms)
{
    struct slice bytes;

    testing_train(&f->model, "gbtree", "reg:squarederror", 0, 0);
    bytes = testing_save(&f->model, format);
    testing_folder_make(&f->folder);
    testing_folder_put(&f->folder, strcmp(format, "json") == 0 ? "model.json" : "xgboost-model",
                       bytes);
    free((char *)bytes.data);
    start(&f->server, f->folder.path, delay_ms);
    await_ready(&f->server);
    f->want = testing_expect(&f->model, 0);
}

static void stop_model(struct fixture *f)
{
    assert_int_equal(stop(&f->server), 0);
    testing_folder_remove(&f->folder);
    testing_free(&f->model);
}

static void threads_predict_side_by_side(void **state)
{
    struct client clients[CLIENTS];
    struct fixture f;

    serve_model(&f, "json", "0");
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){ .address = &f.server.address, .want = f.want };
        assert_int_equal(pthread_create(&clients[i].thread, NULL, run_client, &clients[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        assert_int_equal(clients[i].failures, 0);
    }
    stop_model(&f);
}

static void a_unix_socket_leads_to_every_thread(void **state)
{
    struct fixture f;
    struct client client;

    serve_model(&f, "ubj", "0");
    client = (struct client){ .address = &f.server.local, .want = f.want };
    for (unsigned i = 0; i < 2 * 3; i++) /* they take turns */
        assert_true(invoke(&client, i));
    stop_model(&f);
}

/* Sent, and read by the server: what a Unix socket has taken and nobody has read is told. */
static int begin(const struct address *address, const char *request)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), unread = 1;

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &address->any, address->size), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    while (unread > 0) {
        assert_int_equal(ioctl(fd, SIOCOUTQ, &unread), 0);
        sched_yield();
    }
    return fd;
}

static void draining_lets_slow_requests_finish(void **state)
{
    static const char request[] = "POST /invocations HTTP/1.1\r\nHost: h\r\nContent-Type: text/csv"
                                  "\r\nContent-Length: 7\r\n\r\n1,2,3,4";
    char answer[1000];
    struct fixture f;
    ssize_t n;
    int fd;

    serve_model(&f, "ubj", "1000");
    fd = begin(&f.server.local, request);
    kill(f.server.pid, SIGTERM);
    n = recv(fd, answer, sizeof(answer), 0);
    assert_true(n > 13 && strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
    stop_model(&f);
    close(fd);
}

static void a_broken_model_ends_the_server(void **state)
{
    struct testing_folder folder;
    struct running server;
    int status;

    testing_folder_make(&folder);
    testing_folder_put(&folder, "model", SLICE("nonsense"));
    start(&server, folder.path, "0");
    await(&server, "/model is no XGBoost model, or is damaged: ");
    assert_int_equal(waitpid(server.pid, &status, 0), server.pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    unlink(server.local.local.sun_path);
    fclose(server.log);
    testing_folder_remove(&folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_predict_side_by_side),
        cmocka_unit_test(a_unix_socket_leads_to_every_thread),
        cmocka_unit_test(draining_lets_slow_requests_finish),
        cmocka_unit_test(a_broken_model_ends_the_server),
    };

    if (argc == 3)
        return serve(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
