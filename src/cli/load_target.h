/* cli/load_target.h: where requests go and what they say. */
#pragma once
#include "base/buffer.h"
#include "base/text.h"
#include "cli/access.h"
#include "net/address.h"

struct load_target {
    struct address address;
    char *host;         /* value of the Host field */
    char *path, *query; /* as they stand on the wire; query without "?", may be "" */
    const char *method; /* "POST", or "GET" when there are no bodies */
    char *content_type;
    struct access *access; /* signs requests, for the service "sagemaker"; NULL: not signed */
    char *body_bytes;      /* what the bodies point into */
    struct slice *bodies;  /* sent in turn */
    size_t n_bodies;
};

enum { LOAD_TARGET_WHY_BYTES = 512 };

/**
 * load_target_locate() - set address, host, path and query
 * @url:     "http://HOST[:PORT][/PATH[?QUERY]]"; names are looked up here, once
 * @ret_why: on -EINVAL, what is wrong with it
 */
int load_target_locate(struct load_target *target, const char *url,
                       char ret_why[LOAD_TARGET_WHY_BYTES]);

/**
 * load_target_set_bodies() - take what is to be sent
 * @bytes: from malloc(), becomes the target's, on failure too
 * @lines: each line that is not empty is a body; otherwise all of it is one
 *
 * Return: 0, -EINVAL (no line) or -ENOMEM.
 */
int load_target_set_bodies(struct load_target *target, char *bytes, size_t size, bool lines);

/** load_target_message() - append request number @index, signed for the time @now. Return: 0 or a
 * negative errno. */
int load_target_message(const struct load_target *target, uint64_t index, wall_ms_t now,
                        struct buffer *out);

void load_target_deinit(struct load_target *target);
