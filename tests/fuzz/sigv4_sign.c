/* What we sign, we verify: method, path, query, a field and a body, one per line of the input. */
#include <errno.h>

#include "auth/sigv4.h"
#include "base/buffer.h"
#include "fuzz.h"
#include "http/parser.h"
#include "http/writer.h"

static const wall_ms_t now = 1767323045000;
static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static struct http_head head;
static struct sigv4_key_cache cache;

struct parts {
    struct slice path, query, value, body;
};

/* The request as it would be sent. Return: false if it cannot be. */
static bool write_request(const struct parts *p, const char *date, const char *authorization,
                          struct buffer *out)
{
    autobuffer struct buffer target = BUFFER_INIT(1 << 20);

    return buffer_append(&target, p->path.data, p->path.size) == 0 &&
           buffer_puts(&target, "?") == 0 &&
           buffer_append(&target, p->query.data, p->query.size) == 0 &&
           http_write_request_line(out, SLICE("POST"),
                                   (struct slice){ buffer_data(&target), buffer_size(&target) }) ==
               0 &&
           http_write_header_text(out, "Host", "h:1") == 0 &&
           http_write_header(out, "X-Amz-Note", p->value) == 0 &&
           http_write_header_text(out, "X-Amz-Date", date) == 0 &&
           http_write_header_text(out, "Authorization", authorization) == 0 &&
           http_write_end(out) == 0;
}

static void verify(const struct parts *p, struct buffer *request)
{
    struct http_limits limits = { .head_bytes = 1 << 20, .target_bytes = 1 << 20 };
    char hash[SIGV4_HASH_HEX + 1], why[SIGV4_WHY_BYTES] = "";
    size_t scanned = 0, size;
    struct sigv4_claim claim;
    const char *reason;

    if (http_parse_request(buffer_data(request), buffer_size(request), &limits, &scanned, &head,
                           &size, &reason) != 0)
        return;
    /* X-Amz-* parameters in the query make it a presigned one too, which is refused. */
    if (sigv4_parse(&head, &claim, why) != 0)
        return;
    sha256_hex(p->body, hash);
    MUST(sigv4_verify(&head, &claim, SLICE(secret), hash, "r", now, NULL, why) == 0);
    MUST(sigv4_verify(&head, &claim, SLICE(secret), hash, "r", now, &cache, why) == 0);
    hash[0] = hash[0] == '0' ? '1' : '0';
    MUST(sigv4_verify(&head, &claim, SLICE(secret), hash, "r", now, &cache, why) ==
         SIGV4_E_MISMATCH);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sigv4_key key = { "AKIDEXAMPLE", secret, NULL };
    autobuffer struct buffer request = BUFFER_INIT(1 << 21);
    autofree(mem_free) char *authorization = NULL;
    struct slice rest = fuzz_slice(data, size);
    struct http_header headers[] = { { SLICE("Host"), SLICE("h:1") }, { SLICE("X-Amz-Note") } };
    struct parts p;
    char date[17];
    int r;

    p.path = fuzz_cut(&rest, '\n');
    p.query = fuzz_cut(&rest, '\n');
    p.value = slice_trim(fuzz_cut(&rest, '\n'));
    p.body = rest;
    headers[1].value = p.value;
    if (p.path.size == 0 || p.path.data[0] != '/' || memchr(p.path.data, '?', p.path.size))
        return 0;
    r = sigv4_sign(&key, "r", "s", "POST", p.path, p.query, headers, 2, p.body, now, date,
                   &authorization);
    MUST(r == 0 || r == -E2BIG);
    if (r == 0 && write_request(&p, date, authorization, &request))
        verify(&p, &request);
    return 0;
}
