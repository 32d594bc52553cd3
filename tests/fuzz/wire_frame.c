/* The stream between control and proxy: frames cut anywhere give the same messages, and what was
 * read can be written and read again. */
#include "fuzz.h"
#include "wire/frame.h"
#include "wire/link.h"

/* Feed @data in pieces, counting messages. Return: the last outcome. */
static int read_frames(const uint8_t *data, size_t size, size_t step, unsigned *ret_n)
{
    autobuffer struct buffer in = BUFFER_INIT(1 << 24);
    int r = FRAME_AGAIN;

    *ret_n = 0;
    for (size_t i = 0; i < size && r == FRAME_AGAIN; i += step) {
        MUST(buffer_append(&in, data + i, size - i < step ? size - i : step) == 0);
        for (;;) {
            json_t *message = NULL;

            r = frame_read(&in, &message);
            if (r)
                break;
            json_decref(message);
            ++*ret_n;
        }
    }
    return r;
}

static void check_message(json_t *json)
{
    struct link_message message, again;
    json_t *written;
    int r;

    r = link_message_from_json(json, &message);
    MUST(r == 0 || r == LINK_E_MALFORMED || r == LINK_E_UNKNOWN);
    if (r)
        return;
    written = link_message_to_json(&message);
    MUST(written);
    MUST(link_message_from_json(written, &again) == 0);
    link_message_deinit(&again);
    link_message_deinit(&message);
    json_decref(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned n_whole, n_steps;
    json_t *json;

    MUST(read_frames(data, size, size + 1, &n_whole) ==
         read_frames(data, size, fuzz_step(data, size), &n_steps));
    MUST(n_whole == n_steps);

    /* Lengths are hard to guess: the text behind them is tried by itself, too. */
    json = json_loadb((const char *)data, size, 0, NULL);
    if (json)
        check_message(json);
    json_decref(json);
    return 0;
}
