#include "stream/out.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS_MAX = 64,
    TEXT_BYTES = 3 << 10, /* of heads and chunk lines, written here */
    SHORT_BYTES = 512,
    SPARE_MAX = 256,
    KEPT_CAPACITY = 16 << 10, /* a spare one's buffer that is larger is given back */
};
static_assert(PARTS_MAX <= IOV_MAX, "one system call takes all parts");

struct stream_out {
    struct list_link link; /* of the engine's spare ones */
    unsigned first, end;   /* parts[first .. end) */
    bool lent;             /* some part will not stay */
    bool joined;           /* everything is in `kept`, no parts are used */
    size_t size;           /* of all parts */
    size_t text_used;
    struct buffer kept;
    struct iovec parts[PARTS_MAX];
    char text[TEXT_BYTES];
};

struct stream_out *stream_out_new(struct stream_engine *e)
{
    struct stream_out *o = list_first_entry(&e->spare, struct stream_out, link);

    if (o) {
        list_remove(&o->link);
        e->n_spare--;
        return o;
    }
    o = malloc(sizeof(*o));
    if (!o)
        return NULL;
    list_link_init(&o->link);
    o->first = o->end = 0;
    o->lent = o->joined = false;
    o->size = o->text_used = 0;
    o->kept = BUFFER_INIT(SIZE_MAX / 2);
    return o;
}

struct stream_out *stream_out_free(struct stream_engine *e, struct stream_out *o)
{
    if (!o)
        return NULL;
    buffer_clear(&o->kept);
    if (e->n_spare == SPARE_MAX || o->kept.capacity > KEPT_CAPACITY)
        buffer_deinit(&o->kept);
    if (e->n_spare == SPARE_MAX) {
        free(o);
        return NULL;
    }
    o->first = o->end = 0;
    o->lent = o->joined = false;
    o->size = o->text_used = 0;
    list_push_front(&e->spare, &o->link);
    e->n_spare++;
    return NULL;
}

void stream_out_free_spare(struct stream_engine *e)
{
    struct stream_out *o;

    while ((o = list_first_entry(&e->spare, struct stream_out, link))) {
        list_remove(&o->link);
        buffer_deinit(&o->kept);
        free(o);
    }
    e->n_spare = 0;
}

size_t stream_out_size(const struct stream_out *o)
{
    return o->joined ? buffer_size(&o->kept) : o->size;
}

/* Copy all parts into one piece of memory. */
static int join(struct stream_out *o)
{
    int r = o->joined ? 0 : buffer_reserve(&o->kept, o->size);

    if (r || o->joined)
        return r;
    for (unsigned i = o->first; i < o->end && !r; i++)
        r = buffer_append(&o->kept, o->parts[i].iov_base, o->parts[i].iov_len);
    assert(r == 0);
    o->joined = true;
    o->lent = false;
    return 0;
}

static int append(struct stream_out *o, const char *data, size_t size)
{
    if (stream_out_size(o) > STREAM_OUT_MAX || size > STREAM_OUT_MAX - stream_out_size(o))
        return -ENOBUFS;
    return join(o) ? -ENOMEM : buffer_append(&o->kept, data, size);
}

static int refer(struct stream_out *o, const char *data, size_t size, bool lent)
{
    struct iovec *last = o->end > o->first ? &o->parts[o->end - 1] : NULL;
    bool follows = last && (char *)last->iov_base + last->iov_len == data;

    if (size == 0)
        return 0;
    if (o->joined || (o->end == PARTS_MAX && !follows))
        return append(o, data, size);
    if (follows)
        last->iov_len += size;
    else
        o->parts[o->end++] = (struct iovec){ (char *)data, size };
    o->lent = o->lent || lent;
    o->size += size;
    return 0;
}

int stream_out_copy(struct stream_out *o, const char *data, size_t size)
{
    char *text = o->text + o->text_used;

    if (o->joined || size > TEXT_BYTES - o->text_used)
        return append(o, data, size);
    memcpy(text, data, size);
    o->text_used += size;
    return refer(o, text, size, false);
}

/* A short piece is copied at less cost than the kernel looks at one more; heads and short bodies
 * become one. */
static bool is_short(const struct stream_out *o, size_t size)
{
    return size <= SHORT_BYTES && size <= TEXT_BYTES - o->text_used;
}

int stream_out_lend(struct stream_out *o, const char *data, size_t size)
{
    return is_short(o, size) ? stream_out_copy(o, data, size) : refer(o, data, size, true);
}

int stream_out_refer(struct stream_out *o, const char *data, size_t size)
{
    return is_short(o, size) ? stream_out_copy(o, data, size) : refer(o, data, size, false);
}

const struct iovec *stream_out_parts(const struct stream_out *o, struct iovec *room, size_t *ret_n)
{
    if (!o->joined) {
        *ret_n = o->end - o->first;
        return o->parts + o->first;
    }
    *room = (struct iovec){ buffer_data(&o->kept), buffer_size(&o->kept) };
    *ret_n = 1;
    return room;
}

bool stream_out_consume(struct stream_out *o, size_t n)
{
    if (o->joined) {
        buffer_consume(&o->kept, n);
        return buffer_size(&o->kept) == 0;
    }
    o->size -= n;
    while (n > 0 && n >= o->parts[o->first].iov_len)
        n -= o->parts[o->first++].iov_len;
    if (n > 0) {
        o->parts[o->first].iov_base = (char *)o->parts[o->first].iov_base + n;
        o->parts[o->first].iov_len -= n;
    }
    return o->size == 0;
}

int stream_out_settle(struct stream_out *o)
{
    return o->lent ? join(o) : 0;
}
