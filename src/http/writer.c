#include "http/writer.h"

#include <errno.h>
#include <string.h>

#include "http/chars.h"

static int append_slice(struct buffer *b, struct slice s)
{
    return buffer_append(b, s.data, s.size);
}

int http_write_request_line(struct buffer *b, struct slice method, struct slice target)
{
    int r;

    if (method.size == 0 || !chars_are(method, CHAR_TOKEN) || target.size == 0 ||
        !chars_are(target, CHAR_TARGET))
        return -EINVAL;
    r = append_slice(b, method);
    if (!r)
        r = buffer_append(b, " ", 1);
    if (!r)
        r = append_slice(b, target);
    if (!r)
        r = append_slice(b, SLICE(" HTTP/1.1\r\n"));
    return r;
}

int http_write_status_line(struct buffer *b, unsigned status)
{
    if (status < 100 || status > 999)
        return -EINVAL;
    return buffer_printf(b, "HTTP/1.1 %u %s\r\n", status, http_reason(status));
}

int http_write_header(struct buffer *b, const char *name, struct slice value)
{
    struct slice n = slice_from(name);
    int r;

    if (n.size == 0 || !chars_are(n, CHAR_TOKEN) || !chars_are_value(value))
        return -EINVAL;
    r = append_slice(b, n);
    if (!r)
        r = append_slice(b, SLICE(": "));
    if (!r)
        r = append_slice(b, value);
    if (!r)
        r = append_slice(b, SLICE("\r\n"));
    return r;
}

int http_write_header_text(struct buffer *b, const char *name, const char *value)
{
    return http_write_header(b, name, slice_from(value));
}

/* In every message: nothing is checked that cannot be wrong, and printf takes ten times as long. */
int http_write_header_number(struct buffer *b, const char *name, uint64_t value)
{
    char line[] = ": 18446744073709551615\r\n", *first = line + sizeof(line) - 3;
    int r = buffer_append(b, name, strlen(name));

    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    *--first = ' ';
    *--first = ':';
    return r ? r : buffer_append(b, first, (size_t)(line + sizeof(line) - 1 - first));
}

int http_write_date(struct buffer *b, wall_ms_t now)
{
    char text[HTTP_DATE_BYTES];

    http_date(now, text);
    return http_write_header_text(b, "Date", text);
}

int http_write_end(struct buffer *b)
{
    return append_slice(b, SLICE("\r\n"));
}

int http_write_chunk(struct buffer *b, struct slice content)
{
    int r;

    if (content.size == 0) /* would be the last chunk */
        return 0;
    r = buffer_printf(b, "%zx\r\n", content.size);
    if (!r)
        r = append_slice(b, content);
    if (!r)
        r = append_slice(b, SLICE("\r\n"));
    return r;
}

int http_write_last_chunk(struct buffer *b)
{
    return append_slice(b, SLICE("0\r\n\r\n"));
}
