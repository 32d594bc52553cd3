/* http/url.h: request targets, query strings and percent-coding (RFC 3986). */
#pragma once
#include "base/buffer.h"
#include "base/text.h"

struct url_target {
    struct slice path;  /* "/..." as received, still encoded; "/" if the target had none */
    struct slice query; /* after the "?", still encoded; empty if none */
};

/** url_split_target() - origin-form or absolute-form. Return: 0 or -EINVAL. */
int url_split_target(struct slice target, struct url_target *ret);

/** url_query_next() - walk "a=b&c=d": takes the first pair off @rest. Return: false at the end. */
bool url_query_next(struct slice *rest, struct slice *ret_name, struct slice *ret_value);

/** url_decode() - percent-decode into @out; with @form also "+" to space. Return: 0, -EINVAL, or
 * -ENOBUFS/-ENOMEM. */
int url_decode(struct slice s, bool form, struct buffer *out);
/** url_encode() - everything but unreserved characters, and "/" when @keep_slash; upper-case hex */
int url_encode(struct slice s, bool keep_slash, struct buffer *out);
