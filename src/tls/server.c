#include "tls/server.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/sha.h>

#include "base/error.h"
#include "base/text.h"
#include "tls/certificate.h"

enum { NAME_CHARS_MAX = 255 };

struct tls_server {
    atomic_uint refs; /* the holders', and one for each connection */
    struct tls_certificate *certificates;
    size_t n, capacity;
};

struct tls_server *tls_server_ref(struct tls_server *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

struct tls_server *tls_server_unref(struct tls_server *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return NULL;
    for (size_t i = 0; i < s->n; i++)
        tls_certificate_deinit(&s->certificates[i]);
    free(s->certificates);
    free(s);
    return NULL;
}

size_t tls_server_certificates(const struct tls_server *s)
{
    return s->n;
}

/* --- by name ---------------------------------------------------------------------------------- */

static const struct tls_certificate *find(const struct tls_server *s, const char *name)
{
    for (int wild = 0; wild < 2; wild++)
        for (size_t i = 0; i < s->n; i++)
            if (tls_certificate_is_for(&s->certificates[i], name, wild))
                return &s->certificates[i];
    return NULL;
}

/* A name that we have no certificate for gets the first one: the client decides what that means. */
static int choose_certificate(SSL *ssl, int *alert, void *context)
{
    const struct tls_server *s = context;
    const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct tls_certificate *c;
    char name[NAME_CHARS_MAX + 1];
    size_t n = asked ? strlen(asked) : 0;
    (void)alert;

    if (n == 0 || n > NAME_CHARS_MAX)
        return SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 0; i <= n; i++)
        name[i] = (char)tolower((unsigned char)asked[i]);
    c = find(s, name);
    if (!c)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_SSL_CTX(ssl, c->ctx);
    return SSL_TLSEXT_ERR_OK;
}

/* --- making ----------------------------------------------------------------------------------- */

static int add(struct tls_server *s, const struct tls_files *files, char **ret_why)
{
    if (s->n == s->capacity) {
        *ret_why = text_format("%s: there are more than %d certificates", files->certificate,
                               TLS_CERTIFICATES_MAX);
        return -E2BIG;
    }
    return tls_certificate_load(files, &s->certificates[s->n++], ret_why);
}

static int add_from_directory(struct tls_server *s, const char *directory, const char *name,
                              char **ret_why)
{
    size_t n = strlen(name);
    autofree(mem_free) char *certificate = text_format("%s/%s", directory, name);
    autofree(mem_free) char *key = NULL;
    struct tls_files files;

    if (n < 5 || (strcmp(name + n - 4, ".crt") != 0 && strcmp(name + n - 4, ".pem") != 0))
        return 0;
    key = text_format("%s/%.*s.key", directory, (int)(n - 4), name);
    if (!certificate || !key)
        return -ENOMEM;
    files = (struct tls_files){ certificate, access(key, F_OK) == 0 ? key : NULL };
    return add(s, &files, ret_why);
}

/* In the order of their names, so that it is always the same one that comes first. */
static int add_directory(struct tls_server *s, const char *directory, char **ret_why)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, NULL, alphasort), r = 0;

    if (n < 0) {
        *ret_why = text_format("%s: %s", directory, strerror(errno));
        return -errno;
    }
    for (int i = 0; i < n; i++) {
        if (!r)
            r = add_from_directory(s, directory, entries[i]->d_name, ret_why);
        free(entries[i]);
    }
    free(entries);
    return r;
}

/* A session goes on without showing the certificate again: only while the same authorities are asked
 * for. OpenSSL begins anew with who comes back from another context. */
static int bind_sessions(SSL_CTX *ctx)
{
    STACK_OF(X509_OBJECT) *authorities = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
    unsigned char digest[SHA256_DIGEST_LENGTH], context[SHA256_DIGEST_LENGTH] = { 0 };

    for (int i = 0; i < sk_X509_OBJECT_num(authorities); i++) {
        X509 *one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(authorities, i));

        if (one && X509_digest(one, EVP_sha256(), digest, NULL) != 1)
            return -EIO;
        for (size_t j = 0; one && j < sizeof(digest); j++)
            context[j] ^= digest[j]; /* in whatever order */
    }
    return SSL_CTX_set_session_id_context(ctx, context, sizeof(context)) == 1 ? 0 : -EIO;
}

static int ask_clients(SSL_CTX *ctx, const struct tls_settings *settings, char **ret_why)
{
    STACK_OF(X509_NAME) * names;
    int mode = SSL_VERIFY_PEER;

    if (settings->clients == TLS_CLIENTS_ANY)
        return 0;
    names = SSL_load_client_CA_file(settings->client_ca);
    if (!names || SSL_CTX_load_verify_locations(ctx, settings->client_ca, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        ERR_clear_error();
        *ret_why =
            text_format("%s: no certificates of authorities could be read", settings->client_ca);
        return -EINVAL;
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    if (settings->clients == TLS_CLIENTS_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ctx, mode, NULL);
    SSL_CTX_set_verify_depth(ctx, 8);
    return bind_sessions(ctx);
}

static int finish(struct tls_server *s, const struct tls_settings *settings,
                  struct tls_tickets *tickets, char **ret_why)
{
    int r = 0;

    for (size_t i = 0; i < s->n && !r; i++) {
        SSL_CTX *ctx = s->certificates[i].ctx;

        SSL_CTX_set_tlsext_servername_callback(ctx, choose_certificate);
        SSL_CTX_set_tlsext_servername_arg(ctx, s);
        r = tls_tickets_use(tickets, ctx);
        if (!r)
            r = ask_clients(ctx, settings, ret_why);
    }
    return r;
}

static int load(struct tls_server *s, const struct tls_settings *settings,
                struct tls_tickets *tickets, char **ret_why)
{
    int r = 0;

    s->capacity = TLS_CERTIFICATES_MAX;
    s->certificates = calloc(s->capacity, sizeof(*s->certificates));
    if (!s->certificates)
        return -ENOMEM;
    for (size_t i = 0; i < settings->n_files && !r; i++)
        r = add(s, &settings->files[i], ret_why);
    if (!r && settings->directory)
        r = add_directory(s, settings->directory, ret_why);
    if (!r && s->n == 0) {
        *ret_why = text_format("%s: there is no certificate",
                               settings->directory ? settings->directory : "TLS");
        r = -ENOENT;
    }
    return r ? r : finish(s, settings, tickets, ret_why);
}

int tls_server_new(const struct tls_settings *settings, struct tls_tickets *tickets,
                   struct tls_server **ret_server, char **ret_why)
{
    autofree(tls_server_unref) struct tls_server *s = calloc(1, sizeof(*s));
    autofree(mem_free) char *why = NULL;
    int r;

    if (!s)
        return -ENOMEM;
    atomic_init(&s->refs, 1);
    r = load(s, settings, tickets, &why);
    if (r) {
        *ret_why = why ? steal(why) : text_format("%s", strerror(-r));
        return r;
    }
    *ret_server = steal(s);
    return 0;
}

SSL *tls_server_accept(const struct tls_server *s)
{
    SSL *ssl = SSL_new(s->certificates[0].ctx);

    if (ssl)
        SSL_set_accept_state(ssl);
    return ssl;
}
