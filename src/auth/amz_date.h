/* auth/amz_date.h: "20260102T030405Z", the only form of time in a signature. Inside src/auth. */
#pragma once
#include "base/text.h"

enum { AMZ_DATE_CHARS = 16 };

void amz_date(wall_ms_t t, char ret_text[AMZ_DATE_CHARS + 1]);
/** amz_date_parse() - Return: 0 or -EINVAL. */
int amz_date_parse(struct slice s, wall_ms_t *ret_time);
