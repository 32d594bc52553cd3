#include "http/chars.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Words at a time or byte by byte: any byte, anywhere in a value of any length. */
static void a_value_is_one_wherever_a_byte_stands(void **state)
{
    char text[40];

    (void)state;
    memset(text, 'v', sizeof(text));
    for (size_t size = 0; size <= sizeof(text); size++) {
        assert_true(chars_are_value((struct slice){ text, size }));
        for (size_t at = 0; at < size; at++) {
            for (int byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                assert_int_equal(chars_are_value((struct slice){ text, size }),
                                 char_is((char)byte, CHAR_VALUE));
            }
            text[at] = 'v';
        }
    }
}

static void nothing_is_a_value(void **state)
{
    (void)state;
    assert_true(chars_are_value((struct slice){ 0 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_one_wherever_a_byte_stands),
        cmocka_unit_test(nothing_is_a_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
