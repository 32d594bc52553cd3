#include "tls/record.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/hmac.h>

#include "base/text.h"

enum { TAG = 16, KEY_MAX = 32 };

struct suite {
    unsigned short id;
    const EVP_CIPHER *(*cipher)(void);
    const EVP_MD *(*digest)(void);
    size_t key_size;
};

static const struct suite suites[] = {
    { 0x1301, EVP_aes_128_gcm, EVP_sha256, 16 },
    { 0x1302, EVP_aes_256_gcm, EVP_sha384, 32 },
    { 0x1303, EVP_chacha20_poly1305, EVP_sha256, 32 },
};

static const struct suite *find_suite(unsigned short id)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(*suites); i++)
        if (suites[i].id == id)
            return &suites[i];
    return NULL;
}

/* --- catching secrets ------------------------------------------------------------------------- */

/* "LABEL client_random secret", in hex. OpenSSL tells them nowhere else. */
static void caught(const SSL *ssl, const char *line)
{
    static const char client[] = "CLIENT_TRAFFIC_SECRET_0 ", server[] = "SERVER_TRAFFIC_SECRET_0 ";
    struct tls_secrets *s = SSL_get_app_data(ssl);
    bool is_client = strncmp(line, client, sizeof(client) - 1) == 0;
    const char *hex = strrchr(line, ' ');
    size_t size;

    if (!s || !hex || (!is_client && strncmp(line, server, sizeof(server) - 1) != 0))
        return;
    size = strlen(hex + 1) / 2;
    if (size > TLS_SECRET_MAX ||
        text_unhex((struct slice){ hex + 1, 2 * size }, is_client ? s->client : s->server, size))
        return;
    *(is_client ? &s->client_size : &s->server_size) = size;
}

int tls_secrets_catch(SSL *ssl, struct tls_secrets *secrets)
{
    return SSL_set_app_data(ssl, secrets) == 1 ? 0 : -ENOMEM;
}

void tls_secrets_let(SSL_CTX *ctx)
{
    SSL_CTX_set_keylog_callback(ctx, caught);
}

/* --- the key schedule ------------------------------------------------------------------------- */

/* HKDF-Expand-Label() without context (RFC 8446 §7.1), for outputs no longer than a digest. */
static int expand(const struct suite *s, const unsigned char *secret, const char *label,
                  unsigned char *ret, size_t size)
{
    unsigned char info[64], out[EVP_MAX_MD_SIZE];
    size_t n = strlen(label), secret_size = (size_t)EVP_MD_get_size(s->digest());
    unsigned out_size = 0;

    info[0] = 0;
    info[1] = (unsigned char)size;
    info[2] = (unsigned char)(6 + n);
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, n);
    info[9 + n] = 0;  /* no context */
    info[10 + n] = 1; /* the first block, and the only one */
    if (!HMAC(s->digest(), secret, (int)secret_size, info, 11 + n, out, &out_size) ||
        size > out_size)
        return -EIO;
    memcpy(ret, out, size);
    OPENSSL_cleanse(out, sizeof(out));
    return 0;
}

static int set_keys(const struct suite *s, struct tls_direction *d, bool seals)
{
    unsigned char key[KEY_MAX];
    int r = expand(s, d->secret, "key", key, s->key_size);

    if (!r)
        r = expand(s, d->secret, "iv", d->iv, sizeof(d->iv));
    if (!r && EVP_CipherInit_ex(d->cipher, NULL, NULL, key, NULL, seals) != 1)
        r = -EIO;
    OPENSSL_cleanse(key, sizeof(key));
    d->sequence = 0;
    return r;
}

int tls_record_update(struct tls_record *r, struct tls_direction *d)
{
    const struct suite *s = find_suite(r->suite);
    unsigned char next[TLS_SECRET_MAX];
    size_t size = (size_t)EVP_MD_get_size(s->digest());
    int failed = expand(s, d->secret, "traffic upd", next, size);

    if (failed)
        return failed;
    memcpy(d->secret, next, size);
    OPENSSL_cleanse(next, sizeof(next));
    return set_keys(s, d, d == &r->write);
}

/* --- life ------------------------------------------------------------------------------------- */

static int open_direction(const struct suite *s, struct tls_direction *d,
                          const unsigned char *secret, size_t size, bool seals)
{
    if (size != (size_t)EVP_MD_get_size(s->digest()))
        return -ENOTSUP;
    memcpy(d->secret, secret, size);
    d->cipher = EVP_CIPHER_CTX_new();
    if (!d->cipher || EVP_CipherInit_ex(d->cipher, s->cipher(), NULL, NULL, NULL, seals) != 1)
        return -ENOMEM;
    return set_keys(s, d, seals);
}

int tls_record_init(struct tls_record *r, SSL *ssl, const struct tls_secrets *secrets,
                    uint64_t written)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const struct suite *s = cipher ? find_suite(SSL_CIPHER_get_protocol_id(cipher)) : NULL;
    int failed;

    *r = (struct tls_record){ 0 };
    if (!s || SSL_version(ssl) != TLS1_3_VERSION)
        return -ENOTSUP;
    r->suite = s->id;
    failed = open_direction(s, &r->read, secrets->client, secrets->client_size, false);
    if (!failed)
        failed = open_direction(s, &r->write, secrets->server, secrets->server_size, true);
    if (failed)
        tls_record_deinit(r);
    r->write.sequence = written;
    return failed;
}

void tls_record_deinit(struct tls_record *r)
{
    EVP_CIPHER_CTX_free(r->read.cipher);
    EVP_CIPHER_CTX_free(r->write.cipher);
    OPENSSL_cleanse(r, sizeof(*r));
}

/* --- records ---------------------------------------------------------------------------------- */

/* RFC 8446 §5.3: the number of each record makes its nonce. */
static int begin(struct tls_direction *d, const unsigned char *head, bool seals)
{
    unsigned char nonce[sizeof(d->iv)];
    uint64_t n = d->sequence++;
    int ignored;

    memcpy(nonce, d->iv, sizeof(nonce));
    for (size_t i = 0; i < 8; i++)
        nonce[sizeof(nonce) - 1 - i] ^= (unsigned char)(n >> (8 * i));
    if (EVP_CipherInit_ex(d->cipher, NULL, NULL, NULL, nonce, seals) != 1 ||
        EVP_CipherUpdate(d->cipher, NULL, &ignored, head, TLS_RECORD_HEAD) != 1)
        return -EIO;
    return 0;
}

size_t tls_record_seal(struct tls_record *r, enum tls_content type, const struct iovec *parts,
                       size_t n, char *ret_out)
{
    unsigned char *out = (unsigned char *)ret_out, *at = out + TLS_RECORD_HEAD;
    unsigned char byte = (unsigned char)type;
    size_t size = 1 + TAG;
    int done = 0;

    for (size_t i = 0; i < n; i++)
        size += parts[i].iov_len;
    out[0] = TLS_DATA;
    out[1] = out[2] = 3; /* TLS 1.2, as far as anybody on the way shall know */
    out[3] = (unsigned char)(size >> 8);
    out[4] = (unsigned char)size;
    if (begin(&r->write, out, true))
        return 0;
    for (size_t i = 0; i < n; i++, at += done)
        if (EVP_EncryptUpdate(r->write.cipher, at, &done, parts[i].iov_base,
                              (int)parts[i].iov_len) != 1)
            return 0;
    if (EVP_EncryptUpdate(r->write.cipher, at, &done, &byte, 1) != 1)
        return 0;
    at += done;
    if (EVP_EncryptFinal_ex(r->write.cipher, at, &done) != 1 ||
        EVP_CIPHER_CTX_ctrl(r->write.cipher, EVP_CTRL_AEAD_GET_TAG, TAG, at) != 1)
        return 0;
    return TLS_RECORD_HEAD + size;
}

int tls_record_open(struct tls_record *r, const char *record, size_t size, char *ret_out,
                    enum tls_content *ret_type, size_t *ret_size)
{
    unsigned char *out = (unsigned char *)ret_out;
    const unsigned char *in = (const unsigned char *)record + TLS_RECORD_HEAD;
    size_t inner = size - TLS_RECORD_HEAD - TAG;
    int n = 0, rest = 0;

    if (size < TLS_RECORD_AROUND || inner > TLS_RECORD_CONTENT_MAX + 1 ||
        begin(&r->read, (const unsigned char *)record, false) ||
        EVP_DecryptUpdate(r->read.cipher, out, &n, in, (int)inner) != 1 ||
        EVP_CIPHER_CTX_ctrl(r->read.cipher, EVP_CTRL_AEAD_SET_TAG, TAG, (void *)(in + inner)) !=
            1 ||
        EVP_DecryptFinal_ex(r->read.cipher, out + n, &rest) != 1)
        return -EBADMSG;
    while (inner > 0 && out[inner - 1] == 0) /* padding */
        inner--;
    if (inner == 0)
        return -EBADMSG;
    *ret_type = out[inner - 1];
    *ret_size = inner - 1;
    return 0;
}
