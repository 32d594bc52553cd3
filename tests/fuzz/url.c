/* Targets, queries and percent-coding: encoding is undone by decoding; parts lie within the
 * whole. */
#include "http/url.h"
#include "fuzz.h"

static bool within(struct slice part, struct slice whole)
{
    return part.size == 0 ||
           (part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

static void check_target(struct slice text)
{
    struct slice rest, name, value;
    struct url_target target;
    size_t n = 0;

    if (url_split_target(text, &target) != 0)
        return;
    MUST(target.path.size > 0 && target.path.data[0] == '/');
    MUST(within(target.query, text));
    rest = target.query;
    while (url_query_next(&rest, &name, &value)) {
        MUST(within(name, target.query) && within(value, target.query));
        n += name.size + value.size;
    }
    MUST(n <= target.query.size);
}

static void check_coding(struct slice text, bool keep_slash)
{
    autobuffer struct buffer coded = BUFFER_INIT(1 << 24), plain = BUFFER_INIT(1 << 24);
    int r;

    MUST(url_encode(text, keep_slash, &coded) == 0);
    r = url_decode((struct slice){ buffer_data(&coded), buffer_size(&coded) }, keep_slash, &plain);
    MUST(r == 0 && buffer_size(&plain) == text.size);
    MUST(text.size == 0 || memcmp(buffer_data(&plain), text.data, text.size) == 0);
    buffer_clear(&plain);
    if (url_decode(text, keep_slash, &plain) == 0)
        MUST(buffer_size(&plain) <= text.size);
    else
        MUST(buffer_size(&plain) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = fuzz_slice(data, size);

    check_target(text);
    check_coding(text, false);
    check_coding(text, true);
    return 0;
}
