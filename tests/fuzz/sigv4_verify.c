/* Requests with signatures that strangers made up: none is good, none does harm, and a cache of
 * keys changes nothing. */
#include "auth/sigv4.h"
#include "fuzz.h"
#include "http/parser.h"

static struct http_head head;
static struct sigv4_key_cache cache;

static void check_claim(const struct sigv4_claim *claim)
{
    MUST(claim->access_key_id.size > 0 && claim->region.size > 0 && claim->service.size > 0);
    MUST(claim->signed_headers.size > 0 && claim->amz_date.size == 16);
    MUST(!claim->presigned || (claim->expires_s >= 1 && claim->expires_s <= 604800));
}

static void check_why(const char *why)
{
    size_t n = strnlen(why, SIGV4_WHY_BYTES);

    MUST(n > 0 && n < SIGV4_WHY_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    const struct slice secret = SLICE("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEX");
    char why[SIGV4_WHY_BYTES] = "", again[SIGV4_WHY_BYTES] = "";
    size_t scanned = 0, head_size;
    struct sigv4_claim claim;
    const char *reason;
    int r;

    if (http_parse_request((const char *)data, size, &limits, &scanned, &head, &head_size,
                           &reason) != 0)
        return 0;
    r = sigv4_parse(&head, &claim, why);
    if (r) {
        MUST(r == SIGV4_E_MISSING || r == SIGV4_E_INCOMPLETE);
        check_why(why);
        for (const char *c = why; *c; c++)
            MUST(*c >= ' ' && *c <= '~');
        return 0;
    }
    check_claim(&claim);
    r = sigv4_verify(&head, &claim, secret, SIGV4_EMPTY_SHA256, NULL, claim.signed_at, NULL, why);
    MUST(r > SIGV4_E_INCOMPLETE && r <= SIGV4_E_MISMATCH);
    check_why(why);
    MUST(sigv4_verify(&head, &claim, secret, SIGV4_EMPTY_SHA256, NULL, claim.signed_at, &cache,
                      again) == r);
    MUST(strcmp(why, again) == 0);
    return 0;
}
