/* A server of several certificates: which one a client gets, and who may be a client. */
#include "tls/server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "tls/rig.h"

enum { FILES_MAX = 4 };

static struct rig rig;
static struct tls_tickets tickets;
static SSL_CTX *client;

static int set_up(void **state)
{
    (void)state;
    rig_init(&rig);
    client = rig_client(TLS1_3_VERSION);
    return tls_tickets_init(&tickets, 0);
}

static int tear_down(void **state)
{
    (void)state;
    SSL_CTX_free(client);
    tls_tickets_deinit(&tickets);
    rig_deinit(&rig);
    return 0;
}

/* --- servers ---------------------------------------------------------------------------------- */

/* @names: of certificates, with NULL behind the last */
static int make(const char *const *names, struct tls_settings settings,
                struct tls_server **ret_server, char **ret_why)
{
    char paths[FILES_MAX][2][RIG_PATH_BYTES];
    struct tls_files files[FILES_MAX];
    size_t n;

    for (n = 0; names[n]; n++) {
        snprintf(paths[n][0], RIG_PATH_BYTES, "%s/%s.crt", rig.folder, names[n]);
        snprintf(paths[n][1], RIG_PATH_BYTES, "%s/%s.key", rig.folder, names[n]);
        files[n] = (struct tls_files){ paths[n][0], paths[n][1] };
    }
    settings.files = files;
    settings.n_files = n;
    return tls_server_new(&settings, &tickets, ret_server, ret_why);
}

static struct tls_server *serve(const char *const *names, struct tls_settings settings)
{
    struct tls_server *server;
    char *why = NULL;

    if (make(names, settings, &server, &why))
        fail_msg("%s", why);
    return server;
}

static void check_refused(const char *const *names, struct tls_settings settings, int outcome,
                          const char *why_format, ...)
{
    struct tls_server *server = NULL;
    char *why = NULL, expected[256];
    va_list arguments;

    va_start(arguments, why_format);
    vsnprintf(expected, sizeof(expected), why_format, arguments);
    va_end(arguments);
    assert_int_equal(make(names, settings, &server, &why), outcome);
    assert_null(server);
    assert_non_null(why);
    if (strncmp(why, expected, strlen(expected)) != 0)
        fail_msg("%s instead of %s", why, expected);
    free(why);
}

static bool shows(const struct tls_server *server, const char *asked, const char *common_name)
{
    struct meeting m = rig_meet(server, client, asked, NULL);
    bool does = m.agreed && meeting_is_with(&m, common_name);

    meeting_end(&m);
    return does;
}

#define NAMES(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define NOBODY ((const char *const[]){ NULL })
#define ANY    ((struct tls_settings){ .clients = TLS_CLIENTS_ANY })

/* --- which certificate ------------------------------------------------------------------------ */

static void the_name_asked_for_decides(void **state)
{
    static const char *const cases[][2] = {
        { NULL, "first" },
        { "one.test", "first" },
        { "two.test", "two" },
        { "TWO.Test", "two" },
        { "any.two.test", "wild" },
        { "own.two.test", "exact" }, /* the exact one, wherever it stands */
        { "a.any.two.test", "first" },
        { "three.test", "first" },
        { "localhost", "first" },
        { "127.0.0.1", "first" },
        { ".two.test", "wild" },
    };
    struct tls_server *server;
    (void)state;

    rig_issue(&rig, "a", "first", "DNS:one.test");
    rig_issue(&rig, "b", "wild", "DNS:*.two.test");
    rig_issue(&rig, "c", "exact", "DNS:own.two.test");
    rig_issue(&rig, "d", "two", "DNS:two.test");
    server = serve(NAMES("a", "b", "c", "d"), ANY);
    assert_int_equal(tls_server_certificates(server), 4);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (!shows(server, cases[i][0], cases[i][1]))
            fail_msg("%s", cases[i][0] ? cases[i][0] : "no name");
    tls_server_unref(server);
}

static void the_first_of_two_for_a_name_is_shown(void **state)
{
    struct tls_server *server;
    (void)state;

    rig_issue(&rig, "a", "other", "DNS:x.test");
    rig_issue(&rig, "b", "earlier", "DNS:one.test");
    rig_issue(&rig, "c", "later", "DNS:one.test");
    server = serve(NAMES("a", "b", "c"), ANY);
    assert_true(shows(server, "one.test", "earlier"));
    tls_server_unref(server);
}

/* As long as a name of DNS may be, and as long as OpenSSL takes one. */
static void long_names_are_names_too(void **state)
{
    struct tls_server *server;
    char name[256];
    (void)state;

    for (size_t i = 0; i < sizeof(name) - 1; i++)
        name[i] = i % 8 == 7 ? '.' : 'a';
    name[255] = '\0';
    rig_issue(&rig, "a", "first", "DNS:one.test");
    server = serve(NAMES("a"), ANY);
    assert_true(shows(server, name, "first"));
    tls_server_unref(server);
}

/* --- files ------------------------------------------------------------------------------------ */

static void a_directory_is_read_in_the_order_of_names(void **state)
{
    struct tls_settings settings = { .directory = rig.folder };
    struct tls_server *server;
    EVP_PKEY *key;
    X509 *x = rig_make(&rig, "pem", "DNS:pem.test", &key);
    (void)state;

    rig_issue(&rig, "b", "second", "DNS:second.test");
    rig_issue(&rig, "a", "first", "DNS:first.test");
    rig_write_pem(&rig, "c.pem", x, key);
    rig_write(&rig, "notes.txt", "no certificate", 14);
    rig_write(&rig, ".crt", "too short a name", 16);
    server = serve(NOBODY, settings);
    assert_int_equal(tls_server_certificates(server), 3);
    assert_true(shows(server, NULL, "first"));
    assert_true(shows(server, "second.test", "second"));
    assert_true(shows(server, "pem.test", "pem"));
    tls_server_unref(server);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void certificates_named_one_by_one_come_before_those_of_the_directory(void **state)
{
    struct tls_settings settings = { .directory = rig.folder };
    struct tls_server *server;
    (void)state;

    rig_issue(&rig, "a", "first", "DNS:first.test");
    rig_issue(&rig, "b", "second", "DNS:second.test");
    server = serve(NAMES("b"), settings);
    assert_true(shows(server, "unknown.test", "second"));
    assert_true(shows(server, "first.test", "first"));
    tls_server_unref(server);
}

static void what_cannot_be_served_is_told(void **state)
{
    struct tls_settings nowhere = { .directory = "/nowhere" }, here = { .directory = rig.folder };
    (void)state;

    check_refused(NOBODY, here, -ENOENT, "%s: there is no certificate", rig.folder);
    check_refused(NOBODY, ANY, -ENOENT, "TLS: there is no certificate");
    check_refused(NOBODY, nowhere, -ENOENT, "/nowhere: No such file or directory");
    rig_issue(&rig, "a", "first", NULL);
    check_refused(NAMES("a", "b"), ANY, -EINVAL, "%s/b.crt: no certificate could be read",
                  rig.folder);
    rig_issue(&rig, "b", "second", NULL);
    unlink(rig_path(&rig, "b.key"));
    check_refused(NOBODY, here, -EINVAL, "%s/b.crt: no fitting private key could be read",
                  rig.folder);
}

/* --- generations ------------------------------------------------------------------------------ */

static void a_broken_file_leaves_the_old_server_as_it_is(void **state)
{
    struct tls_server *old, *fresh;
    (void)state;

    rig_issue(&rig, "a", "old", "DNS:one.test");
    rig_issue(&rig, "b", "two", "DNS:two.test");
    old = serve(NAMES("a", "b"), ANY);
    rig_issue(&rig, "a", "new", "DNS:one.test");
    rig_write(&rig, "b.crt", "broken", 6);
    check_refused(NAMES("a", "b"), ANY, -EINVAL, "%s/b.crt: no certificate could be read",
                  rig.folder);
    rig_issue(&rig, "b", "two", "DNS:two.test");
    rig_write(&rig, "b.crt.ocsp", "broken", 6);
    check_refused(NAMES("a", "b"), ANY, -EINVAL, "%s/b.crt.ocsp: ", rig.folder);
    assert_true(shows(old, "one.test", "old"));
    assert_true(shows(old, "two.test", "two"));

    unlink(rig_path(&rig, "b.crt.ocsp"));
    fresh = serve(NAMES("a", "b"), ANY);
    assert_true(shows(fresh, "one.test", "new"));
    assert_true(shows(old, "one.test", "old"));
    tls_server_unref(old);
    tls_server_unref(fresh);
}

/* Which is how streams hold it. */
static void a_connection_goes_on_with_the_server_that_it_began_with(void **state)
{
    struct tls_server *server;
    struct meeting m;
    char text[8];
    (void)state;

    rig_issue(&rig, "a", "first", "DNS:one.test");
    server = serve(NAMES("a"), ANY);
    tls_server_ref(server);
    m = rig_meet(server, client, "one.test", NULL);
    assert_non_null(server);
    assert_null(tls_server_unref(server)); /* a reload */
    assert_int_equal(SSL_write(m.client, "hello", 5), 5);
    assert_int_equal(SSL_read(m.server, text, sizeof(text)), 5);
    meeting_end(&m);
    assert_null(tls_server_unref(server));
    assert_null(tls_server_unref(NULL));
}

/* --- clients ---------------------------------------------------------------------------------- */

/* A client with the certificate NAME.crt, or none. */
static bool is_let_in(const struct tls_server *server, int version, const char *name)
{
    SSL_CTX *ctx = rig_client(version);
    char file[RIG_PATH_BYTES];
    struct meeting m;
    bool agreed;

    if (name) {
        snprintf(file, sizeof(file), "%s/%s.crt", rig.folder, name);
        assert_int_equal(SSL_CTX_use_certificate_file(ctx, file, SSL_FILETYPE_PEM), 1);
        snprintf(file, sizeof(file), "%s/%s.key", rig.folder, name);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, file, SSL_FILETYPE_PEM), 1);
    }
    m = rig_meet(server, ctx, "two.test", NULL);
    agreed = m.agreed;
    if (agreed && name) {
        X509 *seen = SSL_get0_peer_certificate(m.server);

        assert_int_equal(seen != NULL, SSL_get_verify_mode(m.server) != SSL_VERIFY_NONE);
    }
    meeting_end(&m);
    SSL_CTX_free(ctx);
    return agreed;
}

/* Whichever certificate it is shown: here, the second one. */
static void clients_show_certificates_as_they_must(void **state)
{
    static const struct {
        enum tls_clients clients;
        bool without, good, bad;
    } cases[] = { { TLS_CLIENTS_ANY, true, true, true },
                  { TLS_CLIENTS_OPTIONAL, true, true, false },
                  { TLS_CLIENTS_REQUIRED, false, true, false } };
    struct rig stranger;
    (void)state;

    rig_issue(&rig, "a", "first", "DNS:one.test");
    rig_issue(&rig, "b", "second", "DNS:two.test");
    rig_issue(&rig, "good", "client", NULL);
    rig_init(&stranger);
    rig_write_authority(&stranger, "ca");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tls_settings ours = { .clients = cases[i].clients }, theirs = ours;
        struct tls_server *server, *other;

        rig_write_authority(&rig, "ca.crt");
        ours.client_ca = rig_path(&rig, "ca.crt");
        server = serve(NAMES("a", "b"), ours);
        theirs.client_ca = rig_path(&stranger, "ca");
        other = serve(NAMES("a", "b"), theirs);
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            assert_int_equal(is_let_in(server, version, NULL), cases[i].without);
            assert_int_equal(is_let_in(server, version, "good"), cases[i].good);
            assert_int_equal(is_let_in(other, version, "good"), cases[i].bad);
        }
        tls_server_unref(server);
        tls_server_unref(other);
    }
    rig_deinit(&stranger);
}

/* Return: whether the session of a meeting with @first goes on at @second. */
static bool goes_on(const struct tls_server *first, const struct tls_server *second, int version)
{
    SSL_CTX *ctx = rig_client(version);
    struct meeting m, again;
    bool reused;

    assert_int_equal(
        SSL_CTX_use_certificate_file(ctx, rig_path(&rig, "good.crt"), SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, rig_path(&rig, "good.key"), SSL_FILETYPE_PEM),
                     1);
    m = rig_meet(first, ctx, NULL, NULL);
    assert_non_null(m.session);
    again = rig_meet(second, ctx, NULL, m.session);
    reused = again.agreed && SSL_session_reused(again.client);
    meeting_end(&again);
    meeting_end(&m);
    SSL_CTX_free(ctx);
    return reused;
}

static void sessions_go_on_under_the_same_authorities_only(void **state)
{
    struct tls_settings settings = { .clients = TLS_CLIENTS_REQUIRED };
    struct tls_server *before, *same, *after;
    struct rig stranger;
    (void)state;

    rig_issue(&rig, "a", "first", NULL);
    rig_issue(&rig, "good", "client", NULL);
    rig_init(&stranger);
    rig_write_authority(&rig, "ca.crt");
    settings.client_ca = rig_path(&rig, "ca.crt");
    before = serve(NAMES("a"), settings);
    same = serve(NAMES("a"), settings);
    rig_write_authority(&stranger, "ca");
    settings.client_ca = rig_path(&stranger, "ca");
    after = serve(NAMES("a"), settings);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        assert_true(goes_on(before, same, version));
        assert_false(goes_on(before, after, version));
    }
    tls_server_unref(before);
    tls_server_unref(same);
    tls_server_unref(after);
    rig_deinit(&stranger);
}

static void authorities_of_clients_must_be_there(void **state)
{
    struct tls_settings settings = { .clients = TLS_CLIENTS_OPTIONAL, .client_ca = "/nowhere/ca" };
    (void)state;

    rig_issue(&rig, "a", "first", NULL);
    check_refused(NAMES("a"), settings, -EINVAL,
                  "/nowhere/ca: no certificates of authorities could be read");
    rig_write(&rig, "ca", "garbage", 7);
    settings.client_ca = rig_path(&rig, "ca");
    check_refused(NAMES("a"), settings, -EINVAL,
                  "%s/ca: no certificates of authorities could be read", rig.folder);
    settings.clients = TLS_CLIENTS_ANY; /* then they are not read */
    tls_server_unref(serve(NAMES("a"), settings));
}

/* --- what is agreed on ------------------------------------------------------------------------ */

static void versions_before_1_2_are_refused(void **state)
{
    struct tls_server *server;
    (void)state;

    rig_issue(&rig, "a", "first", "DNS:one.test");
    server = serve(NAMES("a"), ANY);
    for (int version = TLS1_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *ctx = rig_client(version);
        struct meeting m;

        SSL_CTX_set_security_level(ctx, 0);
        m = rig_meet(server, ctx, NULL, NULL);
        assert_int_equal(m.agreed, version >= TLS1_2_VERSION);
        meeting_end(&m);
        SSL_CTX_free(ctx);
    }
    tls_server_unref(server);
}

static void ciphers_without_forward_secrecy_are_refused(void **state)
{
    static const struct {
        const char *cipher;
        bool agreed;
    } cases[] = { { "ECDHE-ECDSA-AES128-GCM-SHA256", true },
                  { "ECDHE-ECDSA-CHACHA20-POLY1305", true },
                  { "ECDHE-ECDSA-AES128-SHA", false },
                  { "AES128-GCM-SHA256", false } };
    struct tls_server *server;
    (void)state;

    rig_issue(&rig, "a", "first", "DNS:one.test");
    server = serve(NAMES("a"), ANY);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        SSL_CTX *ctx = rig_client(TLS1_2_VERSION);
        struct meeting m;

        assert_int_equal(SSL_CTX_set_cipher_list(ctx, cases[i].cipher), 1);
        m = rig_meet(server, ctx, NULL, NULL);
        assert_int_equal(m.agreed, cases[i].agreed);
        meeting_end(&m);
        SSL_CTX_free(ctx);
    }
    tls_server_unref(server);
}

static void the_protocol_is_ours_of_what_the_client_offers(void **state)
{
    static const struct {
        const char *offered, *chosen; /* NULL: none; "": no connection */
    } cases[] = { { NULL, NULL },
                  { "\x02h2\x08http/1.1", "h2" },
                  { "\x08http/1.1\x02h2", "h2" },
                  { "\x08http/1.1", "http/1.1" },
                  { "\x08http/1.0\x08http/1.1", "http/1.1" },
                  { "\x05smtp\x31", "" } };
    struct tls_server *server;
    (void)state;

    rig_issue(&rig, "a", "first", "DNS:one.test");
    server = serve(NAMES("a"), ANY);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *offered = cases[i].offered, *chosen = cases[i].chosen;
        SSL_CTX *ctx = rig_client(TLS1_3_VERSION);
        const unsigned char *name;
        struct meeting m;
        unsigned size;

        if (offered)
            SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)offered, (unsigned)strlen(offered));
        m = rig_meet(server, ctx, NULL, NULL);
        SSL_get0_alpn_selected(m.client, &name, &size);
        assert_int_equal(m.agreed, !chosen || chosen[0]);
        if (m.agreed)
            assert_true(slice_is((struct slice){ (const char *)name, size }, chosen));
        meeting_end(&m);
        SSL_CTX_free(ctx);
    }
    tls_server_unref(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_name_asked_for_decides),
        TEST(the_first_of_two_for_a_name_is_shown),
        TEST(long_names_are_names_too),
        TEST(a_directory_is_read_in_the_order_of_names),
        TEST(certificates_named_one_by_one_come_before_those_of_the_directory),
        TEST(what_cannot_be_served_is_told),
        TEST(a_broken_file_leaves_the_old_server_as_it_is),
        TEST(a_connection_goes_on_with_the_server_that_it_began_with),
        TEST(clients_show_certificates_as_they_must),
        TEST(sessions_go_on_under_the_same_authorities_only),
        TEST(authorities_of_clients_must_be_there),
        TEST(versions_before_1_2_are_refused),
        TEST(ciphers_without_forward_secrecy_are_refused),
        TEST(the_protocol_is_ours_of_what_the_client_offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
