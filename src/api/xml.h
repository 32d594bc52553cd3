/* api/xml.h: answers of AWS Query services. */
#pragma once
#include "api/service.h"

/** xml_write_output() - <OpResponse><OpResult>...</OpResult><ResponseMetadata>...; without a result
 * for operations that have no output. Return: 0 or a negative errno. */
int xml_write_output(const struct service *service, const struct operation *operation,
                     json_t *output, const char *request_id, struct buffer *out);

/** xml_write_error() - <ErrorResponse>. @namespace may be NULL. */
int xml_write_error(const char *xml_namespace, const char *code, bool sender, const char *message,
                    const char *request_id, struct buffer *out);
