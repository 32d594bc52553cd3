#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/model_files.h"

static int refuse(char *ret_why, const char *path, const char *why)
{
    snprintf(ret_why, ENSEMBLE_WHY_BYTES, "%s: %s", path, why);
    return ENSEMBLE_E_REFUSED;
}

static int read_bytes(int fd, const char *path, size_t size, char *bytes, char *ret_why)
{
    size_t n = 0;

    while (n < size) {
        ssize_t got = read(fd, bytes + n, size - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return refuse(ret_why, path, strerror(errno));
        if (got == 0)
            return refuse(ret_why, path, "the file became shorter while it was read");
        n += (size_t)got;
    }
    return 0;
}

static int add_file(struct model_files *files, const char *path, char *ret_why)
{
    struct model_file *file = &files->file[files->n];
    autofree(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    autofree(mem_free) char *bytes = NULL, *name = NULL;
    struct stat st;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse(ret_why, path, strerror(errno));
    if (st.st_size == 0)
        return refuse(ret_why, path, "the file is empty");
    bytes = malloc((size_t)st.st_size);
    name = strdup(path);
    if (!bytes || !name)
        return -ENOMEM;
    r = read_bytes(fd, path, (size_t)st.st_size, bytes, ret_why);
    if (r)
        return r;
    *file = (struct model_file){ steal(name), { steal(bytes), (size_t)st.st_size } };
    files->n++;
    return 0;
}

/* Names that start with a dot, and what is no file (a "code" directory), are not models. */
static int is_candidate(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int add_named(struct model_files *files, const char *folder, const char *name, char *ret_why)
{
    autofree(mem_free) char *path = text_format("%s/%s", folder, name);

    if (!path)
        return -ENOMEM;
    if (!is_file(path))
        return 0;
    if (files->n == MODEL_FILES_MAX)
        return refuse(ret_why, folder, "there are more than 64 model files");
    return add_file(files, path, ret_why);
}

static int add_folder(struct model_files *files, const char *folder, bool all, char *ret_why)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_candidate, alphasort), r = 0;

    if (n < 0)
        return refuse(ret_why, folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (!r && (all || files->n == 0))
            r = add_named(files, folder, entries[i]->d_name, ret_why);
        free(entries[i]);
    }
    free(entries);
    if (!r && files->n == 0)
        r = refuse(ret_why, folder, "there is no model file in this directory");
    return r;
}

int model_files_read(const char *path, bool all, struct model_files **ret,
                     char ret_why[ENSEMBLE_WHY_BYTES])
{
    autofree(model_files_free) struct model_files *files = calloc(1, sizeof(*files));
    struct stat st;
    int r;

    if (!files)
        return -ENOMEM;
    if (stat(path, &st) < 0)
        return refuse(ret_why, path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        r = add_folder(files, path, all, ret_why);
    else if (S_ISREG(st.st_mode))
        r = add_file(files, path, ret_why);
    else
        r = refuse(ret_why, path, "this is neither a file nor a directory");
    if (!r)
        *ret = steal(files);
    return r;
}

struct model_files *model_files_free(struct model_files *files)
{
    for (size_t i = 0; files && i < files->n; i++) {
        free(files->file[i].name);
        free((char *)files->file[i].bytes.data);
    }
    free(files);
    return NULL;
}

size_t model_files_count(const struct model_files *files)
{
    return files->n;
}
