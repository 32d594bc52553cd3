#include "base/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { THREADS = 4, EACH = 5000 };

struct message {
    struct mail mail;
    unsigned thread, number;
};

static struct mailbox box;
static struct message messages[THREADS][EACH];
static unsigned delivered[THREADS], total;

static void deliver(struct mailbox *b, struct mail *mail)
{
    struct message *m = container_of(mail, struct message, mail);

    assert_ptr_equal(b, &box);
    assert_int_equal(m->number, delivered[m->thread]);
    delivered[m->thread]++;
    total++;
}

static void *post(void *arg)
{
    unsigned thread = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < EACH; i++) {
        messages[thread][i] = (struct message){ .thread = thread, .number = i };
        mailbox_post(&box, &messages[thread][i].mail);
    }
    return NULL;
}

static void mail_from_all_threads_arrives_in_order(void **state)
{
    autofree(loop_free) struct loop *loop = NULL;
    pthread_t threads[THREADS];

    (void)state;
    assert_int_equal(loop_new(clock_real(), &loop), 0);
    assert_int_equal(mailbox_init(&box, loop, deliver), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post, (void *)(uintptr_t)i), 0);
    while (total < THREADS * EACH)
        assert_int_equal(loop_turn(loop, 10000), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    mailbox_deinit(&box);
}

static void mail_left_at_the_end_is_delivered(void **state)
{
    autofree(loop_free) struct loop *loop = NULL;
    struct message m = { .thread = 0, .number = 0 };

    (void)state;
    delivered[0] = 0;
    assert_int_equal(loop_new(clock_real(), &loop), 0);
    assert_int_equal(mailbox_init(&box, loop, deliver), 0);
    mailbox_post(&box, &m.mail);
    mailbox_deinit(&box);
    assert_int_equal(delivered[0], 1);
    mailbox_deinit(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_from_all_threads_arrives_in_order),
        cmocka_unit_test(mail_left_at_the_end_is_delivered),
    };

    return cmocka_run_group_tests_name("base/mailbox", tests, NULL, NULL);
}
