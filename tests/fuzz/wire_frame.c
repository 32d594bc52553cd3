/* The link: frames in pieces as in one, and messages that are understood survive a second trip.
 * Input that starts with "{" is one message, without a frame. */
#include "wire/frame.h"

#include "fuzz.h"
#include "wire/link.h"

static json_t *trip(json_t *json, int *ret_outcome)
{
    struct link_message message;
    json_t *again;

    *ret_outcome = link_message_from_json(json, &message);
    if (*ret_outcome)
        return NULL;
    again = link_message_to_json(&message);
    link_message_deinit(&message);
    MUST(again);
    return again;
}

static void check_message(json_t *json)
{
    autobuffer struct buffer frame = BUFFER_INIT(1 << 24);
    json_t *first, *second, *framed = NULL;
    int r;

    first = trip(json, &r);
    MUST(r >= 0);
    if (r)
        return;
    second = trip(first, &r);
    MUST(r == 0 && json_equal(first, second));
    MUST(frame_write(&frame, first) == 0);
    MUST(frame_read(&frame, &framed) == 0 && buffer_size(&frame) == 0);
    MUST(json_equal(first, framed));
    json_decref(first);
    json_decref(second);
    json_decref(framed);
}

/* Return: what ended it. @ret_count: of whole messages before that. */
static int read_frames(struct slice bytes, size_t step, size_t *ret_count)
{
    autobuffer struct buffer in = BUFFER_INIT(1 << 20);
    int r = FRAME_AGAIN;

    *ret_count = 0;
    while (r == FRAME_AGAIN && bytes.size > 0) {
        size_t n = bytes.size < step ? bytes.size : step;
        json_t *json = NULL;

        MUST(buffer_append(&in, bytes.data, n) == 0);
        bytes = (struct slice){ bytes.data + n, bytes.size - n };
        while ((r = frame_read(&in, &json)) == 0) {
            MUST(json_is_object(json));
            if (step > 1)
                check_message(json);
            json_decref(json);
            ++*ret_count;
        }
        MUST(r > 0);
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = fuzz_slice(data, size);
    size_t count, count_in_pieces;
    json_t *json;
    int r;

    if (size > 0 && data[0] == '{') {
        json = json_loadb(bytes.data, bytes.size, 0, NULL);
        if (json)
            check_message(json);
        json_decref(json);
        return 0;
    }
    r = read_frames(bytes, SIZE_MAX, &count);
    MUST(read_frames(bytes, 1, &count_in_pieces) == r);
    MUST(count == count_in_pieces);
    return 0;
}
