#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/bearer.h"
#include "http/parser.h"

static void a_key_matches_its_hash_and_no_other(void **state)
{
    char key[BEARER_KEY_CHARS + 1], other[BEARER_KEY_CHARS + 1], hash[SHA256_HEX + 1];
    (void)state;

    bearer_generate(key);
    bearer_generate(other);
    assert_int_equal(strlen(key), BEARER_KEY_CHARS);
    assert_string_not_equal(key, other);
    bearer_hash(slice_from(key), hash);
    assert_true(bearer_matches(slice_from(key), hash));
    assert_false(bearer_matches(slice_from(other), hash));
    assert_false(bearer_matches(slice_from(key), ""));
    assert_int_equal(bearer_id(slice_from(key)).size, BEARER_ID_CHARS);
    assert_memory_equal(bearer_id(slice_from(key)).data, key, BEARER_ID_CHARS);
    key[BEARER_KEY_CHARS - 1] = key[BEARER_KEY_CHARS - 1] == 'A' ? 'B' : 'A';
    assert_false(bearer_matches(slice_from(key), hash));
}

static void what_looks_different_has_no_id(void **state)
{
    char key[BEARER_KEY_CHARS + 1];
    (void)state;

    bearer_generate(key);
    assert_int_equal(bearer_id((struct slice){ key, BEARER_KEY_CHARS - 1 }).size, 0);
    assert_int_equal(bearer_id((struct slice){ 0 }).size, 0);
    key[0] = 'w';
    assert_int_equal(bearer_id(slice_from(key)).size, 0);
    bearer_generate(key);
    key[BEARER_ID_CHARS] = '-';
    assert_int_equal(bearer_id(slice_from(key)).size, 0);
}

static bool finds(const char *field, const char *expected)
{
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct http_head head;
    size_t scanned = 0, size;
    struct slice key;
    const char *why;
    char text[256];

    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", field);
    assert_int_equal(http_parse_request(text, strlen(text), &limits, &scanned, &head, &size, &why),
                     0);
    return bearer_find(&head, &key) && slice_is(key, expected);
}

static void the_scheme_has_no_case(void **state)
{
    (void)state;
    assert_true(finds("Authorization: Bearer abc", "abc"));
    assert_true(finds("authorization: bearer  abc ", "abc"));
    assert_false(finds("Authorization: Basic abc", "abc"));
    assert_false(finds("Authorization: Bearerabc", "abc"));
    assert_false(finds("X-Other: Bearer abc", "abc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_matches_its_hash_and_no_other),
        cmocka_unit_test(what_looks_different_has_no_id),
        cmocka_unit_test(the_scheme_has_no_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
