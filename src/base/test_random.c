#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void repeats_under_the_same_seed(void **state)
{
    struct random a, b, c;
    unsigned same = 0;

    (void)state;
    random_init(&a, 1);
    random_init(&b, 1);
    random_init(&c, 2);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t v = random_u64(&a);

        assert_true(v == random_u64(&b));
        same += v == random_u64(&c);
    }
    assert_int_equal(same, 0);
}

static void is_uniform_enough(void **state)
{
    enum { DRAWS = 60000, BOUND = 6 };
    unsigned seen[BOUND] = { 0 };
    struct random r;
    double sum = 0;

    (void)state;
    random_init(&r, 9);
    for (unsigned i = 0; i < DRAWS; i++) {
        double unit = random_unit(&r);

        assert_true(unit >= 0 && unit < 1);
        sum += unit;
        seen[random_below(&r, BOUND)]++;
    }
    assert_true(sum / DRAWS > 0.49 && sum / DRAWS < 0.51);
    for (unsigned i = 0; i < BOUND; i++)
        assert_true(seen[i] > DRAWS / BOUND * 0.95 && seen[i] < DRAWS / BOUND * 1.05);
    assert_int_equal(random_below(&r, 1), 0);
}

static void uuids_look_like_version_4(void **state)
{
    char a[UUID_CHARS + 1], b[UUID_CHARS + 1];
    struct random r;

    (void)state;
    random_init(&r, 4);
    random_uuid(&r, a);
    random_uuid(&r, b);
    assert_int_equal(strlen(a), UUID_CHARS);
    assert_int_equal(strspn(a, "0123456789abcdef-"), UUID_CHARS);
    assert_true(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    assert_string_not_equal(a, b);
}

static void secrets_differ(void **state)
{
    unsigned char a[32], b[32];

    (void)state;
    random_secret(a, sizeof(a));
    random_secret(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_under_the_same_seed),
        cmocka_unit_test(is_uniform_enough),
        cmocka_unit_test(uuids_look_like_version_4),
        cmocka_unit_test(secrets_differ),
    };

    return cmocka_run_group_tests_name("base/random", tests, NULL, NULL);
}
