#include "tls/tickets.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include "base/error.h"

/* --- keys ------------------------------------------------------------------------------------- */

static int make_key(struct tls_ticket_key *ret)
{
    struct tls_ticket_key k;

    if (RAND_bytes(k.name, sizeof(k.name)) != 1 ||
        RAND_priv_bytes(k.cipher, sizeof(k.cipher)) != 1 ||
        RAND_priv_bytes(k.mac, sizeof(k.mac)) != 1)
        return -EIO;
    *ret = k;
    OPENSSL_cleanse(&k, sizeof(k));
    return 0;
}

int tls_tickets_init(struct tls_tickets *t, ms_t now)
{
    int r;

    *t = (struct tls_tickets){ .n = 1, .rotated = now };
    r = make_key(&t->keys[0]);
    return fault(r ? r : -pthread_rwlock_init(&t->lock, NULL));
}

void tls_tickets_deinit(struct tls_tickets *t)
{
    if (t->n == 0)
        return;
    pthread_rwlock_destroy(&t->lock);
    OPENSSL_cleanse(t, sizeof(*t));
}

int tls_tickets_rotate(struct tls_tickets *t, ms_t now)
{
    struct tls_ticket_key fresh;
    int r;

    if (now - t->rotated < TLS_TICKET_ROTATE_MS)
        return 0;
    r = make_key(&fresh);
    if (r)
        return r;
    t->rotated = now;
    pthread_rwlock_wrlock(&t->lock);
    memmove(&t->keys[1], &t->keys[0], sizeof(t->keys) - sizeof(t->keys[0]));
    t->keys[0] = fresh;
    if (t->n < TLS_TICKET_KEYS)
        t->n++;
    pthread_rwlock_unlock(&t->lock);
    OPENSSL_cleanse(&fresh, sizeof(fresh));
    return 0;
}

/* Return: its age in rotations, or -1 if it is none of ours. */
static int find_key(struct tls_tickets *t, const unsigned char *name, struct tls_ticket_key *ret)
{
    int found = -1;

    pthread_rwlock_rdlock(&t->lock);
    for (unsigned i = 0; i < t->n && found < 0; i++)
        if (!name || memcmp(t->keys[i].name, name, TLS_TICKET_NAME_BYTES) == 0) {
            *ret = t->keys[i];
            found = (int)i;
        }
    pthread_rwlock_unlock(&t->lock);
    return found;
}

/* --- OpenSSL's side --------------------------------------------------------------------------- */

static int set_mac(EVP_MAC_CTX *mac, struct tls_ticket_key *k)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params);
}

/* Return: -1 failure; 0 no such key: a full handshake; 1 fine; 2 fine, and give a new ticket. */
static int use_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, int encrypt)
{
    struct tls_tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct tls_ticket_key k;
    int age = find_key(t, encrypt ? NULL : name, &k), result = 1;

    if (age < 0)
        return 0;
    if (encrypt) {
        memcpy(name, k.name, sizeof(k.name));
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
            result = -1;
    }
    if (result > 0 &&
        (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k.cipher, iv, encrypt) != 1 ||
         set_mac(mac, &k) != 1))
        result = -1;
    OPENSSL_cleanse(&k, sizeof(k));
    return result > 0 && !encrypt && age > 0 ? 2 : result;
}

int tls_tickets_use(struct tls_tickets *t, SSL_CTX *ctx)
{
    if (SSL_CTX_set_app_data(ctx, t) != 1)
        return -ENOMEM;
    if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, use_key) != 1)
        return -EIO;
    SSL_CTX_set_timeout(ctx, TLS_SESSION_S);
    return 0;
}
