#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/random.h"

struct item {
    struct heap_node node;
    unsigned key;
    bool in;
};

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return container_of(a, struct item, node)->key < container_of(b, struct item, node)->key;
}

/* Random programs against the obvious slow answer. */
static void the_least_is_always_first(void **state)
{
    enum { ITEMS = 64 };
    struct item items[ITEMS] = { 0 };
    struct random random;
    struct heap heap;

    (void)state;
    heap_init(&heap, before);
    random_init(&random, 7);
    for (unsigned step = 0; step < 50000; step++) {
        struct item *it = &items[random_below(&random, ITEMS)];
        struct item *least = NULL;

        if (it->in) {
            heap_remove(&heap, &it->node);
        } else {
            it->key = random_below(&random, 1000);
            heap_add(&heap, &it->node);
        }
        it->in = !it->in;

        for (unsigned i = 0; i < ITEMS; i++) {
            if (items[i].in && (!least || items[i].key < least->key))
                least = &items[i];
        }
        assert_int_equal(heap.least != NULL, least != NULL);
        if (least)
            assert_int_equal(container_of(heap.least, struct item, node)->key, least->key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_least_is_always_first) };

    return cmocka_run_group_tests_name("base/heap", tests, NULL, NULL);
}
