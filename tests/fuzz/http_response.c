/* Answers' heads: however they are cut the outcome is the same; no body where there may be none. */
#include "fuzz.h"
#include "http/parser.h"

static const struct http_limits limits = { .head_bytes = 8192, .target_bytes = 1024 };
static struct http_head whole, steps;

static int parse_in_steps(const uint8_t *data, size_t size, struct slice method, size_t *ret_size)
{
    size_t step = fuzz_step(data, size), scanned = 0, given = 0;
    const char *why = NULL;
    int r = HTTP_AGAIN;

    while (r == HTTP_AGAIN && given < size) {
        char *copy;

        given = given + step < size ? given + step : size;
        copy = malloc(given);
        MUST(copy);
        memcpy(copy, data, given);
        r = http_parse_response(copy, given, method, &limits, &scanned, &steps, ret_size, &why);
        MUST(r == 0 || r == HTTP_AGAIN || why);
        free(copy);
    }
    return r;
}

static void check(const uint8_t *data, size_t size, struct slice method)
{
    size_t scanned = 0, whole_size = 0, steps_size = 0;
    const char *why = NULL;
    int r;

    r = http_parse_response((const char *)data, size, method, &limits, &scanned, &whole,
                            &whole_size, &why);
    MUST(size == 0 || parse_in_steps(data, size, method, &steps_size) == r);
    if (r)
        return;
    MUST(steps_size == whole_size && whole_size <= size);
    MUST(whole.status >= 100 && whole.status <= 999 && whole.status == steps.status);
    MUST(whole.framing == steps.framing && whole.content_length == steps.content_length);
    if (slice_is(method, "HEAD") || whole.status < 200 || whole.status == 204 ||
        whole.status == 304)
        MUST(whole.framing == HTTP_BODY_NONE);
    if (whole.framing == HTTP_BODY_CLOSE)
        MUST(!whole.keep_alive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size, SLICE("GET"));
    check(data, size, SLICE("HEAD"));
    return 0;
}
