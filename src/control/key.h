/* control/key.h: keys beside the server's own, each with what it may do.
 *
 * The server's own key, in the state directory's file `credentials`, may do everything and is not
 * here. The others are made by it or by keys that it made: access keys, which sign (SigV4), and
 * bearer keys, of which only the hash is kept. They reach the proxies with the next message.
 */
#pragma once
#include "auth/bearer.h"
#include "auth/credentials.h"
#include "auth/permission.h"
#include "control/control.h"

enum { KEYS_MAX = 1000, KEY_NAME_CHARS = 64, KEY_ID_BYTES = 64 };

enum {
    KEY_E_NOT_FOUND = 1,
    KEY_E_LIMIT, /* there are KEYS_MAX */
};

struct key_permissions {
    bool admin, read;
    char invoke[PERMISSION_PATTERNS_BYTES]; /* patterns with spaces between them */
};

struct key {
    char id[KEY_ID_BYTES];
    char name[KEY_NAME_CHARS + 1];
    wall_ms_t created;
    char secret[SECRET_ACCESS_KEY_BYTES]; /* of an access key; empty for bearer keys */
    char sha256[SHA256_HEX + 1];          /* of a bearer key; empty for access keys */
    struct key_permissions may;
};

/** key_create() - @ret_secret: what its owner must know, and hears only now: a bearer key as a
 * whole, or the secret of an access key. Return: 0, KEY_E_LIMIT or -errno. */
int key_create(struct control *c, const char *name, bool bearer, const struct key_permissions *may,
               const struct key **ret_key, char ret_secret[SECRET_ACCESS_KEY_BYTES]);
/** key_update() - Return: 0, KEY_E_NOT_FOUND or -errno. */
int key_update(struct control *c, const char *id, const struct key_permissions *may);
int key_delete(struct control *c, const char *id);
const struct key *key_find(const struct control *c, const char *id);

/** key_may_call() - whether principal @id ("no-auth" for anybody) may call @operation; deleted keys
 * may not. @admin_only: it is about keys */
bool key_may_call(const struct control *c, const char *id, const char *operation, bool admin_only);

int keys_load(struct control *c);
void keys_free(struct control *c);
