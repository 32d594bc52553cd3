#include "store/segments.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/error.h"
#include "base/mailbox.h"
#include "base/text.h"

static const char magic[16] = "weir segment 1\n";
static const char suffix[] = ".segment";

struct frame_head {
    uint32_t bytes, checksum;
};

enum job_kind { JOB_APPEND, JOB_ROTATE, JOB_DROP, JOB_STOP };

struct job {
    struct mail mail;
    enum job_kind kind;
    uint64_t number; /* JOB_ROTATE: of the new segment; JOB_DROP: of the first to keep */
    struct buffer frame;
};

struct segment {
    uint64_t number, bytes;
};

struct segments {
    struct log *log;
    char *directory;
    uint64_t current;
    struct segment *old; /* what earlier runs left, by number */
    size_t n_old;

    pthread_t thread;
    struct loop *loop; /* the thread's, and so is what follows */
    struct mailbox box;
    struct job stop;
    int fd;           /* -1: it could not be opened or written to */
    uint64_t writing; /* the number of the segment that is open, or should be */
    uint64_t torn;    /* of the last one in which something may be missing; 0: none */
    bool started;

    _Atomic uint64_t bytes, backlog;
    atomic_int error;
};

/* --- files ------------------------------------------------------------------------------------ */

static char *path_of(const struct segments *s, uint64_t number)
{
    return text_format("%s/%010" PRIu64 "%s", s->directory, number, suffix);
}

/* Return: whether @name is a segment's. */
static bool number_of(const char *name, uint64_t *ret_number)
{
    const char *dot = strchr(name, '.');

    return dot && strcmp(dot, suffix) == 0 &&
           text_to_u64((struct slice){ name, (size_t)(dot - name) }, UINT64_MAX / 2, ret_number) ==
               0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct segment *)a)->number, y = ((const struct segment *)b)->number;

    return (x > y) - (x < y);
}

static int note_file(struct segments *s, int directory, const char *name)
{
    struct segment found, *grown;
    struct stat st;

    if (!number_of(name, &found.number) ||
        fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return 0;
    grown = reallocarray(s->old, s->n_old + 1, sizeof(*grown));
    if (!grown)
        return fault(-ENOMEM);
    found.bytes = (uint64_t)st.st_size;
    s->bytes += found.bytes;
    s->old = grown;
    s->old[s->n_old++] = found;
    return 0;
}

static int find_files(struct segments *s)
{
    DIR *directory = opendir(s->directory);
    const struct dirent *entry;
    int r = 0;

    if (!directory)
        return fault(-errno);
    while (!r && (entry = readdir(directory)))
        r = note_file(s, dirfd(directory), entry->d_name);
    closedir(directory);
    if (s->n_old > 0)
        qsort(s->old, s->n_old, sizeof(*s->old), by_number);
    return fault(r);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
    FILE *file;
    char *frame;
    size_t capacity;
    uint64_t left; /* bytes of the file */
};

static int make_room(struct reading *r, size_t n)
{
    char *grown;

    if (n <= r->capacity)
        return 0;
    grown = realloc(r->frame, n);
    if (!grown)
        return fault(-ENOMEM);
    r->frame = grown;
    r->capacity = n;
    return 0;
}

enum { READ_END = 1, READ_TORN };

static int read_frame(struct reading *r, size_t *ret_bytes)
{
    struct frame_head head;
    int e;

    if (r->left == 0)
        return READ_END;
    if (r->left < sizeof(head) || fread(&head, sizeof(head), 1, r->file) != 1)
        return READ_TORN;
    r->left -= sizeof(head);
    if (head.bytes == 0 || head.bytes > r->left || head.bytes > SEGMENTS_FRAME_BYTES_MAX)
        return READ_TORN;
    e = make_room(r, head.bytes);
    if (e)
        return e;
    if (fread(r->frame, 1, head.bytes, r->file) != head.bytes ||
        crc32_z(0, (const Bytef *)r->frame, head.bytes) != head.checksum)
        return READ_TORN;
    r->left -= head.bytes;
    *ret_bytes = head.bytes;
    return 0;
}

static bool starts_well(struct reading *r)
{
    char start[sizeof(magic)];

    if (r->left < sizeof(start) || fread(start, sizeof(start), 1, r->file) != 1 ||
        memcmp(start, magic, sizeof(magic)) != 0)
        return false;
    r->left -= sizeof(start);
    return true;
}

static int read_frames(struct reading *r, uint64_t segment,
                       int (*each)(uint64_t segment, const void *frame, size_t n, void *context),
                       void *context)
{
    size_t n;
    int e = starts_well(r) ? 0 : READ_TORN;

    while (!e) {
        e = read_frame(r, &n);
        if (!e && (e = each(segment, r->frame, n, context)) > 0)
            return READ_TORN;
    }
    return e;
}

static int read_segment(const struct segments *s, const struct segment *segment, struct reading *r,
                        int (*each)(uint64_t segment, const void *frame, size_t n, void *context),
                        void *context)
{
    autofree(mem_free) char *path = path_of(s, segment->number);
    int e;

    if (!path)
        return fault(-ENOMEM);
    r->file = fopen(path, "rbe");
    r->left = segment->bytes;
    e = r->file ? read_frames(r, segment->number, each, context) : READ_TORN;
    if (e == READ_TORN)
        log_warn(s->log, "end of a segment left out", "file=\"%s\" bytes=%" PRIu64, path, r->left);
    if (r->file)
        fclose(r->file);
    return e < 0 ? e : 0;
}

int segments_read(struct segments *s,
                  int (*each)(uint64_t segment, const void *frame, size_t n, void *context),
                  void *context)
{
    struct reading reading = { 0 };
    int r = 0;

    for (size_t i = 0; !r && i < s->n_old; i++)
        r = read_segment(s, &s->old[i], &reading, each, context);
    free(reading.frame);
    return fault(r);
}

/* --- the thread ------------------------------------------------------------------------------- */

static int write_all(int fd, const void *data, size_t n)
{
    const char *at = data;

    while (n > 0) {
        ssize_t done = write(fd, at, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

static void give_up(struct segments *s, int error)
{
    s->fd = fd_close(s->fd);
    s->error = error;
    s->torn = s->writing;
}

static void write_out(struct segments *s, const void *data, size_t n)
{
    int r = s->fd >= 0 ? write_all(s->fd, data, n) : 0;

    if (r)
        give_up(s, r);
    if (s->fd >= 0)
        s->bytes += n;
}

static void do_append(struct segments *s, struct job *job)
{
    size_t n = buffer_size(&job->frame);
    struct frame_head head = {
        .bytes = (uint32_t)n,
        .checksum = (uint32_t)crc32_z(0, (const Bytef *)buffer_data(&job->frame), n),
    };

    write_out(s, &head, sizeof(head));
    write_out(s, buffer_data(&job->frame), n);
    s->backlog -= n;
}

static void do_rotate(struct segments *s, const struct job *job)
{
    autofree(mem_free) char *path = path_of(s, job->number);

    if (s->fd >= 0 && fdatasync(s->fd) != 0)
        s->torn = s->writing;
    s->fd = fd_close(s->fd);
    s->error = 0;
    s->writing = job->number;
    s->fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (s->fd < 0)
        give_up(s, path ? -errno : -ENOMEM);
    else
        write_out(s, magic, sizeof(magic));
}

static void drop_file(struct segments *s, uint64_t number)
{
    autofree(mem_free) char *path = path_of(s, number);
    struct stat st;

    if (path && stat(path, &st) == 0 && unlink(path) == 0)
        s->bytes -= (uint64_t)st.st_size;
}

static void do_drop(struct segments *s, const struct job *job)
{
    DIR *directory;
    const struct dirent *entry;
    uint64_t number;

    if (s->torn >= job->number || s->fd < 0 || fdatasync(s->fd) != 0 ||
        !(directory = opendir(s->directory)))
        return; /* they stay until the next time */
    while ((entry = readdir(directory)))
        if (number_of(entry->d_name, &number) && number < job->number)
            drop_file(s, number);
    closedir(directory);
}

static void deliver(struct mailbox *box, struct mail *mail)
{
    struct segments *s = container_of(box, struct segments, box);
    struct job *job = container_of(mail, struct job, mail);

    switch (job->kind) {
    case JOB_APPEND:
        do_append(s, job);
        break;
    case JOB_ROTATE:
        do_rotate(s, job);
        break;
    case JOB_DROP:
        do_drop(s, job);
        break;
    case JOB_STOP:
        loop_stop(s->loop);
        return;
    }
    buffer_deinit(&job->frame);
    free(job);
}

static void *run(void *context)
{
    struct segments *s = context;

    loop_run(s->loop);
    return NULL;
}

/* --- the owner -------------------------------------------------------------------------------- */

static int post(struct segments *s, enum job_kind kind, uint64_t number, struct buffer *frame)
{
    struct job *job = calloc(1, sizeof(*job));

    if (!job)
        return fault(-ENOMEM);
    job->kind = kind;
    job->number = number;
    if (frame) {
        job->frame = *frame;
        *frame = BUFFER_INIT(frame->max_bytes);
    }
    mailbox_post(&s->box, &job->mail);
    return 0;
}

int segments_append(struct segments *s, struct buffer *frame)
{
    size_t n = buffer_size(frame);
    int r;

    assert(n > 0);
    if (n > SEGMENTS_FRAME_BYTES_MAX || s->backlog + n > SEGMENTS_BACKLOG_BYTES_MAX)
        return SEGMENTS_E_BEHIND;
    s->backlog += n;
    r = post(s, JOB_APPEND, 0, frame);
    if (r)
        s->backlog -= n;
    return r;
}

int segments_rotate(struct segments *s)
{
    int r = post(s, JOB_ROTATE, s->current + 1, NULL);

    if (!r)
        s->current++;
    return r;
}

uint64_t segments_current(const struct segments *s)
{
    return s->current;
}

int segments_drop_before(struct segments *s, uint64_t number)
{
    return post(s, JOB_DROP, number, NULL);
}

uint64_t segments_bytes(const struct segments *s)
{
    return s->bytes;
}

int segments_error(const struct segments *s)
{
    return s->error;
}

/* --- life ------------------------------------------------------------------------------------- */

static int start(struct segments *s)
{
    int r = loop_new(clock_real(), &s->loop);

    if (!r)
        r = mailbox_init(&s->box, s->loop, deliver);
    if (!r)
        r = segments_rotate(s);
    if (!r)
        r = -pthread_create(&s->thread, NULL, run, s);
    s->started = !r;
    return fault(r);
}

int segments_open(const char *directory, struct log *log, struct segments **ret)
{
    autofree(segments_free) struct segments *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return fault(-ENOMEM);
    s->fd = -1;
    s->log = log;
    s->directory = strdup(directory);
    if (!s->directory)
        return fault(-ENOMEM);
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return fault(-errno);
    r = find_files(s);
    if (r)
        return fault(r);
    s->current = s->n_old > 0 ? s->old[s->n_old - 1].number : 0;
    r = start(s);
    if (r)
        return fault(r);
    *ret = steal(s);
    return 0;
}

struct segments *segments_free(struct segments *s)
{
    if (!s)
        return NULL;
    if (s->started) {
        s->stop.kind = JOB_STOP;
        mailbox_post(&s->box, &s->stop.mail);
        pthread_join(s->thread, NULL);
    }
    mailbox_deinit(&s->box);
    loop_free(s->loop);
    fd_close(s->fd);
    free(s->old);
    free(s->directory);
    free(s);
    return NULL;
}
