#include "auth/sigv4.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "auth/amz_date.h"
#include "auth/canonical.h"
#include "auth/signing_key.h"
#include "base/buffer.h"
#include "base/error.h"
#include "http/url.h"

enum { SIGNED_NAMES_BYTES_MAX = 4096 }; /* a hundred names of usual length */

static const wall_ms_t skew_ms = 15 * 60 * MS_PER_S;

static int refuse(int outcome, char *ret_why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(int outcome, char *ret_why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(ret_why, SIGV4_WHY_BYTES, format, args);
    va_end(args);
    return outcome;
}

static struct signing_scope scope_of(const struct sigv4_claim *claim)
{
    return (struct signing_scope){ claim->date, claim->region, claim->service };
}

/* --- verify: is the claim for us, and for now? ------------------------------------------------ */

static int check_scope(const struct sigv4_claim *claim, const char *region, char *ret_why)
{
    struct slice day = { claim->amz_date.data, 8 };

    if (region && !slice_is(claim->region, region))
        return refuse(SIGV4_E_SCOPE, ret_why, "Credential should be scoped to a valid region.");
    if (!slice_equal(claim->date, day))
        return refuse(SIGV4_E_SCOPE, ret_why,
                      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                      "date from HTTP, which is '%.8s'.",
                      day.data);
    return 0;
}

static int check_time(const struct sigv4_claim *claim, wall_ms_t now, char *ret_why)
{
    char signed_at[AMZ_DATE_CHARS + 1], bound[AMZ_DATE_CHARS + 1], here[AMZ_DATE_CHARS + 1];

    amz_date(claim->signed_at, signed_at);
    amz_date(now, here);
    if (claim->signed_at - now > skew_ms) {
        amz_date(now + skew_ms, bound);
        return refuse(SIGV4_E_NOT_YET, ret_why,
                      "Signature not yet current: %s is still later than %s (%s + 15 min.)",
                      signed_at, bound, here);
    }
    if (claim->presigned) {
        if (now - claim->signed_at > (wall_ms_t)claim->expires_s * MS_PER_S)
            return refuse(SIGV4_E_EXPIRED, ret_why, "Request has expired.");
        return 0;
    }
    if (now - claim->signed_at > skew_ms) {
        amz_date(now - skew_ms, bound);
        return refuse(SIGV4_E_EXPIRED, ret_why,
                      "Signature expired: %s is now earlier than %s (%s - 15 min.)", signed_at,
                      bound, here);
    }
    return 0;
}

/* --- verify: is everything covered that must be? ---------------------------------------------- */

static bool is_signed(struct slice names, struct slice wanted)
{
    struct slice name;

    while (canonical_next_name(&names, &name)) {
        if (slice_equal_nocase(name, wanted))
            return true;
    }
    return false;
}

/* Each name costs a look at all fields, and its value is hashed: a request whose names go on for
 * ever, or that names a long field again and again, would keep us busy before it is known who sent
 * it. */
static int check_names(struct slice names, char *ret_why)
{
    struct slice seen[HTTP_HEADERS_MAX], name;
    size_t n = 0;

    if (names.size > SIGNED_NAMES_BYTES_MAX)
        return refuse(SIGV4_E_MISMATCH, ret_why, "SignedHeaders is longer than %d bytes.",
                      SIGNED_NAMES_BYTES_MAX);
    while (canonical_next_name(&names, &name)) {
        if (n == HTTP_HEADERS_MAX)
            return refuse(SIGV4_E_MISMATCH, ret_why, "SignedHeaders has over %d names.",
                          HTTP_HEADERS_MAX);
        for (size_t i = 0; i < n; i++)
            if (slice_equal_nocase(seen[i], name))
                return refuse(SIGV4_E_MISMATCH, ret_why, "SignedHeaders has a name twice.");
        seen[n++] = name;
    }
    return 0;
}

/* What a presigned request asks for is signed with its query, so that its fields may be anything;
 * but this one chooses the operation, and whoever was given a URL for one must not get another. */
static bool must_be_signed(struct slice name, bool presigned)
{
    const struct slice prefix = SLICE("x-amz-");

    if (presigned)
        return slice_is_nocase(name, "X-Amz-Target");
    return name.size >= prefix.size &&
           slice_equal_nocase((struct slice){ name.data, prefix.size }, prefix);
}

static int check_signed_headers(const struct http_head *head, const struct sigv4_claim *claim,
                                char *ret_why)
{
    int r = check_names(claim->signed_headers, ret_why);

    if (r)
        return r;
    if (!is_signed(claim->signed_headers, SLICE("host")))
        return refuse(SIGV4_E_MISMATCH, ret_why,
                      "'Host' or ':authority' must be a 'SignedHeader' in the AWS "
                      "Authorization.");
    for (unsigned i = 0; i < head->n_headers; i++) {
        struct slice name = head->headers[i].name;

        if (must_be_signed(name, claim->presigned) && !is_signed(claim->signed_headers, name))
            return refuse(SIGV4_E_MISMATCH, ret_why,
                          "There were headers present in the request which were not signed: "
                          "%.*s",
                          name.size < 128 ? (int)name.size : 128, name.data);
    }
    return 0;
}

static int mismatch(char *ret_why)
{
    return refuse(SIGV4_E_MISMATCH, ret_why,
                  "The request signature we calculated does not match the signature you provided. "
                  "Check your AWS Secret Access Key and signing method. Consult the service "
                  "documentation for details.");
}

/* What stands for the body in the canonical request; it must fit the body that came. */
static int choose_payload(const struct sigv4_claim *claim, const char *payload_hash,
                          struct slice *ret_payload, char *ret_why)
{
    *ret_payload = (struct slice){ payload_hash, SIGV4_HASH_HEX };
    if (claim->payload_hash.size == 0) {
        if (claim->presigned && slice_is(claim->service, "s3"))
            *ret_payload = SLICE("UNSIGNED-PAYLOAD");
        return 0;
    }
    if (!claim->unsigned_payload && !slice_equal(claim->payload_hash, *ret_payload))
        return mismatch(ret_why);
    *ret_payload = claim->payload_hash;
    return 0;
}

/* --- verify: the signature -------------------------------------------------------------------- */

static int hash_request(const struct http_head *head, const struct sigv4_claim *claim,
                        struct slice payload, uint8_t ret_digest[SHA256_BYTES])
{
    struct canonical_request request = {
        .method = head->method,
        .headers = head->headers,
        .n_headers = head->n_headers,
        .signed_headers = claim->signed_headers,
        .payload = payload,
        .verbatim_path = slice_is(claim->service, "s3"),
    };
    struct url_target target;
    int r;

    r = url_split_target(head->target, &target);
    if (r)
        return r;
    request.path = target.path;
    request.query = target.query;
    return canonical_hash(&request, ret_digest);
}

static bool signature_is(const struct sigv4_claim *claim, const char expected[SIGV4_HASH_HEX + 1])
{
    return claim->signature.size == SIGV4_HASH_HEX &&
           CRYPTO_memcmp(claim->signature.data, expected, SIGV4_HASH_HEX) == 0;
}

static int check_signature(const struct sigv4_claim *claim, struct slice secret,
                           const uint8_t digest[SHA256_BYTES], struct sigv4_key_cache *cache,
                           char *ret_why)
{
    struct signing_scope scope = scope_of(claim);
    const struct hmac_key *cached = signing_key_find(cache, secret, &scope);
    char expected[SIGV4_HASH_HEX + 1];
    struct hmac_key key;
    int r;

    if (cached) {
        signing_key_sign(cached, &scope, claim->amz_date, digest, expected);
        return signature_is(claim, expected) ? 0 : mismatch(ret_why);
    }
    r = signing_key_derive(secret, &scope, &key);
    if (r)
        return fault(r);
    signing_key_sign(&key, &scope, claim->amz_date, digest, expected);
    r = signature_is(claim, expected) ? 0 : mismatch(ret_why);
    if (!r && cache)
        signing_key_keep(cache, secret, &scope, &key);
    OPENSSL_cleanse(&key, sizeof(key));
    return r;
}

int sigv4_verify(const struct http_head *head, const struct sigv4_claim *claim,
                 struct slice secret_access_key, const char payload_hash[SIGV4_HASH_HEX + 1],
                 const char *region, wall_ms_t now, struct sigv4_key_cache *cache,
                 char ret_why[SIGV4_WHY_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    struct slice payload;
    int r;

    r = check_scope(claim, region, ret_why);
    if (!r)
        r = check_time(claim, now, ret_why);
    if (!r)
        r = check_signed_headers(head, claim, ret_why);
    if (!r)
        r = choose_payload(claim, payload_hash, &payload, ret_why);
    if (r)
        return r;
    if (hash_request(head, claim, payload, digest) != 0)
        return refuse(SIGV4_E_MISMATCH, ret_why,
                      "The request cannot be brought into canonical form: its path is too long or "
                      "it has over %d query parameters.",
                      CANONICAL_PARAMETERS_MAX);
    return check_signature(claim, secret_access_key, digest, cache, ret_why);
}

/* --- sign ------------------------------------------------------------------------------------- */

enum { OWN_HEADERS = 2 }; /* X-Amz-Date and X-Amz-Security-Token */

struct signing {
    struct http_header headers[HTTP_HEADERS_MAX + OWN_HEADERS];
    size_t n_headers;
};

static int compare_names(struct slice a, struct slice b)
{
    int c = strncasecmp(a.data, b.data, a.size < b.size ? a.size : b.size);

    return c ? c : (a.size > b.size) - (a.size < b.size);
}

/* Kept sorted by name; fields of one name in the order in which they came. */
static void add_header(struct signing *s, struct slice name, struct slice value)
{
    size_t i = s->n_headers++;

    for (; i > 0 && compare_names(s->headers[i - 1].name, name) > 0; i--)
        s->headers[i] = s->headers[i - 1];
    s->headers[i] = (struct http_header){ name, value };
}

static const struct http_header *find(const struct signing *s, const char *name)
{
    for (size_t i = 0; i < s->n_headers; i++) {
        if (slice_is_nocase(s->headers[i].name, name))
            return &s->headers[i];
    }
    return NULL;
}

static int collect_headers(const struct http_header *headers, size_t n_headers,
                           const char *session_token, const char *date, struct signing *s)
{
    s->n_headers = 0;
    if (n_headers > HTTP_HEADERS_MAX)
        return -E2BIG;
    for (size_t i = 0; i < n_headers; i++)
        add_header(s, headers[i].name, headers[i].value);
    if (!find(s, "Host") || find(s, "X-Amz-Date") ||
        (session_token && find(s, "X-Amz-Security-Token")))
        return -EINVAL;
    add_header(s, SLICE("x-amz-date"), slice_from(date));
    if (session_token)
        add_header(s, SLICE("x-amz-security-token"), slice_from(session_token));
    return 0;
}

static int list_names(const struct signing *s, struct buffer *out)
{
    int r = 0;

    for (size_t i = 0; i < s->n_headers && !r; i++) {
        struct slice name = s->headers[i].name;

        if (i > 0 && slice_equal_nocase(name, s->headers[i - 1].name))
            continue;
        if (i > 0)
            r = buffer_append(out, ";", 1);
        for (size_t j = 0; j < name.size && !r; j++) {
            char c = name.data[j];

            if (c >= 'A' && c <= 'Z')
                c = (char)(c | 0x20);
            r = buffer_append(out, &c, 1);
        }
    }
    return r;
}

static int hash_for_signing(const struct signing *s, const char *service,
                            struct canonical_request *request, struct slice body,
                            uint8_t ret_digest[SHA256_BYTES])
{
    const struct http_header *stated = find(s, "X-Amz-Content-SHA256");
    char payload[SIGV4_HASH_HEX + 1];

    sha256_hex(body, payload);
    request->headers = s->headers;
    request->n_headers = s->n_headers;
    request->payload = stated ? stated->value : slice_from(payload);
    request->verbatim_path = strcmp(service, "s3") == 0;
    return canonical_hash(request, ret_digest) ? -E2BIG : 0;
}

int sigv4_sign(const struct sigv4_key *key, const char *region, const char *service,
               const char *method, struct slice path, struct slice query,
               const struct http_header *headers, size_t n_headers, struct slice body,
               wall_ms_t now, char ret_amz_date[17], char **ret_authorization)
{
    autobuffer struct buffer names = BUFFER_INIT(65536);
    struct canonical_request request = { slice_from(method), path, query };
    char date[AMZ_DATE_CHARS + 1], signature[SIGV4_HASH_HEX + 1];
    struct signing_scope scope = { { date, 8 }, slice_from(region), slice_from(service) };
    uint8_t digest[SHA256_BYTES];
    struct hmac_key signing_key;
    struct signing signing;
    int r;

    amz_date(now, date);
    r = collect_headers(headers, n_headers, key->session_token, date, &signing);
    if (!r)
        r = list_names(&signing, &names);
    if (r)
        return fault(r);
    request.signed_headers = (struct slice){ buffer_data(&names), buffer_size(&names) };
    r = hash_for_signing(&signing, service, &request, body, digest);
    if (!r)
        r = signing_key_derive(slice_from(key->secret_access_key), &scope, &signing_key);
    if (r)
        return fault(r);
    signing_key_sign(&signing_key, &scope, slice_from(date), digest, signature);
    OPENSSL_cleanse(&signing_key, sizeof(signing_key));

    *ret_authorization =
        text_format("AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/%s/aws4_request, SignedHeaders=%.*s, "
                    "Signature=%s",
                    key->access_key_id, date, region, service, (int)request.signed_headers.size,
                    request.signed_headers.data, signature);
    if (!*ret_authorization)
        return fault(-ENOMEM);
    memcpy(ret_amz_date, date, sizeof(date));
    return 0;
}
