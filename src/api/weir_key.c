/* CreateKey, ListKeys, UpdateKey, DeleteKey: keys beside the server's own. Only keys that may do
 * everything may call these: see dispatch.c. */
#include <errno.h>
#include <string.h>

#include "api/weir.h"
#include "base/buffer.h"
#include "base/error.h"
#include "control/key.h"

/* --- shapes ----------------------------------------------------------------------------------- */

static const struct shape patterns_shape = LIST("EndpointPatterns", &shape_string);
static const struct shape key_shape =
    STRUCTURE("Key", REQUIRED("KeyId", &shape_string), REQUIRED("Name", &shape_string),
              REQUIRED("Type", &shape_string), REQUIRED("CreationTime", &shape_timestamp),
              REQUIRED("Admin", &shape_boolean), REQUIRED("Read", &shape_boolean),
              REQUIRED("Invoke", &patterns_shape));
static const struct shape keys_shape = LIST("Keys", &key_shape);
static const struct shape create_input =
    STRUCTURE("CreateKeyInput", OPTIONAL("Name", &shape_string), OPTIONAL("Type", &shape_string),
              OPTIONAL("Admin", &shape_boolean), OPTIONAL("Read", &shape_boolean),
              OPTIONAL("Invoke", &patterns_shape));
static const struct shape create_output =
    STRUCTURE("CreateKeyOutput", REQUIRED("Key", &key_shape), REQUIRED("Secret", &shape_string));
static const struct shape list_input = STRUCTURE("ListKeysInput");
static const struct shape list_output = STRUCTURE("ListKeysOutput", REQUIRED("Keys", &keys_shape));
static const struct shape update_input =
    STRUCTURE("UpdateKeyInput", REQUIRED("KeyId", &shape_string), OPTIONAL("Admin", &shape_boolean),
              OPTIONAL("Read", &shape_boolean), OPTIONAL("Invoke", &patterns_shape));
static const struct shape update_output = STRUCTURE("UpdateKeyOutput", REQUIRED("Key", &key_shape));
static const struct shape delete_input =
    STRUCTURE("DeleteKeyInput", REQUIRED("KeyId", &shape_string));
static const struct shape delete_output = STRUCTURE("DeleteKeyOutput");

/* --- reading and describing ------------------------------------------------------------------- */

static int join_patterns(struct api_call *call, json_t *list, char ret[PERMISSION_PATTERNS_BYTES])
{
    autobuffer struct buffer text = BUFFER_INIT(PERMISSION_PATTERNS_BYTES - 1);
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        const char *pattern = json_string_value(item);

        if (!permission_pattern_is_valid(pattern))
            return api_error(call, "ValidationException",
                             "An endpoint pattern has letters, digits, '-' and '*', 1 to %d of "
                             "them; '%s' is none",
                             PERMISSION_PATTERN_CHARS, pattern);
        if (buffer_printf(&text, i ? " %s" : "%s", pattern))
            return api_error(call, "ValidationException",
                             "The patterns are longer than %d characters together",
                             PERMISSION_PATTERNS_BYTES - 1);
    }
    if (!buffer_cstr(&text))
        return fault(-ENOMEM);
    memcpy(ret, buffer_cstr(&text), buffer_size(&text) + 1);
    return 0;
}

/* What the input does not say stays as it is in @may. */
static int read_permissions(struct api_call *call, struct key_permissions *may)
{
    json_t *invoke = input_get(call, "Invoke");

    may->admin = input_boolean(call, "Admin", may->admin);
    may->read = input_boolean(call, "Read", may->read);
    return invoke ? join_patterns(call, invoke, may->invoke) : 0;
}

static json_t *split_patterns(const char *text)
{
    json_t *list = json_array();

    while (*text) {
        size_t n = strcspn(text, " ");

        if (json_array_append_new(list, json_stringn(text, n))) {
            json_decref(list);
            return NULL;
        }
        text += n;
        text += strspn(text, " ");
    }
    return list;
}

static json_t *describe(const struct key *k)
{
    return json_pack("{s:s, s:s, s:s, s:f, s:b, s:b, s:o}", "KeyId", k->id, "Name", k->name, "Type",
                     k->sha256[0] ? "bearer" : "access", "CreationTime",
                     (double)k->created / MS_PER_S, "Admin", k->may.admin, "Read", k->may.read,
                     "Invoke", split_patterns(k->may.invoke));
}

/* --- operations ------------------------------------------------------------------------------- */

static int create_key(struct api_call *call)
{
    const char *name = input_text(call, "Name"), *type = input_text(call, "Type");
    struct key_permissions may = { .admin = false };
    char secret[SECRET_ACCESS_KEY_BYTES];
    const struct key *k;
    int r;

    if (name && strlen(name) > KEY_NAME_CHARS)
        return api_error(call, "ValidationException", "A name has %d bytes at most",
                         KEY_NAME_CHARS);
    if (type && strcmp(type, "bearer") != 0 && strcmp(type, "access") != 0)
        return api_error(call, "ValidationException", "Type is 'bearer' or 'access'");
    r = read_permissions(call, &may);
    if (r)
        return r;
    r = key_create(call->control, name ? name : "", !type || strcmp(type, "bearer") == 0, &may, &k,
                   secret);
    if (r == KEY_E_LIMIT)
        return api_error(call, "LimitExceededException", "There are %d keys already", KEYS_MAX);
    if (r)
        return fault(r);
    call->output = json_pack("{s:o, s:s}", "Key", describe(k), "Secret", secret);
    explicit_bzero(secret, sizeof(secret));
    return 0;
}

static int not_found(struct api_call *call)
{
    return api_error(call, "ResourceNotFoundException", "There is no key %s",
                     input_text(call, "KeyId"));
}

static int update_key(struct api_call *call)
{
    const struct key *k = key_find(call->control, input_text(call, "KeyId"));
    struct key_permissions may;
    int r;

    if (!k)
        return not_found(call);
    may = k->may;
    r = read_permissions(call, &may);
    if (r)
        return r;
    r = key_update(call->control, k->id, &may);
    if (r)
        return fault(r);
    call->output = json_pack("{s:o}", "Key", describe(k));
    return 0;
}

static int delete_key(struct api_call *call)
{
    int r = key_delete(call->control, input_text(call, "KeyId"));

    if (r == KEY_E_NOT_FOUND)
        return not_found(call);
    if (r)
        return fault(r);
    call->output = json_object();
    return 0;
}

static int list_keys(struct api_call *call)
{
    json_t *list = json_array();

    map_for_each (slot, &call->control->keys)
        if (json_array_append_new(list, describe(slot->value))) {
            json_decref(list);
            return fault(-ENOMEM);
        }
    call->output = json_pack("{s:o}", "Keys", list);
    return 0;
}

const struct operation weir_key_operations[] = {
    { "CreateKey", &create_input, &create_output, create_key },
    { "ListKeys", &list_input, &list_output, list_keys },
    { "UpdateKey", &update_input, &update_output, update_key },
    { "DeleteKey", &delete_input, &delete_output, delete_key },
    { NULL },
};
