/* Forms of AWS Query, read by the shape of the operation that the first line names. */
#include "api/query.h"

#include "fuzz.h"
#include "operations.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice form = fuzz_slice(data, size);
    const struct operation *operation = operation_named(fuzz_cut(&form, '\n'));
    json_t *value = NULL, *read = NULL, *again = NULL;
    char *why = NULL;
    int r;

    free(query_parameter(form, "Action"));
    r = query_decode(form, operation->input, &value, &why);
    MUST(r == 0 || (r == QUERY_E_MALFORMED && why));
    if (!r) {
        MUST(json_is_object(value));
        r = shape_read(operation->input, value, &read, &why);
        MUST(r == 0 || (r == SHAPE_E_TYPE && why));
    }
    if (read) {
        MUST(shape_read(operation->input, read, &again, &why) == 0);
        MUST(json_equal(read, again));
    }
    json_decref(again);
    json_decref(read);
    json_decref(value);
    free(why);
    return 0;
}
