#include "proxy/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MAX = 3 };

struct fixture {
    struct gauge *gauge;
    struct queue queues[2]; /* of two workers */
    struct queue_entry entries[5];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_int_equal(gauge_new("g", &f->gauge), 0);
    for (size_t i = 0; i < 2; i++)
        queue_init(&f->queues[i]);
    for (size_t i = 0; i < 5; i++)
        queue_entry_init(&f->entries[i]);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    gauge_unref(f->gauge);
    free(f);
    return 0;
}

static int push(struct fixture *f, size_t queue, size_t entry, ms_t since)
{
    return queue_push(&f->queues[queue], &f->entries[entry], f->gauge, MAX, since);
}

static void the_bound_counts_all_workers(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(push(f, 0, 0, 10), 0);
    assert_int_equal(push(f, 1, 1, 20), 0);
    assert_int_equal(push(f, 1, 2, 30), 0);
    assert_int_equal(push(f, 0, 3, 40), QUEUE_E_FULL);
    assert_false(queue_waits(&f->entries[3]));
    assert_int_equal(gauge_queued(f->gauge), MAX);

    queue_leave(&f->entries[1]);
    queue_leave(&f->entries[1]); /* twice is harmless */
    assert_int_equal(gauge_queued(f->gauge), MAX - 1);
    assert_int_equal(push(f, 0, 3, 40), 0);
}

static void release_keeps_the_order(void **state)
{
    struct fixture *f = *state;
    struct list out;
    size_t i = 0;

    for (size_t k = 0; k < MAX; k++)
        assert_int_equal(push(f, 0, k, (ms_t)k), 0);
    queue_release(&f->queues[0], &out);
    assert_int_equal(gauge_queued(f->gauge), 0);
    list_for_each (e, &out, struct queue_entry, link) {
        assert_ptr_equal(e, &f->entries[i++]);
        assert_false(queue_waits(e));
    }
    assert_int_equal(i, MAX);
    /* one that leaves now leaves the list it was released into */
    queue_leave(&f->entries[0]);
    assert_ptr_equal(list_first(&out), &f->entries[1].link);
    assert_int_equal(gauge_queued(f->gauge), 0);
}

static void the_oldest_tells_its_age(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(queue_oldest_ms(&f->queues[0], 100), 0);
    assert_int_equal(push(f, 0, 0, 10), 0);
    assert_int_equal(push(f, 0, 1, 60), 0);
    assert_int_equal(queue_oldest_ms(&f->queues[0], 100), 90);
    queue_leave(&f->entries[0]);
    assert_int_equal(queue_oldest_ms(&f->queues[0], 100), 40);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_bound_counts_all_workers),
        TEST(release_keeps_the_order),
        TEST(the_oldest_tells_its_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
