#include "fleet/model_data.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

enum { READ_BYTES = 128 * 1024, PATH_BYTES_MAX = 4096 };

static int __attribute__((format(printf, 2, 3))) refuse(char **ret_why, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(ret_why, format, args);
    va_end(args);
    return n < 0 ? -ENOMEM : MODEL_DATA_E_REFUSED;
}

/* --- the URL ---------------------------------------------------------------------------------- */

/* Percent-decodes the path of a URL; NULL if it holds a bad escape or a NUL, or there is no
 * memory. */
static char *decode_path(const char *encoded)
{
    char *path = malloc(strlen(encoded) + 1), *out = path;

    for (const char *p = encoded; path && *p; p++) {
        if (*p != '%') {
            *out++ = *p;
        } else if (p[1] && p[2] && text_unhex((struct slice){ p + 1, 2 }, out, 1) == 0 && *out) {
            out++;
            p += 2;
        } else {
            path = mem_free(path);
        }
    }
    if (path)
        *out = '\0';
    return path;
}

/* Return: the part of a file URL that is its path, or NULL if it is none of this machine. */
static const char *path_of(const char *url)
{
    static const char *const starts[] = { "file://localhost/", "file:///" };

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (strncmp(url, starts[i], strlen(starts[i])) == 0)
            return url + strlen(starts[i]) - 1;
    return NULL;
}

int model_data_check(const char *url, char **ret_path, char **ret_why)
{
    const char *encoded = path_of(url);
    autofree(mem_free) char *path = encoded ? decode_path(encoded) : NULL;
    autofree(fd_close) int fd = -1;
    struct stat st;

    if (!path)
        return refuse(ret_why,
                      "Could not download model data from URL: \"%s\". weir reads model data from "
                      "URLs of the form file:///PATH.",
                      url);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse(ret_why,
                      "Failed to download model data from URL: \"%s\". Please ensure that there is "
                      "an object located at the URL and that weir may read it (%s).",
                      url, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(ret_why,
                      "Failed to download model data from URL: \"%s\". It is not a regular file; "
                      "please give a .tar.gz archive or a model file.",
                      url);
    *ret_path = steal(path);
    return 0;
}

/* --- a bare file ------------------------------------------------------------------------------ */

/* copy_file_range() shares the blocks where the file system can; across file systems it may
 * refuse. */
static int copy_bytes(int from, int to)
{
    char bytes[READ_BYTES];
    ssize_t n;

    while (copy_file_range(from, NULL, to, NULL, 1 << 30, 0) > 0)
        ;
    while ((n = read(from, bytes, sizeof(bytes))) > 0)
        for (ssize_t done = 0, m; done < n; done += m)
            if ((m = write(to, bytes + done, (size_t)(n - done))) < 0)
                return -errno;
    return n < 0 ? -errno : 0;
}

static int copy_file(const char *path, const char *directory,
                     const struct model_data_limits *limits, char **ret_why)
{
    const char *name = strrchr(path, '/') + 1;
    autofree(mem_free) char *copy = text_format("%s/%s", directory, name);
    autofree(fd_close) int from = open(path, O_RDONLY | O_CLOEXEC), to = -1;
    struct stat st;
    int r;

    if (!copy)
        return -ENOMEM;
    if (from < 0 || fstat(from, &st) < 0)
        return refuse(ret_why, "Failed to read the model data %s: %s.", path, strerror(errno));
    if ((uint64_t)st.st_size > limits->bytes_max)
        return refuse(ret_why, "The model data %s is too large: it has more than %llu bytes.", path,
                      (unsigned long long)limits->bytes_max);
    to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (to < 0)
        return refuse(ret_why, "Failed to write the model data %s: %s.", copy, strerror(errno));
    r = copy_bytes(from, to);
    if (r)
        return refuse(ret_why, "Failed to copy the model data %s: %s.", path, strerror(-r));
    return 0;
}

/* --- an archive ------------------------------------------------------------------------------- */

struct unpacking {
    const char *path;
    const struct model_data_limits *limits;
    struct archive *in, *out;
    uint64_t bytes, members;
    char **ret_why;
};

static struct archive *reader_free(struct archive *a)
{
    archive_read_free(a);
    return NULL;
}
DEFINE_AUTOFREE(struct archive *, reader_free)

static struct archive *writer_free(struct archive *a)
{
    archive_write_free(a);
    return NULL;
}
DEFINE_AUTOFREE(struct archive *, writer_free)

static int broken(const struct unpacking *u, struct archive *at)
{
    const char *why = archive_error_string(at);

    return refuse(u->ret_why, "Failed to extract the model data archive %s: %s.", u->path,
                  why ? why : "it is not a tar archive");
}

static int too_large(const struct unpacking *u)
{
    return refuse(
        u->ret_why,
        "Failed to extract the model data archive %s: it is too large (at most %llu bytes "
        "in %llu members).",
        u->path, (unsigned long long)u->limits->bytes_max,
        (unsigned long long)u->limits->members_max);
}

/* Whether a member's name, or what a link points at, leads out of the directory. */
static bool leads_out(const char *path)
{
    if (path[0] == '/' || strlen(path) >= PATH_BYTES_MAX)
        return true;
    for (const char *p = path; *p; p += strspn(p, "/")) {
        size_t n = strcspn(p, "/");

        if (n == 2 && p[0] == '.' && p[1] == '.')
            return true;
        p += n;
    }
    return false;
}

static int check_member(const struct unpacking *u, struct archive_entry *entry)
{
    const char *path = archive_entry_pathname(entry);
    const char *hard_link = archive_entry_hardlink(entry);
    const char *link = archive_entry_symlink(entry);
    mode_t type = archive_entry_filetype(entry);

    if (!path)
        return refuse(u->ret_why,
                      "Failed to extract the model data archive %s: a member has no readable name.",
                      u->path);
    if (leads_out(path) || (hard_link && leads_out(hard_link)) || (link && leads_out(link)))
        return refuse(u->ret_why,
                      "Failed to extract the model data archive %s: its member %s leads out of the "
                      "model directory.",
                      u->path, path);
    if (!hard_link && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
        return refuse(u->ret_why,
                      "Failed to extract the model data archive %s: its member %s is neither a "
                      "file, a directory nor a link.",
                      u->path, path);
    return 0;
}

/* Counts the bytes that come, because a header may say less; holes count too. */
static int unpack_content(struct unpacking *u)
{
    const void *block;
    int64_t offset, end = 0;
    size_t size;
    int code;

    while ((code = archive_read_data_block(u->in, &block, &size, &offset)) == ARCHIVE_OK) {
        if (offset + (int64_t)size > end)
            end = offset + (int64_t)size;
        if (u->bytes + (uint64_t)end > u->limits->bytes_max)
            return too_large(u);
        if (archive_write_data_block(u->out, block, size, offset) < ARCHIVE_OK)
            return broken(u, u->out);
    }
    u->bytes += (uint64_t)end;
    return code == ARCHIVE_EOF ? 0 : broken(u, u->in);
}

static int unpack_member(struct unpacking *u, struct archive_entry *entry)
{
    int r;

    if (++u->members > u->limits->members_max ||
        (archive_entry_size_is_set(entry) &&
         u->bytes + (uint64_t)archive_entry_size(entry) > u->limits->bytes_max))
        return too_large(u);
    r = check_member(u, entry);
    if (r)
        return r;
    if (archive_write_header(u->out, entry) < ARCHIVE_WARN)
        return broken(u, u->out);
    if (archive_entry_size(entry) > 0) {
        r = unpack_content(u);
        if (r)
            return r;
    }
    return archive_write_finish_entry(u->out) < ARCHIVE_WARN ? broken(u, u->out) : 0;
}

/* Into the working directory. */
static int unpack(const char *path, const struct model_data_limits *limits, char **ret_why)
{
    autofree(reader_free) struct archive *in = archive_read_new();
    autofree(writer_free) struct archive *out = archive_write_disk_new();
    struct unpacking u = { path, limits, in, out, 0, 0, ret_why };
    struct archive_entry *entry;
    int code, r;

    if (!in || !out)
        return -ENOMEM;
    archive_read_support_filter_gzip(in);
    archive_read_support_format_tar(in);
    archive_write_disk_set_options(out, ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                                            ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                                            ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
    if (archive_read_open_filename(in, path, READ_BYTES) != ARCHIVE_OK)
        return broken(&u, in);
    while ((code = archive_read_next_header(in, &entry)) >= ARCHIVE_WARN && code != ARCHIVE_EOF) {
        r = unpack_member(&u, entry);
        if (r)
            return r;
    }
    if (code != ARCHIVE_EOF)
        return broken(&u, in);
    return u.members > 0 ? 0 : refuse(ret_why, "The model data archive %s is empty.", path);
}

static bool is_archive(const char *path)
{
    static const char *const ends[] = { ".tar.gz", ".tgz", ".tar" };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t n = strlen(ends[i]);

        if (strlen(path) > n && strcmp(path + strlen(path) - n, ends[i]) == 0)
            return true;
    }
    return false;
}

int model_data_place(const char *path, const char *directory,
                     const struct model_data_limits *limits, char **ret_why)
{
    autofree(fd_close) int back = -1;
    locale_t utf8, before;
    int r;

    if (!is_archive(path))
        return copy_file(path, directory, limits, ret_why);

    back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (back < 0 || chdir(directory) < 0)
        return fault(-errno);
    /* Names in archives are UTF-8, and libarchive converts them to the locale's encoding. */
    utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    before = uselocale(utf8);
    r = unpack(path, limits, ret_why);
    uselocale(before);
    if (utf8)
        freelocale(utf8);
    return fchdir(back) < 0 ? fault(-errno) : r;
}
