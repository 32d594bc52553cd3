#include "access/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

enum {
    RING_BYTES = 1 << 20, /* for each worker: some thousands of requests */
    TEXT_BYTES = 64 << 10,
    LINE_BYTES_MAX = 64 << 10, /* every text at its longest, every byte escaped */
    LOOK_MS = 200,
    COMPLAIN_MS = 10000, /* one line about losses in this time at most */
    PIECE_BYTES = 4096,  /* a pipe that is ready takes so much without blocking (pipe(7)) */
    LAST_WRITE_MS = 2000,
    SLOW_MAX = 20, /* slow requests that are logged in one look; the others are counted */
};

struct access_log {
    struct access_log_settings settings;
    pthread_t thread;
    bool started;
    int event_fd, fd;
    bool is_file; /* never blocks for long, takes any size */
    atomic_bool woken, reopen, stop;
    struct access_ring *rings;
    size_t n_rings;
    struct buffer text;
    uint64_t n_lines; /* in `text` */
    uint64_t lost;    /* lines that could not be written */
    uint64_t said;    /* losses that the log knows of */
    ms_t complained;
};

static ms_t now_ms(const struct access_log *l)
{
    struct clock *c = l->settings.log ? l->settings.log->clock : clock_real();

    return c->mono_us(c) / 1000;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* An error is for write() to tell: a pipe that is full and has lost its reader has no room, ever. */
static bool may_write(const struct access_log *l)
{
    struct pollfd p = { .fd = l->fd, .events = POLLOUT };
    bool last = atomic_load(&l->stop);

    return poll(&p, 1, last ? LAST_WRITE_MS : LOOK_MS) > 0;
}

/* A reader that does not read holds up this thread and nobody else, and at the end not for long. */
static void write_out(struct access_log *l)
{
    while (buffer_size(&l->text) > 0) {
        size_t size = buffer_size(&l->text);
        ssize_t n;

        if (!l->is_file && !may_write(l)) {
            if (atomic_load(&l->stop))
                break;
            continue;
        }
        n = write(l->fd, buffer_data(&l->text),
                  l->is_file || size < PIECE_BYTES ? size : PIECE_BYTES);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            break;
        buffer_consume(&l->text, (size_t)n);
    }
    if (buffer_size(&l->text) > 0)
        l->lost += l->n_lines;
    buffer_clear(&l->text);
    l->n_lines = 0;
}

static void log_slow(struct access_log *l, const struct access_record *r)
{
    struct slice method = access_record_text(r, ACCESS_METHOD);
    struct slice target = access_record_text(r, ACCESS_TARGET);
    struct slice id = access_record_text(r, ACCESS_REQUEST_ID);

    log_warn(l->settings.log, "slow request",
             "method=%.*s path=\"%.*s\" status=%u client=%s target=%s request_id=%.*s "
             "total_us=%" PRId64 " queue_us=%" PRId64 " connect_us=%" PRId64 " target_us=%" PRId64
             " after_us=%" PRId64,
             (int)method.size, method.data, (int)(target.size < 256 ? target.size : 256),
             target.data, r->status, r->client, r->target, (int)id.size, id.data, r->total_us,
             r->queue_us, r->connect_us, r->target_us, r->after_us);
}

static void take(struct access_log *l, const struct access_record *r, unsigned *n_slow)
{
    if (r->is_slow && ++*n_slow <= SLOW_MAX)
        log_slow(l, r);
    if (l->fd < 0 || r->is_only_slow)
        return;
    if (buffer_size(&l->text) > TEXT_BYTES)
        write_out(l);
    if (access_line_write(&l->text, l->settings.format, r))
        l->lost++;
    else
        l->n_lines++;
}

static void complain(struct access_log *l)
{
    uint64_t dropped = l->lost;
    ms_t now = now_ms(l);

    for (size_t i = 0; i < l->n_rings; i++)
        dropped += atomic_load_explicit(&l->rings[i].dropped, memory_order_relaxed);
    if (dropped == l->said || (l->complained && now - l->complained < COMPLAIN_MS))
        return;
    log_warn(l->settings.log, "access log lines lost", "lines=%" PRIu64 " since_start=%" PRIu64,
             dropped - l->said, dropped);
    l->said = dropped;
    l->complained = now;
}

static void look(struct access_log *l)
{
    unsigned n_slow = 0;

    for (size_t i = 0; i < l->n_rings; i++) {
        const struct access_record *r;
        size_t size;

        while ((r = access_ring_peek(&l->rings[i], &size))) {
            take(l, r, &n_slow);
            access_ring_pop(&l->rings[i]);
        }
    }
    if (l->fd >= 0)
        write_out(l);
    if (n_slow > SLOW_MAX)
        log_warn(l->settings.log, "more slow requests", "requests=%u", n_slow - SLOW_MAX);
    complain(l);
}

/* --- the file --------------------------------------------------------------------------------- */

static int open_file(const struct access_log *l)
{
    return open(l->settings.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

static void reopen(struct access_log *l)
{
    int fd;

    if (!l->settings.path)
        return;
    fd = open_file(l);
    if (fd < 0) {
        log_error(l->settings.log, "access log not opened anew, the old file goes on",
                  "file=\"%s\" error=\"%s\"", l->settings.path, strerror(errno));
        return;
    }
    fd_close(l->fd);
    l->fd = fd;
    log_info(l->settings.log, "access log opened anew", "file=\"%s\"", l->settings.path);
}

static int open_first(struct access_log *l)
{
    int flags;

    if (l->settings.path)
        l->fd = open_file(l);
    else if (l->settings.fd >= 0)
        l->fd = fcntl(l->settings.fd, F_DUPFD_CLOEXEC, 0);
    else
        return 0;
    flags = l->fd < 0 ? -1 : fcntl(l->fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return flags < 0 ? -errno : -EBADF;
    l->is_file = lseek(l->fd, 0, SEEK_CUR) >= 0;
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

void access_log_wake(struct access_log *l)
{
    static const uint64_t one = 1;

    if (!atomic_exchange(&l->woken, true) && write(l->event_fd, &one, sizeof(one)) < 0)
        atomic_store(&l->woken, false); /* it looks by itself soon */
}

static void *run(void *context)
{
    struct access_log *l = context;
    struct pollfd p = { .fd = l->event_fd, .events = POLLIN };
    uint64_t n;
    bool again;

    while (!atomic_load(&l->stop)) {
        if (poll(&p, 1, LOOK_MS) > 0 && read(l->event_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
            log_error(l->settings.log, "access log", "error=\"%s\"", strerror(errno));
        atomic_store(&l->woken, false);
        again = atomic_exchange(&l->reopen, false); /* what came before belongs into the old file */
        look(l);
        if (again)
            reopen(l);
    }
    look(l);
    return NULL;
}

int access_log_new(const struct access_log_settings *settings, struct access_log **ret_log)
{
    autofree(access_log_free) struct access_log *l = calloc(1, sizeof(*l));
    int r;

    if (!l)
        return -ENOMEM;
    l->settings = *settings;
    l->fd = -1;
    l->text = BUFFER_INIT(TEXT_BYTES + 2 * LINE_BYTES_MAX);
    l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->event_fd < 0)
        return fault(-errno);
    r = open_first(l);
    if (r)
        return r;
    l->rings = aligned_alloc(64, settings->n_workers * sizeof(*l->rings));
    if (!l->rings)
        return -ENOMEM;
    for (; l->n_rings < settings->n_workers; l->n_rings++) {
        r = access_ring_init(&l->rings[l->n_rings], RING_BYTES);
        if (r)
            return r;
    }
    r = pthread_create(&l->thread, NULL, run, l);
    if (r)
        return fault(-r);
    l->started = true;
    *ret_log = steal(l);
    return 0;
}

struct access_log *access_log_free(struct access_log *l)
{
    if (!l)
        return NULL;
    atomic_store(&l->stop, true);
    if (l->started) {
        access_log_wake(l);
        pthread_join(l->thread, NULL);
    }
    for (size_t i = 0; i < l->n_rings; i++)
        access_ring_deinit(&l->rings[i]);
    free(l->rings);
    buffer_deinit(&l->text);
    fd_close(l->fd);
    fd_close(l->event_fd);
    free(l);
    return NULL;
}

void access_log_reopen(struct access_log *l)
{
    atomic_store(&l->reopen, true);
    access_log_wake(l);
}

struct access_ring *access_log_ring(struct access_log *l, size_t worker)
{
    return &l->rings[worker];
}

const struct access_log_settings *access_log_settings(const struct access_log *l)
{
    return &l->settings;
}
