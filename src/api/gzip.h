/* api/gzip.h: compressed request bodies (Content-Encoding: gzip), as clients send PutMetricData. */
#pragma once
#include "base/buffer.h"
#include "base/text.h"

enum { GZIP_E_MALFORMED = 1, GZIP_E_TOO_LARGE };

/** gzip_decode() - one whole gzip member into @out, whose ceiling bounds the result.
 * Return: 0, GZIP_E_*, or a negative errno. */
int gzip_decode(struct slice body, struct buffer *out);
