/* JSON bodies by the shape of the operation that the first line names: read, held to their constraints,
 * and what is written of them is read as the same. */
#include "api/json.h"

#include "fuzz.h"
#include "operations.h"

/* Return: @body as handlers get it; NULL if it is refused. */
static json_t *read_body(const struct shape *shape, struct slice body)
{
    json_t *value = NULL, *read = NULL;
    char *why = NULL;
    int r = json_decode(body, &value, &why);

    MUST(r == 0 || (r == JSON_E_MALFORMED && why));
    if (!r) {
        r = shape_read(shape, value, &read, &why);
        MUST(r == 0 || (r == SHAPE_E_TYPE && why));
    }
    json_decref(value);
    free(why);
    return read;
}

static void check_constraints(const struct shape *shape, json_t *value)
{
    static struct patterns *patterns;
    autobuffer struct buffer why = BUFFER_INIT(1 << 20);
    int n;

    if (!patterns)
        MUST(patterns_new(&patterns) == 0);
    n = shape_check(shape, value, patterns, &why);
    MUST(n >= 0 && (n > 0) == (buffer_size(&why) > 0));
}

/* Timestamps lose what is finer than a millisecond, the first time only. */
static void check_written(const struct shape *shape, json_t *value)
{
    autobuffer struct buffer first = BUFFER_INIT(1 << 20), second = BUFFER_INIT(1 << 20);
    json_t *again;

    MUST(json_encode(shape, value, &first) == 0);
    again = read_body(shape, (struct slice){ buffer_data(&first), buffer_size(&first) });
    MUST(again);
    MUST(json_encode(shape, again, &second) == 0);
    MUST(buffer_size(&first) == buffer_size(&second));
    MUST(memcmp(buffer_data(&first), buffer_data(&second), buffer_size(&first)) == 0);
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = fuzz_slice(data, size);
    const struct shape *shape = operation_named(fuzz_cut(&body, '\n'))->input;
    json_t *value = read_body(shape, body);

    if (!value)
        return 0;
    check_constraints(shape, value);
    check_written(shape, value);
    json_decref(value);
    return 0;
}
