#include "proxy/stream_splice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PIPE_BYTES = 256 << 10,
    SPLICES_MAX = 128, /* under way in one worker; each has two descriptors */
    SPARE_MAX = 16,
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

int stream_splice_begin(struct stream *from, struct stream *to, uint64_t bytes)
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

ssize_t stream_splice_fill(struct stream_splice *p)
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

int stream_splice_drain(struct stream_splice *p)
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
