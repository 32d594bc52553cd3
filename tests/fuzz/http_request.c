/* Request heads: however they are cut the outcome is the same, and what was read, written anew,
 * reads the same again. */
#include "fuzz.h"
#include "http/parser.h"
#include "http/url.h"
#include "http/writer.h"

static const struct http_limits limits = { .head_bytes = 8192, .target_bytes = 1024 };
static struct http_head whole, again;

static int parse_in_steps(const uint8_t *data, size_t size, size_t *ret_size)
{
    size_t step = fuzz_step(data, size), scanned = 0, given = 0;
    const char *why = NULL;
    int r = HTTP_AGAIN;

    while (r == HTTP_AGAIN && given < size) {
        char *copy;

        given = given + step < size ? given + step : size;
        copy = malloc(given); /* exactly as long, for the sanitizer */
        MUST(copy);
        memcpy(copy, data, given);
        r = http_parse_request(copy, given, &limits, &scanned, &again, ret_size, &why);
        MUST(r == 0 || r == HTTP_AGAIN || why);
        free(copy);
    }
    return r;
}

static bool same(struct slice a, struct slice b)
{
    return slice_equal(a, b);
}

static void write_and_read_back(void)
{
    autobuffer struct buffer b = BUFFER_INIT(65536);
    size_t scanned = 0, size;
    const char *why;

    MUST(http_write_request_line(&b, whole.method, whole.target) == 0);
    for (unsigned i = 0; i < whole.n_headers; i++) {
        autofree(mem_free) char *name = slice_dup(whole.headers[i].name);

        MUST(http_write_header(&b, name, whole.headers[i].value) == 0);
    }
    MUST(http_write_end(&b) == 0);
    if (whole.minor == 0 || buffer_size(&b) > limits.head_bytes)
        return; /* what is written is HTTP/1.1, which asks for more, and may be longer */
    MUST(http_parse_request(buffer_data(&b), buffer_size(&b), &limits, &scanned, &again, &size,
                            &why) == 0);
    MUST(size == buffer_size(&b));
    MUST(same(again.method, whole.method) && same(again.target, whole.target));
    MUST(same(again.host, whole.host) && again.takes_trailers == whole.takes_trailers);
    MUST(again.framing == whole.framing && again.content_length == whole.content_length);
    MUST(again.keep_alive == whole.keep_alive && again.upgrade == whole.upgrade);
    MUST(again.n_headers == whole.n_headers);
    for (unsigned i = 0; i < whole.n_headers; i++) {
        MUST(same(again.headers[i].name, whole.headers[i].name));
        MUST(same(again.headers[i].value, whole.headers[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t scanned = 0, whole_size = 0, steps_size = 0;
    const char *why = NULL;
    struct url_target target;
    int r;

    r = http_parse_request((const char *)data, size, &limits, &scanned, &whole, &whole_size, &why);
    MUST(size == 0 || parse_in_steps(data, size, &steps_size) == r);
    if (r)
        return 0;
    MUST(steps_size == whole_size && whole_size <= size && whole_size <= limits.head_bytes);
    MUST(again.n_headers == whole.n_headers && again.framing == whole.framing);
    MUST(url_split_target(whole.target, &target) == 0 || slice_is(whole.target, "*"));
    write_and_read_back();
    return 0;
}
