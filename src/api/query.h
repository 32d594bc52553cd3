/* api/query.h: AWS Query requests: forms such as
 * "Action=PutMetricData&Version=2010-08-01&MetricData.member.1.Value=5". */
#pragma once
#include "api/shape.h"
#include "base/text.h"

enum { QUERY_E_MALFORMED = 1 };

enum { QUERY_PARAMETERS_MAX = 100000, QUERY_LIST_MAX = 10000 /* items in one list */ };

/** query_parameter() - the decoded value of parameter @name, to free(); NULL if it is not there (or
 * there is no memory) */
char *query_parameter(struct slice form, const char *name);

/**
 * query_decode() - a form to the structure @shape, scalars read as the shape has them
 * @ret_why: with QUERY_E_MALFORMED, a sentence to free()
 *
 * A scalar that does not read as its shape's type stays a string, which shape_read() then refuses.
 * Return: 0, QUERY_E_MALFORMED, or a negative errno.
 */
int query_decode(struct slice form, const struct shape *shape, json_t **ret_value, char **ret_why);
