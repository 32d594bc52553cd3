/* model/ubjson.h: whether UBJSON text is complete.
 *
 * libxgboost 1.7 reads UBJ models without looking where they end, and so reads past the end of one
 * that was cut short. This looks first. Source: Universal Binary JSON, draft 12.
 */
#pragma once
#include "base/text.h"

enum { UBJSON_DEPTH_MAX = 64 };

/** ubjson_is_whole() - one value, well-formed, with nothing behind it */
bool ubjson_is_whole(struct slice text);
