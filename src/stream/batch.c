#include "stream/batch.h"

#include <errno.h>
#include <string.h>

#include "base/socket_batch.h"
#include "stream/internal.h"
#include "stream/out.h"

enum {
    SLICE_MIN = 20 << 10, /* of the lent buffer, for each: a small body comes with its head */
};

struct entry {
    struct stream *stream;
    ssize_t result;
    char *data; /* a slice of the lent buffer; the first `kept` bytes are for what was kept */
    size_t size, kept;
    bool retake;
    struct iovec piece;
    int error;
    bool progress;
};

struct stream_batch {
    struct socket_batch *calls;
    struct entry entries[SOCKET_BATCH_MAX];
};

int stream_batch_new(struct stream_batch **ret_batch)
{
    struct stream_batch *b = calloc(1, sizeof(*b));
    int r = b ? socket_batch_new(&b->calls) : -ENOMEM;

    if (r)
        free(b);
    else
        *ret_batch = b;
    return r;
}

struct stream_batch *stream_batch_free(struct stream_batch *b)
{
    if (b)
        socket_batch_free(b->calls);
    free(b);
    return NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

static size_t kept_of(const struct stream *s)
{
    return s->rest ? s->rest->size : 0;
}

static bool can_be_read(const struct stream *s)
{
    return s->ops == &stream_plain && s->wants && s->readable && !s->gives && s->error == 0 &&
           kept_of(s) < SLICE_MIN / 2;
}

static unsigned count_readable(const struct list *reads, size_t most)
{
    unsigned n = 0;

    list_for_each (s, reads, struct stream, read) {
        if (n == most || !can_be_read(s))
            break;
        n++;
    }
    return n;
}

static void receive_all(struct stream_engine *e, struct list *reads, unsigned n)
{
    struct stream_batch *b = e->batch;
    size_t size = (STREAM_LENT_BYTES - e->lent_used) / n;

    for (unsigned i = 0; i < n; i++) {
        struct stream *s = list_first_entry(reads, struct stream, read);
        struct entry *x = &b->entries[i];

        list_remove(&s->read);
        x->stream = s;
        x->data = e->lent + e->lent_used + i * size;
        x->kept = kept_of(s);
        x->size = size - x->kept;
        x->retake = s->retake && x->kept > 0;
        s->retake = false;
        s->taken = true;
        socket_batch_receive(b->calls, s->io.fd, x->data + x->kept, x->size, &x->result);
    }
    socket_batch_run(b->calls);
}

/* Somebody before it in the batch has made that it wants no input now. An error is told once by the
 * kernel, so it is kept for the next read; the end of the stream is told again. */
static void put_aside(struct stream *s, const struct entry *x)
{
    if (x->result > 0) {
        if (x->kept)
            memcpy(x->data, s->rest->data, x->kept);
        if (stream_keep_rest(s, x->data, x->kept + (size_t)x->result)) {
            stream_end(s, -ENOMEM);
            return;
        }
    } else if (x->result != -EAGAIN) {
        s->readable = true;
        s->error = (int16_t)x->result;
    }
    if ((s->ending || s->error) && s->owner->hung_up)
        s->owner->hung_up(s, s->error);
}

static void show(struct stream *s, const struct entry *x)
{
    s->taken = false;
    if (!stream_is_open(s))
        return;
    if (s->wants)
        stream_take(s, x->data, x->kept, x->result, x->retake);
    else
        put_aside(s, x);
}

bool stream_batch_read(struct stream_engine *e, struct list *reads)
{
    struct entry *x = e->batch->entries;
    unsigned n;

    if (STREAM_LENT_BYTES - e->lent_used < STREAM_READ_MIN)
        stream_send_all(e);
    n = count_readable(reads, (STREAM_LENT_BYTES - e->lent_used) / SLICE_MIN);
    if (n < 2)
        return false;
    receive_all(e, reads, n);
    for (unsigned i = 0; i < n; i++)
        if (x[i].result != -EINTR)
            x[i].stream->readable = stream_may_have_more(x[i].stream, x[i].result, x[i].size);
        else
            x[i].result = -EAGAIN; /* readable as before */
    for (unsigned i = 0; i < n; i++)
        show(x[i].stream, &x[i]);
    return true;
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool can_be_sent(const struct stream *s)
{
    return s->ops == &stream_plain && s->out && !s->takes;
}

static unsigned gather_output(struct stream_engine *e)
{
    struct entry *x = e->batch->entries;
    unsigned n = 0;

    list_for_each (s, &e->sends, struct stream, send) {
        if (n == SOCKET_BATCH_MAX || !can_be_sent(s))
            break;
        x[n++].stream = s;
    }
    return n;
}

static void send_together(struct stream_batch *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct entry *x = &b->entries[i];
        size_t n_parts;
        const struct iovec *parts = stream_out_parts(x->stream->out, &x->piece, &n_parts);

        list_remove(&x->stream->send);
        socket_batch_send(b->calls, x->stream->io.fd, parts, n_parts, &x->result);
    }
    socket_batch_run(b->calls);
}

/* Before anybody is called: a callback may look at any stream, or send more. */
static void account_all(struct stream_batch *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct entry *x = &b->entries[i];

        x->progress = false;
        x->error =
            stream_account(x->stream, x->result == -EINTR ? -EAGAIN : x->result, &x->progress);
        if (x->error)
            stream_drop_output(x->stream);
    }
}

bool stream_batch_send(struct stream_engine *e)
{
    struct stream_batch *b = e->batch;
    unsigned n = gather_output(e);

    if (n < 2)
        return false;
    send_together(b, n);
    account_all(b, n);
    for (unsigned i = 0; i < n; i++) {
        const struct entry *x = &b->entries[i];
        struct stream *s = x->stream;

        if (!stream_is_open(s))
            continue;
        if (x->error)
            s->owner->failed(s, x->error);
        else if (x->progress || !stream_unsent(s))
            s->owner->sent(s);
    }
    return true;
}
