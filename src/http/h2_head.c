#include "http/h2_head.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http/chars.h"

enum { FIELD_OVERHEAD = 32 /* RFC 9113 §6.5.2 */ };

static int malformed(const char **ret_why, const char *why)
{
    *ret_why = why;
    return HTTP_E_MALFORMED;
}

void h2_head_init(struct h2_head *h, const struct http_limits *limits)
{
    *h = (struct h2_head){ .text = BUFFER_INIT(2 * limits->head_bytes + 1024),
                           .pseudo = BUFFER_INIT(2 * limits->head_bytes),
                           .cookie = BUFFER_INIT(2 * limits->head_bytes) };
}

void h2_head_deinit(struct h2_head *h)
{
    buffer_deinit(&h->text);
    buffer_deinit(&h->pseudo);
    buffer_deinit(&h->cookie);
}

/* --- fields ----------------------------------------------------------------------------------- */

static bool is_name(struct slice name)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] >= 'A' && name.data[i] <= 'Z')
            return false;
    return name.size > 0 && chars_are(name, CHAR_TOKEN);
}

/* What is about a connection, which HTTP/2 says by other means (RFC 9113 §8.2.2). */
static bool is_of_connection(struct slice name)
{
    static const char *const names[] = { "connection", "keep-alive", "proxy-connection",
                                         "transfer-encoding", "upgrade" };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (slice_is_nocase(name, names[i]))
            return true;
    return false;
}

static int write_line(struct buffer *out, struct slice name, struct slice value)
{
    int r = buffer_append(out, name.data, name.size);

    if (!r)
        r = buffer_append(out, ": ", 2);
    if (!r && value.size)
        r = buffer_append(out, value.data, value.size);
    return r ? r : buffer_append(out, "\r\n", 2);
}

static int take_pseudo(struct h2_head *h, struct slice name, struct slice value,
                       const char **ret_why)
{
    struct slice_at *at = slice_is(name, ":method")      ? &h->method
                          : slice_is(name, ":scheme")    ? &h->scheme
                          : slice_is(name, ":authority") ? &h->authority
                          : slice_is(name, ":path")      ? &h->path
                                                         : NULL;

    if (!at || at->there)
        return malformed(ret_why, "a pseudo field is unknown or repeated");
    if (h->begun)
        return malformed(ret_why, "a pseudo field comes after other fields");
    *at = (struct slice_at){ buffer_size(&h->pseudo), value.size, true };
    return value.size ? buffer_append(&h->pseudo, value.data, value.size) : 0;
}

/* RFC 9113 §8.2.3: in HTTP/1 there is only one. */
static int take_cookie(struct h2_head *h, struct slice value)
{
    int r = buffer_size(&h->cookie) ? buffer_append(&h->cookie, "; ", 2) : 0;

    return r || !value.size ? r : buffer_append(&h->cookie, value.data, value.size);
}

static struct slice pseudo(const struct h2_head *h, const struct slice_at *at)
{
    return at->size ? (struct slice){ buffer_data(&h->pseudo) + at->start, at->size }
                    : (struct slice){ 0 };
}

static int take_field(struct h2_head *h, struct slice name, struct slice value,
                      const char **ret_why)
{
    h->begun = true;
    if (!is_name(name))
        return malformed(ret_why, "a header field name is malformed");
    if (is_of_connection(name))
        return malformed(ret_why, "a header field is of HTTP/1 connections only");
    if (slice_is(name, "te") && !slice_is(value, "trailers"))
        return malformed(ret_why, "TE is not trailers");
    if (slice_is(name, "cookie"))
        return take_cookie(h, value);
    h->has_length = h->has_length || slice_is(name, "content-length");
    if (slice_is(name, "host")) {
        if (h->has_host)
            return malformed(ret_why, "there is more than one Host field");
        h->has_host = true;
        if (h->authority.there && !slice_equal_nocase(pseudo(h, &h->authority), value))
            return malformed(ret_why, "Host and :authority name different hosts");
        if (h->authority.there)
            return 0;
    }
    return write_line(&h->text, name, value);
}

static int no_room(int r, const char **ret_why)
{
    if (r != -ENOBUFS)
        return r;
    *ret_why = "the header fields are too large";
    return HTTP_E_TOO_LARGE;
}

int h2_head_field(struct h2_head *h, struct slice name, struct slice value,
                  const struct http_limits *limits, const char **ret_why)
{
    int r;

    h->list_size += name.size + value.size + FIELD_OVERHEAD;
    if (h->list_size > limits->head_bytes || ++h->n_fields > HTTP_HEADERS_MAX)
        return no_room(-ENOBUFS, ret_why);
    if (value.size && !chars_are_value(value))
        return malformed(ret_why, "a header field holds a control byte");
    if (name.size && name.data[0] == ':')
        r = take_pseudo(h, name, value, ret_why);
    else
        r = take_field(h, name, value, ret_why);
    return no_room(r, ret_why);
}

/* --- the whole head --------------------------------------------------------------------------- */

static int check_pseudo(const struct h2_head *h, const struct http_limits *limits,
                        const char **ret_why)
{
    struct slice method = pseudo(h, &h->method), path = pseudo(h, &h->path);
    struct slice scheme = pseudo(h, &h->scheme);

    if (h->method.there && slice_is(method, "CONNECT")) {
        *ret_why = "CONNECT is not supported";
        return HTTP_E_NOT_SUPPORTED;
    }
    if (!h->method.there || !h->scheme.there || !h->path.there)
        return malformed(ret_why, "a pseudo field is missing");
    if (!slice_is_nocase(scheme, "http") && !slice_is_nocase(scheme, "https"))
        return malformed(ret_why, "the scheme is neither http nor https");
    if (method.size == 0 || !chars_are(method, CHAR_TOKEN))
        return malformed(ret_why, "the request method is malformed");
    if (path.size == 0 || !chars_are(path, CHAR_TARGET) ||
        (path.data[0] != '/' && !slice_is(path, "*")))
        return malformed(ret_why, "the request target is no path");
    if (path.size > limits->target_bytes) {
        *ret_why = "the request target is too long";
        return HTTP_E_URI_TOO_LONG;
    }
    if (h->authority.there && h->authority.size == 0)
        return malformed(ret_why, "the authority is empty");
    return 0;
}

static int write_request_line(const struct h2_head *h, struct buffer *out)
{
    struct slice method = pseudo(h, &h->method), path = pseudo(h, &h->path);
    int r = buffer_append(out, method.data, method.size);

    if (!r)
        r = buffer_append(out, " ", 1);
    if (!r)
        r = buffer_append(out, path.data, path.size);
    return r ? r : buffer_append(out, " HTTP/1.1\r\n", 11);
}

static int write_head(const struct h2_head *h, bool ends, struct buffer *out)
{
    int r = write_request_line(h, out);

    if (!r && h->authority.there)
        r = write_line(out, SLICE("host"), pseudo(h, &h->authority));
    if (!r && buffer_size(&h->text))
        r = buffer_append(out, buffer_data(&h->text), buffer_size(&h->text));
    if (!r && buffer_size(&h->cookie))
        r = write_line(out, SLICE("cookie"),
                       (struct slice){ buffer_data(&h->cookie), buffer_size(&h->cookie) });
    if (!r && !ends && !h->has_length)
        r = buffer_puts(out, "transfer-encoding: chunked\r\n");
    return r ? r : buffer_append(out, "\r\n", 2);
}

int h2_head_finish(struct h2_head *h, bool ends, const struct http_limits *limits,
                   struct http_head *ret_head, const char **ret_why)
{
    autobuffer struct buffer out = BUFFER_INIT(h->text.max_bytes);
    struct http_limits roomy = { .head_bytes = h->text.max_bytes,
                                 .target_bytes = limits->target_bytes };
    size_t scanned = 0, size = 0;
    struct buffer swap;
    int r = check_pseudo(h, limits, ret_why);

    if (!r)
        r = no_room(write_head(h, ends, &out), ret_why);
    if (r)
        return r;
    swap = h->text;
    h->text = out;
    out = swap;
    r = http_parse_request(buffer_data(&h->text), buffer_size(&h->text), &roomy, &scanned, ret_head,
                           &size, ret_why);
    if (r == HTTP_AGAIN || (r == 0 && size != buffer_size(&h->text)))
        return malformed(ret_why, "the head is not whole"); /* cannot be; must not be */
    if (r == 0 && ends && ret_head->framing == HTTP_BODY_LENGTH && ret_head->content_length > 0)
        return malformed(ret_why, "the announced body does not come");
    return r;
}

int h2_trailer_field(struct buffer *lines, struct slice name, struct slice value,
                     const char **ret_why)
{
    static const char *const framing[] = { "content-length", "host", "te", "trailer" };

    if (!is_name(name) || is_of_connection(name))
        return malformed(ret_why, "a trailer field name is malformed");
    if (value.size && !chars_are_value(value))
        return malformed(ret_why, "a trailer field holds a control byte");
    for (size_t i = 0; i < sizeof(framing) / sizeof(*framing); i++)
        if (slice_is(name, framing[i]))
            return malformed(ret_why, "a field that may not be a trailer is one");
    return write_line(lines, name, value);
}

/* --- what is read back from the form of HTTP/1 ------------------------------------------------ */

static bool read_line(struct slice *rest, struct slice *ret_line)
{
    char *lf = memchr(rest->data, '\n', rest->size);

    if (!lf || lf == rest->data || lf[-1] != '\r')
        return false;
    *ret_line = (struct slice){ rest->data, (size_t)(lf - rest->data) - 1 };
    rest->size -= ret_line->size + 2;
    rest->data = lf + 1;
    return true;
}

static int read_status(struct slice line, struct h2_fields *f)
{
    if (line.size < 12 || memcmp(line.data, "HTTP/1.", 7) != 0)
        return -EINVAL;
    memcpy(f->status, line.data + 9, 3);
    f->status[3] = '\0';
    f->all[f->n++] = (struct http_header){ SLICE(":status"), { f->status, 3 } };
    return 0;
}

static int read_field(struct slice line, struct h2_fields *f)
{
    char *colon = memchr(line.data, ':', line.size);
    struct http_header h;

    if (!colon || f->n == H2_FIELDS_MAX)
        return -EINVAL;
    for (char *p = (char *)line.data; p < colon; p++)
        *p = (char)tolower((unsigned char)*p);
    h.name = (struct slice){ line.data, (size_t)(colon - line.data) };
    h.value = slice_trim((struct slice){ colon + 1, (size_t)(line.data + line.size - colon) - 1 });
    if (!is_of_connection(h.name))
        f->all[f->n++] = h;
    return 0;
}

int h2_fields_read(char *lines, size_t size, bool trailer, struct h2_fields *ret)
{
    struct slice rest = { lines, size }, line;
    int r = 0;

    ret->n = 0;
    if (!trailer)
        r = read_line(&rest, &line) ? read_status(line, ret) : -EINVAL;
    while (!r && rest.size)
        r = read_line(&rest, &line) ? read_field(line, ret) : -EINVAL;
    return r;
}

/* "METHOD target HTTP/1.1" */
static int read_request_line(struct slice line, struct h2_fields *f)
{
    const char *end = line.data + line.size;
    const char *space = memchr(line.data, ' ', line.size);
    const char *last = space ? memchr(space + 1, ' ', (size_t)(end - space) - 1) : NULL;

    if (!last || space == line.data)
        return -EINVAL;
    f->all[f->n++] =
        (struct http_header){ SLICE(":method"), { line.data, (size_t)(space - line.data) } };
    f->all[f->n++] = (struct http_header){ SLICE(":scheme"), SLICE("http") };
    f->all[f->n++] =
        (struct http_header){ SLICE(":path"), { space + 1, (size_t)(last - space) - 1 } };
    return 0;
}

/* It is written first of all fields; an empty one says nothing. */
static void take_host(struct h2_fields *f)
{
    struct http_header *first = &f->all[3];

    if (f->n == 3 || !slice_is(first->name, "host"))
        return;
    if (first->value.size)
        first->name = SLICE(":authority");
    else
        memmove(first, first + 1, (--f->n - 3) * sizeof(*first));
}

int h2_fields_read_request(char *head, size_t size, struct h2_fields *ret)
{
    struct slice rest = { head, size }, line;
    int r;

    ret->n = 0;
    r = read_line(&rest, &line) ? read_request_line(line, ret) : -EINVAL;
    while (!r && rest.size) {
        if (!read_line(&rest, &line))
            return -EINVAL;
        if (line.size == 0)
            break;
        r = read_field(line, ret);
    }
    if (!r)
        take_host(ret);
    return r || rest.size ? -EINVAL : 0;
}

/* --- an answer as it comes in ----------------------------------------------------------------- */

void h2_answer_init(struct h2_answer *a, const struct http_limits *limits)
{
    *a = (struct h2_answer){ .text = BUFFER_INIT(2 * limits->head_bytes + 1024) };
}

void h2_answer_reset(struct h2_answer *a)
{
    buffer_clear(&a->text);
    *a = (struct h2_answer){ .text = a->text };
}

void h2_answer_deinit(struct h2_answer *a)
{
    buffer_deinit(&a->text);
}

static int take_status(struct h2_answer *a, struct slice name, struct slice value,
                       const char **ret_why)
{
    uint64_t status;

    if (a->begun || a->status || !slice_is(name, ":status"))
        return malformed(ret_why, "a pseudo field is unknown, repeated or late");
    if (value.size != 3 || text_to_u64(value, 999, &status) || status < 100 || status == 101)
        return malformed(ret_why, "the status is none");
    a->status = (unsigned)status;
    return buffer_printf(&a->text, "HTTP/1.1 %u %s\r\n", a->status, http_reason(a->status));
}

static int take_answer_field(struct h2_answer *a, struct slice name, struct slice value,
                             const char **ret_why)
{
    a->begun = true;
    if (!a->status)
        return malformed(ret_why, "the status is missing");
    if (!is_name(name))
        return malformed(ret_why, "a header field name is malformed");
    if (is_of_connection(name))
        return malformed(ret_why, "a header field is of HTTP/1 connections only");
    a->has_length = a->has_length || slice_is(name, "content-length");
    return write_line(&a->text, name, value);
}

int h2_answer_field(struct h2_answer *a, struct slice name, struct slice value,
                    const struct http_limits *limits, const char **ret_why)
{
    int r;

    a->list_size += name.size + value.size + FIELD_OVERHEAD;
    if (a->list_size > limits->head_bytes || ++a->n_fields > HTTP_HEADERS_MAX)
        return no_room(-ENOBUFS, ret_why);
    if (value.size && !chars_are_value(value))
        return malformed(ret_why, "a header field holds a control byte");
    if (name.size && name.data[0] == ':')
        r = take_status(a, name, value, ret_why);
    else
        r = take_answer_field(a, name, value, ret_why);
    return no_room(r, ret_why);
}

/* What says in HTTP/1 that a body of unknown length comes. */
static int end_answer(struct h2_answer *a, bool ends, struct slice method)
{
    bool none =
        ends || a->status < 200 || a->status == 204 || a->status == 304 || slice_is(method, "HEAD");
    int r = !none && !a->has_length ? buffer_puts(&a->text, "transfer-encoding: chunked\r\n") : 0;

    return r ? r : buffer_append(&a->text, "\r\n", 2);
}

int h2_answer_finish(struct h2_answer *a, bool ends, struct slice method,
                     const struct http_limits *limits, struct http_head *ret_head,
                     const char **ret_why)
{
    struct http_limits roomy = { .head_bytes = a->text.max_bytes,
                                 .target_bytes = limits->target_bytes };
    size_t scanned = 0, size = 0;
    int r;

    if (!a->status)
        return malformed(ret_why, "the status is missing");
    r = no_room(end_answer(a, ends, method), ret_why);
    if (!r)
        r = http_parse_response(buffer_data(&a->text), buffer_size(&a->text), method, &roomy,
                                &scanned, ret_head, &size, ret_why);
    if (r == HTTP_AGAIN || (r == 0 && size != buffer_size(&a->text)))
        return malformed(ret_why, "the head is not whole"); /* cannot be; must not be */
    if (r)
        return r;
    if (ends && ret_head->framing == HTTP_BODY_LENGTH && ret_head->content_length > 0)
        return malformed(ret_why, "the announced body does not come");
    if (ends)
        ret_head->framing = HTTP_BODY_NONE;
    ret_head->keep_alive = true; /* of one answer among many */
    return 0;
}
