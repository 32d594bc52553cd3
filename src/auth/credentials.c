#include "auth/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"

enum { FILE_BYTES_MAX = 16384 };

/* --- generate --------------------------------------------------------------------------------- */

/* @alphabet has 32 or 64 characters, so that each is as likely as any other. */
static void random_text(const char *alphabet, size_t n_alphabet, char *out, size_t n)
{
    random_secret(out, n);
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[(unsigned char)out[i] % n_alphabet];
    out[n] = '\0';
}

void credentials_generate(struct credentials *ret)
{
    static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    memcpy(ret->access_key_id, "AKIA", 4);
    random_text(base32, 32, ret->access_key_id + 4, 16);
    random_text(base64, 64, ret->secret_access_key, 40);
}

/* --- read ------------------------------------------------------------------------------------- */

static struct slice next_line(struct slice *rest)
{
    const char *lf = memchr(rest->data, '\n', rest->size);
    size_t n = lf ? (size_t)(lf - rest->data) : rest->size;
    struct slice line = { rest->data, n };

    n += lf != NULL;
    rest->data += n;
    rest->size -= n;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return slice_trim(line);
}

/* Keys go into header fields and shell exports: visible ASCII, and nothing that a shell would
 * read. */
static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("+/=_-.~", c));
}

static int take(struct slice value, char *out, size_t capacity)
{
    if (value.size == 0 || value.size >= capacity)
        return CREDENTIALS_E_MALFORMED;
    for (size_t i = 0; i < value.size; i++) {
        if (!is_key_char(value.data[i]))
            return CREDENTIALS_E_MALFORMED;
    }
    memcpy(out, value.data, value.size);
    out[value.size] = '\0';
    return 0;
}

static int parse_line(struct slice line, struct credentials *c)
{
    const char *equals = memchr(line.data, '=', line.size);
    struct slice name, value;
    size_t n;

    if (!equals)
        return CREDENTIALS_E_MALFORMED;
    n = (size_t)(equals - line.data);
    name = slice_trim((struct slice){ line.data, n });
    value = slice_trim((struct slice){ equals + 1, line.size - n - 1 });
    if (slice_is(name, "aws_access_key_id"))
        return take(value, c->access_key_id, sizeof(c->access_key_id));
    if (slice_is(name, "aws_secret_access_key"))
        return take(value, c->secret_access_key, sizeof(c->secret_access_key));
    return 0;
}

int credentials_parse(struct slice text, struct credentials *ret)
{
    struct credentials c = { 0 };
    bool ours = false;

    while (text.size > 0) {
        struct slice line = next_line(&text);
        int r = 0;

        if (line.size == 0 || line.data[0] == '#' || line.data[0] == ';')
            continue;
        if (line.data[0] == '[')
            ours = slice_is(line, "[default]");
        else if (ours)
            r = parse_line(line, &c);
        if (r)
            return r;
    }
    if (!c.access_key_id[0] || !c.secret_access_key[0])
        return CREDENTIALS_E_MALFORMED;
    *ret = c;
    return 0;
}

int credentials_read(const char *path, struct credentials *ret)
{
    autofree(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[FILE_BYTES_MAX];
    size_t n = 0;
    ssize_t got;

    if (fd < 0)
        return -errno;
    do {
        got = read(fd, text + n, sizeof(text) - n);
        if (got < 0 && errno != EINTR)
            return fault(-errno);
        n += got > 0 ? (size_t)got : 0;
    } while (got != 0 && n < sizeof(text));
    if (n == sizeof(text))
        return CREDENTIALS_E_MALFORMED;
    return credentials_parse((struct slice){ text, n }, ret);
}

/* --- write ------------------------------------------------------------------------------------ */

static int write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static int write_file(const char *path, const struct credentials *credentials)
{
    autofree(fd_close) int fd = -1;
    char text[512];
    int n;

    n = snprintf(text, sizeof(text), "[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n",
                 credentials->access_key_id, credentials->secret_access_key);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) < 0)
        return -errno;
    return write_all(fd, text, (size_t)n);
}

static int sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    autofree(mem_free) char *folder =
        slash ? slice_dup((struct slice){ path, (size_t)(slash - path) + 1 }) : strdup(".");
    autofree(fd_close) int fd = -1;

    if (!folder)
        return -ENOMEM;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Written under another name first and linked in when whole: link() never replaces. */
int credentials_write(const char *path, const struct credentials *credentials)
{
    autofree(mem_free) char *draft = text_format("%s.new", path);
    int r;

    if (!draft)
        return fault(-ENOMEM);
    if (access(path, F_OK) == 0)
        return CREDENTIALS_E_EXISTS;
    r = write_file(draft, credentials);
    if (!r && link(draft, path) < 0)
        r = errno == EEXIST ? CREDENTIALS_E_EXISTS : -errno;
    unlink(draft);
    if (!r)
        r = sync_folder_of(path);
    return r;
}
