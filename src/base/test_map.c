#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

static void behaves_like_an_array_of_pairs(void **state)
{
    enum { KEYS = 500 };
    static char present[KEYS];
    struct random random;
    struct map m;
    size_t size = 0;

    (void)state;
    random_init(&random, 11);
    map_init(&m, random_u64(&random));
    for (unsigned step = 0; step < 50000; step++) {
        unsigned k = random_below(&random, KEYS);
        char key[16];

        snprintf(key, sizeof(key), "key-%u", k);
        assert_ptr_equal(map_get(&m, key), present[k] ? &present[k] : NULL);
        if (random_below(&random, 2)) {
            assert_int_equal(map_put(&m, key, &present[k]), 0);
            size += !present[k];
            present[k] = 1;
        } else {
            assert_ptr_equal(map_remove(&m, key), present[k] ? &present[k] : NULL);
            size -= (size_t)present[k];
            present[k] = 0;
        }
        assert_int_equal(m.size, size);
    }
    map_deinit(&m);
}

static void iterates_over_each_entry_once(void **state)
{
    static int values[100];
    struct map m;
    unsigned n = 0;

    (void)state;
    map_init(&m, 0);
    map_for_each (slot, &m)
        n++;
    assert_int_equal(n, 0);
    for (unsigned i = 0; i < 100; i++) {
        char key[16];

        snprintf(key, sizeof(key), "%u", i);
        assert_int_equal(map_put(&m, key, &values[i]), 0);
    }
    map_for_each (slot, &m)
        ++*(int *)slot->value;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(values[i], 1);
    map_deinit(&m);
}

static void keys_are_whole_strings(void **state)
{
    int a = 1, b = 2;
    struct map m;

    (void)state;
    map_init(&m, 5);
    assert_null(map_get(&m, "a"));
    assert_null(map_remove(&m, "a"));
    assert_int_equal(map_put(&m, "a", &a), 0);
    assert_int_equal(map_put(&m, "", &b), 0);
    assert_ptr_equal(map_get_n(&m, "abc", 1), &a);
    assert_null(map_get_n(&m, "abc", 2));
    assert_null(map_get_n(&m, "a\0", 2));
    assert_ptr_equal(map_get(&m, ""), &b);
    assert_int_equal(map_put(&m, "a", &b), 0);
    assert_ptr_equal(map_get(&m, "a"), &b);
    assert_int_equal(m.size, 2);
    map_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_an_array_of_pairs),
        cmocka_unit_test(iterates_over_each_entry_once),
        cmocka_unit_test(keys_are_whole_strings),
    };

    return cmocka_run_group_tests_name("base/map", tests, NULL, NULL);
}
