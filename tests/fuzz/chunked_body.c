/* Chunked bodies: however they are cut the content is the same; written anew it reads the same. */
#include "base/buffer.h"
#include "fuzz.h"
#include "http/parser.h"
#include "http/writer.h"

struct reading {
    struct buffer content, trailers;
    size_t consumed;
    int result;
};

static struct reading read_body(const uint8_t *data, size_t size, size_t step)
{
    struct http_head head = { .framing = HTTP_BODY_CHUNKED };
    struct reading reading = { .content = BUFFER_INIT(1 << 24),
                               .trailers = BUFFER_INIT(1 << 16),
                               .result = HTTP_AGAIN };
    struct http_body body;
    size_t given = 0, n;

    http_body_init(&body, &head);
    body.trailers = &reading.trailers;
    do {
        struct slice content;
        const char *why = NULL;

        if (given == reading.consumed)
            given = size - given < step ? size : given + step;
        reading.result = http_body_next(&body, (const char *)data + reading.consumed,
                                        given - reading.consumed, &n, &content, &why);
        if (reading.result == HTTP_E_MALFORMED) {
            MUST(why);
            return reading;
        }
        MUST(n <= given - reading.consumed && content.size <= n);
        MUST(n > 0 || reading.consumed == size || reading.result == 0);
        reading.consumed += n;
        MUST(buffer_append(&reading.content, content.data, content.size) == 0);
    } while (reading.result == HTTP_AGAIN && reading.consumed < size);
    MUST(http_body_done(&body) == (reading.result == 0));
    return reading;
}

static bool same_content(const struct buffer *a, const struct buffer *b)
{
    return buffer_size(a) == buffer_size(b) &&
           (buffer_size(a) == 0 || memcmp(buffer_data(a), buffer_data(b), buffer_size(a)) == 0);
}

static void write_and_read_back(const uint8_t *data, size_t size, size_t step)
{
    autobuffer struct buffer text = BUFFER_INIT(1 << 26);
    struct reading back;

    for (size_t i = 0; i < size; i += step)
        MUST(http_write_chunk(&text, fuzz_slice(data + i, size - i < step ? size - i : step)) == 0);
    MUST(http_write_last_chunk(&text) == 0);
    back = read_body((const uint8_t *)buffer_data(&text), buffer_size(&text), SIZE_MAX / 2);
    MUST(back.result == 0 && back.consumed == buffer_size(&text));
    MUST(buffer_size(&back.content) == size);
    MUST(size == 0 || memcmp(buffer_data(&back.content), data, size) == 0);
    buffer_deinit(&back.content);
    buffer_deinit(&back.trailers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step = fuzz_step(data, size);
    struct reading whole = read_body(data, size, SIZE_MAX / 2), steps = read_body(data, size, step);

    MUST(whole.result == steps.result);
    if (whole.result != HTTP_E_MALFORMED)
        MUST(whole.consumed == steps.consumed && same_content(&whole.content, &steps.content) &&
             same_content(&whole.trailers, &steps.trailers));
    buffer_deinit(&whole.content);
    buffer_deinit(&steps.content);
    buffer_deinit(&whole.trailers);
    buffer_deinit(&steps.trailers);
    write_and_read_back(data, size, step * 5);
    return 0;
}
