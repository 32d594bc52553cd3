#include "proxy/fields.h"

#include <string.h>

static bool is_one_of(const struct slice *names, size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++)
        if (names[i].size == name.size && slice_equal_nocase(names[i], name))
            return true;
    return false;
}

/* Whether a field of this name ends here whatever the message says. Most names are told by their
 * length alone. */
static bool ends_here(struct slice name)
{
    static const struct slice names[] = {
        { "TE", 2 },
        { "Expect", 6 },
        { "Upgrade", 7 },
        { "Connection", 10 },
        { "Keep-Alive", 10 },
        { "Content-Length", 14 },
        { "Proxy-Connection", 16 },
        { "Transfer-Encoding", 17 },
    };

    return is_one_of(names, sizeof(names) / sizeof(*names), name);
}

static bool is_host(struct slice name)
{
    return name.size == 4 && slice_is_nocase(name, "Host");
}

static bool is_trailer(struct slice name)
{
    return name.size == 7 && slice_is_nocase(name, "Trailer");
}

/* What the Connection fields name; the parser has counted them. */
struct named {
    struct slice names[HTTP_CONNECTION_OPTIONS_MAX];
    size_t n;
};

static void take_names(struct slice list, struct named *named)
{
    while (list.size && named->n < HTTP_CONNECTION_OPTIONS_MAX) {
        const char *comma = memchr(list.data, ',', list.size);
        size_t n = comma ? (size_t)(comma - list.data) : list.size;
        struct slice name = slice_trim((struct slice){ list.data, n });

        if (name.size)
            named->names[named->n++] = name;
        n += comma ? 1 : 0;
        list = (struct slice){ list.data + n, list.size - n };
    }
}

static bool is_connection(const struct http_header *h)
{
    return h->name.size == 10 && slice_is_nocase(h->name, "Connection");
}

/* Mostly they say no more than keep-alive or close. */
static void find_named(const struct http_head *head, struct named *ret_named)
{
    ret_named->n = 0;
    for (unsigned i = 0; i < head->n_headers; i++) {
        struct slice value = head->headers[i].value;

        if (is_connection(&head->headers[i]) && !slice_is_nocase(value, "keep-alive") &&
            !slice_is_nocase(value, "close"))
            take_names(value, ret_named);
    }
}

static int write_last(struct buffer *out, const char *run, const struct http_header *last)
{
    int r = buffer_append(out, run, (size_t)(last->name.data + last->name.size - run));

    if (!r)
        r = buffer_append(out, ": ", 2);
    if (!r && last->value.size)
        r = buffer_append(out, last->value.data, last->value.size);
    return r ? r : buffer_append(out, "\r\n", 2);
}

static bool stays(struct slice name, const struct named *named, bool (*drop)(struct slice name),
                  bool trailers)
{
    if (ends_here(name) || (drop && drop(name)) || (!trailers && is_trailer(name)))
        return true;
    return is_one_of(named->names, named->n, name);
}

/* Fields that pass one after the other lie in one piece and are copied as such. The end of the last
 * line may not have been kept, so that field is written out. */
static int write_fields(struct buffer *out, const struct http_head *head,
                        bool (*drop)(struct slice name), bool trailers, bool request)
{
    const char *run = NULL;
    struct named named;
    int r = 0;

    find_named(head, &named);
    for (unsigned i = 0; i < head->n_headers && !r; i++) {
        struct slice name = head->headers[i].name;
        bool ends = (request && is_host(name)) || stays(name, &named, drop, trailers);

        if (!ends && !run)
            run = name.data;
        if (ends && run) {
            r = buffer_append(out, run, (size_t)(name.data - run));
            run = NULL;
        }
    }
    return r || !run ? r : write_last(out, run, &head->headers[head->n_headers - 1]);
}

int fields_write(struct buffer *out, const struct http_head *head, bool (*drop)(struct slice name),
                 bool trailers)
{
    return write_fields(out, head, drop, trailers, false);
}

int fields_write_host(struct buffer *out, const struct http_head *head)
{
    struct slice host = head->host;
    int r;

    if (host.size == 0 && !http_header_find(head, "Host"))
        host = SLICE("localhost");
    r = buffer_append(out, "Host: ", 6);
    if (!r && host.size)
        r = buffer_append(out, host.data, host.size);
    return r ? r : buffer_append(out, "\r\n", 2);
}

int fields_write_request(struct buffer *out, const struct http_head *head,
                         bool (*drop)(struct slice name), bool trailers)
{
    int r = fields_write_host(out, head);

    if (!r)
        r = write_fields(out, head, drop, trailers, true);
    if (!r && trailers && head->takes_trailers)
        r = buffer_append(out, "TE: trailers\r\nConnection: TE\r\n", 30);
    return r;
}

/* --- trailers --------------------------------------------------------------------------------- */

static bool begins_with(struct slice name, const char *prefix)
{
    struct slice p = slice_from(prefix);

    return name.size >= p.size && slice_equal_nocase((struct slice){ name.data, p.size }, p);
}

static bool may_be_trailer(struct slice name)
{
    static const struct slice names[] = {
        { "Age", 3 },
        { "Date", 4 },
        { "Host", 4 },
        { "Vary", 4 },
        { "Range", 5 },
        { "Cookie", 6 },
        { "Pragma", 6 },
        { "Expires", 7 },
        { "Trailer", 7 },
        { "Warning", 7 },
        { "Location", 8 },
        { "Forwarded", 9 },
        { "Set-Cookie", 10 },
        { "Retry-After", 11 },
        { "Content-Type", 12 },
        { "Max-Forwards", 12 },
        { "Authorization", 13 },
        { "Cache-Control", 13 },
        { "Content-Range", 13 },
        { "X-Amzn-Trace-Id", 15 },
        { "Content-Encoding", 16 },
        { "Content-Location", 16 },
        { "WWW-Authenticate", 16 },
    };

    return !ends_here(name) && !is_one_of(names, sizeof(names) / sizeof(*names), name) &&
           !begins_with(name, "If-") && !begins_with(name, "Proxy-") &&
           !begins_with(name, "X-Forwarded-") && !begins_with(name, "X-Weir-");
}

void fields_keep_trailers(struct buffer *lines)
{
    char *to = buffer_data(lines), *from = to;
    size_t left = buffer_size(lines), kept = 0;

    while (left > 0) {
        char *end = memchr(from, '\n', left), *colon = memchr(from, ':', left);
        size_t n = end ? (size_t)(end - from) + 1 : left;

        if (colon && may_be_trailer((struct slice){ from, (size_t)(colon - from) })) {
            memmove(to + kept, from, n);
            kept += n;
        }
        from += n;
        left -= n;
    }
    buffer_truncate(lines, kept);
}
