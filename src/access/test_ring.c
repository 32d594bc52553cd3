#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "access/ring.h"

static void records_come_out_whole_and_in_order(void **state)
{
    struct access_ring r;
    size_t size;
    (void)state;

    assert_int_equal(access_ring_init(&r, 256), 0);
    assert_null(access_ring_peek(&r, &size));
    for (unsigned i = 0; i < 1000; i++) {
        size_t n = 1 + i % 90;
        char *to = access_ring_reserve(&r, n);
        const char *from;

        assert_non_null(to);
        memset(to, (int)(i % 251), n);
        assert_null(access_ring_peek(&r, &size)); /* not committed */
        access_ring_commit(&r);
        from = access_ring_peek(&r, &size);
        assert_non_null(from);
        assert_int_equal(size, n);
        for (size_t k = 0; k < n; k++)
            assert_int_equal((unsigned char)from[k], i % 251);
        access_ring_pop(&r);
    }
    assert_int_equal(r.dropped, 0);
    access_ring_deinit(&r);
}

static void what_does_not_fit_is_dropped_and_counted(void **state)
{
    struct access_ring r;
    size_t size;
    (void)state;

    assert_int_equal(access_ring_init(&r, 256), 0);
    assert_null(access_ring_reserve(&r, 257));
    for (unsigned i = 0; i < 8; i++) { /* 16 bytes each, and as many of header */
        assert_non_null(access_ring_reserve(&r, 16));
        access_ring_commit(&r);
    }
    assert_true(access_ring_is_filling(&r));
    assert_null(access_ring_reserve(&r, 1));
    assert_int_equal(r.dropped, 2);
    assert_non_null(access_ring_peek(&r, &size));
    access_ring_pop(&r);
    assert_non_null(access_ring_reserve(&r, 1));
    access_ring_deinit(&r);
}

enum { NUMBERS = 200000 };

static void *put_numbers(void *context)
{
    struct access_ring *r = context;

    for (uint64_t i = 0; i < NUMBERS; i++) {
        uint64_t *to = access_ring_reserve(r, sizeof(i));

        if (!to)
            continue;
        *to = i;
        access_ring_commit(r);
    }
    return NULL;
}

static void two_threads_lose_only_what_is_counted(void **state)
{
    struct access_ring r;
    pthread_t writer;
    uint64_t n = 0, last = 0;
    (void)state;

    assert_int_equal(access_ring_init(&r, 4096), 0);
    assert_int_equal(pthread_create(&writer, NULL, put_numbers, &r), 0);
    while (n + atomic_load(&r.dropped) < NUMBERS) {
        size_t size;
        const uint64_t *from = access_ring_peek(&r, &size);

        if (!from)
            continue;
        assert_int_equal(size, sizeof(*from));
        assert_true(n == 0 || *from > last);
        last = *from;
        n++;
        access_ring_pop(&r);
    }
    pthread_join(writer, NULL);
    access_ring_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_whole_and_in_order),
        cmocka_unit_test(what_does_not_fit_is_dropped_and_counted),
        cmocka_unit_test(two_threads_lose_only_what_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
