#include "proxy/peer.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/buffer.h"
#include "http/url.h"
#include "stream/tls_stream.h"

enum { FIELDS_BYTES_MAX = 32 << 10, NAME_BYTES_MAX = 4096 };

void peer_address(const struct stream *s, char ret_text[ADDRESS_TEXT_BYTES])
{
    struct address peer = { .size = sizeof(peer.storage) };

    if (getpeername(s->io.fd, &peer.any, &peer.size) == 0)
        address_text(&peer, ret_text);
    else
        snprintf(ret_text, ADDRESS_TEXT_BYTES, "-");
}

/* Many servers read "_" in a name as "-". */
static bool begins_with(struct slice name, const char *prefix)
{
    size_t n = strlen(prefix);

    for (size_t i = 0; i < n; i++)
        if (i == name.size ||
            (name.data[i] == '_' ? '-' : tolower((unsigned char)name.data[i])) != prefix[i])
            return false;
    return true;
}

bool peer_is_ours(struct slice name)
{
    return begins_with(name, "x-forwarded-client-cert") || begins_with(name, "x-amzn-mtls-");
}

/* --- addresses -------------------------------------------------------------------------------- */

/* Take "127.0.0.1:80" or "[::1]:80" apart. Return: the port's text. */
static const char *split(const struct address *a, char *text, struct slice *ret_host)
{
    char *colon;

    address_text(a, text);
    colon = strrchr(text, ':');
    if (a->any.sa_family == AF_UNIX || !colon) {
        *ret_host = SLICE("unknown");
        return "0";
    }
    *ret_host = (struct slice){ text, (size_t)(colon - text) };
    if (text[0] == '[')
        *ret_host = (struct slice){ text + 1, ret_host->size - 2 };
    return colon + 1;
}

static int write_addresses(const struct stream *s, struct buffer *out)
{
    struct address peer = { .size = sizeof(peer.storage) }, own = peer;
    char peer_text[ADDRESS_TEXT_BYTES], own_text[ADDRESS_TEXT_BYTES];
    struct slice host, own_host;
    const char *port;

    if (getpeername(s->io.fd, &peer.any, &peer.size) || getsockname(s->io.fd, &own.any, &own.size))
        peer.any.sa_family = own.any.sa_family = AF_UNIX; /* gone: it makes no difference now */
    split(&peer, peer_text, &host);
    port = split(&own, own_text, &own_host);
    return buffer_printf(out, "%.*s\r\nX-Forwarded-Proto: %s\r\nX-Forwarded-Port: %s\r\n",
                         (int)host.size, host.data, tls_stream_of(s) ? "https" : "http", port);
}

int peer_write_forwarded(const struct network_address *client, unsigned port, struct buffer *out)
{
    char text[ADDRESS_TEXT_BYTES] = "unknown";

    if (client)
        network_address_text(client, text);
    return buffer_printf(out, "%s\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: %u\r\n", text,
                         port);
}

/* --- certificates ----------------------------------------------------------------------------- */

/* Whatever OpenSSL prints, nothing of it may end a line. */
static int write_bio(BIO *bio, const char *quoted, struct buffer *out)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    int r = 0;

    if (size > NAME_BYTES_MAX)
        return -ENOBUFS;
    for (long i = 0; i < size && !r; i++) {
        char c = data[i] >= ' ' && data[i] < 127 ? data[i] : '?';

        if (strchr(quoted, c))
            r = buffer_append(out, "\\", 1);
        if (!r)
            r = buffer_append(out, &c, 1);
    }
    return r;
}

static int write_name(const X509_NAME *name, const char *quoted, struct buffer *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int r = -ENOMEM;

    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        r = write_bio(bio, quoted, out);
    BIO_free(bio);
    return r;
}

static int write_xfcc(X509 *x, struct buffer *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned n = 0;
    int r;

    if (X509_digest(x, EVP_sha256(), digest, &n) != 1)
        return -ENOMEM;
    text_hex(digest, n, hex);
    r = buffer_printf(out, "X-Forwarded-Client-Cert: Hash=%s;Subject=\"", hex);
    if (!r)
        r = write_name(X509_get_subject_name(x), "\"\\", out);
    return r ? r : buffer_puts(out, "\"\r\n");
}

static int write_serial(X509 *x, struct buffer *out)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    int r = hex ? buffer_printf(out, "X-Amzn-Mtls-Clientcert-Serial-Number: %s\r\n", hex) : -ENOMEM;

    OPENSSL_free(hex);
    BN_free(number);
    return r;
}

static int write_time(const char *label, const ASN1_TIME *t, struct buffer *out)
{
    struct tm tm;
    char text[32];

    if (ASN1_TIME_to_tm(t, &tm) != 1 || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
        return -EINVAL;
    return buffer_printf(out, "%s=%s", label, text);
}

static int write_leaf(X509 *x, struct buffer *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    long size;
    int r = -ENOMEM;

    if (bio && PEM_write_bio_X509(bio, x) == 1) {
        size = BIO_get_mem_data(bio, &data);
        r = buffer_puts(out, "X-Amzn-Mtls-Clientcert-Leaf: ");
        if (!r)
            r = url_encode((struct slice){ data, (size_t)size }, true, out);
        if (!r)
            r = buffer_puts(out, "\r\n");
    }
    BIO_free(bio);
    return r;
}

/* Source: Elastic Load Balancing User Guide, "HTTP headers and mutual TLS", verify mode. */
static int write_alb(X509 *x, struct buffer *out)
{
    int r = write_serial(x, out);

    if (!r)
        r = buffer_puts(out, "X-Amzn-Mtls-Clientcert-Issuer: ");
    if (!r)
        r = write_name(X509_get_issuer_name(x), "", out);
    if (!r)
        r = buffer_puts(out, "\r\nX-Amzn-Mtls-Clientcert-Subject: ");
    if (!r)
        r = write_name(X509_get_subject_name(x), "", out);
    if (!r)
        r = buffer_puts(out, "\r\nX-Amzn-Mtls-Clientcert-Validity: ");
    if (!r)
        r = write_time("NotBefore", X509_get0_notBefore(x), out);
    if (!r)
        r = write_time(";NotAfter", X509_get0_notAfter(x), out);
    if (!r)
        r = buffer_puts(out, "\r\n");
    return r ? r : write_leaf(x, out);
}

static int write_certificate(const struct stream *s, enum peer_style style, struct buffer *out)
{
    const struct tls_stream *t = tls_stream_of(s);
    X509 *x = t ? tls_stream_peer(t) : NULL;
    int r = 0;

    if (x)
        r = style == PEER_ALB ? write_alb(x, out) : write_xfcc(x, out);
    return r;
}

char *peer_forwarded(const struct stream *s, enum peer_style style)
{
    autobuffer struct buffer out = BUFFER_INIT(FIELDS_BYTES_MAX);
    const char *text;

    if (write_addresses(s, &out) || write_certificate(s, style, &out))
        return NULL;
    text = buffer_cstr(&out);
    return text ? strdup(text) : NULL;
}
