#include "proxy/fields.h"

#include <string.h>

/* Whether a field of this name ends here whatever the message says. Most names are told by their
 * length alone. */
static bool ends_here(struct slice name)
{
    static const struct slice names[] = {
        { "TE", 2 },
        { "Expect", 6 },
        { "Trailer", 7 },
        { "Upgrade", 7 },
        { "Connection", 10 },
        { "Keep-Alive", 10 },
        { "Content-Length", 14 },
        { "Proxy-Connection", 16 },
        { "Transfer-Encoding", 17 },
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (names[i].size == name.size && slice_equal_nocase(names[i], name))
            return true;
    return false;
}

/* Whether a comma-separated list has @name. */
static bool lists(struct slice list, struct slice name)
{
    while (list.size) {
        const char *comma = memchr(list.data, ',', list.size);
        size_t n = comma ? (size_t)(comma - list.data) : list.size;

        if (slice_equal_nocase(slice_trim((struct slice){ list.data, n }), name))
            return true;
        n += comma ? 1 : 0;
        list = (struct slice){ list.data + n, list.size - n };
    }
    return false;
}

static bool is_connection(const struct http_header *h)
{
    return h->name.size == 10 && slice_is_nocase(h->name, "Connection");
}

static bool named_by_connection(const struct http_head *head, struct slice name)
{
    for (unsigned i = 0; i < head->n_headers; i++)
        if (is_connection(&head->headers[i]) && lists(head->headers[i].value, name))
            return true;
    return false;
}

/* Whether Connection fields may name others: mostly they say no more than keep-alive or close. */
static bool names_others(const struct http_head *head)
{
    for (unsigned i = 0; i < head->n_headers; i++) {
        struct slice value = head->headers[i].value;

        if (is_connection(&head->headers[i]) && !slice_is_nocase(value, "keep-alive") &&
            !slice_is_nocase(value, "close"))
            return true;
    }
    return false;
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

/* Fields that pass one after the other lie in one piece and are copied as such. The end of the last
 * line may not have been kept, so that field is written out. */
int fields_write(struct buffer *out, const struct http_head *head, bool (*drop)(struct slice name))
{
    bool named = names_others(head);
    const char *run = NULL;
    int r = 0;

    for (unsigned i = 0; i < head->n_headers && !r; i++) {
        struct slice name = head->headers[i].name;
        bool stays = ends_here(name) || (drop && drop(name));

        /* a message without Host goes nowhere: that is not Connection's to say */
        if (!stays && named && !slice_is_nocase(name, "Host"))
            stays = named_by_connection(head, name);
        if (!stays && !run)
            run = name.data;
        if (stays && run) {
            r = buffer_append(out, run, (size_t)(name.data - run));
            run = NULL;
        }
    }
    return r || !run ? r : write_last(out, run, &head->headers[head->n_headers - 1]);
}
