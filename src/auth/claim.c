/* What a request claims: from the Authorization field, or from a presigned query. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "auth/amz_date.h"
#include "auth/sigv4.h"
#include "http/url.h"

static const char algorithm[] = "AWS4-HMAC-SHA256";

/* AWS's sentences quote what came; bytes that could not stand in JSON or XML are shown as "?". */
static int refuse(int outcome, char *ret_why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(int outcome, char *ret_why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(ret_why, SIGV4_WHY_BYTES, format, args);
    va_end(args);
    for (char *c = ret_why; *c; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
    return outcome;
}

static int shown(struct slice s)
{
    return s.size < 256 ? (int)s.size : 256;
}

/* --- fields that may come once ---------------------------------------------------------------- */

/* Return: how many fields of that name there are; @ret_value is the last one's, or empty. */
static unsigned count_fields(const struct http_head *head, const char *name,
                             struct slice *ret_value)
{
    struct slice wanted = slice_from(name);
    unsigned n = 0;

    *ret_value = (struct slice){ 0 };
    for (unsigned i = 0; i < head->n_headers; i++) {
        const struct http_header *h = &head->headers[i];

        if (h->name.size != wanted.size || !slice_equal_nocase(h->name, wanted))
            continue;
        *ret_value = h->value;
        n++;
    }
    return n;
}

static int read_once(const struct http_head *head, const char *name, struct slice *ret_value,
                     char *ret_why)
{
    if (count_fields(head, name, ret_value) > 1)
        return refuse(SIGV4_E_INCOMPLETE, ret_why, "The request has more than one %s field.", name);
    return 0;
}

static int read_payload_hash(struct slice value, struct sigv4_claim *claim, char *ret_why)
{
    const struct slice streaming = SLICE("STREAMING-");

    claim->payload_hash = value;
    claim->unsigned_payload = slice_is(value, "UNSIGNED-PAYLOAD");
    if (value.size >= streaming.size && memcmp(value.data, streaming.data, streaming.size) == 0)
        return refuse(SIGV4_E_INCOMPLETE, ret_why,
                      "X-Amz-Content-SHA256 '%.*s' is not supported: send the body unchunked.",
                      shown(value), value.data);
    return 0;
}

/* --- the credential: KEY/DATE/REGION/SERVICE/aws4_request ------------------------------------- */

/* Elements are parted by "/", or by "%2F" in a query. */
static struct slice next_element(struct slice *rest)
{
    struct slice element = *rest;

    for (size_t i = 0; i < rest->size; i++) {
        size_t separator = 0;

        if (rest->data[i] == '/')
            separator = 1;
        else if (rest->size - i >= 3 && rest->data[i] == '%' && rest->data[i + 1] == '2' &&
                 (rest->data[i + 2] | 0x20) == 'f')
            separator = 3;
        if (separator == 0)
            continue;
        element.size = i;
        rest->data += i + separator;
        rest->size -= i + separator;
        return element;
    }
    *rest = (struct slice){ 0 };
    return element;
}

static int read_credential(struct slice value, struct sigv4_claim *claim, char *ret_why)
{
    struct slice rest = value, terminator;

    claim->access_key_id = next_element(&rest);
    claim->date = next_element(&rest);
    claim->region = next_element(&rest);
    claim->service = next_element(&rest);
    terminator = next_element(&rest);
    if (claim->access_key_id.size == 0 || claim->date.size == 0 || claim->region.size == 0 ||
        claim->service.size == 0 || terminator.size == 0 || rest.data)
        return refuse(SIGV4_E_INCOMPLETE, ret_why,
                      "Credential must have exactly 5 slash-delimited elements, e.g. "
                      "keyid/date/region/service/term, got '%.*s'",
                      shown(value), value.data);
    if (!slice_is(terminator, "aws4_request"))
        return refuse(SIGV4_E_INCOMPLETE, ret_why,
                      "Credential should be scoped with a valid terminator: 'aws4_request', not "
                      "'%.*s'.",
                      shown(terminator), terminator.data);
    return 0;
}

/* --- the Authorization field ------------------------------------------------------------------ */

struct parts {
    struct slice credential, signed_headers, signature;
};

static int read_part(struct slice part, struct parts *parts, char *ret_why)
{
    const struct {
        struct slice name;
        struct slice *value;
    } known[] = {
        { SLICE("Credential="), &parts->credential },
        { SLICE("SignedHeaders="), &parts->signed_headers },
        { SLICE("Signature="), &parts->signature },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct slice name = known[i].name;

        if (part.size < name.size || memcmp(part.data, name.data, name.size) != 0)
            continue;
        if (known[i].value->data)
            return refuse(SIGV4_E_INCOMPLETE, ret_why,
                          "Authorization header has more than one '%.*s' parameter.",
                          (int)name.size - 1, name.data);
        *known[i].value = (struct slice){ part.data + name.size, part.size - name.size };
        return 0;
    }
    return refuse(SIGV4_E_INCOMPLETE, ret_why,
                  "'%.*s' not a valid key=value pair (missing equal-sign) or known parameter in "
                  "Authorization header.",
                  shown(part), part.data);
}

static int read_parts(struct slice rest, struct parts *parts, char *ret_why)
{
    while (rest.size > 0) {
        const char *comma = memchr(rest.data, ',', rest.size);
        size_t n = comma ? (size_t)(comma - rest.data) : rest.size;
        struct slice part = slice_trim((struct slice){ rest.data, n });
        int r = part.size > 0 ? read_part(part, parts, ret_why) : 0;

        if (r)
            return r;
        n += comma != NULL;
        rest = (struct slice){ rest.data + n, rest.size - n };
    }
    return 0;
}

/* Only the missing parts are named. */
static int name_missing_parts(const struct parts *parts, struct slice amz_date,
                              struct slice authorization, char *ret_why)
{
    return refuse(
        SIGV4_E_INCOMPLETE, ret_why, "%s%s%s%sAuthorization=%.*s",
        parts->credential.size ? "" : "Authorization header requires 'Credential' parameter. ",
        parts->signature.size ? "" : "Authorization header requires 'Signature' parameter. ",
        parts->signed_headers.size ? ""
                                   : "Authorization header requires 'SignedHeaders' parameter. ",
        amz_date.size ? ""
                      : "Authorization header requires existence of either a 'X-Amz-Date' or a "
                        "'Date' header. ",
        shown(authorization), authorization.data);
}

/* X-Amz-Date, or a Date in the same form; Date in its usual form is not what clients sign. */
static int read_date(const struct http_head *head, struct slice *ret_date, char *ret_why)
{
    struct slice date;
    int r = read_once(head, "X-Amz-Date", ret_date, ret_why);

    if (r || ret_date->data)
        return r;
    r = read_once(head, "Date", &date, ret_why);
    if (!r && date.size == strlen("YYYYMMDDThhmmssZ"))
        *ret_date = date;
    return r;
}

static int read_authorization(const struct http_head *head, struct slice authorization,
                              struct sigv4_claim *claim, char *ret_why)
{
    const char *space = memchr(authorization.data, ' ', authorization.size);
    size_t n = space ? (size_t)(space - authorization.data) : authorization.size;
    struct slice scheme = { authorization.data, n }, value;
    struct parts parts = { 0 };
    int r;

    if (!slice_is(scheme, algorithm)) {
        if (n < 4 || memcmp(scheme.data, "AWS4", 4) != 0)
            return refuse(SIGV4_E_MISSING, ret_why, "Missing Authentication Token");
        return refuse(SIGV4_E_INCOMPLETE, ret_why, "Unsupported AWS 'algorithm': '%.*s'.",
                      shown(scheme), scheme.data);
    }
    r = read_parts((struct slice){ authorization.data + n, authorization.size - n }, &parts,
                   ret_why);
    if (!r)
        r = read_date(head, &claim->amz_date, ret_why);
    if (r)
        return r;
    if (parts.credential.size == 0 || parts.signed_headers.size == 0 || parts.signature.size == 0 ||
        claim->amz_date.size == 0)
        return name_missing_parts(&parts, claim->amz_date, authorization, ret_why);
    claim->signed_headers = parts.signed_headers;
    claim->signature = parts.signature;
    r = read_once(head, "X-Amz-Security-Token", &claim->session_token, ret_why);
    if (!r)
        r = read_once(head, "X-Amz-Content-SHA256", &value, ret_why);
    if (!r)
        r = read_payload_hash(value, claim, ret_why);
    return r ? r : read_credential(parts.credential, claim, ret_why);
}

/* --- presigned queries ------------------------------------------------------------------------ */

enum {
    ALGORITHM,
    CREDENTIAL,
    DATE,
    EXPIRES,
    SIGNED_HEADERS,
    SIGNATURE,
    SECURITY_TOKEN,
    CONTENT_SHA256,
    N_PARAMETERS,
};

static const char *const parameter_names[N_PARAMETERS] = {
    [ALGORITHM] = "X-Amz-Algorithm",
    [CREDENTIAL] = "X-Amz-Credential",
    [DATE] = "X-Amz-Date",
    [EXPIRES] = "X-Amz-Expires",
    [SIGNED_HEADERS] = "X-Amz-SignedHeaders",
    [SIGNATURE] = "X-Amz-Signature",
    [SECURITY_TOKEN] = "X-Amz-Security-Token",
    [CONTENT_SHA256] = "X-Amz-Content-SHA256",
};

static int read_parameters(struct slice query, struct slice values[N_PARAMETERS], char *ret_why)
{
    struct slice name, value;

    while (url_query_next(&query, &name, &value)) {
        for (size_t i = 0; i < N_PARAMETERS; i++) {
            if (!slice_is_nocase(name, parameter_names[i]))
                continue;
            if (values[i].data)
                return refuse(SIGV4_E_INCOMPLETE, ret_why,
                              "AWS query-string parameters must include '%s' only once.",
                              parameter_names[i]);
            values[i] = value;
        }
    }
    return 0;
}

static int name_missing_parameters(const struct slice values[N_PARAMETERS], char *ret_why)
{
    char missing[SIGV4_WHY_BYTES] = "";
    size_t n = 0;

    for (size_t i = 0; i <= SIGNATURE; i++) {
        if (values[i].size == 0)
            n += (size_t)snprintf(missing + n, sizeof(missing) - n,
                                  "AWS query-string parameters must include '%s'. ",
                                  parameter_names[i]);
        assert(n < sizeof(missing));
    }
    return refuse(SIGV4_E_INCOMPLETE, ret_why, "%sRe-examine the query-string parameters.",
                  missing);
}

static int read_presigned(const struct slice values[N_PARAMETERS], struct sigv4_claim *claim,
                          char *ret_why)
{
    uint64_t expires_s;
    int r;

    for (size_t i = 0; i <= SIGNATURE; i++) {
        if (values[i].size == 0)
            return name_missing_parameters(values, ret_why);
    }
    if (!slice_is(values[ALGORITHM], algorithm))
        return refuse(SIGV4_E_INCOMPLETE, ret_why, "Unsupported AWS 'algorithm': '%.*s'.",
                      shown(values[ALGORITHM]), values[ALGORITHM].data);
    if (text_to_u64(values[EXPIRES], 604800, &expires_s) != 0 || expires_s == 0)
        return refuse(SIGV4_E_INCOMPLETE, ret_why,
                      "X-Amz-Expires must be a number of seconds between 1 and 604800.");
    claim->presigned = true;
    claim->expires_s = (uint32_t)expires_s;
    claim->amz_date = values[DATE];
    claim->signed_headers = values[SIGNED_HEADERS];
    claim->signature = values[SIGNATURE];
    claim->session_token = values[SECURITY_TOKEN];
    r = read_payload_hash(values[CONTENT_SHA256], claim, ret_why);
    return r ? r : read_credential(values[CREDENTIAL], claim, ret_why);
}

static bool is_presigned(const struct slice values[N_PARAMETERS])
{
    return values[ALGORITHM].data || values[CREDENTIAL].data || values[SIGNATURE].data;
}

int sigv4_parse(const struct http_head *head, struct sigv4_claim *ret_claim,
                char ret_why[SIGV4_WHY_BYTES])
{
    struct slice values[N_PARAMETERS] = { 0 }, authorization;
    struct sigv4_claim claim = { 0 };
    struct url_target target;
    int r;

    r = read_once(head, "Authorization", &authorization, ret_why);
    if (!r && url_split_target(head->target, &target) == 0)
        r = read_parameters(target.query, values, ret_why);
    if (r)
        return r;
    if (authorization.size > 0 && is_presigned(values))
        return refuse(SIGV4_E_INCOMPLETE, ret_why,
                      "Only one authentication mechanism is allowed: the Authorization header or "
                      "query-string parameters.");
    if (authorization.size > 0)
        r = read_authorization(head, authorization, &claim, ret_why);
    else if (is_presigned(values))
        r = read_presigned(values, &claim, ret_why);
    else
        r = refuse(SIGV4_E_MISSING, ret_why, "Missing Authentication Token");
    if (!r && amz_date_parse(claim.amz_date, &claim.signed_at) != 0)
        r = refuse(SIGV4_E_INCOMPLETE, ret_why,
                   "Date must be in ISO-8601 'basic format'. Got '%.*s'. See "
                   "http://en.wikipedia.org/wiki/ISO_8601",
                   shown(claim.amz_date), claim.amz_date.data);
    if (!r)
        *ret_claim = claim;
    return r;
}
