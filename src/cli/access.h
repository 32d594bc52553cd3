/* cli/access.h: where the server is, and the keys to it.
 *
 * Commands find a server by its state directory, as `weir serve --state DIR` has it, or by the
 * variables that AWS clients read: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN, AWS_DEFAULT_REGION or AWS_REGION.
 */
#pragma once
#include "base/cleanup.h"

struct access {
    char *url; /* "http://127.0.0.1:8080", no slash at the end */
    char *region;
    char *access_key_id, *secret_access_key;
    char *session_token; /* NULL: none */
};

enum { ACCESS_WHY_BYTES = 512 };

/**
 * access_find() - by @state if given, else by the environment if it has AWS_ENDPOINT_URL, else by
 * $WEIR_STATE, else by ./weir-state
 * @state:   a state directory, or NULL
 * @ret_why: on failure, one sentence for the user
 *
 * Return: 0, or a negative errno.
 */
int access_find(const char *state, struct access **ret_access, char ret_why[ACCESS_WHY_BYTES]);
/** access_find_keys() - only the keys, from state directory @state; the same outcomes */
int access_find_keys(const char *state, struct access **ret_access, char ret_why[ACCESS_WHY_BYTES]);
struct access *access_free(struct access *access);
DEFINE_AUTOFREE(struct access *, access_free)
