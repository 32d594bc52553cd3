/* http/writer.h: HTTP/1.1 messages to bytes.
 *
 * Names and values are checked: a value with CR, LF or NUL is refused, so nothing that was put in
 * can become a field, or a message, of its own.
 */
#pragma once
#include "base/buffer.h"
#include "http/message.h"

/* Return: 0, -EINVAL (a byte that may not stand there), -ENOBUFS or -ENOMEM; then the buffer's new
 * bytes are to be discarded by the caller. */
int http_write_request_line(struct buffer *b, struct slice method, struct slice target);
int http_write_status_line(struct buffer *b, unsigned status); /* HTTP/1.1, standard reason */
int http_write_header(struct buffer *b, const char *name, struct slice value);
int http_write_header_text(struct buffer *b, const char *name, const char *value);
/** http_write_header_number() - @name is the caller's own, and not checked */
int http_write_header_number(struct buffer *b, const char *name, uint64_t value);
int http_write_date(struct buffer *b, wall_ms_t now); /* the Date field, IMF-fixdate */
int http_write_end(struct buffer *b);                 /* the empty line */

int http_write_chunk(struct buffer *b, struct slice content); /* empty content writes nothing */
int http_write_last_chunk(struct buffer *b);

enum { HTTP_DATE_BYTES = 30 };
/** http_date() - "Fri, 02 Jan 2026 03:04:05 GMT" (RFC 9110 §5.6.7) */
void http_date(wall_ms_t t, char ret_text[HTTP_DATE_BYTES]);
/** http_date_parse() - IMF-fixdate only. Return: 0 or -EINVAL. */
int http_date_parse(struct slice s, wall_ms_t *ret_time);
