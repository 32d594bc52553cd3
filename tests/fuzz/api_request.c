/* Bodies of API requests in every protocol, read by the input shapes of all operations: a value
 * that is accepted can be written in each protocol and is accepted again. */
#include "api/json.h"
#include "api/query.h"
#include "api/rpc_cbor.h"
#include "api/service.h"
#include "fuzz.h"

/* The operation that the input's first two bytes choose. */
static const struct operation *choose(const uint8_t *data)
{
    const struct service *service;
    const struct operation *o;
    size_t n_services = 0, n = 0, chosen;

    while (services[n_services])
        n_services++;
    service = services[data[0] % n_services];
    for (size_t group = 0; service->groups[group]; group++) {
        for (o = service->groups[group]; o->name; o++)
            n++;
    }
    chosen = data[1] % n;
    for (size_t group = 0; service->groups[group]; group++) {
        for (o = service->groups[group]; o->name; o++) {
            if (chosen-- == 0)
                return o;
        }
    }
    abort();
}

static void read_again(const struct shape *shape, json_t *decoded)
{
    autofree(mem_free) char *why = NULL;
    json_t *value = NULL;
    int r = shape_read(shape, decoded, &value, &why);

    MUST(r == 0 || (r == SHAPE_E_TYPE && why));
    json_decref(value);
}

static void write_everywhere(const struct shape *shape, json_t *value)
{
    autobuffer struct buffer cbor = BUFFER_INIT(1 << 24), json = BUFFER_INIT(1 << 24);
    autofree(mem_free) char *why = NULL;
    const char *constant_why;
    json_t *back = NULL;

    MUST(json_encode(shape, value, &json) == 0);
    MUST(json_decode((struct slice){ buffer_data(&json), buffer_size(&json) }, &back, &why) == 0);
    json_decref(back);
    MUST(cbor_encode(shape, value, &cbor) == 0);
    MUST(cbor_decode((struct slice){ buffer_data(&cbor), buffer_size(&cbor) }, &back,
                     &constant_why) == 0);
    read_again(shape, back);
    json_decref(back);
}

static void check(const struct shape *shape, json_t *decoded)
{
    autofree(mem_free) char *why = NULL;
    json_t *value = NULL;
    int r;

    r = shape_read(shape, decoded, &value, &why);
    MUST(r == 0 || (r == SHAPE_E_TYPE && why));
    if (r == 0)
        write_everywhere(shape, value);
    json_decref(value);
}

static void try_json(const struct shape *shape, struct slice body)
{
    autofree(mem_free) char *why = NULL;
    json_t *decoded = NULL;
    int r = json_decode(body, &decoded, &why);

    MUST(r == 0 || (r == JSON_E_MALFORMED && why));
    if (r == 0)
        check(shape, decoded);
    json_decref(decoded);
}

static void try_cbor(const struct shape *shape, struct slice body)
{
    const char *why = NULL;
    json_t *decoded = NULL;
    int r = cbor_decode(body, &decoded, &why);

    MUST(r == 0 || (r == CBOR_E_MALFORMED && why));
    if (r == 0)
        check(shape, decoded);
    json_decref(decoded);
}

static void try_query(const struct shape *shape, struct slice body)
{
    autofree(mem_free) char *why = NULL;
    json_t *decoded = NULL;
    int r = query_decode(body, shape, &decoded, &why);

    MUST(r == 0 || (r == QUERY_E_MALFORMED && why));
    if (r == 0)
        check(shape, decoded);
    json_decref(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct shape *shape;

    if (size < 2)
        return 0;
    shape = choose(data)->input;
    try_json(shape, fuzz_slice(data + 2, size - 2));
    try_cbor(shape, fuzz_slice(data + 2, size - 2));
    try_query(shape, fuzz_slice(data + 2, size - 2));
    return 0;
}
