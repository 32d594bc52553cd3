#include "fleet/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

enum { TAIL_BYTES_MAX = 64 * 1024, COPY_BYTES = 64 * 1024, OPEN_DIRECTORIES_MAX = 16 };

static int open_in(const char *directory, const char *name, int flags)
{
    autofree(mem_free) char *path = text_format("%s/%s", directory, name);
    int fd;

    if (!path)
        return -ENOMEM;
    fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0640);
    return fd < 0 ? -errno : fd;
}

int output_open(const char *directory)
{
    int fd = open_in(directory, "output.log", O_WRONLY | O_CREAT | O_APPEND);

    return fd < 0 ? fault(fd) : fd;
}

/* The bytes of @from up to @end, and no more: whoever prints may print on as fast as we copy. */
static int copy_until(int from, off_t at, off_t end, int to)
{
    char bytes[COPY_BYTES];
    ssize_t n, m;

    while (at < end) {
        size_t left = (size_t)(end - at);

        n = pread(from, bytes, left < sizeof(bytes) ? left : sizeof(bytes), at);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (ssize_t done = 0; done < n; done += m)
            if ((m = write(to, bytes + done, (size_t)(n - done))) < 0)
                return -errno;
        at += n;
    }
    return 0;
}

int output_limit(const char *directory)
{
    autofree(fd_close) int from = open_in(directory, "output.log", O_RDWR), to = -1;
    struct stat st;
    int r;

    if (from == -ENOENT)
        return 0;
    if (from < 0 || fstat(from, &st) < 0)
        return fault(from < 0 ? from : -errno);
    if (st.st_size <= OUTPUT_BYTES_MAX)
        return 0;
    to = open_in(directory, "output.log.1", O_WRONLY | O_CREAT | O_TRUNC);
    r = to < 0 ? to : copy_until(from, st.st_size - OUTPUT_BYTES_MAX, st.st_size, to);
    /* Truncated even if the copy failed: a full disk is a reason more. Writers append, so they go
     * on at the new end. */
    if (ftruncate(from, 0) < 0)
        r = -errno;
    return fault(r);
}

/* Output may be anything; what is no text becomes '?', because it ends up in JSON. */
static void make_text(char *bytes, size_t n)
{
    for (size_t i = 0, length; i < n; i += length) {
        unsigned char c = (unsigned char)bytes[i];

        length = text_utf8_length(bytes + i, n - i);
        if (length == 0 || (length == 1 && ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f))) {
            bytes[i] = '?';
            length = 1;
        }
    }
}

char *output_tail(const char *directory, unsigned lines)
{
    autofree(fd_close) int fd = open_in(directory, "output.log", O_RDONLY);
    autofree(mem_free) char *bytes = malloc(TAIL_BYTES_MAX + 1);
    const char *start;
    struct stat st;
    off_t from;
    ssize_t n;

    if (fd < 0 || !bytes || lines == 0 || fstat(fd, &st) < 0)
        return NULL;
    from = st.st_size > TAIL_BYTES_MAX ? st.st_size - TAIL_BYTES_MAX : 0;
    n = pread(fd, bytes, TAIL_BYTES_MAX, from);
    while (n > 0 && bytes[n - 1] == '\n')
        n--;
    if (n <= 0)
        return NULL;
    bytes[n] = '\0';
    make_text(bytes, (size_t)n);
    for (start = bytes + n; start > bytes; start--)
        if (start[-1] == '\n' && --lines == 0)
            break;
    return strdup(start);
}

/* --- directories that are no longer needed ---------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path) == 0 || errno == ENOENT ? 0 : -errno;
}

/* A model server may have made directories that their owner cannot write; root does not mind. */
int remove_tree(const char *path)
{
    int r = nftw(path, remove_one, OPEN_DIRECTORIES_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

    if (r == -1)
        r = -errno;
    return r == -ENOENT ? 0 : fault(r);
}

struct candidate {
    char *path;
    struct timespec touched;
};

static int by_age(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->touched.tv_sec != y->touched.tv_sec)
        return x->touched.tv_sec < y->touched.tv_sec ? -1 : 1;
    return (x->touched.tv_nsec > y->touched.tv_nsec) - (x->touched.tv_nsec < y->touched.tv_nsec);
}

static int collect(DIR *d, const char *parent, bool (*lives)(const char *name, void *context),
                   void *context, struct candidate **list, size_t *n)
{
    struct dirent *entry;
    struct stat st;

    while ((entry = readdir(d))) {
        struct candidate *grown;

        if (entry->d_name[0] == '.' || lives(entry->d_name, context) ||
            fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
            continue;
        grown = reallocarray(*list, *n + 1, sizeof(**list));
        if (!grown)
            return -ENOMEM;
        *list = grown;
        grown[*n].path = text_format("%s/%s", parent, entry->d_name);
        grown[*n].touched = st.st_mtim;
        if (!grown[*n].path)
            return -ENOMEM;
        ++*n;
    }
    return 0;
}

int output_prune(const char *parent, unsigned keep, bool (*lives)(const char *name, void *context),
                 void *context)
{
    struct candidate *list = NULL;
    size_t n = 0;
    DIR *d = opendir(parent);
    int r;

    if (!d)
        return fault(-errno);
    r = collect(d, parent, lives, context, &list, &n);
    closedir(d);
    if (n > 0)
        qsort(list, n, sizeof(*list), by_age);
    for (size_t i = 0; i < n; i++) {
        if (r == 0 && i + keep < n)
            r = remove_tree(list[i].path);
        free(list[i].path);
    }
    free(list);
    return fault(r);
}
