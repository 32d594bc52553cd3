#include "model/ubjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/testing.h"

static bool is_whole_alone(struct slice text)
{
    char *copy = malloc(text.size ? text.size : 1); /* exactly as long, for the sanitizer */
    bool whole;

    assert_non_null(copy);
    memcpy(copy, text.data, text.size);
    whole = ubjson_is_whole((struct slice){ copy, text.size });
    free(copy);
    return whole;
}

static void whole_texts_are_whole(void **state)
{
    const struct slice cases[] = {
        SLICE("{}"),
        SLICE("[]"),
        SLICE("Z"),
        SLICE("{U\1aT}"),
        SLICE("{L\0\0\0\0\0\0\0\1a[i\1I\0\2l\0\0\0\3]}"),
        SLICE("{i\1aSi\3xyz}"),
        SLICE("[#i\2TF"),
        SLICE("[$d#L\0\0\0\0\0\0\0\2abcdefgh"),
        SLICE("{#i\1i\1aZ"),
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(is_whole_alone(cases[i]));
}

static void others_are_not(void **state)
{
    const struct slice cases[] = {
        SLICE(""),
        SLICE("{"),
        SLICE("{}x"),
        SLICE("x"),
        SLICE("{i\1a}"),
        SLICE("{i\5a}"),
        SLICE("{i\xff"
              "a}"),
        SLICE("[d\0\0\0]"),
        SLICE("[$d#i\2abcdefg"),
        SLICE("[$d"),
        SLICE("[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff"
              "abcd"),
        SLICE("[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff]"),
        SLICE("[#d\0\0\0\0"),
    };
    char deep[2 * UBJSON_DEPTH_MAX + 2];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_false(is_whole_alone(cases[i]));
    memset(deep, '[', UBJSON_DEPTH_MAX + 1);
    memset(deep + UBJSON_DEPTH_MAX + 1, ']', UBJSON_DEPTH_MAX + 1);
    assert_false(is_whole_alone((struct slice){ deep, sizeof(deep) }));
    assert_true(is_whole_alone((struct slice){ deep + 1, sizeof(deep) - 2 }));
}

static void models_are_whole_and_their_pieces_are_not(void **state)
{
    struct testing_model m;
    struct slice bytes;

    testing_train(&m, "gbtree", "reg:squarederror", 0, 0);
    bytes = testing_save(&m, "ubj");
    assert_true(is_whole_alone(bytes));
    for (size_t n = 0; n < bytes.size; n++)
        assert_false(is_whole_alone((struct slice){ bytes.data, n }));
    free((char *)bytes.data);
    testing_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_texts_are_whole),
        cmocka_unit_test(others_are_not),
        cmocka_unit_test(models_are_whole_and_their_pieces_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
