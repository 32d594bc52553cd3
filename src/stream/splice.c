#include "stream/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "stream/internal.h"

enum {
    PIPE_BYTES = 256 << 10,
    SPLICES_MAX = 128, /* under way in one worker; each has two descriptors */
    SPARE_MAX = 16,
    BYTES_MAX = 512 << 10, /* of one stream, before it is another's turn */
};

/* --- pipes ------------------------------------------------------------------------------------ */

static void splice_free(struct stream_splice *p)
{
    close(p->pipe[0]);
    close(p->pipe[1]);
    free(p);
}

static int splice_new(struct stream_splice **ret)
{
    struct stream_splice *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    if (pipe2(p->pipe, O_NONBLOCK | O_CLOEXEC)) {
        free(p);
        return -errno;
    }
    fcntl(p->pipe[1], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one works as well */
    list_link_init(&p->link);
    *ret = p;
    return 0;
}

void stream_splice_free_spare(struct stream_engine *e)
{
    struct stream_splice *p;

    while ((p = list_first_entry(&e->spare_splices, struct stream_splice, link))) {
        list_remove(&p->link);
        splice_free(p);
    }
    e->n_spare_splices = 0;
}

/* --- who has which ---------------------------------------------------------------------------- */

/* There are few, and each moves hundreds of kilobytes at a time. */
struct stream_splice *stream_splice_from(const struct stream *s)
{
    list_for_each (p, &s->engine->splices, struct stream_splice, link)
        if (p->from == s)
            return p;
    return NULL;
}

struct stream_splice *stream_splice_to(const struct stream *s)
{
    list_for_each (p, &s->engine->splices, struct stream_splice, link)
        if (p->to == s)
            return p;
    return NULL;
}

/* Return: 0, -EMFILE (enough are under way) or another negative errno. */
static int begin(struct stream *from, struct stream *to, uint64_t bytes)
{
    struct stream_engine *e = from->engine;
    struct stream_splice *p;
    int r;

    if (e->n_splices == SPLICES_MAX)
        return -EMFILE;
    p = list_first_entry(&e->spare_splices, struct stream_splice, link);
    if (p) {
        list_remove(&p->link);
        e->n_spare_splices--;
    } else {
        r = splice_new(&p);
        if (r)
            return r;
    }
    p->left = bytes;
    p->from = from;
    p->to = to;
    from->gives = to->takes = true;
    list_push_back(&e->splices, &p->link);
    e->n_splices++;
    return 0;
}

static void let_go_of_source(struct stream_splice *p)
{
    if (p->from)
        p->from->gives = false;
    p->from = NULL;
}

void stream_splice_end(struct stream_splice *p)
{
    struct stream_engine *e = p->to->engine;

    let_go_of_source(p);
    p->to->takes = p->to->held = false;
    p->to = NULL;
    list_remove(&p->link);
    e->n_splices--;
    if (p->in_pipe > 0 || e->n_spare_splices == SPARE_MAX) {
        splice_free(p);
        return;
    }
    list_push_back(&e->spare_splices, &p->link);
    e->n_spare_splices++;
}

/* --- moving ----------------------------------------------------------------------------------- */

static ssize_t move(int from, int to, size_t size)
{
    ssize_t n;

    do
        n = splice(from, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* From the socket into the pipe, if that is empty. Return: bytes; 0 the peer has said its last; -EAGAIN
 * nothing for now; another negative errno. After the last byte @p lets go of its source. */
static ssize_t fill(struct stream_splice *p)
{
    ssize_t n = move(p->from->io.fd, p->pipe[1], p->left < PIPE_BYTES ? p->left : PIPE_BYTES);

    if (n <= 0)
        return n;
    p->in_pipe += (size_t)n;
    p->left -= (uint64_t)n;
    p->to->held = true;
    if (p->left == 0)
        let_go_of_source(p);
    return n;
}

/* From the pipe into the socket, until it is empty. Return: 0; -EAGAIN the socket takes no more; another
 * negative errno. */
static int drain(struct stream_splice *p)
{
    ssize_t n = 0;

    while (p->in_pipe > 0) { /* to the very -EAGAIN, or there would be no event */
        n = move(p->pipe[0], p->to->io.fd, p->in_pipe);
        if (n <= 0)
            break;
        p->in_pipe -= (size_t)n;
    }
    p->to->held = p->in_pipe > 0;
    return n < 0 ? (int)n : 0;
}

/* --- as part of the streams ------------------------------------------------------------------- */

int stream_splice_push(struct stream *s, bool *ret_progress)
{
    struct stream_splice *p = stream_splice_to(s);
    size_t before = p->in_pipe;
    int r = drain(p);

    *ret_progress = p->in_pipe < before;
    if (r && r != -EAGAIN)
        return r;
    if (p->in_pipe == 0 && p->from)
        stream_read_on(p->from);
    else if (p->in_pipe == 0)
        stream_splice_end(p);
    stream_note_blocked(s);
    return 0;
}

/* As much as fits through. Return: bytes that have left @p->from; 0 its peer has said its last; or a
 * negative errno, -EAGAIN included. *@ret_stuck: why the other socket takes no more, or 0. */
static ssize_t pass_on(struct stream_splice *p, int *ret_stuck)
{
    ssize_t moved = 0, n;

    *ret_stuck = drain(p);
    while (*ret_stuck == 0 && p->from && moved < BYTES_MAX) {
        n = fill(p);
        if (n <= 0)
            return moved ? moved : n;
        moved += n;
        *ret_stuck = drain(p);
    }
    return moved ? moved : -EAGAIN;
}

void stream_splice_pull(struct stream *s)
{
    struct stream_splice *p = stream_splice_from(s);
    struct stream *to = p->to;
    bool was_empty = p->in_pipe == 0;
    int stuck;
    ssize_t n = pass_on(p, &stuck);

    if (was_empty && n == -EAGAIN)
        s->readable = false;
    if (p->in_pipe == 0 && !p->from)
        stream_splice_end(p);
    if (to->held || to->blocked)
        stream_note_blocked(to);
    if (n == 0 || (n < 0 && n != -EAGAIN)) {
        stream_end(s, (int)n);
        return;
    }
    if (s->readable && !(s->gives && to->blocked))
        stream_read_on(s); /* of what was told already there will be no other event */
    if (n > 0)
        s->owner->spliced(s, (size_t)n);
    if (stuck && stuck != -EAGAIN && stream_is_open(to) && !to->failed) {
        stream_drop_output(to);
        to->owner->failed(to, stuck);
    }
}

void stream_splice_drop(struct stream *s)
{
    struct stream_splice *p = stream_splice_to(s);
    struct stream *from = p->from;

    stream_splice_end(p);
    if (from && from->wants && from->readable)
        stream_read_on(from);
}

void stream_splice_break(struct stream *from)
{
    struct stream_splice *p = stream_splice_from(from);
    struct stream *to = p->to;

    stream_splice_end(p);
    stream_note_blocked(to);
}

int stream_splice(struct stream *from, struct stream *to, uint64_t bytes)
{
    int r;

    if (from->ops != &stream_plain || to->ops != &stream_plain)
        return -ENOTSUP;
    if (from->gives || from->rest || from->taken || from->error || to->takes || stream_unsent(to) ||
        to->failed)
        return -EBUSY;
    r = begin(from, to, bytes);
    if (!r && from->readable && from->wants)
        stream_read_on(from);
    return r;
}
