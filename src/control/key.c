#include "control/key.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "control/proxy_link.h"
#include "control/record.h"

enum { PATH_BYTES = sizeof("/keys/") + KEY_ID_BYTES };

static struct key *key_free(struct key *k)
{
    if (k)
        explicit_bzero(k, sizeof(*k));
    free(k);
    return NULL;
}
DEFINE_AUTOFREE(struct key *, key_free)

/* --- documents -------------------------------------------------------------------------------- */

static void path_of(const char *id, char ret_path[PATH_BYTES])
{
    snprintf(ret_path, PATH_BYTES, "/keys/%s", id);
}

static int store_key(struct control *c, const struct key *k)
{
    char path[PATH_BYTES];
    json_t *document =
        json_pack("{s:s, s:s, s:I, s:s, s:s, s:b, s:b, s:s}", "id", k->id, "name", k->name,
                  "created", (json_int_t)k->created, "secret", k->secret, "sha256", k->sha256,
                  "admin", k->may.admin, "read", k->may.read, "invoke", k->may.invoke);
    int r;

    if (!document)
        return fault(-ENOMEM);
    path_of(k->id, path);
    r = record_put(c, path, document);
    json_decref(document);
    return r;
}

static bool copy(const char *from, size_t size, char *to)
{
    size_t n = strlen(from);

    if (n >= size)
        return false;
    memcpy(to, from, n + 1);
    return true;
}

static int load(struct control *c, json_t *document)
{
    autofree(key_free) struct key *k = calloc(1, sizeof(*k));
    const char *id, *name, *secret, *sha256, *invoke;
    json_int_t created;
    int admin, read;

    if (!k)
        return fault(-ENOMEM);
    if (json_unpack(document, "{s:s, s:s, s:I, s:s, s:s, s:b, s:b, s:s}", "id", &id, "name", &name,
                    "created", &created, "secret", &secret, "sha256", &sha256, "admin", &admin,
                    "read", &read, "invoke", &invoke))
        return -EINVAL;
    if (!copy(id, sizeof(k->id), k->id) || !copy(name, sizeof(k->name), k->name) ||
        !copy(secret, sizeof(k->secret), k->secret) ||
        !copy(sha256, sizeof(k->sha256), k->sha256) ||
        !copy(invoke, sizeof(k->may.invoke), k->may.invoke))
        return -EINVAL;
    k->created = created;
    k->may.admin = admin;
    k->may.read = read;
    if (map_put(&c->keys, k->id, k))
        return fault(-ENOMEM);
    (void)steal(k);
    return 0;
}

int keys_load(struct control *c)
{
    return record_load(c, "/keys/", load);
}

void keys_free(struct control *c)
{
    map_for_each (slot, &c->keys)
        key_free(slot->value);
    map_deinit(&c->keys);
}

/* --- changes ---------------------------------------------------------------------------------- */

static void make_secret(struct key *k, bool bearer, char ret_secret[SECRET_ACCESS_KEY_BYTES])
{
    struct credentials pair;

    if (bearer) {
        bearer_generate(ret_secret);
        memcpy(k->id, ret_secret, BEARER_ID_CHARS);
        bearer_hash(slice_from(ret_secret), k->sha256);
        return;
    }
    credentials_generate(&pair);
    snprintf(k->id, sizeof(k->id), "%.*s", (int)sizeof(k->id) - 1, pair.access_key_id);
    memcpy(k->secret, pair.secret_access_key, sizeof(k->secret));
    memcpy(ret_secret, pair.secret_access_key, SECRET_ACCESS_KEY_BYTES);
    explicit_bzero(&pair, sizeof(pair));
}

static_assert((int)BEARER_KEY_CHARS < (int)SECRET_ACCESS_KEY_BYTES, "a secret may be a bearer key");

int key_create(struct control *c, const char *name, bool bearer, const struct key_permissions *may,
               const struct key **ret_key, char ret_secret[SECRET_ACCESS_KEY_BYTES])
{
    autofree(key_free) struct key *k = NULL;
    int r;

    if (c->keys.size >= KEYS_MAX)
        return KEY_E_LIMIT;
    k = calloc(1, sizeof(*k));
    if (!k)
        return fault(-ENOMEM);
    make_secret(k, bearer, ret_secret);
    snprintf(k->name, sizeof(k->name), "%s", name);
    k->created = loop_wall(c->loop);
    k->may = *may;
    r = map_put(&c->keys, k->id, k);
    if (!r)
        r = store_key(c, k);
    if (r) {
        map_remove(&c->keys, k->id);
        return fault(r);
    }
    proxy_link_key(c->link, k);
    log_info(c->log, "key created", "key=%s name=\"%s\"", k->id, k->name);
    *ret_key = steal(k); /* the map has it */
    return 0;
}

int key_update(struct control *c, const char *id, const struct key_permissions *may)
{
    struct key *k = map_get(&c->keys, id);
    struct key_permissions before;
    int r;

    if (!k)
        return KEY_E_NOT_FOUND;
    before = k->may;
    k->may = *may;
    r = store_key(c, k);
    if (r) {
        k->may = before;
        return fault(r);
    }
    proxy_link_key(c->link, k);
    log_info(c->log, "key updated", "key=%s", id);
    return 0;
}

int key_delete(struct control *c, const char *id)
{
    struct key *k = map_get(&c->keys, id);
    char path[PATH_BYTES];
    int r;

    if (!k)
        return KEY_E_NOT_FOUND;
    path_of(id, path);
    r = record_delete(c, path, NULL);
    if (r)
        return fault(r);
    proxy_link_no_key(c->link, k->id);
    log_info(c->log, "key deleted", "key=%s", k->id);
    map_remove(&c->keys, k->id);
    key_free(k);
    return 0;
}

/* --- questions -------------------------------------------------------------------------------- */

const struct key *key_find(const struct control *c, const char *id)
{
    return map_get(&c->keys, id);
}

bool key_may_call(const struct control *c, const char *id, const char *operation, bool admin_only)
{
    const struct key *k;

    if (!c->settings.auth)
        return true;
    if (c->settings.access_key_id && strcmp(id, c->settings.access_key_id) == 0)
        return true;
    k = key_find(c, id);
    if (!k)
        return false;
    return k->may.admin || (k->may.read && !admin_only && permission_reads(operation)) ||
           strcmp(operation, "GetCallerIdentity") == 0; /* as with AWS, nobody needs leave for it */
}
