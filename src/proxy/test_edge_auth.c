#include "proxy/edge_auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/parser.h"

/* 2026-01-02T03:04:05Z; the requests below are signed for it */
static const wall_ms_t signed_at = 1767323045000;

struct fixture {
    struct registry registry;
    struct route *route;
    struct sigv4_key_cache keys;
    struct edge_auth auth;
    char text[2048];
    struct http_head head;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct link_credential key = { .access_key_id = "AKIDEXAMPLE",
                                   .secret_access_key =
                                       "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
    const struct link_snapshot s = { .settings = { .auth = true, .region = "us-east-1" },
                                     .credentials = &key,
                                     .n_credentials = 1 };

    assert_non_null(f);
    registry_init(&f->registry, 1);
    assert_int_equal(route_new(&s, &f->registry, 1, 0, &f->route), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    route_unref(f->route);
    registry_deinit(&f->registry);
    free(f);
    return 0;
}

static void parse(struct fixture *f, const char *text)
{
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    size_t scanned = 0, size;
    const char *why;

    snprintf(f->text, sizeof(f->text), "%s", text);
    assert_int_equal(
        http_parse_request(f->text, strlen(f->text), &limits, &scanned, &f->head, &size, &why), 0);
}

/* An invocation with the body "1,2", signed with @secret for @service by @key. */
static void sign(struct fixture *f, const char *key_id, const char *secret, const char *service)
{
    const struct sigv4_key key = { key_id, secret, NULL };
    const struct http_header host = { SLICE("Host"), SLICE("127.0.0.1:8080") };
    char date[17], *authorization;

    assert_int_equal(sigv4_sign(&key, "us-east-1", service, "POST",
                                SLICE("/endpoints/a%20b/invocations"), SLICE(""), &host, 1,
                                SLICE("1,2"), signed_at, date, &authorization),
                     0);
    snprintf(f->text, sizeof(f->text),
             "POST /endpoints/a%%20b/invocations HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
             "X-Amz-Date: %s\r\nAuthorization: %s\r\nContent-Length: 3\r\n\r\n",
             date, authorization);
    free(authorization);
    {
        char text[sizeof(f->text)];

        memcpy(text, f->text, sizeof(text));
        parse(f, text);
    }
}

static enum edge_auth_outcome judge(struct fixture *f, const char *body, wall_ms_t now)
{
    size_t size = strlen(body);

    edge_auth_begin(&f->auth, &f->head, f->route);
    for (size_t i = 0; i < size; i++) /* in as many pieces as there are bytes */
        edge_auth_update(&f->auth, (struct slice){ body + i, 1 });
    return edge_auth_finish(&f->auth, &f->head, f->route, "sagemaker", &f->keys, now);
}

static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

static void a_good_signature_names_its_owner(void **state)
{
    struct fixture *f = *state;

    sign(f, "AKIDEXAMPLE", secret, "sagemaker");
    for (int i = 0; i < 2; i++) { /* the second time with a key from the cache */
        assert_int_equal(judge(f, "1,2", signed_at + 1000), EDGE_AUTH_GOOD);
        assert_string_equal(f->auth.principal, "AKIDEXAMPLE");
    }
}

static void each_outcome_has_its_words(void **state)
{
    static const struct {
        const char *key, *secret, *service, *body;
        ms_t late;
        enum edge_auth_outcome outcome;
        const char *word, *error, *why;
    } cases[] = {
        { "AKIDEXAMPLE", "other", "sagemaker", "1,2", 0, EDGE_AUTH_MISMATCH, "mismatch",
          "InvalidSignatureException", "The request signature we calculated does not match" },
        { "AKIDEXAMPLE", secret, "sagemaker", "1,3", 0, EDGE_AUTH_MISMATCH, "mismatch",
          "InvalidSignatureException", "The request signature" },
        { "AKIDUNKNOWN", secret, "sagemaker", "1,2", 0, EDGE_AUTH_UNKNOWN_KEY, "unknown-key",
          "UnrecognizedClientException", "The security token included in the request is invalid." },
        { "AKIDEXAMPLE", secret, "sts", "1,2", 0, EDGE_AUTH_SCOPE, "scope",
          "InvalidSignatureException",
          "Credential should be scoped to correct service: 'sagemaker'. " },
        { "AKIDEXAMPLE", secret, "sagemaker", "1,2", 16 * 60000, EDGE_AUTH_EXPIRED, "expired",
          "InvalidSignatureException", "Signature expired: 20260102T030405Z is now earlier than" },
        { "AKIDEXAMPLE", secret, "sagemaker", "1,2", -16 * 60000, EDGE_AUTH_NOT_YET, "not-yet",
          "InvalidSignatureException", "Signature not yet current:" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        sign(f, cases[i].key, cases[i].secret, cases[i].service);
        assert_int_equal(judge(f, cases[i].body, signed_at + cases[i].late), cases[i].outcome);
        assert_string_equal(edge_auth_word(f->auth.outcome), cases[i].word);
        assert_string_equal(edge_auth_error(&f->auth), cases[i].error);
        if (!strstr(f->auth.why, cases[i].why))
            fail_msg("case %zu says %s", i, f->auth.why);
    }
}

static void requests_that_claim_nothing_are_told_so(void **state)
{
    struct fixture *f = *state;

    parse(f, "GET / HTTP/1.1\r\nHost: w\r\n\r\n");
    assert_int_equal(judge(f, "", signed_at), EDGE_AUTH_MISSING);
    assert_string_equal(edge_auth_word(f->auth.outcome), "missing");
    assert_string_equal(edge_auth_error(&f->auth), "MissingAuthenticationTokenException");
    assert_true(f->auth.why[0]);

    parse(f, "GET / HTTP/1.1\r\nHost: w\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a\r\n\r\n");
    assert_int_equal(judge(f, "", signed_at), EDGE_AUTH_INCOMPLETE);
    assert_string_equal(edge_auth_word(f->auth.outcome), "incomplete");
    assert_string_equal(edge_auth_error(&f->auth), "IncompleteSignatureException");
}

static void with_auth_off_nobody_is_asked(void **state)
{
    struct fixture *f = *state;

    f->route->settings.auth = false;
    parse(f, "GET / HTTP/1.1\r\nHost: w\r\n\r\n");
    assert_int_equal(judge(f, "", signed_at), EDGE_AUTH_GOOD);
    assert_string_equal(f->auth.principal, "no-auth");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

/* A route with one bearer key. */
static void serve_bearer(struct fixture *f, const char *key, bool admin, const char *invoke)
{
    struct link_credential c = { .admin = admin };
    const struct link_snapshot s = {
        .settings = { .auth = true, .region = "us-east-1", .account = "000000000000" },
        .credentials = &c,
        .n_credentials = 1
    };

    memcpy(c.access_key_id, key, BEARER_ID_CHARS);
    bearer_hash(slice_from(key), c.sha256);
    snprintf(c.invoke, sizeof(c.invoke), "%s", invoke);
    f->route = route_unref(f->route);
    assert_int_equal(route_new(&s, &f->registry, 2, 0, &f->route), 0);
}

static void show(struct fixture *f, const char *key)
{
    char text[512];

    snprintf(text, sizeof(text),
             "POST /endpoints/e/invocations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
             "Content-Length: 3\r\n\r\n",
             key);
    parse(f, text);
}

static void a_bearer_key_names_its_owner_and_streams(void **state)
{
    struct fixture *f = *state;
    char key[BEARER_KEY_CHARS + 1], other[BEARER_KEY_CHARS + 1];

    bearer_generate(key);
    bearer_generate(other);
    serve_bearer(f, key, false, "e");
    show(f, key);
    edge_auth_begin(&f->auth, &f->head, f->route);
    assert_int_equal(f->auth.outcome, EDGE_AUTH_GOOD);
    assert_false(f->auth.hashes_body);
    assert_int_equal(judge(f, "1,2", signed_at), EDGE_AUTH_GOOD);
    assert_memory_equal(f->auth.principal, key, BEARER_ID_CHARS);

    show(f, other); /* unknown */
    assert_int_equal(judge(f, "1,2", signed_at), EDGE_AUTH_UNKNOWN_KEY);
    memcpy(other, key, BEARER_ID_CHARS); /* another's id */
    show(f, other);
    assert_int_equal(judge(f, "1,2", signed_at), EDGE_AUTH_UNKNOWN_KEY);
    assert_string_equal(f->auth.principal, "");
    show(f, "short");
    assert_int_equal(judge(f, "1,2", signed_at), EDGE_AUTH_UNKNOWN_KEY);
}

static void nobody_signs_with_the_secret_that_a_bearer_key_lacks(void **state)
{
    struct fixture *f = *state;
    char key[BEARER_KEY_CHARS + 1];

    bearer_generate(key);
    serve_bearer(f, key, true, "");
    key[BEARER_ID_CHARS] = '\0';
    sign(f, key, "x", "sagemaker");
    assert_int_equal(judge(f, "1,2", signed_at), EDGE_AUTH_UNKNOWN_KEY);
}

static void a_key_invokes_what_it_may(void **state)
{
    struct fixture *f = *state;
    char key[BEARER_KEY_CHARS + 1];

    bearer_generate(key);
    serve_bearer(f, key, false, "team-* e");
    show(f, key);
    assert_int_equal(judge(f, "1,2", signed_at), EDGE_AUTH_GOOD);
    assert_true(edge_auth_may_invoke(&f->auth, f->route, "e"));
    assert_true(edge_auth_may_invoke(&f->auth, f->route, "team-x"));
    assert_false(edge_auth_may_invoke(&f->auth, f->route, "other"));
    assert_non_null(strstr(f->auth.why, "is not authorized to perform: sagemaker:InvokeEndpoint on "
                                        "resource: arn:aws:sagemaker:us-east-1:000000000000:"
                                        "endpoint/other because"));
    serve_bearer(f, key, true, "");
    assert_true(edge_auth_may_invoke(&f->auth, f->route, "other"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_signature_names_its_owner),
        TEST(each_outcome_has_its_words),
        TEST(requests_that_claim_nothing_are_told_so),
        TEST(with_auth_off_nobody_is_asked),
        TEST(a_bearer_key_names_its_owner_and_streams),
        TEST(nobody_signs_with_the_secret_that_a_bearer_key_lacks),
        TEST(a_key_invokes_what_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
