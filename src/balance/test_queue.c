#include "balance/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PORTS = 2, ENTRIES = 6, TARGETS = 2 };

struct worker_side { /* what a worker has of a queue */
    struct queue_port port;
    struct list own;
    atomic_uint woken;
};

struct fixture {
    struct route_group group;
    struct route_target targets[TARGETS];
    struct random random;
    struct worker_side sides[PORTS];
    struct queue_entry entries[ENTRIES];
    struct queue_limits limits;
};

static void wake(struct queue_port *port)
{
    atomic_fetch_add(&container_of(port, struct worker_side, port)->woken, 1);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    random_init(&f->random, 1);
    assert_int_equal(gauge_new("g", &f->group.gauge), 0);
    f->group.targets = f->targets;
    for (unsigned i = 0; i < TARGETS; i++) {
        struct link_target config = { .address = "127.0.0.1:1" };

        snprintf(config.id, sizeof(config.id), "i-%u", i);
        assert_int_equal(target_new("g", &config, 0, &f->targets[i].target), 0);
        f->targets[i].weight = 1;
        f->targets[i].concurrency_max = 1;
    }
    for (size_t i = 0; i < PORTS; i++) {
        queue_port_init(&f->sides[i].port, wake);
        list_init(&f->sides[i].own);
    }
    for (size_t i = 0; i < ENTRIES; i++)
        queue_entry_init(&f->entries[i]);
    f->limits = (struct queue_limits){ .length_max = 3 };
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ENTRIES; i++)
        target_unref(queue_leave(&f->entries[i]));
    for (size_t i = 0; i < PORTS; i++)
        queue_port_deinit(&f->sides[i].port);
    for (size_t i = 0; i < TARGETS; i++)
        target_unref(f->targets[i].target);
    gauge_unref(f->group.gauge);
    free(f);
    return 0;
}

static int push(struct fixture *f, size_t side, size_t entry, ms_t since)
{
    f->entries[entry].since = since;
    return queue_push(&f->entries[entry], f->group.gauge, &f->sides[side].port, &f->sides[side].own,
                      &f->limits);
}

static bool dispatch(struct fixture *f, size_t side)
{
    return queue_dispatch(&f->group, &f->sides[side].port, &f->random, 1000000);
}

/* Which entry of that worker is given a target next; -1: none. */
static long granted(struct fixture *f, size_t side)
{
    struct queue_entry *e = queue_granted(&f->sides[side].port);

    if (!e)
        return -1;
    assert_non_null(e->target);
    target_unref(steal(e->target));
    return e - f->entries;
}

static void the_bound_counts_all_workers(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(push(f, 0, 0, 10), QUEUE_E_FIRST);
    assert_int_equal(push(f, 1, 1, 20), 0);
    assert_int_equal(push(f, 1, 2, 30), 0);
    assert_int_equal(push(f, 0, 3, 40), QUEUE_E_FULL);
    assert_false(queue_waits(&f->entries[3]));
    assert_int_equal(gauge_queued(f->group.gauge), 3);

    assert_null(queue_leave(&f->entries[1]));
    assert_null(queue_leave(&f->entries[1])); /* twice is harmless */
    assert_int_equal(gauge_queued(f->group.gauge), 2);
    assert_int_equal(push(f, 0, 3, 40), 0);
}

static void bytes_are_bounded_too(void **state)
{
    struct fixture *f = *state;

    f->limits.bytes_max = 100;
    f->entries[0].bytes = 60;
    f->entries[1].bytes = 41;
    f->entries[2].bytes = 40;
    assert_int_equal(push(f, 0, 0, 10), QUEUE_E_FIRST);
    assert_int_equal(push(f, 0, 1, 20), QUEUE_E_FULL);
    assert_int_equal(push(f, 0, 2, 30), 0);
    queue_leave(&f->entries[0]);
    assert_int_equal(push(f, 0, 1, 40), 0);
    f->limits.bytes_max = 10; /* less than waits already */
    assert_int_equal(push(f, 0, 3, 50), QUEUE_E_FULL);
}

static void the_oldest_gets_the_first_free_slot_whoevers_it_is(void **state)
{
    struct fixture *f = *state;

    f->group.n_targets = 1;
    push(f, 1, 0, 10);
    push(f, 0, 1, 20);
    push(f, 1, 2, 30);
    assert_false(dispatch(f, 0)); /* it went to the other worker */
    assert_int_equal(atomic_load(&f->sides[1].woken), 1);
    assert_int_equal(granted(f, 1), 0);
    assert_int_equal(granted(f, 1), -1);
    assert_int_equal(granted(f, 0), -1);
    assert_false(dispatch(f, 0)); /* nobody has room */

    target_end(f->targets[0].target);
    assert_true(dispatch(f, 0));
    assert_int_equal(atomic_load(&f->sides[0].woken), 0); /* who asks need not be woken */
    assert_int_equal(granted(f, 0), 1);
    assert_int_equal(gauge_queued(f->group.gauge), 1);
    assert_int_equal(target_in_flight(f->targets[0].target), 1);
}

static void a_target_that_was_just_registered_is_used(void **state)
{
    struct fixture *f = *state;

    push(f, 0, 0, 10);
    push(f, 0, 1, 20);
    push(f, 0, 2, 30);
    assert_false(dispatch(f, 0));
    f->group.n_targets = 2;
    assert_true(dispatch(f, 0));
    assert_int_equal(granted(f, 0), 0);
    assert_int_equal(granted(f, 0), 1);
    assert_int_equal(granted(f, 0), -1);
    assert_int_equal(target_in_flight(f->targets[0].target), 1);
    assert_int_equal(target_in_flight(f->targets[1].target), 1);
}

static void who_leaves_gives_back_what_it_was_granted(void **state)
{
    struct fixture *f = *state;
    struct target *t;

    f->group.n_targets = 1;
    push(f, 0, 0, 10);
    push(f, 1, 1, 20);
    assert_true(dispatch(f, 0));
    t = queue_leave(&f->entries[0]); /* before it heard of it */
    assert_ptr_equal(t, f->targets[0].target);
    assert_int_equal(target_in_flight(t), 1);
    assert_int_equal(granted(f, 0), -1);
    target_end(t);
    target_unref(t);
    assert_false(dispatch(f, 0));
    assert_int_equal(granted(f, 1), 1);
}

static void who_comes_back_gets_its_place_again(void **state)
{
    struct fixture *f = *state;

    f->limits.length_max = ENTRIES;
    push(f, 0, 0, 10);
    push(f, 1, 1, 20);
    push(f, 0, 2, 30);
    push(f, 1, 3, 40);
    push(f, 0, 4, 50);
    queue_leave(&f->entries[0]);
    queue_leave(&f->entries[2]);
    queue_leave(&f->entries[4]);
    push(f, 0, 0, 10);
    push(f, 0, 2, 30);
    push(f, 0, 4, 50);
    f->group.n_targets = 1;
    for (long i = 0; i < 5; i++) {
        dispatch(f, 0);
        assert_int_equal(granted(f, (size_t)i % 2), i);
        target_end(f->targets[0].target);
    }
}

static void the_oldest_tells_its_age(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(queue_oldest_ms(f->group.gauge, 100), 0);
    push(f, 0, 0, 10);
    push(f, 1, 1, 60);
    assert_int_equal(queue_oldest_ms(f->group.gauge, 100), 90);
    queue_leave(&f->entries[0]);
    assert_int_equal(queue_oldest_ms(f->group.gauge, 100), 40);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* Workers as in the proxy, but for the requests: each takes slots, waits for them, gives up waiting
 * and gives slots back, in an order that only its seed and the other threads decide. At the end
 * every request has had a slot or has given up, and nobody was forgotten. */
enum {
    THREADS = 4,
    ROUNDS = 20000,
    CAP = 3,
    HELD_MAX = TARGETS * CAP + 2, /* even a thread that runs alone comes to wait */
    WAITING_MAX = 8,
};

struct crowd {
    struct route_group group;
    struct route_target targets[TARGETS];
    atomic_uint over_cap;
};

struct member {
    pthread_t thread;
    struct crowd *crowd;
    struct random random;
    struct queue_port port;
    struct list own;
    pthread_mutex_t lock;
    pthread_cond_t bell;
    bool rung;
    struct queue_entry entries[WAITING_MAX];
    struct target *held[HELD_MAX + WAITING_MAX];
    unsigned n_held, served, given_up;
};

static void ring(struct queue_port *port)
{
    struct member *m = container_of(port, struct member, port);

    pthread_mutex_lock(&m->lock);
    m->rung = true;
    pthread_cond_signal(&m->bell);
    pthread_mutex_unlock(&m->lock);
}

static void hold(struct member *m, struct target *t)
{
    if (target_in_flight(t) > CAP)
        atomic_fetch_add(&m->crowd->over_cap, 1);
    m->held[m->n_held++] = t;
    m->served++;
}

static void take_granted(struct member *m)
{
    struct queue_entry *e;

    while ((e = queue_granted(&m->port)))
        hold(m, steal(e->target));
}

static void pass_on(struct member *m)
{
    if (queue_dispatch(&m->crowd->group, &m->port, &m->random, 1000000))
        take_granted(m);
}

static void let_go(struct member *m)
{
    struct target *t = m->held[--m->n_held];

    target_end(t);
    target_unref(t);
    pass_on(m);
}

static void ask(struct member *m)
{
    struct balance b = { .group = &m->crowd->group, .random = &m->random, .now = 1000000 };
    const struct queue_limits limits = { .length_max = 1000 };
    const struct route_target *t = NULL;
    unsigned in_service;

    if (gauge_queued(b.group->gauge) == 0)
        t = balance_take(&b, &in_service);
    if (t) {
        hold(m, target_ref(t->target));
        return;
    }
    for (size_t i = 0; i < WAITING_MAX; i++)
        if (!queue_waits(&m->entries[i])) {
            queue_push(&m->entries[i], b.group->gauge, &m->port, &m->own, &limits);
            pass_on(m);
            return;
        }
}

static void give_up(struct member *m)
{
    struct target *t;
    size_t i = random_below(&m->random, WAITING_MAX);

    if (!queue_waits(&m->entries[i]))
        return;
    t = queue_leave(&m->entries[i]);
    m->given_up++;
    if (!t)
        return;
    target_end(t);
    target_unref(t);
    pass_on(m);
}

static bool waits(const struct member *m)
{
    return !list_empty(&m->own);
}

/* Whoever has a slot gives it back some time, so whoever waits is rung for some time. */
static void wait_for_bell(struct member *m)
{
    while (m->n_held > 0)
        let_go(m);
    take_granted(m);
    pthread_mutex_lock(&m->lock);
    while (m->n_held == 0 && waits(m) && !m->rung)
        pthread_cond_wait(&m->bell, &m->lock);
    m->rung = false;
    pthread_mutex_unlock(&m->lock);
    take_granted(m);
}

static void *live(void *context)
{
    struct member *m = context;

    for (int i = 0; i < ROUNDS; i++) {
        unsigned what = random_below(&m->random, 16);

        take_granted(m);
        if (what < 8 && m->n_held < HELD_MAX)
            ask(m);
        else if (what < 15 && m->n_held > 0)
            let_go(m);
        else
            give_up(m);
    }
    while (waits(m) || m->n_held > 0)
        wait_for_bell(m);
    return NULL;
}

static void member_init(struct member *m, struct crowd *crowd, uint64_t seed)
{
    m->crowd = crowd;
    random_init(&m->random, seed);
    queue_port_init(&m->port, ring);
    list_init(&m->own);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->bell, NULL);
    for (size_t i = 0; i < WAITING_MAX; i++)
        queue_entry_init(&m->entries[i]);
}

static void nobody_is_forgotten_whatever_the_threads_do(void **state)
{
    struct fixture *f = *state;
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    struct member *members = calloc(THREADS, sizeof(*members));

    assert_non_null(crowd);
    assert_non_null(members);
    crowd->group = f->group;
    crowd->group.n_targets = TARGETS;
    for (size_t i = 0; i < TARGETS; i++)
        f->targets[i].concurrency_max = CAP;
    for (size_t i = 0; i < THREADS; i++) {
        member_init(&members[i], crowd, i);
        assert_int_equal(pthread_create(&members[i].thread, NULL, live, &members[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(members[i].thread, NULL); /* a lost wake-up would keep it for ever */
    assert_int_equal(gauge_queued(crowd->group.gauge), 0);
    assert_int_equal(atomic_load(&crowd->over_cap), 0);
    for (size_t i = 0; i < TARGETS; i++)
        assert_int_equal(target_in_flight(f->targets[i].target), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_true(members[i].served > 0);
        assert_true(members[i].given_up > 0);
        queue_port_deinit(&members[i].port);
    }
    free(members);
    free(crowd);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_bound_counts_all_workers),
        TEST(bytes_are_bounded_too),
        TEST(the_oldest_gets_the_first_free_slot_whoevers_it_is),
        TEST(a_target_that_was_just_registered_is_used),
        TEST(who_leaves_gives_back_what_it_was_granted),
        TEST(who_comes_back_gets_its_place_again),
        TEST(the_oldest_tells_its_age),
        TEST(nobody_is_forgotten_whatever_the_threads_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
