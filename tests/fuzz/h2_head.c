/* Fields of HTTP/2 requests: what is taken reads back as exactly one HTTP/1 request with these
 * fields and no others; what is no request is refused with a reason. The input is pairs of
 * length-prefixed names and values; its first byte says whether the stream ends. Then the same
 * bytes as an answer's lines. */
#include <string.h>

#include "fuzz.h"
#include "http/h2_head.h"

static const struct http_limits limits = { .head_bytes = 4096, .target_bytes = 512 };
static struct http_head head;

static bool take(const uint8_t **data, size_t *size, struct slice *ret)
{
    size_t n;

    if (*size == 0)
        return false;
    n = **data;
    (*data)++;
    (*size)--;
    if (n > *size)
        n = *size;
    *ret = (struct slice){ (const char *)*data, n };
    *data += n;
    *size -= n;
    return true;
}

/* Nothing that the client did not say stands in the head, but what HTTP/1 needs. */
static void check(const struct h2_head *h, bool ends)
{
    unsigned lines = 0;

    for (size_t i = 0; i + 1 < buffer_size(&h->text); i++) {
        char c = buffer_data(&h->text)[i];

        MUST(c != '\0');
        MUST((c == '\r') == (buffer_data(&h->text)[i + 1] == '\n'));
        lines += c == '\r';
    }
    MUST(lines == head.n_headers + 2); /* the request line, and the empty one */
    MUST(head.n_headers <= h->n_fields + 1);
    MUST(head.minor == 1 && !head.upgrade && head.keep_alive);
    MUST(http_header_find(&head, "Host"));
    MUST(!ends || head.framing == HTTP_BODY_NONE || head.content_length == 0);
    MUST(ends || head.framing != HTTP_BODY_NONE);
}

static void as_request(const uint8_t *data, size_t size)
{
    autobuffer struct buffer lines = BUFFER_INIT(4096);
    bool ends = size > 0 && data[0] & 1;
    struct slice name, value;
    struct h2_head h;
    const char *why = NULL;
    int r = 0;

    if (size) {
        data++;
        size--;
    }
    h2_head_init(&h, &limits);
    while (!r && take(&data, &size, &name) && take(&data, &size, &value)) {
        const char *ignored;

        h2_trailer_field(&lines, name, value, &ignored);
        r = h2_head_field(&h, name, value, &limits, &why);
    }
    if (!r)
        r = h2_head_finish(&h, ends, &limits, &head, &why);
    MUST(r >= 0 && (r == 0) == !why);
    if (r == 0)
        check(&h, ends);
    h2_head_deinit(&h);
}

static void as_answer(const uint8_t *data, size_t size)
{
    struct h2_fields f;
    char *copy = malloc(size + 1);

    MUST(copy);
    memcpy(copy, data, size);
    if (h2_fields_read(copy, size, size & 1, &f) == 0)
        MUST(f.n <= H2_FIELDS_MAX);
    if (size)
        memcpy(copy, data, size);
    if (h2_fields_read_request(copy, size, &f) == 0)
        MUST(f.n >= 3 && f.n <= H2_FIELDS_MAX && slice_is(f.all[2].name, ":path"));
    free(copy);
}

/* The pairs again, as an answer. */
static void as_answer_of_a_target(const uint8_t *data, size_t size)
{
    bool ends = size > 0 && data[0] & 1, is_head = size > 0 && data[0] & 2;
    struct slice name, value;
    struct h2_answer a;
    const char *why = NULL;
    int r = 0;

    if (size) {
        data++;
        size--;
    }
    h2_answer_init(&a, &limits);
    while (!r && take(&data, &size, &name) && take(&data, &size, &value))
        r = h2_answer_field(&a, name, value, &limits, &why);
    if (!r)
        r = h2_answer_finish(&a, ends, is_head ? SLICE("HEAD") : SLICE("GET"), &limits, &head,
                             &why);
    MUST(r >= 0 && (r == 0) == !why);
    if (r == 0) {
        MUST(head.status >= 100 && head.status != 101 && head.keep_alive && !head.upgrade);
        MUST(head.n_headers <= a.n_fields);
        MUST(!(ends || is_head) || head.framing == HTTP_BODY_NONE);
        MUST(head.framing != HTTP_BODY_CLOSE);
    }
    h2_answer_deinit(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_request(data, size);
    as_answer(data, size);
    as_answer_of_a_target(data, size);
    return 0;
}
