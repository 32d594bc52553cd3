#include "cli/load_target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/sigv4.h"
#include "http/parser.h"

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *url, *address, *host, *path, *query;
    } cases[] = {
        { "http://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", "/", "" },
        { "http://127.0.0.1/a/b?c=d", "127.0.0.1:80", "127.0.0.1", "/a/b", "c=d" },
        { "http://[::1]:81?x", "[::1]:81", "[::1]:81", "/", "x" },
        { "http://[::1]/", "[::1]:80", "[::1]", "/", "" },
        { "https://127.0.0.1/", NULL, NULL, NULL, NULL },
        { "127.0.0.1:80", NULL, NULL, NULL, NULL },
        { "http:///path", NULL, NULL, NULL, NULL },
        { "http://127.0.0.1:99999/", NULL, NULL, NULL, NULL },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char why[LOAD_TARGET_WHY_BYTES] = "", text[ADDRESS_TEXT_BYTES];
        struct load_target t = { 0 };
        int r = load_target_locate(&t, cases[i].url, why);

        assert_int_equal(r, cases[i].address ? 0 : -EINVAL);
        if (r == 0) {
            address_text(&t.address, text);
            assert_string_equal(text, cases[i].address);
            assert_string_equal(t.host, cases[i].host);
            assert_string_equal(t.path, cases[i].path);
            assert_string_equal(t.query, cases[i].query);
        } else {
            assert_string_not_equal(why, "");
        }
        load_target_deinit(&t);
    }
}

static void set_up_target(struct load_target *t)
{
    char why[LOAD_TARGET_WHY_BYTES];

    assert_int_equal(load_target_locate(t, "http://127.0.0.1:1/endpoints/e/invocations", why), 0);
    t->method = "POST";
    t->content_type = strdup("text/csv");
}

static void lines_are_sent_in_turn(void **state)
{
    static const char *const expected[] = { "1,2", "3,4", "5", "1,2" };
    struct load_target t = { 0 };

    (void)state;
    set_up_target(&t);
    assert_int_equal(load_target_set_bodies(&t, strdup("1,2\r\n\n3,4\n5"), 11, true), 0);
    for (unsigned i = 0; i < 4; i++) {
        autobuffer struct buffer b = BUFFER_INIT(4096);
        char whole[256];

        assert_int_equal(load_target_message(&t, i, 0, &b), 0);
        snprintf(whole, sizeof(whole),
                 "POST /endpoints/e/invocations HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"
                 "Content-Type: text/csv\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(expected[i]), expected[i]);
        assert_string_equal(buffer_cstr(&b), whole);
    }
    load_target_deinit(&t);
}

static void an_empty_file_has_no_lines(void **state)
{
    struct load_target t = { 0 };

    (void)state;
    assert_int_equal(load_target_set_bodies(&t, strdup("\n\r\n"), 3, true), -EINVAL);
    load_target_deinit(&t);
}

/* What we sign, our own verification accepts, in the second it was made and not a day later. */
static void signatures_verify(void **state)
{
    const wall_ms_t now = 1767323045678;
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    autobuffer struct buffer b = BUFFER_INIT(8192);
    char hash[SIGV4_HASH_HEX + 1], why[SIGV4_WHY_BYTES];
    struct load_target t = { 0 };
    struct http_head head;
    struct sigv4_claim claim;
    const char *refusal;
    size_t scanned = 0, size;

    (void)state;
    set_up_target(&t);
    t.access = calloc(1, sizeof(*t.access));
    assert_non_null(t.access);
    t.access->region = strdup("us-east-1");
    t.access->access_key_id = strdup("AKIDEXAMPLE");
    t.access->secret_access_key = strdup("secret");
    t.access->session_token = strdup("token");
    assert_int_equal(load_target_set_bodies(&t, strdup("1,2\n"), 4, false), 0);
    assert_int_equal(load_target_message(&t, 0, now, &b), 0);

    assert_int_equal(http_parse_request(buffer_data(&b), buffer_size(&b), &limits, &scanned, &head,
                                        &size, &refusal),
                     0);
    assert_int_equal(sigv4_parse(&head, &claim, why), 0);
    assert_true(slice_is(claim.access_key_id, "AKIDEXAMPLE"));
    assert_true(slice_is(claim.service, "sagemaker"));
    assert_true(slice_is(claim.session_token, "token"));
    sha256_hex(SLICE("1,2\n"), hash);
    assert_int_equal(
        sigv4_verify(&head, &claim, SLICE("secret"), hash, "us-east-1", now, NULL, why), 0);
    assert_int_equal(
        sigv4_verify(&head, &claim, SLICE("secret"), hash, "us-east-1", now + 86400000, NULL, why),
        SIGV4_E_EXPIRED);
    load_target_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(lines_are_sent_in_turn),
        cmocka_unit_test(an_empty_file_has_no_lines),
        cmocka_unit_test(signatures_verify),
    };

    return cmocka_run_group_tests_name("cli/load_target", tests, NULL, NULL);
}
