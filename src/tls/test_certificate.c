/* One certificate: what can be read, what it is for, and its staple. */
#include "tls/certificate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/ocsp.h>

#include "base/text.h"
#include "tls/rig.h"

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    rig_init(&rig);
    rig_issue(&rig, "one", "one.test", "DNS:one.test");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_deinit(&rig);
    return 0;
}

static int load(const char *certificate, const char *key, struct tls_certificate *ret,
                char **ret_why)
{
    char paths[2][RIG_PATH_BYTES];
    struct tls_files files = { .certificate = paths[0], .key = key ? paths[1] : NULL };

    snprintf(paths[0], sizeof(paths[0]), "%s", rig_path(&rig, certificate));
    snprintf(paths[1], sizeof(paths[1]), "%s", rig_path(&rig, key ? key : ""));
    return tls_certificate_load(&files, ret, ret_why);
}

/* --- names ------------------------------------------------------------------------------------ */

static void a_certificate_is_for_the_names_in_it(void **state)
{
    static const struct {
        const char *common_name, *names, *asked;
        bool exactly, by_wildcard;
    } cases[] = {
        { "a.test", "DNS:b.test,DNS:C.Test", "b.test", true, false },
        { "a.test", "DNS:b.test,DNS:C.Test", "c.test", true, false },
        { "a.test", "DNS:b.test", "a.test", false, false }, /* alternative names replace it */
        { "A.test", NULL, "a.test", true, false },
        { "a.test", "IP:127.0.0.1", "a.test", true, false }, /* none that a client could ask for */
        { "a", "DNS:*.b.test,DNS:b.test", "x.b.test", false, true },
        { "a", "DNS:*.b.test,DNS:b.test", "b.test", true, false },
        { "a", "DNS:*.b.test", "b.test", false, false },
        { "a", "DNS:*.b.test", "x.y.b.test", false, false }, /* for one label only */
        { "a", "DNS:*.b.test", "test", false, false },
        { "a", "DNS:*.b.test", ".b.test", false, true }, /* which is no name; harmless */
        { "a", "DNS:x*.b.test", "xy.b.test", false, false },
        { "a", "DNS:*", "x", false, false },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tls_certificate c;
        char *why;

        rig_issue(&rig, "names", cases[i].common_name, cases[i].names);
        assert_int_equal(load("names.crt", "names.key", &c, &why), 0);
        if (tls_certificate_is_for(&c, cases[i].asked, false) != cases[i].exactly ||
            tls_certificate_is_for(&c, cases[i].asked, true) != cases[i].by_wildcard)
            fail_msg("case %zu: %s", i, cases[i].asked);
        tls_certificate_deinit(&c);
    }
}

/* --- files ------------------------------------------------------------------------------------ */

static void a_certificate_and_its_key_may_share_a_file(void **state)
{
    struct tls_certificate c;
    EVP_PKEY *key;
    X509 *x = rig_make(&rig, "both.test", NULL, &key);
    char *why;
    (void)state;

    rig_write_pem(&rig, "both.pem", x, key);
    assert_int_equal(load("both.pem", NULL, &c, &why), 0);
    assert_true(tls_certificate_is_for(&c, "both.test", false));
    tls_certificate_deinit(&c);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void what_cannot_be_read_is_told_with_its_path(void **state)
{
    static const struct {
        const char *certificate, *key, *path, *why;
    } cases[] = {
        { "none.crt", "one.key", "none.crt", "no certificate could be read: " },
        { "garbage", "one.key", "garbage", "no certificate could be read: " },
        { "empty", "one.key", "empty", "no certificate could be read: " },
        { "one.key", "one.key", "one.key", "no certificate could be read: " },
        { "one.crt", NULL, "one.crt", "no fitting private key could be read: " },
        { "one.crt", "none.key", "none.key", "no fitting private key could be read: " },
        { "one.crt", "garbage", "garbage", "no fitting private key could be read: " },
        { "one.crt", "two.key", "two.key", "no fitting private key could be read: " },
    };
    (void)state;

    rig_issue(&rig, "two", "two.test", NULL);
    rig_write(&rig, "garbage", "-----BEGIN CERTIFICATE-----\nx\n", 30);
    rig_write(&rig, "empty", "", 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tls_certificate c;
        char *why = NULL, begin[2 * RIG_PATH_BYTES];

        assert_int_equal(load(cases[i].certificate, cases[i].key, &c, &why), -EINVAL);
        snprintf(begin, sizeof(begin), "%s: %s", rig_path(&rig, cases[i].path), cases[i].why);
        if (!why || strncmp(why, begin, strlen(begin)) != 0)
            fail_msg("case %zu: %s", i, why ? why : "nothing");
        free(why);
        tls_certificate_deinit(&c);
    }
}

/* --- the staple ------------------------------------------------------------------------------- */

/* That the certificate one.crt is good, or, with another @status, nothing but that. Return: DER, to
 * OPENSSL_free(). */
static unsigned char *respond(int status, int *ret_size)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0), *later = X509_gmtime_adj(NULL, 3600);
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), rig.authority, rig.authority);
    OCSP_RESPONSE *response;
    unsigned char *der = NULL;

    assert_non_null(OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, now, later));
    assert_int_equal(OCSP_basic_sign(basic, rig.authority, rig.key, EVP_sha256(), NULL, 0), 1);
    response =
        OCSP_response_create(status, status == OCSP_RESPONSE_STATUS_SUCCESSFUL ? basic : NULL);
    *ret_size = i2d_OCSP_RESPONSE(response, &der);
    assert_true(*ret_size > 0);
    OCSP_RESPONSE_free(response);
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
    ASN1_TIME_free(now);
    ASN1_TIME_free(later);
    return der;
}

static void without_a_staple_there_is_none(void **state)
{
    struct tls_certificate c;
    char *why;
    (void)state;

    assert_int_equal(load("one.crt", "one.key", &c, &why), 0);
    assert_null(c.staple);
    tls_certificate_deinit(&c);
}

static void a_successful_response_is_kept_as_it_is(void **state)
{
    struct tls_certificate c;
    unsigned char *der;
    char *why;
    int size;
    (void)state;

    der = respond(OCSP_RESPONSE_STATUS_SUCCESSFUL, &size);
    rig_write(&rig, "one.crt.ocsp", der, (size_t)size);
    assert_int_equal(load("one.crt", "one.key", &c, &why), 0);
    assert_int_equal(c.staple_size, size);
    assert_memory_equal(c.staple, der, (size_t)size);
    OPENSSL_free(der);
    tls_certificate_deinit(&c);
}

static void any_other_response_is_refused(void **state)
{
    char begin[2 * RIG_PATH_BYTES];
    unsigned char *der, *good;
    int size, good_size;
    (void)state;

    der = respond(OCSP_RESPONSE_STATUS_TRYLATER, &size);
    good = respond(OCSP_RESPONSE_STATUS_SUCCESSFUL, &good_size);
    snprintf(begin, sizeof(begin), "%s: not a successful OCSP response in DER",
             rig_path(&rig, "one.crt.ocsp"));
    for (int i = 0; i < 4; i++) {
        const struct slice content[] = { { "", 0 },
                                         { "garbage", 7 },
                                         { (char *)der, (size_t)size },
                                         { (char *)good, (size_t)good_size - 1 } };
        struct tls_certificate c;
        char *why = NULL;

        rig_write(&rig, "one.crt.ocsp", content[i].data, content[i].size);
        assert_int_equal(load("one.crt", "one.key", &c, &why), -EINVAL);
        assert_non_null(why);
        assert_memory_equal(why, begin, strlen(begin));
        free(why);
        tls_certificate_deinit(&c);
    }
    OPENSSL_free(der);
    OPENSSL_free(good);
}

/* What the client has been shown, if it asks for it. */
static long shown(const struct tls_server *server, SSL_CTX *ctx, const unsigned char **ret_staple)
{
    static struct meeting m;
    long size;

    m = rig_meet(server, ctx, NULL, NULL);
    assert_true(m.agreed);
    size = SSL_get_tlsext_status_ocsp_resp(m.client, ret_staple);
    if (size > 0)
        *ret_staple = OPENSSL_memdup(*ret_staple, (size_t)size);
    meeting_end(&m);
    return size;
}

static void clients_that_ask_are_shown_the_staple(void **state)
{
    struct tls_files files = { .certificate = rig_path(&rig, "one.crt"),
                               .key = rig_path(&rig, "one.key") };
    const struct tls_settings settings = { .files = &files, .n_files = 1 };
    const unsigned char *staple = NULL;
    struct tls_tickets tickets;
    struct tls_server *server;
    unsigned char *der;
    char *why;
    int size;
    (void)state;

    der = respond(OCSP_RESPONSE_STATUS_SUCCESSFUL, &size);
    rig_write(&rig, "one.crt.ocsp", der, (size_t)size);
    assert_int_equal(tls_tickets_init(&tickets, 0), 0);
    assert_int_equal(tls_server_new(&settings, &tickets, &server, &why), 0);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *ctx = rig_client(version);

        assert_int_equal(shown(server, ctx, &staple), -1);
        SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
        assert_int_equal(shown(server, ctx, &staple), size);
        assert_memory_equal(staple, der, (size_t)size);
        OPENSSL_free((void *)staple);
        SSL_CTX_free(ctx);
    }
    OPENSSL_free(der);
    tls_server_unref(server);
    tls_tickets_deinit(&tickets);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_certificate_is_for_the_names_in_it),
        TEST(a_certificate_and_its_key_may_share_a_file),
        TEST(what_cannot_be_read_is_told_with_its_path),
        TEST(without_a_staple_there_is_none),
        TEST(a_successful_response_is_kept_as_it_is),
        TEST(any_other_response_is_refused),
        TEST(clients_that_ask_are_shown_the_staple),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
