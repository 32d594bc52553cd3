/* Event stream messages: what was read, written anew, reads the same. The CRCs of the input are put
 * right first, or nothing would ever come past them. */
#include <zlib.h>

#include "base/buffer.h"
#include "fuzz.h"
#include "http/eventstream.h"

static struct eventstream_message m, again;

static void put32(uint8_t *to, unsigned long value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The first byte says how long the headers are meant to be. */
static size_t make_message(const uint8_t *data, size_t size, uint8_t **ret_message)
{
    uint8_t *to = malloc(size + 16);

    MUST(to);
    put32(to, size + 16);
    put32(to + 4, size ? data[0] : 0);
    put32(to + 8, crc32_z(0, to, 8));
    if (size)
        memcpy(to + 12, data, size);
    put32(to + 12 + size, crc32_z(0, to, 12 + size));
    *ret_message = to;
    return size + 16;
}

static bool all_strings(void)
{
    for (unsigned i = 0; i < m.n_headers; i++)
        if (m.headers[i].type != EVENTSTREAM_STRING)
            return false;
    return true;
}

static void write_and_read_back(void)
{
    autobuffer struct buffer out = BUFFER_INIT(1 << 24);
    const char *why;
    size_t size;

    if (!all_strings() || eventstream_write(&out, m.headers, m.n_headers, m.payload))
        return;
    MUST(eventstream_read(buffer_data(&out), buffer_size(&out), &again, &size, &why) == 0);
    MUST(size == buffer_size(&out) && again.n_headers == m.n_headers);
    MUST(slice_equal(again.payload, m.payload));
    for (unsigned i = 0; i < m.n_headers; i++)
        MUST(slice_equal(again.headers[i].name, m.headers[i].name) &&
             slice_equal(again.headers[i].value, m.headers[i].value));
}

static int read_one(const uint8_t *data, size_t size)
{
    const char *why = NULL;
    size_t used = 0;
    int r = eventstream_read((const char *)data, size, &m, &used, &why);

    MUST(r != EVENTSTREAM_E_MALFORMED || why);
    MUST(r != 0 || (used <= size && used >= 16));
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *whole;
    size_t n;

    read_one(data, size);
    n = make_message(data, size, &whole);
    MUST(read_one(whole, n - 1) != 0);
    if (read_one(whole, n) == 0)
        write_and_read_back();
    free(whole);
    return 0;
}
