/* Records against OpenSSL's own: a handshake in memory, and then our side takes over. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/x509.h>

#include "base/random.h"
#include "tls/record.h"

enum { WIRE_BYTES_MAX = 64 << 10 };

struct fixture {
    SSL_CTX *server_ctx, *client_ctx;
    SSL *client;
    BIO *to_client, *from_client; /* borrowed */
    struct tls_record record;
};

static void certify(SSL_CTX *ctx)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    assert_non_null(key);
    assert_non_null(x);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void shake_hands(SSL *client, SSL *server)
{
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());

    BIO_up_ref(up);
    BIO_up_ref(down);
    SSL_set_bio(server, up, down);
    SSL_set_bio(client, down, up);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 4; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    assert_true(SSL_is_init_finished(client) && SSL_is_init_finished(server));
}

/* Tickets are left out: then nothing has been written since the handshake. */
static void begin(struct fixture *f, int version, const char *suite)
{
    struct tls_secrets secrets = { .client_size = 0 };
    SSL *server;
    int r;

    f->server_ctx = SSL_CTX_new(TLS_server_method());
    f->client_ctx = SSL_CTX_new(TLS_client_method());
    certify(f->server_ctx);
    SSL_CTX_set_num_tickets(f->server_ctx, 0);
    SSL_CTX_set_max_proto_version(f->client_ctx, version);
    if (suite)
        assert_int_equal(SSL_CTX_set_ciphersuites(f->client_ctx, suite), 1);
    tls_secrets_let(f->server_ctx);
    f->client = SSL_new(f->client_ctx);
    server = SSL_new(f->server_ctx);
    assert_int_equal(tls_secrets_catch(server, &secrets), 0);
    shake_hands(f->client, server);
    f->to_client = SSL_get_rbio(f->client);
    f->from_client = SSL_get_wbio(f->client);
    r = tls_record_init(&f->record, server, &secrets, 0);
    assert_int_equal(r, version == TLS1_3_VERSION ? 0 : -ENOTSUP);
    SSL_free(server);
}

static void end(struct fixture *f)
{
    tls_record_deinit(&f->record);
    SSL_free(f->client);
    SSL_CTX_free(f->client_ctx);
    SSL_CTX_free(f->server_ctx);
}

/* The next record that the client has sent. Return: its size, head and all. */
static size_t take_record(struct fixture *f, char *ret_record)
{
    size_t size;

    assert_int_equal(BIO_read(f->from_client, ret_record, TLS_RECORD_HEAD), TLS_RECORD_HEAD);
    size = (size_t)(unsigned char)ret_record[3] << 8 | (unsigned char)ret_record[4];
    assert_int_equal(BIO_read(f->from_client, ret_record + TLS_RECORD_HEAD, (int)size), size);
    return TLS_RECORD_HEAD + size;
}

static void hear(struct fixture *f, const char *text, size_t size)
{
    static char record[WIRE_BYTES_MAX], data[WIRE_BYTES_MAX];
    enum tls_content type;
    size_t n, heard = 0;

    assert_int_equal(SSL_write(f->client, text, (int)size), size);
    while (heard < size) {
        n = take_record(f, record);
        assert_int_equal(tls_record_open(&f->record, record, n, data + heard, &type, &n), 0);
        assert_int_equal(type, TLS_DATA);
        heard += n;
    }
    assert_int_equal(heard, size);
    assert_memory_equal(data, text, size);
}

static void say(struct fixture *f, const char *text, size_t size)
{
    static char record[WIRE_BYTES_MAX], data[WIRE_BYTES_MAX];
    const struct iovec parts[] = { { (void *)text, size / 2 },
                                   { (void *)(text + size / 2), size - size / 2 } };
    size_t n = tls_record_seal(&f->record, TLS_DATA, parts, 2, record);

    assert_int_equal(n, size + TLS_RECORD_AROUND);
    assert_int_equal(BIO_write(f->to_client, record, (int)n), n);
    assert_int_equal(SSL_read(f->client, data, sizeof(data)), size);
    assert_memory_equal(data, text, size);
}

static void both_sides_understand_each_other(void **state)
{
    static const char *const suites[] = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                          "TLS_CHACHA20_POLY1305_SHA256" };
    static char text[TLS_RECORD_CONTENT_MAX * 2];
    struct random random;

    (void)state;
    random_init(&random, 1);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)random_u64(&random);
    for (size_t i = 0; i < sizeof(suites) / sizeof(*suites); i++) {
        struct fixture f;

        begin(&f, TLS1_3_VERSION, suites[i]);
        for (size_t size = 1; size <= TLS_RECORD_CONTENT_MAX; size *= 4) {
            hear(&f, text, size);
            say(&f, text, size);
        }
        hear(&f, text, sizeof(text));
        say(&f, text, TLS_RECORD_CONTENT_MAX);
        end(&f);
    }
}

static void padding_is_no_content(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, TLS1_3_VERSION, NULL);
    assert_int_equal(SSL_set_block_padding(f.client, 512), 1);
    hear(&f, "x", 1);
    hear(&f, "\0\0\0", 3);
    end(&f);
}

static void keys_change_in_either_direction(void **state)
{
    static char update[] = { 24, 0, 0, 1, 0 }; /* no answer asked for */
    const struct iovec message = { update, sizeof(update) };
    char record[512], data[512];
    enum tls_content type;
    struct fixture f;
    size_t n;

    (void)state;
    begin(&f, TLS1_3_VERSION, NULL);
    for (int i = 0; i < 3; i++) {
        hear(&f, "before", 6);
        assert_int_equal(SSL_key_update(f.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(f.client), 1);
        n = take_record(&f, record);
        assert_int_equal(tls_record_open(&f.record, record, n, data, &type, &n), 0);
        assert_int_equal(type, TLS_HANDSHAKE);
        assert_memory_equal(data, update, sizeof(update));
        assert_int_equal(tls_record_update(&f.record, &f.record.read), 0);
        hear(&f, "after", 5);

        n = tls_record_seal(&f.record, TLS_HANDSHAKE, &message, 1, record);
        assert_int_equal(BIO_write(f.to_client, record, (int)n), n);
        assert_int_equal(tls_record_update(&f.record, &f.record.write), 0);
        say(&f, "after", 5);
    }
    end(&f);
}

/* Each bit of a record counts, its head's too; and so does its place among the others. */
static void what_was_changed_does_not_open(void **state)
{
    char record[512], changed[512], data[512];
    enum tls_content type;
    struct fixture f;
    size_t size, n;

    (void)state;
    begin(&f, TLS1_3_VERSION, NULL);
    assert_int_equal(SSL_write(f.client, "text", 4), 4);
    size = take_record(&f, record);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memcpy(changed, record, size);
        changed[bit / 8] ^= (char)(1 << bit % 8);
        f.record.read.sequence = 0;
        assert_int_equal(tls_record_open(&f.record, changed, size, data, &type, &n), -EBADMSG);
    }
    for (size_t short_size = TLS_RECORD_HEAD; short_size < size; short_size++) {
        f.record.read.sequence = 0;
        assert_int_equal(tls_record_open(&f.record, record, short_size, data, &type, &n), -EBADMSG);
    }
    f.record.read.sequence = 1;
    assert_int_equal(tls_record_open(&f.record, record, size, data, &type, &n), -EBADMSG);
    f.record.read.sequence = 0;
    assert_int_equal(tls_record_open(&f.record, record, size, data, &type, &n), 0);
    assert_int_equal(tls_record_open(&f.record, record, size, data, &type, &n), -EBADMSG);
    end(&f);
}

/* Our own side sealing it is the only one who can make such records; a client is no better. */
static void records_of_nothing_and_too_large_ones_do_not_open(void **state)
{
    static char content[TLS_RECORD_CONTENT_MAX + 1], record[WIRE_BYTES_MAX], data[WIRE_BYTES_MAX];
    enum tls_content type;
    struct tls_record back;
    struct fixture f;
    size_t size, n;

    (void)state;
    begin(&f, TLS1_3_VERSION, NULL);
    back = f.record;
    memcpy(back.read.secret, f.record.write.secret, TLS_SECRET_MAX); /* to hear what we say */
    back.read.cipher = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_CIPHER_CTX_copy(back.read.cipher, f.record.read.cipher), 1);
    assert_int_equal(tls_record_update(&back, &back.read), 0);
    assert_int_equal(tls_record_update(&f.record, &f.record.write), 0);
    memset(content, 'x', sizeof(content));

    size = tls_record_seal(&f.record, 0, &(struct iovec){ content, 0 }, 1, record);
    assert_int_equal(tls_record_open(&back, record, size, data, &type, &n), -EBADMSG);
    size = tls_record_seal(&f.record, TLS_DATA, &(struct iovec){ content, 0 }, 1, record);
    assert_int_equal(tls_record_open(&back, record, size, data, &type, &n), 0);
    assert_int_equal(n, 0);
    size = tls_record_seal(&f.record, TLS_DATA, &(struct iovec){ content, sizeof(content) }, 1,
                           record);
    assert_int_equal(tls_record_open(&back, record, size, data, &type, &n), -EBADMSG);
    EVP_CIPHER_CTX_free(back.read.cipher);
    end(&f);
}

static void older_versions_are_left_to_openssl(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, TLS1_2_VERSION, NULL);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_understand_each_other),
        cmocka_unit_test(padding_is_no_content),
        cmocka_unit_test(keys_change_in_either_direction),
        cmocka_unit_test(what_was_changed_does_not_open),
        cmocka_unit_test(records_of_nothing_and_too_large_ones_do_not_open),
        cmocka_unit_test(older_versions_are_left_to_openssl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
