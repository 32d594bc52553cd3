#include "tls/certificate.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "tls/record.h"

enum { NAMES_MAX = 1000, STAPLE_BYTES_MAX = 64 << 10 };

/* Session caching across the whole server, whichever certificate: clients are told apart by it. */
static const unsigned char session_context[] = "weir";

static int complain(char **ret_why, const char *path, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    *ret_why = text_format("%s: %s%s%s", path, what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return -EINVAL;
}

/* --- names ------------------------------------------------------------------------------------ */

static int add_name(struct tls_certificate *c, const unsigned char *text, int size)
{
    char *name;

    if (size <= 0 || c->n_names == NAMES_MAX || memchr(text, '\0', (size_t)size))
        return 0; /* nothing that a client could ask for */
    name = strndup((const char *)text, (size_t)size);
    if (!name)
        return -ENOMEM;
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    c->names[c->n_names++] = name;
    return 0;
}

static int add_common_name(struct tls_certificate *c, X509 *x)
{
    X509_NAME *subject = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    ASN1_STRING *s = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));

    return s ? add_name(c, ASN1_STRING_get0_data(s), ASN1_STRING_length(s)) : 0;
}

/* The subject's common name counts only where there are no alternative names (RFC 6125 §6.4.4). */
static int read_names(struct tls_certificate *c, X509 *x)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int r = 0;

    c->names = calloc(NAMES_MAX, sizeof(*c->names));
    if (!c->names)
        r = -ENOMEM;
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && !r; i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);

        if (n->type == GEN_DNS)
            r = add_name(c, ASN1_STRING_get0_data(n->d.dNSName), ASN1_STRING_length(n->d.dNSName));
    }
    GENERAL_NAMES_free(all);
    return r || c->n_names ? r : add_common_name(c, x);
}

bool tls_certificate_is_for(const struct tls_certificate *c, const char *name, bool wild)
{
    const char *dot = strchr(name, '.');

    if (wild && !dot)
        return false;
    for (size_t i = 0; i < c->n_names; i++) {
        const char *known = c->names[i];

        if (wild ? known[0] == '*' && strcmp(known + 1, dot) == 0 : strcmp(known, name) == 0)
            return true;
    }
    return false;
}

/* --- the staple ------------------------------------------------------------------------------- */

/* A response that is none would make clients refuse us, which is worse than to staple nothing. */
static int check_staple(const struct tls_certificate *c, const char *path, char **ret_why)
{
    const unsigned char *at = c->staple;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)c->staple_size);
    bool good = response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;

    OCSP_RESPONSE_free(response);
    return good ? 0 : complain(ret_why, path, "not a successful OCSP response in DER");
}

static int read_staple(struct tls_certificate *c, const char *certificate, char **ret_why)
{
    autofree(mem_free) char *path = text_format("%s.ocsp", certificate);
    FILE *file = path ? fopen(path, "re") : NULL;

    if (!path)
        return -ENOMEM;
    if (!file)
        return 0;
    c->staple = malloc(STAPLE_BYTES_MAX);
    if (c->staple)
        c->staple_size = fread(c->staple, 1, STAPLE_BYTES_MAX, file);
    fclose(file);
    return c->staple ? check_staple(c, path, ret_why) : -ENOMEM;
}

static int staple(SSL *ssl, void *context)
{
    const struct tls_certificate *c = context;
    unsigned char *copy;

    if (!c->staple)
        return SSL_TLSEXT_ERR_NOACK;
    copy = OPENSSL_memdup(c->staple, c->staple_size); /* OpenSSL frees it */
    if (!copy)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)c->staple_size);
    return SSL_TLSEXT_ERR_OK;
}

/* --- the context ------------------------------------------------------------------------------ */

static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_size,
                           const unsigned char *offered, unsigned size, void *context)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen;
    (void)ssl;
    (void)context;

    if (SSL_select_next_proto(&chosen, ret_size, ours, sizeof(ours) - 1, offered, size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 §3.2: no_application_protocol */
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Only ciphers with forward secrecy and authenticated encryption; renegotiation and compression
 * are attacks in waiting. */
static int configure(SSL_CTX *ctx)
{
    static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(ctx, 20000); /* of TLS 1.2 clients without tickets */
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    tls_secrets_let(ctx);
    SSL_CTX_set_max_cert_list(ctx, 64 << 10);
    /* One ticket, not OpenSSL's two: a proxy's clients seldom open connections in parallel, and
     * each costs its bytes in the first answer. */
    if (SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ctx, ciphers) != 1 ||
        SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1) != 1)
        return -EIO;
    return 0;
}

int tls_certificate_load(const struct tls_files *files, struct tls_certificate *ret, char **ret_why)
{
    const char *key = files->key ? files->key : files->certificate;
    struct tls_certificate *c = ret;
    int r;

    *c = (struct tls_certificate){ .ctx = SSL_CTX_new(TLS_server_method()) };
    *ret_why = NULL;
    if (!c->ctx)
        return -ENOMEM;
    r = configure(c->ctx);
    if (r)
        return complain(ret_why, files->certificate, "TLS cannot be set up");
    if (SSL_CTX_use_certificate_chain_file(c->ctx, files->certificate) != 1)
        return complain(ret_why, files->certificate, "no certificate could be read");
    if (SSL_CTX_use_PrivateKey_file(c->ctx, key, SSL_FILETYPE_PEM) != 1)
        return complain(ret_why, key, "no fitting private key could be read");
    r = read_names(c, SSL_CTX_get0_certificate(c->ctx));
    if (!r)
        r = read_staple(c, files->certificate, ret_why);
    SSL_CTX_set_tlsext_status_cb(c->ctx, staple);
    SSL_CTX_set_tlsext_status_arg(c->ctx, c);
    return r;
}

void tls_certificate_deinit(struct tls_certificate *c)
{
    for (size_t i = 0; i < c->n_names; i++)
        free(c->names[i]);
    free(c->names);
    free(c->staple);
    SSL_CTX_free(c->ctx);
}
