/* Archives are made with libarchive itself, so that no tool's safety gets in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fleet/model_data.h"
#include "fleet/output.h"

struct fixture {
    char dir[64];
    char archive[80], model[80];
};

static const struct model_data_limits limits = { .bytes_max = 1 << 20, .members_max = 10 };

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/weir-test-model-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->archive, sizeof(f->archive), "%s/model.tar.gz", f->dir);
    snprintf(f->model, sizeof(f->model), "%s/model", f->dir);
    assert_int_equal(mkdir(f->model, 0700), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(remove_tree(f->dir), 0);
    free(f);
    return 0;
}

struct member {
    const char *name, *text, *symlink, *hardlink;
    mode_t type;  /* 0: a regular file */
    size_t zeros; /* instead of text */
};

static void add(struct archive *a, const struct member *m)
{
    static const char zeros[4096];
    struct archive_entry *e = archive_entry_new();
    size_t size = m->text ? strlen(m->text) : m->zeros;

    archive_entry_set_pathname(e, m->name);
    archive_entry_set_filetype(e, m->type ? m->type : AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (int64_t)size);
    if (m->symlink)
        archive_entry_set_symlink(e, m->symlink);
    if (m->hardlink)
        archive_entry_set_hardlink(e, m->hardlink);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    if (m->text)
        archive_write_data(a, m->text, size);
    for (size_t done = 0; !m->text && done < size; done += sizeof(zeros))
        archive_write_data(a, zeros, sizeof(zeros));
    archive_entry_free(e);
}

static void write_archive(const char *path, const struct member *members, size_t n)
{
    struct archive *a = archive_write_new();

    archive_write_add_filter_gzip(a);
    archive_write_set_format_pax_restricted(a);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (size_t i = 0; i < n; i++)
        add(a, &members[i]);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

static int place(struct fixture *f, char **ret_why)
{
    *ret_why = NULL;
    return model_data_place(f->archive, f->model, &limits, ret_why);
}

static void assert_file(const struct fixture *f, const char *name, const char *text)
{
    autofree(mem_free) char *path = text_format("%s/%s", f->model, name);
    autofree(fd_close) int fd = open(path, O_RDONLY);
    char bytes[256] = "";

    assert_true(fd >= 0);
    assert_true(read(fd, bytes, sizeof(bytes) - 1) >= 0);
    assert_string_equal(bytes, text);
}

static void unpacks_files_directories_and_inner_links(void **state)
{
    static const struct member members[] = {
        { .name = "./", .type = AE_IFDIR },
        { .name = "./xgboost-model", .text = "weights" },
        { .name = "deep/er/file", .text = "x" },
        { .name = "empty", .text = "" },
        { .name = "\xc3\xa9t\xc3\xa9.json", .text = "summer" },
        { .name = "link", .symlink = "deep/er/file", .type = AE_IFLNK },
        { .name = "hard", .hardlink = "./xgboost-model" },
    };
    struct fixture *f = *state;
    char *why, before[256], after[256];

    write_archive(f->archive, members, sizeof(members) / sizeof(members[0]));
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(place(f, &why), 0);
    assert_non_null(getcwd(after, sizeof(after)));
    assert_string_equal(before, after);
    assert_file(f, "xgboost-model", "weights");
    assert_file(f, "deep/er/file", "x");
    assert_file(f, "empty", "");
    assert_file(f, "\xc3\xa9t\xc3\xa9.json", "summer");
    assert_file(f, "link", "x");
    assert_file(f, "hard", "weights");
}

static void refuses_members_that_lead_out(void **state)
{
    static const struct {
        struct member members[2];
        size_t n;
        const char *needle;
    } cases[] = {
        { { { .name = "../outside", .text = "x" } }, 1, "leads out" },
        { { { .name = "/tmp/weir-test-outside", .text = "x" } }, 1, "leads out" },
        { { { .name = "a/../../outside", .text = "x" } }, 1, "leads out" },
        { { { .name = "a", .symlink = "../..", .type = AE_IFLNK } }, 1, "leads out" },
        { { { .name = "a", .symlink = "/etc", .type = AE_IFLNK } }, 1, "leads out" },
        { { { .name = "a", .hardlink = "../model.tar.gz" } }, 1, "leads out" },
        { { { .name = "a", .hardlink = "/etc/passwd" } }, 1, "leads out" },
        { { { .name = "fifo", .type = AE_IFIFO } }, 1, "neither a file" },
        { { { .name = "tty", .type = AE_IFCHR } }, 1, "neither a file" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        autofree(mem_free) char *outside = text_format("%s/outside", f->dir);
        char *why;

        write_archive(f->archive, cases[i].members, cases[i].n);
        assert_int_equal(place(f, &why), MODEL_DATA_E_REFUSED);
        if (!strstr(why, cases[i].needle))
            fail_msg("expected '%s' in: %s", cases[i].needle, why);
        free(why);
        assert_int_not_equal(access(outside, F_OK), 0);
        assert_int_not_equal(access("/tmp/weir-test-outside", F_OK), 0);
    }
}

static void refuses_more_than_the_limits(void **state)
{
    struct member many[11], big = { .name = "big", .zeros = (1 << 20) + 4096 };
    struct fixture *f = *state;
    char *why;

    write_archive(f->archive, &big, 1);
    assert_int_equal(place(f, &why), MODEL_DATA_E_REFUSED);
    assert_non_null(strstr(why, "too large"));
    free(why);

    for (size_t i = 0; i < 11; i++)
        many[i] = (struct member){ .name = "a", .text = "x" };
    write_archive(f->archive, many, 11);
    assert_int_equal(place(f, &why), MODEL_DATA_E_REFUSED);
    assert_non_null(strstr(why, "too large"));
    free(why);
}

static void write_bytes(const char *path, const char *bytes, size_t n)
{
    autofree(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, bytes, n), n);
}

static void says_what_is_wrong_with_an_archive(void **state)
{
    struct member m = { .name = "a", .zeros = 65536 };
    struct fixture *f = *state;
    char *why;

    write_bytes(f->archive, "not an archive", 14);
    assert_int_equal(place(f, &why), MODEL_DATA_E_REFUSED);
    assert_non_null(strstr(why, "Failed to extract the model data archive"));
    free(why);

    write_bytes(f->archive, "", 0);
    assert_int_equal(place(f, &why), MODEL_DATA_E_REFUSED);
    free(why);

    write_archive(f->archive, NULL, 0);
    assert_int_equal(place(f, &why), MODEL_DATA_E_REFUSED);
    assert_non_null(strstr(why, "is empty"));
    free(why);

    write_archive(f->archive, &m, 1);
    assert_int_equal(truncate(f->archive, 100), 0);
    assert_int_equal(place(f, &why), MODEL_DATA_E_REFUSED);
    free(why);
}

static void copies_a_bare_file_under_its_name(void **state)
{
    const struct model_data_limits tight = { .bytes_max = 3, .members_max = 1 };
    struct fixture *f = *state;
    char path[100], *why;

    snprintf(path, sizeof(path), "%s/model.ubj", f->dir);
    write_bytes(path, "weights", 7);
    assert_int_equal(model_data_place(path, f->model, &limits, &why), 0);
    assert_file(f, "model.ubj", "weights");
    assert_int_equal(model_data_place(path, f->model, &tight, &why), MODEL_DATA_E_REFUSED);
    assert_non_null(strstr(why, "too large"));
    free(why);
}

static void reads_file_urls_only(void **state)
{
    static const char *const bad[] = { "s3://a/b", "file://host/a", "file:a",      "/etc/passwd",
                                       "",         "file:///a%2",   "file:///a%zz" };
    char *path, *why;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(model_data_check(bad[i], &path, &why), MODEL_DATA_E_REFUSED);
        assert_non_null(strstr(why, "file:///PATH"));
        free(why);
    }
    assert_int_equal(model_data_check("file:///etc/pass%77d", &path, &why), 0);
    assert_string_equal(path, "/etc/passwd");
    free(path);
    assert_int_equal(model_data_check("file://localhost/etc/passwd", &path, &why), 0);
    free(path);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(unpacks_files_directories_and_inner_links),
        TEST(refuses_members_that_lead_out),
        TEST(refuses_more_than_the_limits),
        TEST(says_what_is_wrong_with_an_archive),
        TEST(copies_a_bare_file_under_its_name),
        cmocka_unit_test(reads_file_urls_only),
    };

    setlocale(LC_CTYPE, "C.UTF-8"); /* for writing archives */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
