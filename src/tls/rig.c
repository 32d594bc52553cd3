#include "tls/rig.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { PATHS = 8, DAY_S = 86400, TRIPS = 4 };

/* --- files ------------------------------------------------------------------------------------ */

const char *rig_path(const struct rig *r, const char *file)
{
    static char paths[PATHS][RIG_PATH_BYTES];
    static unsigned next;
    char *path = paths[next++ % PATHS];

    snprintf(path, RIG_PATH_BYTES, "%s/%s", r->folder, file);
    return path;
}

static FILE *create(const struct rig *r, const char *file)
{
    FILE *f = fopen(rig_path(r, file), "w");

    assert_non_null(f);
    return f;
}

void rig_write(const struct rig *r, const char *file, const void *data, size_t size)
{
    FILE *f = create(r, file);

    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

void rig_write_pem(const struct rig *r, const char *file, X509 *certificate, EVP_PKEY *key)
{
    FILE *f = create(r, file);

    if (certificate)
        assert_int_equal(PEM_write_X509(f, certificate), 1);
    if (key)
        assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

void rig_write_authority(const struct rig *r, const char *file)
{
    rig_write_pem(r, file, r->authority, NULL);
}

/* --- certificates ----------------------------------------------------------------------------- */

static void add_extension(X509 *x, int kind, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, kind, value);

    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static X509 *certify(struct rig *r, EVP_PKEY *key, const char *common_name)
{
    X509 *x = X509_new();

    assert_non_null(x);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++r->serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(x), DAY_S);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)common_name, -1, -1, 0);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    return x;
}

X509 *rig_make(struct rig *r, const char *common_name, const char *names, EVP_PKEY **ret_key)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x;

    assert_non_null(key);
    x = certify(r, key, common_name);
    if (names)
        add_extension(x, NID_subject_alt_name, names);
    X509_set_issuer_name(x, X509_get_subject_name(r->authority));
    assert_true(X509_sign(x, r->key, EVP_sha256()) > 0);
    *ret_key = key;
    return x;
}

void rig_issue(struct rig *r, const char *name, const char *common_name, const char *names)
{
    char file[RIG_PATH_BYTES];
    EVP_PKEY *key;
    X509 *x = rig_make(r, common_name, names, &key);

    snprintf(file, sizeof(file), "%s.crt", name);
    rig_write_pem(r, file, x, NULL);
    snprintf(file, sizeof(file), "%s.key", name);
    rig_write_pem(r, file, NULL, key);
    X509_free(x);
    EVP_PKEY_free(key);
}

void rig_init(struct rig *r)
{
    *r = (struct rig){ .folder = "/tmp/weir-tls-XXXXXX", .key = EVP_EC_gen("P-256") };
    assert_non_null(mkdtemp(r->folder));
    assert_non_null(r->key);
    r->authority = certify(r, r->key, "authority");
    X509_set_issuer_name(r->authority, X509_get_subject_name(r->authority));
    add_extension(r->authority, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(r->authority, r->key, EVP_sha256()) > 0);
}

void rig_deinit(struct rig *r)
{
    DIR *d = opendir(r->folder);
    struct dirent *entry;

    assert_non_null(d);
    while ((entry = readdir(d)))
        unlink(rig_path(r, entry->d_name));
    closedir(d);
    assert_int_equal(rmdir(r->folder), 0);
    X509_free(r->authority);
    EVP_PKEY_free(r->key);
}

/* --- meetings --------------------------------------------------------------------------------- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_get_app_data(ssl);

    SSL_SESSION_free(*kept);
    *kept = session;
    return 1; /* it is ours now */
}

SSL_CTX *rig_client(int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    assert_non_null(ctx);
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    return ctx;
}

static void connect_in_memory(struct meeting *m)
{
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());

    assert_true(up && down);
    BIO_up_ref(up);
    BIO_up_ref(down);
    SSL_set_bio(m->server, up, down);
    SSL_set_bio(m->client, down, up);
}

static void shake_hands(struct meeting *m)
{
    char nothing[1];

    connect_in_memory(m);
    for (int i = 0; i < TRIPS; i++) {
        SSL_do_handshake(m->client);
        SSL_do_handshake(m->server);
    }
    m->agreed = SSL_is_init_finished(m->client) && SSL_is_init_finished(m->server);
    SSL_read(m->client, nothing, sizeof(nothing)); /* tickets, or an alert */
    if (m->agreed && SSL_get_shutdown(m->server))
        m->agreed = false;
    ERR_clear_error();
}

struct meeting rig_meet(const struct tls_server *server, SSL_CTX *ctx, const char *name,
                        SSL_SESSION *session)
{
    struct meeting m = { .client = SSL_new(ctx), .server = tls_server_accept(server) };
    SSL_SESSION *kept = NULL;

    assert_true(m.client && m.server);
    SSL_set_connect_state(m.client);
    SSL_set_app_data(m.client, &kept);
    if (name)
        assert_int_equal(SSL_set_tlsext_host_name(m.client, name), 1);
    if (session)
        assert_int_equal(SSL_set_session(m.client, session), 1);
    shake_hands(&m);
    SSL_set_app_data(m.client, NULL);
    if (!kept && m.agreed && SSL_version(m.client) == TLS1_2_VERSION)
        kept = SSL_get1_session(m.client); /* renewed, perhaps, which nobody is told of */
    m.session = kept;
    return m;
}

void meeting_end(struct meeting *m)
{
    SSL_set_shutdown(m->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(m->server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(m->client);
    SSL_free(m->server);
    SSL_SESSION_free(m->session);
}

bool meeting_is_with(const struct meeting *m, const char *common_name)
{
    X509 *x = SSL_get0_peer_certificate(m->client);
    char name[RIG_PATH_BYTES] = "";

    if (x)
        X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof(name));
    return x && strcmp(name, common_name) == 0;
}
