/* api/rpc_cbor.h: bodies of Smithy RPC v2 CBOR (RFC 8949; Smithy specification, "Smithy RPC v2
 * CBOR").
 *
 * The decoder is ours rather than libcbor's loader, which allocates what a header of a few bytes
 * announces; here nothing is announced that the input does not hold. The encoder is made of
 * libcbor's writers of single items.
 */
#pragma once
#include "api/shape.h"
#include "base/text.h"

enum { CBOR_E_MALFORMED = 1 };

/**
 * cbor_decode() - one data item and nothing behind it; an empty body is an empty map
 * @ret_why: with CBOR_E_MALFORMED, a constant sentence
 *
 * Definite and indefinite lengths, at most SHAPE_DEPTH_MAX levels. Tags are dropped (tag 1 leaves
 * the seconds), undefined becomes null, byte strings too, since no shape here has them. NaN and
 * infinities become strings, which no number's shape takes. Return: 0, CBOR_E_MALFORMED, or a
 * negative errno.
 */
int cbor_decode(struct slice body, json_t **ret_value, const char **ret_why);

/** cbor_encode() - what @shape has of @value. Return: 0 or a negative errno. */
int cbor_encode(const struct shape *shape, json_t *value, struct buffer *out);
/** cbor_encode_error() - {"__type": @type, "message": @message} */
int cbor_encode_error(const char *type, const char *message, struct buffer *out);
