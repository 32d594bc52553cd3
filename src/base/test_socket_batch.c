/* Batches over real sockets. Where the kernel refuses io_uring there is nothing to test. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/socket_batch.h"

enum { SKIPPED = 77 /* to meson */, PAIRS = SOCKET_BATCH_MAX };

struct fixture {
    struct socket_batch *batch;
    int near[PAIRS], far[PAIRS];
    ssize_t results[PAIRS];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_int_equal(socket_batch_new(&f->batch), 0);
    for (int i = 0; i < PAIRS; i++) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
                         0);
        f->near[i] = fds[0];
        f->far[i] = fds[1];
        f->results[i] = 12345;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < PAIRS; i++) {
        fd_close(f->near[i]);
        fd_close(f->far[i]);
    }
    socket_batch_free(f->batch);
    free(f);
    return 0;
}

static void sends_and_receives_as_many_as_fit(void **state)
{
    struct fixture *f = *state;
    char texts[PAIRS][8], got[PAIRS][8] = { 0 };

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < PAIRS; i++) {
            struct iovec text = { texts[i], (size_t)snprintf(texts[i], 8, "%d.%d", round, i) };

            socket_batch_send(f->batch, f->near[i], &text, 1, &f->results[i]);
        }
        socket_batch_run(f->batch);
        for (int i = 0; i < PAIRS; i++) {
            assert_int_equal(f->results[i], strlen(texts[i]));
            socket_batch_receive(f->batch, f->far[i], got[i], sizeof(got[i]), &f->results[i]);
        }
        socket_batch_run(f->batch);
        for (int i = 0; i < PAIRS; i++) {
            assert_int_equal(f->results[i], strlen(texts[i]));
            assert_memory_equal(got[i], texts[i], strlen(texts[i]));
        }
    }
}

static void parts_leave_in_their_order(void **state)
{
    struct fixture *f = *state;
    char a[] = "ab", b[] = "cde", c[] = "f", got[16] = { 0 };
    const struct iovec parts[] = { { a, 2 }, { b, 3 }, { c, 1 } };

    socket_batch_send(f->batch, f->near[0], parts, 3, &f->results[0]);
    socket_batch_receive(f->batch, f->far[0], got, sizeof(got), &f->results[1]);
    socket_batch_run(f->batch);
    assert_int_equal(f->results[0], 6);
    assert_int_equal(f->results[1], 6);
    assert_memory_equal(got, "abcdef", 6);
}

static void nothing_waits(void **state)
{
    struct fixture *f = *state;
    static char much[4 << 20];
    const struct iovec all = { much, sizeof(much) };
    char got[16];

    socket_batch_send(f->batch, f->near[0], &all, 1, &f->results[0]);
    socket_batch_send(f->batch, f->near[0], &all, 1, &f->results[1]);
    socket_batch_receive(f->batch, f->far[1], got, sizeof(got), &f->results[2]);
    socket_batch_run(f->batch);
    assert_in_range(f->results[0], 1, sizeof(much) - 1); /* as much as there was room for */
    assert_int_equal(f->results[1], -EAGAIN);
    assert_int_equal(f->results[2], -EAGAIN);
}

static void ends_and_errors_come_back(void **state)
{
    struct fixture *f = *state;
    char text[] = "x", got[16];
    const struct iovec part = { text, 1 };

    f->near[0] = fd_close(f->near[0]);
    f->near[1] = fd_close(f->near[1]);
    socket_batch_receive(f->batch, f->far[0], got, sizeof(got), &f->results[0]);
    socket_batch_send(f->batch, f->far[1], &part, 1, &f->results[1]); /* and no SIGPIPE */
    socket_batch_receive(f->batch, -1, got, sizeof(got), &f->results[2]);
    socket_batch_send(f->batch, f->near[3], &part, 1, &f->results[3]);
    socket_batch_run(f->batch);
    assert_int_equal(f->results[0], 0);
    assert_int_equal(f->results[1], -EPIPE);
    assert_int_equal(f->results[2], -EBADF);
    assert_int_equal(f->results[3], 1); /* what comes after an error is made nevertheless */
}

static void *make_one(void *context)
{
    return socket_batch_new(context) ? NULL : context;
}

/* Whose thread has made it is whom the kernel lets run it: so here it refuses. */
static void what_the_kernel_refuses_is_done_call_by_call(void **state)
{
    struct fixture *f = *state;
    autofree(socket_batch_free) struct socket_batch *foreign = NULL;
    char a[] = "ab", b[] = "c", got[16];
    const struct iovec parts[] = { { a, 2 }, { b, 1 } };
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, make_one, &foreign), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(foreign);
    for (int round = 0; round < 2; round++) {
        socket_batch_send(foreign, f->near[0], parts, 2, &f->results[0]);
        socket_batch_send(foreign, f->near[0], parts, 1, &f->results[1]);
        socket_batch_receive(foreign, f->far[0], got, sizeof(got), &f->results[2]);
        socket_batch_receive(foreign, f->far[0], got, sizeof(got), &f->results[3]);
        socket_batch_run(foreign);
        assert_int_equal(f->results[0], 3);
        assert_int_equal(f->results[1], 2);
        assert_int_equal(f->results[2], 5);
        assert_memory_equal(got, "abcab", 5);
        assert_int_equal(f->results[3], -EAGAIN);
    }
}

static void an_empty_batch_does_nothing(void **state)
{
    struct fixture *f = *state;

    socket_batch_run(f->batch);
    assert_int_equal(f->results[0], 12345);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sends_and_receives_as_many_as_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_leave_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_and_errors_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_kernel_refuses_is_done_call_by_call, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_empty_batch_does_nothing, set_up, tear_down),
    };
    int r = socket_batch_is_there();

    if (r) {
        printf("no io_uring here: %s\n", strerror(-r));
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
