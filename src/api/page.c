/* Pages of a list. A token is hex of "POSITION BINDING KEY": the place where the next page starts,
 * a hash that binds it to operation and input, and the key of the item that stood there. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/service.h"
#include "auth/sigv4.h"
#include "base/error.h"

enum { BINDING_CHARS = 16, TOKEN_BYTES_MAX = 8192 };

struct place {
    uint64_t position;
    char key[TOKEN_BYTES_MAX];
};

/* A hash of what must stay the same from page to page. */
static int bind_token(const struct api_call *call, char ret_binding[BINDING_CHARS + 1])
{
    static const char *const may_change[] = { "NextToken", "MaxResults", "MaxRecords" };
    autofree(mem_free) char *text = NULL;
    char hash[SIGV4_HASH_HEX + 1];
    json_t *kept = json_copy(call->input);

    if (!kept)
        return fault(-ENOMEM);
    for (size_t i = 0; i < sizeof(may_change) / sizeof(*may_change); i++)
        json_object_del(kept, may_change[i]);
    json_object_set_new(kept, "#operation", json_string(call->operation->name));
    text = json_dumps(kept, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(kept);
    if (!text)
        return fault(-ENOMEM);
    sha256_hex(slice_from(text), hash);
    memcpy(ret_binding, hash, BINDING_CHARS);
    ret_binding[BINDING_CHARS] = '\0';
    return 0;
}

static json_t *token_new(const char *binding, size_t position, const char *key)
{
    autofree(mem_free) char *plain = text_format("%zu %s %s", position, binding, key);
    autofree(mem_free) char *token = plain ? malloc(2 * strlen(plain) + 1) : NULL;

    if (!token)
        return NULL;
    text_hex(plain, strlen(plain), token);
    return json_string(token);
}

/* Return: whether @token is one of ours, for this operation and input. */
static bool token_parse(const char *token, const char *binding, struct place *ret)
{
    char plain[TOKEN_BYTES_MAX];
    size_t n = strlen(token) / 2;
    char *number_end, *binding_at;

    if (strlen(token) % 2 != 0 || n >= sizeof(plain) ||
        text_unhex(slice_from(token), plain, n) != 0)
        return false;
    plain[n] = '\0';
    number_end = strchr(plain, ' ');
    if (!number_end || text_to_u64((struct slice){ plain, (size_t)(number_end - plain) }, INT32_MAX,
                                   &ret->position) != 0)
        return false;
    binding_at = number_end + 1;
    if (strncmp(binding_at, binding, BINDING_CHARS) != 0 || binding_at[BINDING_CHARS] != ' ')
        return false;
    snprintf(ret->key, sizeof(ret->key), "%s", binding_at + BINDING_CHARS + 1);
    return true;
}

/* Where the page starts: at the item the token names; where it stood, should it be gone. */
static size_t find(json_t *items, const char *key, const struct place *place)
{
    size_t i;
    json_t *item;

    json_array_foreach (items, i, item) {
        const char *k = json_string_value(json_object_get(item, key));

        if (k && strcmp(k, place->key) == 0)
            return i;
    }
    return place->position;
}

static int fill(struct api_call *call, const char *list, json_t *items, const char *key, size_t max,
                size_t start, const char *binding)
{
    size_t n = json_array_size(items);
    size_t end = start < n && n - start > max ? start + max : n;
    json_t *page = json_array();
    json_t *token = NULL;
    int r = page ? 0 : -ENOMEM;

    for (size_t i = start; !r && i < end; i++)
        r = json_array_append(page, json_array_get(items, i)) ? -ENOMEM : 0;
    if (!r && end < n) {
        const char *k = json_string_value(json_object_get(json_array_get(items, end), key));

        token = token_new(binding, end, k ? k : "");
        r = token ? 0 : -ENOMEM;
    }
    if (r) {
        json_decref(page);
        return fault(r);
    }
    /* o* leaves the member out where there is no token */
    call->output = json_pack("{s:o, s:o*}", list, page, "NextToken", token);
    return call->output ? 0 : fault(-ENOMEM);
}

static int page_items(struct api_call *call, const char *list, json_t *items, const char *key,
                      size_t max)
{
    const char *token = input_text(call, "NextToken");
    char binding[BINDING_CHARS + 1];
    struct place place;
    size_t start = 0;
    int r = bind_token(call, binding);

    if (r)
        return fault(r);
    if (token) {
        if (!token_parse(token, binding, &place))
            return api_error(call, call->service->token_error, "The NextToken value is not valid.");
        start = find(items, key, &place);
    }
    return fill(call, list, items, key, max, start, binding);
}

int api_page(struct api_call *call, const char *list, json_t *items, const char *key, size_t max)
{
    int r = items ? page_items(call, list, items, key, max) : fault(-ENOMEM);

    json_decref(items);
    return r;
}
