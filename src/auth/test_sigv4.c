#include "auth/sigv4.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/random.h"
#include "http/parser.h"

#define KEY_ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SCOPE  KEY_ID "/20260102/us-east-1/sagemaker/aws4_request"

static const wall_ms_t signed_at = 1767323045000; /* 2026-01-02T03:04:05Z */
static const struct sigv4_key key = { KEY_ID, SECRET, NULL };

static const char *const mismatch =
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details.";

/* --- one request, as text, and what comes of it ----------------------------------------------- */

static struct http_head head;
static struct sigv4_claim claim;
static char why[SIGV4_WHY_BYTES];

static void parse_head(const char *text)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    const char *reason = NULL;
    size_t scanned = 0, size;
    int r;

    r = http_parse_request(text, strlen(text), &limits, &scanned, &head, &size, &reason);
    if (r)
        print_error("%s: %s\n", reason ? reason : "incomplete", text);
    assert_int_equal(r, 0);
}

static int verify_at(const char *text, const char *body, wall_ms_t now,
                     struct sigv4_key_cache *cache)
{
    char hash[SIGV4_HASH_HEX + 1];
    int r;

    why[0] = '\0';
    parse_head(text);
    sha256_hex(slice_from(body), hash);
    r = sigv4_parse(&head, &claim, why);
    if (!r)
        r = sigv4_verify(&head, &claim, SLICE(SECRET), hash, "us-east-1", now, cache, why);
    return r;
}

static int verify(const char *text, const char *body)
{
    return verify_at(text, body, signed_at, NULL);
}

#define FIRST_FIELDS                                                                               \
    "Host: 127.0.0.1:8080\r\n"                                                                     \
    "Content-Type: application/x-amz-json-1.1\r\n"                                                 \
    "X-Amz-Target: SageMaker.DescribeEndpoint\r\n"                                                 \
    "X-Amz-Date: 20260102T030405Z\r\n"
#define FIRST_SIGNATURE "f88578b2045fb6b46f596ff2276d93205fbd935b1902f536c4d8989be9c852f6"
#define AUTHORIZATION(signed_headers, signature)                                                   \
    "Authorization: AWS4-HMAC-SHA256 Credential=" SCOPE ", SignedHeaders=" signed_headers          \
    ", Signature=" signature "\r\n"
#define FIRST_AUTHORIZATION                                                                        \
    AUTHORIZATION("content-type;host;x-amz-date;x-amz-target", FIRST_SIGNATURE)
#define FIRST      "POST / HTTP/1.1\r\n" FIRST_FIELDS FIRST_AUTHORIZATION "\r\n"
#define FIRST_BODY "{\"EndpointName\": \"e1\"}"

#define SECOND_PATH "/endpoints/a%20b/invocations"
#define SECOND_SIGNED(path, extra)                                                                 \
    "POST " path " HTTP/1.1\r\n"                                                                   \
    "Host: 127.0.0.1:8080\r\n"                                                                     \
    "Content-Type: text/csv\r\n"                                                                   \
    "X-Amz-Date: 20260102T030405Z\r\n" extra AUTHORIZATION(                                        \
        "content-type;host;x-amz-date",                                                            \
        "8c5cd13fe8a2f7e63862dbc5da3e6e518aaebdb59f4736384eb6cb6e29b9a295") "\r\n"
#define SECOND SECOND_SIGNED(SECOND_PATH, "")

/* --- reference vectors ------------------------------------------------------------------------ */

static void hashes_known_texts(void **state)
{
    char hex[SHA256_HEX + 1];

    sha256_hex((struct slice){ 0 }, hex);
    assert_string_equal(hex, SIGV4_EMPTY_SHA256);
    sha256_hex(SLICE(FIRST_BODY), hex);
    assert_string_equal(hex, "2b8c62df3bb653c2a873efa93ed84bd0944804a3f3393e80bb19a4c1172ef1b2");
    sha256_hex(SLICE("1,2"), hex);
    assert_string_equal(hex, "17f8af97ad4a7f7639a4c9171d5185cbafb85462877a4746c21bdb0a4f940ca0");
}

/* RFC 4231, test cases 1, 2 and 6 (a key over one block) */
static void authenticates_known_texts(void **state)
{
    char long_key[131], bytes[20];
    const struct {
        struct slice key, data;
        const char *want;
    } cases[] = {
        { { bytes, sizeof(bytes) },
          SLICE("Hi There"),
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
        { SLICE("Jefe"), SLICE("what do ya want for nothing?"),
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
        { { long_key, sizeof(long_key) },
          SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
    };

    memset(bytes, 0x0b, sizeof(bytes));
    memset(long_key, 0xaa, sizeof(long_key));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t digest[SHA256_BYTES];
        char hex[SHA256_HEX + 1];
        struct hmac_key k;
        struct hmac h;

        hmac_key_init(&k, cases[i].key);
        hmac_init(&h, &k);
        hmac_update(&h, cases[i].data);
        hmac_final(&h, digest);
        text_hex(digest, sizeof(digest), hex);
        assert_string_equal(hex, cases[i].want);
    }
}

static void verifies_the_reference_requests(void **state)
{
    assert_int_equal(verify(FIRST, FIRST_BODY), 0);
    assert_true(slice_is(claim.access_key_id, KEY_ID));
    assert_true(slice_is(claim.date, "20260102"));
    assert_true(slice_is(claim.region, "us-east-1"));
    assert_true(slice_is(claim.service, "sagemaker"));
    assert_int_equal(claim.signed_at, signed_at);
    assert_false(claim.presigned);
    assert_false(claim.unsigned_payload);
    assert_int_equal(verify(SECOND, "1,2"), 0);
}

static void signs_the_reference_requests(void **state)
{
    const struct http_header first[] = {
        { SLICE("X-Amz-Target"), SLICE("SageMaker.DescribeEndpoint") },
        { SLICE("Host"), SLICE("127.0.0.1:8080") },
        { SLICE("Content-Type"), SLICE("application/x-amz-json-1.1") },
    };
    autofree(mem_free) char *one = NULL, *two = NULL;
    char date[17];

    assert_int_equal(sigv4_sign(&key, "us-east-1", "sagemaker", "POST", SLICE("/"), SLICE(""),
                                first, 3, SLICE(FIRST_BODY), signed_at, date, &one),
                     0);
    assert_string_equal(date, "20260102T030405Z");
    assert_string_equal(one, "AWS4-HMAC-SHA256 Credential=" SCOPE
                             ", SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
                             "Signature=" FIRST_SIGNATURE);

    const struct http_header second[] = {
        { SLICE("content-type"), SLICE("text/csv") },
        { SLICE("host"), SLICE("127.0.0.1:8080") },
    };
    assert_int_equal(sigv4_sign(&key, "us-east-1", "sagemaker", "POST", SLICE(SECOND_PATH),
                                SLICE(""), second, 2, SLICE("1,2"), signed_at + 999, date, &two),
                     0);
    assert_non_null(
        strstr(two, "8c5cd13fe8a2f7e63862dbc5da3e6e518aaebdb59f4736384eb6cb6e29b9a295"));
}

/* --- what breaks a signature, and what does not ----------------------------------------------- */

static void other_requests_do_not_match(void **state)
{
    const struct {
        const char *name, *text, *body;
    } cases[] = {
        { "body", FIRST, FIRST_BODY " " },
        { "no body", FIRST, "" },
        { "method", "PUT / HTTP/1.1\r\n" FIRST_FIELDS FIRST_AUTHORIZATION "\r\n", FIRST_BODY },
        { "path", "POST /x HTTP/1.1\r\n" FIRST_FIELDS FIRST_AUTHORIZATION "\r\n", FIRST_BODY },
        { "query", "POST /?a=b HTTP/1.1\r\n" FIRST_FIELDS FIRST_AUTHORIZATION "\r\n", FIRST_BODY },
        { "header",
          "POST / HTTP/1.1\r\nHost: 127.0.0.1:8081\r\nContent-Type: "
          "application/x-amz-json-1.1\r\nX-Amz-Target: "
          "SageMaker.DescribeEndpoint\r\nX-Amz-Date: "
          "20260102T030405Z\r\n" FIRST_AUTHORIZATION "\r\n",
          FIRST_BODY },
        { "a field again",
          "POST / HTTP/1.1\r\n" FIRST_FIELDS "Content-Type: text/csv\r\n" FIRST_AUTHORIZATION
          "\r\n",
          FIRST_BODY },
        { "path encoded once less", SECOND_SIGNED("/endpoints/a%2520b/invocations", ""), "1,2" },
        { "path of other case", SECOND_SIGNED("/endpoints/A%20b/invocations", ""), "1,2" },
        { "shorter signature",
          "POST / HTTP/1.1\r\n" FIRST_FIELDS AUTHORIZATION(
              "content-type;host;x-amz-date;x-amz-target", "f88578") "\r\n",
          FIRST_BODY },
        { "fewer signed headers",
          "POST / HTTP/1.1\r\n" FIRST_FIELDS AUTHORIZATION("host;x-amz-date;x-amz-target",
                                                           FIRST_SIGNATURE) "\r\n",
          FIRST_BODY },
        { "other time",
          "POST / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: "
          "application/x-amz-json-1.1\r\nX-Amz-Target: "
          "SageMaker.DescribeEndpoint\r\nX-Amz-Date: "
          "20260102T030406Z\r\n" FIRST_AUTHORIZATION "\r\n",
          FIRST_BODY },
        { "stated hash of another body", SECOND_SIGNED(SECOND_PATH, ""), "1,3" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = verify(cases[i].text, cases[i].body);

        if (r != SIGV4_E_MISMATCH)
            print_error("case: %s\n", cases[i].name);
        assert_int_equal(r, SIGV4_E_MISMATCH);
        assert_string_equal(why, mismatch);
    }
}

static void another_secret_does_not_match(void **state)
{
    char hash[SIGV4_HASH_HEX + 1];

    sha256_hex(SLICE("1,2"), hash);
    assert_int_equal(verify(SECOND, "1,2"), 0);
    assert_int_equal(
        sigv4_verify(&head, &claim, SLICE(SECRET "x"), hash, "us-east-1", signed_at, NULL, why),
        SIGV4_E_MISMATCH);
    assert_int_equal(
        sigv4_verify(&head, &claim, SLICE(""), hash, "us-east-1", signed_at, NULL, why), -EINVAL);
}

static void equal_spellings_match(void **state)
{
    const char *const texts[] = {
        SECOND_SIGNED("/endpoints//a%20b/./invocations", ""),
        SECOND_SIGNED("/endpoints/x/../a%20b/invocations", ""),
        SECOND_SIGNED("/../endpoints/a%20b/invocations", ""),
        SECOND_SIGNED("http://127.0.0.1:8080" SECOND_PATH, ""),
        SECOND_SIGNED(SECOND_PATH "?", ""),
        SECOND_SIGNED(SECOND_PATH, "User-Agent: unsigned\r\n"),
        SECOND_SIGNED(SECOND_PATH, "X-Amzn-SageMaker-Target-Variant: unsigned\r\n"),
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(verify(texts[i], "1,2"), 0);
}

static void unsigned_amz_fields_are_refused(void **state)
{
    assert_int_equal(verify(SECOND_SIGNED(SECOND_PATH, "X-Amz-Target: x\r\n"), "1,2"),
                     SIGV4_E_MISMATCH);
    assert_string_equal(
        why, "There were headers present in the request which were not signed: X-Amz-Target");
}

static void host_must_be_signed(void **state)
{
    assert_int_equal(verify("POST / HTTP/1.1\r\n" FIRST_FIELDS AUTHORIZATION(
                                "content-type;x-amz-date;x-amz-target", FIRST_SIGNATURE) "\r\n",
                            FIRST_BODY),
                     SIGV4_E_MISMATCH);
    assert_string_equal(
        why, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
}

/* Each name has its price: see check_names(). */
static void signed_names_are_few_and_different(void **state)
{
    const struct {
        const char *name;
        int times;
        const char *refusal;
    } cases[] = {
        { "Host", 1, "a name twice" },
        { "x-amz-date", 1, "a name twice" },
        { "field-%d", 97, "does not match" },
        { "field-%d", 98, "over 100 names" },
        { "a-field-with-a-name-that-is-as-long-as-no-others-are-%d", 80, "longer than 4096 bytes" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        autobuffer struct buffer text = BUFFER_INIT(60000);

        buffer_printf(&text, "GET / HTTP/1.1\r\nHost: h\r\nX-Amz-Date: 20260102T030405Z\r\n"
                             "Authorization: AWS4-HMAC-SHA256 Credential=" SCOPE
                             ", SignedHeaders=host;accept;x-amz-date");
        for (int k = 0; k < cases[i].times; k++) {
            const char *number = strchr(cases[i].name, '%');

            buffer_printf(&text, ";%.*s", (int)strcspn(cases[i].name, "%"), cases[i].name);
            if (number)
                buffer_printf(&text, "%d", k);
        }
        buffer_puts(&text, ", Signature=" FIRST_SIGNATURE "\r\n\r\n");
        assert_int_equal(verify(buffer_cstr(&text), ""), SIGV4_E_MISMATCH);
        assert_non_null(strstr(why, cases[i].refusal));
    }
}

/* --- time and scope --------------------------------------------------------------------------- */

static void clocks_may_differ_by_fifteen_minutes(void **state)
{
    const wall_ms_t skew = 15 * 60 * MS_PER_S;

    assert_int_equal(verify_at(SECOND, "1,2", signed_at + skew, NULL), 0);
    assert_int_equal(verify_at(SECOND, "1,2", signed_at - skew, NULL), 0);
    assert_int_equal(verify_at(SECOND, "1,2", signed_at + skew + 1, NULL), SIGV4_E_EXPIRED);
    assert_int_equal(verify_at(SECOND, "1,2", signed_at - skew - 1, NULL), SIGV4_E_NOT_YET);

    assert_int_equal(verify_at(SECOND, "1,2", signed_at + 1255 * MS_PER_S, NULL), SIGV4_E_EXPIRED);
    assert_string_equal(why, "Signature expired: 20260102T030405Z is now earlier than "
                             "20260102T031000Z (20260102T032500Z - 15 min.)");
    assert_int_equal(verify_at(SECOND, "1,2", signed_at - 1205 * MS_PER_S, NULL), SIGV4_E_NOT_YET);
    assert_string_equal(why, "Signature not yet current: 20260102T030405Z is still later than "
                             "20260102T025900Z (20260102T024400Z + 15 min.)");
}

static void scope_must_fit(void **state)
{
    char hash[SIGV4_HASH_HEX + 1];

    sha256_hex(SLICE("1,2"), hash);
    assert_int_equal(verify(SECOND, "1,2"), 0);
    assert_int_equal(
        sigv4_verify(&head, &claim, SLICE(SECRET), hash, "eu-west-1", signed_at, NULL, why),
        SIGV4_E_SCOPE);
    assert_string_equal(why, "Credential should be scoped to a valid region.");
    assert_int_equal(sigv4_verify(&head, &claim, SLICE(SECRET), hash, NULL, signed_at, NULL, why),
                     0);
    claim.date = SLICE("20260101");
    assert_int_equal(sigv4_verify(&head, &claim, SLICE(SECRET), hash, NULL, signed_at, NULL, why),
                     SIGV4_E_SCOPE);
}

/* --- claims that lack parts ------------------------------------------------------------------- */

#define REQUEST(fields) "GET / HTTP/1.1\r\nHost: h\r\n" fields "\r\n"
#define DATED           "X-Amz-Date: 20260102T030405Z\r\n"
#define CREDENTIAL      "Credential=" SCOPE
#define A(text)         "Authorization: " text "\r\n"
#define SHA256          "AWS4-HMAC-SHA256 "
#define BY(credential)  SHA256 "Credential=" credential ",SignedHeaders=host,Signature=ab"
#define WHOLE           BY(SCOPE)

static const struct {
    const char *text;
    int result;
    const char *why; /* what it starts with */
} incomplete[] = {
    { REQUEST(""), SIGV4_E_MISSING, "Missing Authentication Token" },
    { REQUEST(A("")), SIGV4_E_MISSING, "Missing Authentication Token" },
    { REQUEST(A("Bearer abc")), SIGV4_E_MISSING, "Missing Authentication Token" },
    { REQUEST(A("AWS")), SIGV4_E_MISSING, "Missing Authentication Token" },
    { REQUEST(A("AWS4-HMAC-SHA512 a=b")), SIGV4_E_INCOMPLETE,
      "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'." },
    { REQUEST(A("AWS4-HMAC-SHA256")), SIGV4_E_INCOMPLETE,
      "Authorization header requires 'Credential' parameter. Authorization header requires "
      "'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. "
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
      "Authorization=AWS4-HMAC-SHA256" },
    { REQUEST(DATED A(SHA256 CREDENTIAL ", SignedHeaders=host")), SIGV4_E_INCOMPLETE,
      "Authorization header requires 'Signature' parameter. Authorization=AWS4-HMAC-SHA256 "
      "Credential=" },
    { REQUEST(DATED A(SHA256 CREDENTIAL ", Signature=ab")), SIGV4_E_INCOMPLETE,
      "Authorization header requires 'SignedHeaders' parameter. Authorization=" },
    { REQUEST(DATED A(SHA256 "SignedHeaders=host, Signature=ab")), SIGV4_E_INCOMPLETE,
      "Authorization header requires 'Credential' parameter. Authorization=" },
    { REQUEST(A(WHOLE)), SIGV4_E_INCOMPLETE,
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. " },
    { REQUEST("Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n" A(WHOLE)), SIGV4_E_INCOMPLETE,
      "Authorization header requires existence" },
    { REQUEST("X-Amz-Date: today\r\n" A(WHOLE)), SIGV4_E_INCOMPLETE,
      "Date must be in ISO-8601 'basic format'. Got 'today'." },
    { REQUEST("X-Amz-Date: 20260231T030405Z\r\n" A(WHOLE)), SIGV4_E_INCOMPLETE,
      "Date must be in ISO-8601 'basic format'." },
    { REQUEST(DATED DATED A(WHOLE)), SIGV4_E_INCOMPLETE,
      "The request has more than one X-Amz-Date field." },
    { REQUEST(DATED A(SHA256 "a=b") A(SHA256 "a=b")), SIGV4_E_INCOMPLETE,
      "The request has more than one Authorization field." },
    { REQUEST(DATED A(BY("a/b/c/d"))), SIGV4_E_INCOMPLETE,
      "Credential must have exactly 5 slash-delimited elements, e.g. "
      "keyid/date/region/service/term, got 'a/b/c/d'" },
    { REQUEST(DATED A(BY("a/b/c/d/aws4_request/f"))), SIGV4_E_INCOMPLETE,
      "Credential must have exactly 5" },
    { REQUEST(DATED A(BY("a//c/d/aws4_request"))), SIGV4_E_INCOMPLETE,
      "Credential must have exactly 5" },
    { REQUEST(DATED A(BY("a/b/c/d/aws5"))), SIGV4_E_INCOMPLETE,
      "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'." },
    { REQUEST(DATED A(SHA256 CREDENTIAL ",Signature=ab,Signature=cd,SignedHeaders=host")),
      SIGV4_E_INCOMPLETE, "Authorization header has more than one 'Signature' parameter." },
    { REQUEST(DATED A(SHA256 CREDENTIAL ",Bogus")), SIGV4_E_INCOMPLETE,
      "'Bogus' not a valid key=value pair" },
    { REQUEST(DATED A(SHA256 "\xc3\xa4")), SIGV4_E_INCOMPLETE, "'?\?' not a valid" },
    { REQUEST(DATED "X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\n" A(WHOLE)),
      SIGV4_E_INCOMPLETE,
      "X-Amz-Content-SHA256 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' is not supported" },
    { "GET /?X-Amz-Signature=a HTTP/1.1\r\nHost: h\r\n" DATED A(WHOLE) "\r\n", SIGV4_E_INCOMPLETE,
      "Only one authentication mechanism is allowed" },
};

static void missing_parts_are_named(void **state)
{
    for (size_t i = 0; i < sizeof(incomplete) / sizeof(incomplete[0]); i++) {
        parse_head(incomplete[i].text);
        assert_int_equal(sigv4_parse(&head, &claim, why), incomplete[i].result);
        if (strncmp(why, incomplete[i].why, strlen(incomplete[i].why)) != 0)
            print_error("got: %s\nnot: %s\n", why, incomplete[i].why);
        assert_int_equal(strncmp(why, incomplete[i].why, strlen(incomplete[i].why)), 0);
    }
}

static void long_values_are_cut_in_sentences(void **state)
{
    const char start[] = "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: AWS4-";
    char text[4000];

    memset(text, 'x', sizeof(text));
    memcpy(text, start, sizeof(start) - 1);
    memcpy(text + sizeof(text) - 5, "\r\n\r\n", 5);
    parse_head(text);
    assert_int_equal(sigv4_parse(&head, &claim, why), SIGV4_E_INCOMPLETE);
    assert_true(strlen(why) < SIGV4_WHY_BYTES);
}

/* --- payload hashes, tokens ------------------------------------------------------------------- */

/* Signs a POST of @headers plus Host, and puts it together. To free(). */
static char *signed_request(const struct sigv4_key *k, const char *path, const char *query,
                            const struct http_header *extra, size_t n_extra, const char *body)
{
    autobuffer struct buffer fields = BUFFER_INIT(10000);
    struct http_header headers[10] = { { SLICE("Host"), SLICE("h") } };
    autofree(mem_free) char *authorization = NULL;
    char date[17];

    for (size_t i = 0; i < n_extra; i++) {
        headers[i + 1] = extra[i];
        assert_int_equal(buffer_printf(&fields, "%.*s: %.*s\r\n", (int)extra[i].name.size,
                                       extra[i].name.data, (int)extra[i].value.size,
                                       extra[i].value.data),
                         0);
    }
    if (k->session_token)
        assert_int_equal(buffer_printf(&fields, "X-Amz-Security-Token: %s\r\n", k->session_token),
                         0);
    assert_int_equal(sigv4_sign(k, "us-east-1", "sagemaker", "POST", slice_from(path),
                                slice_from(query), headers, n_extra + 1, slice_from(body),
                                signed_at, date, &authorization),
                     0);
    return text_format("POST %s%s%s HTTP/1.1\r\nHost: h\r\nX-Amz-Date: %s\r\n%sAuthorization: "
                       "%s\r\n\r\n",
                       path, query[0] ? "?" : "", query, date, buffer_cstr(&fields), authorization);
}

static void stated_payload_hashes_must_fit_the_body(void **state)
{
    char hash[SIGV4_HASH_HEX + 1];
    struct http_header stated = { SLICE("X-Amz-Content-Sha256"), { hash, SIGV4_HASH_HEX } };
    autofree(mem_free) char *text = NULL;

    sha256_hex(SLICE("body"), hash);
    text = signed_request(&key, "/", "", &stated, 1, "body");
    assert_int_equal(verify(text, "body"), 0);
    assert_int_equal(verify(text, "Body"), SIGV4_E_MISMATCH);
}

static void unsigned_payloads_are_not_covered(void **state)
{
    struct http_header stated = { SLICE("X-Amz-Content-Sha256"), SLICE("UNSIGNED-PAYLOAD") };
    autofree(mem_free) char *text = signed_request(&key, "/", "", &stated, 1, "body");

    assert_int_equal(verify(text, "another"), 0);
    assert_true(claim.unsigned_payload);
}

static void session_tokens_are_signed(void **state)
{
    const struct sigv4_key with_token = { KEY_ID, SECRET, "token+/=" };
    autofree(mem_free) char *text = signed_request(&with_token, "/", "", NULL, 0, "");
    char *at;

    assert_int_equal(verify(text, ""), 0);
    assert_true(slice_is(claim.session_token, "token+/="));
    at = strstr(text, "token+/=");
    *at = 'T';
    assert_int_equal(verify(text, ""), SIGV4_E_MISMATCH);
}

static void white_space_and_repeats_are_canonical(void **state)
{
    struct http_header one = { SLICE("X-Note"), SLICE("a b,c") };
    autofree(mem_free) char *text = signed_request(&key, "/", "", &one, 1, "");
    autofree(mem_free) char *other = NULL;
    char *note = strstr(text, "X-Note: a b,c\r\n");

    *note = '\0';
    other = text_format("%sX-Note:   a \t  b  \r\nX-NOTE: c\r\n%s", text, note + 15);
    assert_int_equal(verify(other, ""), 0);
}

static void queries_are_sorted_and_spelled_anew(void **state)
{
    autofree(mem_free) char *text =
        signed_request(&key, "/", "b=2&a=%2f&a=%2Fb&A=x&c&~=%7E&a%20=1&a=&%41=w", NULL, 0, "");
    autofree(mem_free) char *other = NULL;
    char *query = strchr(text, '?'), *end = strstr(text, " HTTP/");

    *query = '\0';
    other = text_format("%s?A=w&%%41=x&a=&a%%20=1&a=%%2F&&a=%%2Fb&b=2&c=&%%7e=~&%s", text, end);
    memmove(strstr(other, "& HTTP/"), end, strlen(end) + 1);
    assert_int_equal(verify(other, ""), 0);
}

/* --- presigned -------------------------------------------------------------------------------- */

/* Made with botocore's SigV4QueryAuth: GET, expires 60, no body */
#define PRESIGNED_QUERY(signature)                                                                 \
    "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&"                \
    "X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Fsts%2Faws4_request&"                    \
    "X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&"                       \
    "X-Amz-Signature=" signature
#define PRESIGNED(signature)                                                                       \
    "GET /?" PRESIGNED_QUERY(signature) " HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"
#define PRESIGNED_SIGNATURE "dda836bbd2bd0aa58a63c95245b76ceaa7a5bbd472bd637fad9ab34ae9f97256"

static void presigned_requests_hold_until_they_expire(void **state)
{
    const char *text = PRESIGNED(PRESIGNED_SIGNATURE);

    assert_int_equal(verify(text, ""), 0);
    assert_true(claim.presigned);
    assert_int_equal(claim.expires_s, 60);
    assert_true(slice_is(claim.access_key_id, KEY_ID));
    assert_true(slice_is(claim.service, "sts"));
    assert_int_equal(verify_at(text, "", signed_at + 60000, NULL), 0);
    assert_int_equal(verify_at(text, "", signed_at + 60001, NULL), SIGV4_E_EXPIRED);
    assert_string_equal(why, "Request has expired.");
    assert_int_equal(verify_at(text, "", signed_at - 901000, NULL), SIGV4_E_NOT_YET);
    assert_int_equal(verify(text, "body"), SIGV4_E_MISMATCH);
    assert_int_equal(verify(PRESIGNED("0000"), ""), SIGV4_E_MISMATCH);
}

static void presigned_requests_cannot_be_given_another_operation(void **state)
{
    assert_int_equal(
        verify("GET /?" PRESIGNED_QUERY(
                   PRESIGNED_SIGNATURE) " HTTP/1.1\r\n"
                                        "Host: 127.0.0.1:8080\r\nX-Amz-User-Agent: any\r\n\r\n",
               ""),
        0);
    assert_int_equal(verify("GET /?" PRESIGNED_QUERY(
                                PRESIGNED_SIGNATURE) " HTTP/1.1\r\n"
                                                     "Host: 127.0.0.1:8080\r\nX-Amz-Target: "
                                                     "SageMaker.DeleteModel\r\n\r\n",
                            ""),
                     SIGV4_E_MISMATCH);
    assert_string_equal(why, "There were headers present in the request which were not signed: "
                             "X-Amz-Target");
}

static void presigned_queries_may_be_incomplete(void **state)
{
    const struct {
        const char *query, *why;
    } cases[] = {
        { "X-Amz-Algorithm=AWS4-HMAC-SHA256",
          "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string "
          "parameters must include 'X-Amz-Date'. AWS query-string parameters must include "
          "'X-Amz-Expires'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS "
          "query-string parameters must include 'X-Amz-Signature'. Re-examine the query-string "
          "parameters." },
        { "X-Amz-Signature=a&X-Amz-Signature=b",
          "AWS query-string parameters must include 'X-Amz-Signature' only once." },
        { "X-Amz-Algorithm=x&X-Amz-Credential=x&X-Amz-Date=x&X-Amz-Expires=1&X-Amz-SignedHeaders=x&"
          "X-Amz-Signature=x",
          "Unsupported AWS 'algorithm': 'x'." },
        { "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Date=x&X-Amz-Expires=0&X-Amz-"
          "SignedHeaders=x&X-Amz-Signature=x",
          "X-Amz-Expires must be a number of seconds between 1 and 604800." },
        { "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Date=x&X-Amz-Expires=604801&X-"
          "Amz-SignedHeaders=x&X-Amz-Signature=x",
          "X-Amz-Expires must be a number of seconds between 1 and 604800." },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        autofree(mem_free) char *text =
            text_format("GET /?%s HTTP/1.1\r\nHost: h\r\n\r\n", cases[i].query);

        parse_head(text);
        assert_int_equal(sigv4_parse(&head, &claim, why), SIGV4_E_INCOMPLETE);
        assert_string_equal(why, cases[i].why);
    }
}

static void too_many_parameters_do_not_match(void **state)
{
    autobuffer struct buffer text = BUFFER_INIT(60000);

    buffer_puts(&text, "POST " SECOND_PATH "?");
    for (int i = 0; i < 257; i++)
        buffer_printf(&text, "%d&", i);
    buffer_puts(&text, strchr(SECOND, ' ') + 1 + strlen(SECOND_PATH));
    assert_int_equal(verify(buffer_cstr(&text), "1,2"), SIGV4_E_MISMATCH);
    assert_non_null(strstr(why, "over 256 query parameters"));
}

/* --- the cache -------------------------------------------------------------------------------- */

static size_t cached(const struct sigv4_key_cache *cache)
{
    size_t n = 0;

    for (size_t i = 0; i < SIGV4_CACHED_KEYS; i++)
        n += cache->keys[i].size > 0;
    return n;
}

static void good_signatures_leave_their_key(void **state)
{
    static struct sigv4_key_cache cache;
    char hash[SIGV4_HASH_HEX + 1];

    assert_int_equal(verify_at(SECOND, "1,3", signed_at, &cache), SIGV4_E_MISMATCH);
    assert_int_equal(cached(&cache), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(verify_at(SECOND, "1,2", signed_at, &cache), 0);
        assert_int_equal(verify_at(FIRST, FIRST_BODY, signed_at, &cache), 0);
        assert_int_equal(verify_at(SECOND, "1,3", signed_at, &cache), SIGV4_E_MISMATCH);
        assert_int_equal(cached(&cache), 1);
    }
    sha256_hex(SLICE("1,2"), hash);
    assert_int_equal(verify(SECOND, "1,2"), 0);
    assert_int_equal(
        sigv4_verify(&head, &claim, SLICE("other"), hash, NULL, signed_at, &cache, why),
        SIGV4_E_MISMATCH);
}

static void a_full_cache_replaces_the_oldest(void **state)
{
    static struct sigv4_key_cache cache;

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < SIGV4_CACHED_KEYS + 3; i++) {
            const struct http_header host = { SLICE("Host"), SLICE("h") };
            autofree(mem_free) char *authorization = NULL, *text = NULL;
            char date[17], service[16];

            snprintf(service, sizeof(service), "service%u", i);
            assert_int_equal(sigv4_sign(&key, "us-east-1", service, "GET", SLICE("/"), SLICE(""),
                                        &host, 1, SLICE(""), signed_at, date, &authorization),
                             0);
            text = text_format("GET / HTTP/1.1\r\nHost: h\r\nX-Amz-Date: %s\r\nAuthorization: "
                               "%s\r\n\r\n",
                               date, authorization);
            assert_int_equal(verify_at(text, "", signed_at, &cache), 0);
        }
    }
    assert_int_equal(cached(&cache), SIGV4_CACHED_KEYS);
}

/* --- signing what makes no sense -------------------------------------------------------------- */

static void refuses_to_sign_nonsense(void **state)
{
    const struct http_header fields[] = {
        { SLICE("A"), SLICE("b") },
        { SLICE("Host"), SLICE("h") },
        { SLICE("x-amz-date"), SLICE("20260102T030405Z") },
    };
    const struct sigv4_key no_secret = { KEY_ID, "", NULL };
    char *authorization = NULL;
    char date[17];

    assert_int_equal(sigv4_sign(&key, "r", "s", "GET", SLICE("/"), SLICE(""), fields, 1, SLICE(""),
                                0, date, &authorization),
                     -EINVAL);
    assert_int_equal(sigv4_sign(&key, "r", "s", "GET", SLICE("/"), SLICE(""), fields, 3, SLICE(""),
                                0, date, &authorization),
                     -EINVAL);
    assert_int_equal(sigv4_sign(&no_secret, "r", "s", "GET", SLICE("/"), SLICE(""), fields, 2,
                                SLICE(""), 0, date, &authorization),
                     -EINVAL);
    assert_int_equal(sigv4_sign(&key, "r", "s", "GET", SLICE("/"), SLICE(""), fields,
                                HTTP_HEADERS_MAX + 1, SLICE(""), 0, date, &authorization),
                     -E2BIG);
    assert_null(authorization);
}

/* --- random requests -------------------------------------------------------------------------- */

static void random_text(struct random *random, const char *alphabet, char *out, unsigned max)
{
    unsigned n = random_below(random, max), size = (unsigned)strlen(alphabet);

    for (unsigned i = 0; i < n; i++)
        out[i] = alphabet[random_below(random, size)];
    out[n] = '\0';
}

static void what_is_signed_verifies_and_any_change_is_seen(void **state)
{
    const char *seed_text = getenv("WEIR_TEST_SEED");
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : 20260102;
    static struct sigv4_key_cache cache;
    struct random random;

    print_message("seed %" PRIu64 " (WEIR_TEST_SEED)\n", seed);
    random_init(&random, seed);
    for (int i = 0; i < 2000; i++) {
        char path[64], query[64], value[32], body[32];
        struct http_header extra = { SLICE("X-Amz-Note") };
        autofree(mem_free) char *text = NULL;
        char *at, before;

        path[0] = '/';
        random_text(&random, "ab/.~-%20%2F:@{}+", path + 1, 50);
        random_text(&random, "ab==&&%20%7E+/?~", query, 50);
        random_text(&random, "a b\t,;=\"", value, 30);
        random_text(&random, "xyz\n", body, 30);
        extra.value = slice_trim(slice_from(value));
        text = signed_request(&key, path, query, &extra, 1, body);
        assert_int_equal(verify_at(text, body, signed_at, i % 2 ? &cache : NULL), 0);

        /* Change one letter of what is covered: the header's value, or the signature. */
        at = random_below(&random, 2) ? strstr(text, "X-Amz-Note: ") + 12
                                      : strstr(text, "Signature=") + 10;
        before = *at;
        *at = *at == '\r' ? '\r' : before == 'z' ? 'y' : 'z';
        if (*at != before)
            assert_int_equal(verify_at(text, body, signed_at, i % 2 ? &cache : NULL),
                             SIGV4_E_MISMATCH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_known_texts),
        cmocka_unit_test(authenticates_known_texts),
        cmocka_unit_test(verifies_the_reference_requests),
        cmocka_unit_test(signs_the_reference_requests),
        cmocka_unit_test(other_requests_do_not_match),
        cmocka_unit_test(another_secret_does_not_match),
        cmocka_unit_test(equal_spellings_match),
        cmocka_unit_test(unsigned_amz_fields_are_refused),
        cmocka_unit_test(host_must_be_signed),
        cmocka_unit_test(signed_names_are_few_and_different),
        cmocka_unit_test(clocks_may_differ_by_fifteen_minutes),
        cmocka_unit_test(scope_must_fit),
        cmocka_unit_test(missing_parts_are_named),
        cmocka_unit_test(long_values_are_cut_in_sentences),
        cmocka_unit_test(stated_payload_hashes_must_fit_the_body),
        cmocka_unit_test(unsigned_payloads_are_not_covered),
        cmocka_unit_test(session_tokens_are_signed),
        cmocka_unit_test(white_space_and_repeats_are_canonical),
        cmocka_unit_test(queries_are_sorted_and_spelled_anew),
        cmocka_unit_test(presigned_requests_hold_until_they_expire),
        cmocka_unit_test(presigned_requests_cannot_be_given_another_operation),
        cmocka_unit_test(presigned_queries_may_be_incomplete),
        cmocka_unit_test(too_many_parameters_do_not_match),
        cmocka_unit_test(good_signatures_leave_their_key),
        cmocka_unit_test(a_full_cache_replaces_the_oldest),
        cmocka_unit_test(refuses_to_sign_nonsense),
        cmocka_unit_test(what_is_signed_verifies_and_any_change_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
