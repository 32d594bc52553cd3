#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "access/log.h"
#include "base/text.h"

static void put(struct access_log *l, size_t worker, unsigned status)
{
    struct access_ring *ring = access_log_ring(l, worker);
    struct access_record *r = access_ring_reserve(ring, sizeof(*r));

    if (!r)
        return;
    memset(r, 0, sizeof(*r));
    r->status = status;
    access_ring_commit(ring);
    if (access_ring_is_filling(ring))
        access_log_wake(l);
}

static size_t count_lines(const char *path)
{
    FILE *f = fopen(path, "r");
    size_t n = 0;
    int c;

    assert_non_null(f);
    while ((c = fgetc(f)) != EOF)
        n += c == '\n';
    fclose(f);
    return n;
}

static void every_line_is_there_in_the_end(void **state)
{
    char dir[] = "/tmp/weir-access-XXXXXX", path[64], moved[64];
    struct access_log_settings s = { .path = path, .fd = -1, .n_workers = 2 };
    struct access_log *l;
    struct stat st;
    (void)state;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(moved, sizeof(moved), "%s/log.1", dir);
    assert_int_equal(access_log_new(&s, &l), 0);
    for (unsigned i = 0; i < 500; i++)
        put(l, i % 2, 200);

    /* rotated: what comes later is in a new file */
    assert_int_equal(rename(path, moved), 0);
    access_log_reopen(l);
    while (stat(path, &st))
        usleep(1000);
    for (unsigned i = 0; i < 100; i++)
        put(l, i % 2, 503);
    access_log_free(l);
    assert_int_equal(count_lines(moved), 500);
    assert_int_equal(count_lines(path), 100);
    unlink(path);
    unlink(moved);
    rmdir(dir);
}

static void a_reader_that_does_not_read_holds_up_nobody(void **state)
{
    struct access_log_settings s = { .fd = -1, .n_workers = 1 };
    struct access_log *l;
    int ends[2];
    (void)state;

    assert_int_equal(pipe(ends), 0);
    s.fd = ends[1];
    assert_int_equal(access_log_new(&s, &l), 0);
    /* far more than pipe, text and ring hold: this returns although nobody reads */
    for (unsigned i = 0; i < 50000; i++)
        put(l, 0, 200);
    assert_true(atomic_load(&access_log_ring(l, 0)->dropped) > 0);
    close(ends[0]); /* now it cannot be written at all */
    access_log_free(l);
    close(ends[1]);
}

/* Its pipe is full and will never be read: lines are lost, and that is all. */
static void a_reader_that_has_left_holds_up_nobody_either(void **state)
{
    struct access_log_settings s = { .fd = -1, .n_workers = 1 };
    struct access_log *l;
    const struct access_ring *ring;
    char some[4096] = "";
    int ends[2];
    (void)state;

    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    while (write(ends[1], some, sizeof(some)) > 0)
        ;
    s.fd = ends[1];
    assert_int_equal(access_log_new(&s, &l), 0);
    ring = access_log_ring(l, 0);
    put(l, 0, 200);
    while (atomic_load(&ring->taken) != atomic_load(&ring->put))
        usleep(1000);
    usleep(1000); /* now it waits for room, or will in a moment */
    close(ends[0]);
    put(l, 0, 200);
    while (atomic_load(&ring->taken) != atomic_load(&ring->put)) /* the thread goes on */
        usleep(1000);
    access_log_free(l);
    close(ends[1]);
}

static void what_cannot_be_opened_is_said_at_once(void **state)
{
    struct access_log_settings s = { .path = "/nowhere/at/all", .fd = -1, .n_workers = 1 };
    struct access_log *l;
    (void)state;

    assert_int_equal(access_log_new(&s, &l), -ENOENT);
    s = (struct access_log_settings){ .fd = open("/dev/null", O_RDONLY), .n_workers = 1 };
    assert_int_equal(access_log_new(&s, &l), -EBADF);
    close(s.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_there_in_the_end),
        cmocka_unit_test(a_reader_that_does_not_read_holds_up_nobody),
        cmocka_unit_test(a_reader_that_has_left_holds_up_nobody_either),
        cmocka_unit_test(what_cannot_be_opened_is_said_at_once),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
