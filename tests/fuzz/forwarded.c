/* What a target gets: whatever the client's head and trailers were, what goes on is one request, for
 * the host that was meant, without a field that frames it in another way. */
#include "base/buffer.h"
#include "fuzz.h"
#include "http/parser.h"
#include "proxy/fields.h"
#include "proxy/trace_id.h"

static const struct http_limits limits = { .head_bytes = 8192, .target_bytes = 1024 };
static const struct http_limits roomy = { .head_bytes = 32768, .target_bytes = 1024 };
static struct http_head head, again;

static bool ends_here(struct slice name)
{
    static const char *const names[] = { "Content-Length",   "Transfer-Encoding", "Keep-Alive",
                                         "Proxy-Connection", "Upgrade",           "Expect" };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (slice_is_nocase(name, names[i]))
            return true;
    return false;
}

static bool drop_trace_id(struct slice name)
{
    return slice_is_nocase(name, "X-Amzn-Trace-Id");
}

static void check_forwarded(bool trailers)
{
    autobuffer struct buffer out = BUFFER_INIT(65536);
    size_t scanned = 0, size;
    const char *why = NULL;
    struct random random;

    random_init(&random, 1);
    MUST(buffer_puts(&out, "GET / HTTP/1.1\r\n") == 0);
    MUST(fields_write_request(&out, &head, drop_trace_id, trailers) == 0);
    MUST(trace_id_write(&out, &head, &random, 1700000000000) == 0);
    MUST(buffer_puts(&out, "\r\n") == 0);
    if (head.n_headers > HTTP_HEADERS_MAX - 4)
        return; /* with what is added, more than would be read back */
    MUST(http_parse_request(buffer_data(&out), buffer_size(&out), &roomy, &scanned, &again, &size,
                            &why) == 0);
    MUST(size == buffer_size(&out) && again.framing == HTTP_BODY_NONE && again.keep_alive);
    MUST(!again.upgrade && !again.expect_continue);
    MUST(head.host.size == 0 || slice_equal(again.host, head.host));
    MUST(again.takes_trailers == (trailers && head.takes_trailers));
    for (unsigned i = 0; i < again.n_headers; i++)
        MUST(!ends_here(again.headers[i].name));
}

/* What is left of trailers is a head's fields, none of which says what only heads may. */
static void check_trailers(const uint8_t *data, size_t size)
{
    autobuffer struct buffer lines = BUFFER_INIT(HTTP_TRAILER_BYTES_MAX), out = BUFFER_INIT(65536);
    struct http_head chunked = { .framing = HTTP_BODY_CHUNKED };
    struct http_body body;
    struct slice content;
    const char *why = NULL;
    size_t n, scanned = 0;

    http_body_init(&body, &chunked);
    body.trailers = &lines;
    MUST(http_body_next(&body, "0\r\n", 3, &n, &content, &why) == HTTP_AGAIN);
    if (http_body_next(&body, (const char *)data, size, &n, &content, &why) != 0)
        return;
    fields_keep_trailers(&lines);
    MUST(buffer_puts(&out, "GET / HTTP/1.1\r\nHost: a\r\n") == 0);
    MUST(buffer_append(&out, buffer_data(&lines), buffer_size(&lines)) == 0);
    MUST(buffer_puts(&out, "\r\n") == 0);
    if (http_parse_request(buffer_data(&out), buffer_size(&out), &roomy, &scanned, &again, &n,
                           &why))
        MUST(strcmp(why, "there are too many header fields") == 0);
    else
        MUST(n == buffer_size(&out) && again.framing == HTTP_BODY_NONE &&
             slice_is(again.host, "a"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t scanned = 0, head_size = 0;
    const char *why;

    check_trailers(data, size);
    if (http_parse_request((const char *)data, size, &limits, &scanned, &head, &head_size, &why))
        return 0;
    check_forwarded(false);
    check_forwarded(true);
    check_trailers(data + head_size, size - head_size);
    return 0;
}
