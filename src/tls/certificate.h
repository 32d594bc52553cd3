/* tls/certificate.h: one certificate of a server, ready for use, with the names it is for. */
#pragma once
#include "tls/server.h"

struct tls_certificate {
    SSL_CTX *ctx;
    char **names; /* lower case; "*." first for wildcards */
    size_t n_names;
    unsigned char *staple; /* DER; NULL: none */
    size_t staple_size;
};

/** tls_certificate_load() - @ret is to be deinit'ed, also after a failure. Return: 0 or a negative
 * errno, then *@ret_why says what is wrong, to free(). */
int tls_certificate_load(const struct tls_files *files, struct tls_certificate *ret,
                         char **ret_why);
void tls_certificate_deinit(struct tls_certificate *c);
/** tls_certificate_is_for() - @name in lower case; @wild: by a wildcard */
bool tls_certificate_is_for(const struct tls_certificate *c, const char *name, bool wild);
