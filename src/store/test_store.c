/* Both backends keep the same promises; the file-backed one keeps them over a reopen, and refuses
 * what is not its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "store/store.h"

struct fixture {
    char dir[64];
    char path[80];
    struct store *store;
};

static struct store *open_file(const char *path)
{
    struct store *s;
    char *why;

    assert_int_equal(store_open_sqlite(path, &s, &why), 0);
    return s;
}

static int set_up_directory(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/weir-test-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/state.db", f->dir);
    *state = f;
    return 0;
}

static int set_up_file(void **state)
{
    struct fixture *f;

    set_up_directory(state);
    f = *state;
    f->store = open_file(f->path);
    return 0;
}

static int set_up_memory(void **state)
{
    struct fixture *f;

    set_up_directory(state);
    f = *state;
    return store_open_memory(&f->store);
}

static int tear_down(void **state)
{
    static const char *const names[] = { "state.db", "state.db-wal", "state.db-shm",
                                         "state.db-journal" };
    struct fixture *f = *state;
    char path[120];

    store_free(f->store);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

static void put(struct store *s, const char *path, const char *text)
{
    json_t *document = json_string(text);

    assert_int_equal(store_put(s, path, document), 0);
    json_decref(document);
}

static void assert_holds(struct store *s, const char *path, const char *text)
{
    json_t *document;

    assert_int_equal(store_get(s, path, &document, NULL), 0);
    assert_string_equal(json_string_value(document), text);
    json_decref(document);
}

static void reads_back_what_was_put(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    int64_t first, second;
    json_t *document;

    put(s, "/a", "one");
    assert_int_equal(store_get(s, "/a", &document, &first), 0);
    assert_string_equal(json_string_value(document), "one");
    json_decref(document);

    put(s, "/a", "two \xc3\xa9");
    assert_int_equal(store_get(s, "/a", &document, &second), 0);
    assert_string_equal(json_string_value(document), "two \xc3\xa9");
    json_decref(document);
    assert_true(second > first);
}

static void says_when_there_is_nothing(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    json_t *document;

    assert_int_equal(store_get(s, "/a", &document, NULL), STORE_E_NOT_FOUND);
    assert_int_equal(store_delete(s, "/a"), 0);
    put(s, "/a", "x");
    assert_int_equal(store_delete(s, "/a"), 0);
    assert_int_equal(store_get(s, "/a", &document, NULL), STORE_E_NOT_FOUND);
}

static void revisions_grow_over_deletes(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    int64_t before, after;
    json_t *document;

    put(s, "/a", "x");
    assert_int_equal(store_get(s, "/a", &document, &before), 0);
    json_decref(document);
    assert_int_equal(store_delete(s, "/a"), 0);
    put(s, "/a", "x");
    assert_int_equal(store_get(s, "/a", &document, &after), 0);
    json_decref(document);
    assert_int_equal(after, before + 2);
}

static void refuses_a_write_on_an_old_revision(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    json_t *document = json_string("new");
    int64_t revision;
    struct store_operation o = { .path = "/a", .document = document, .expected = STORE_ABSENT };

    assert_int_equal(store_transact(s, &o, 1, &revision), 0);
    assert_int_equal(store_transact(s, &o, 1, NULL), STORE_E_CONFLICT);
    o.expected = revision + 1;
    assert_int_equal(store_transact(s, &o, 1, NULL), STORE_E_CONFLICT);
    o.expected = revision;
    assert_int_equal(store_transact(s, &o, 1, NULL), 0);
    assert_int_equal(store_transact(s, &o, 1, NULL), STORE_E_CONFLICT);

    o = (struct store_operation){ .path = "/none", .document = NULL, .expected = 1 };
    assert_int_equal(store_transact(s, &o, 1, NULL), STORE_E_CONFLICT);
    json_decref(document);
}

static void does_all_of_a_transaction_or_nothing(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    json_t *document = json_string("new");
    const struct store_operation operations[] = {
        { .path = "/a", .document = document, .expected = STORE_ANY_REVISION },
        { .path = "/b", .document = NULL, .expected = STORE_ANY_REVISION },
        { .path = "/c", .document = document, .expected = STORE_ABSENT },
    };
    json_t *found;

    put(s, "/b", "b");
    put(s, "/c", "c");
    assert_int_equal(store_transact(s, operations, 3, NULL), STORE_E_CONFLICT);
    assert_int_equal(store_get(s, "/a", &found, NULL), STORE_E_NOT_FOUND);
    assert_holds(s, "/b", "b");
    assert_holds(s, "/c", "c");

    assert_int_equal(store_delete(s, "/c"), 0);
    assert_int_equal(store_transact(s, operations, 3, NULL), 0);
    assert_holds(s, "/a", "new");
    assert_int_equal(store_get(s, "/b", &found, NULL), STORE_E_NOT_FOUND);
    assert_holds(s, "/c", "new");
    json_decref(document);
}

struct walk {
    char seen[256];
    int stop_after;
};

static int note(const char *path, json_t *document, int64_t revision, void *context)
{
    struct walk *w = context;

    assert_true(json_is_string(document));
    assert_true(revision > 0);
    strncat(w->seen, path, sizeof(w->seen) - strlen(w->seen) - 1);
    strncat(w->seen, " ", sizeof(w->seen) - strlen(w->seen) - 1);
    return --w->stop_after == 0 ? 42 : 0;
}

static void lists_a_prefix_in_byte_order(void **state)
{
    static const char *const paths[] = {
        "/b/z", "/b/\xc3\xa9", "/b/A", "/b/a", "/b0", "/b/", "/a"
    };
    struct store *s = ((struct fixture *)*state)->store;
    struct walk all = { 0 }, some = { .stop_after = 2 }, none = { 0 };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        put(s, paths[i], "x");
    assert_int_equal(store_list(s, "/b/", note, &all), 0);
    assert_string_equal(all.seen, "/b/ /b/A /b/a /b/z /b/\xc3\xa9 ");
    assert_int_equal(store_list(s, "/b/", note, &some), 42);
    assert_string_equal(some.seen, "/b/ /b/A ");
    assert_int_equal(store_list(s, "/c", note, &none), 0);
    assert_string_equal(none.seen, "");
}

static void refuses_a_document_beyond_the_limit(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    size_t n = 17 * 1024 * 1024;
    char *text = malloc(n + 1);
    json_t *document, *found;

    memset(text, 'x', n);
    text[n] = '\0';
    document = json_string(text);
    assert_int_equal(store_put(s, "/big", document), -E2BIG);
    assert_int_equal(store_get(s, "/big", &found, NULL), STORE_E_NOT_FOUND);
    put(s, "/small", "still writable");
    json_decref(document);
    free(text);
}

static void keeps_documents_over_a_reopen(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    int64_t before, after;
    json_t *document;

    put(f->store, "/a", "kept");
    assert_int_equal(store_get(f->store, "/a", &document, &before), 0);
    json_decref(document);
    f->store = store_free(f->store);
    f->store = open_file(f->path);
    assert_int_equal(store_get(f->store, "/a", &document, &after), 0);
    assert_string_equal(json_string_value(document), "kept");
    json_decref(document);
    assert_int_equal(before, after);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* What kill -9 leaves behind: the main file and its log, without a checkpoint. */
static void keeps_documents_over_a_hard_kill(void **state)
{
    struct fixture *f = *state;
    char copy[120];
    struct store *s;

    put(f->store, "/a", "kept");
    for (int i = 0; i < 2; i++) {
        char command[300];

        snprintf(command, sizeof(command), "cp %s%s %s/copy%s", f->path, i ? "-wal" : "", f->dir,
                 i ? "-wal" : "");
        assert_int_equal(system(command), 0);
    }
    snprintf(copy, sizeof(copy), "%s/copy", f->dir);
    s = open_file(copy);
    assert_holds(s, "/a", "kept");
    store_free(s);
    unlink(copy);
}

static size_t read_file(const char *path, char *bytes, size_t size)
{
    autofree(fd_close) int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, bytes, size);

    assert_true(n >= 0);
    return (size_t)n;
}

static void write_file(const char *path, const char *bytes, size_t n)
{
    autofree(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, bytes, n), n);
}

static void assert_refused_untouched(const char *path, const char *needle)
{
    static char before[1 << 20], after[1 << 20];
    size_t n = read_file(path, before, sizeof(before));
    struct store *s = NULL;
    char *why = NULL;

    assert_true(store_open_sqlite(path, &s, &why) < 0);
    assert_null(s);
    assert_non_null(why);
    if (!strstr(why, needle))
        fail_msg("expected '%s' in: %s", needle, why);
    free(why);
    assert_int_equal(read_file(path, after, sizeof(after)), n);
    assert_memory_equal(before, after, n);
}

static void refuses_a_file_that_is_no_database(void **state)
{
    struct fixture *f = *state;

    write_file(f->path, "hello", 5);
    assert_refused_untouched(f->path, "is not a database of weir's");
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void refuses_somebody_elses_database(void **state)
{
    struct fixture *f = *state;

    run_sql(f->path, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    assert_refused_untouched(f->path, "is not a database of weir's");
}

static void refuses_a_newer_schema(void **state)
{
    struct fixture *f = *state;

    f->store = store_free(f->store);
    run_sql(f->path, "PRAGMA user_version = 2");
    assert_refused_untouched(f->path, "another version of weir (schema 2");
}

static void fill(struct store *s)
{
    char path[32], text[200];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 200; i++) {
        snprintf(path, sizeof(path), "/documents/%03d", i);
        put(s, path, text);
    }
}

static void refuses_a_truncated_database(void **state)
{
    struct fixture *f = *state;

    fill(f->store);
    f->store = store_free(f->store);
    assert_int_equal(truncate(f->path, 5000), 0);
    assert_refused_untouched(f->path, "is damaged");
}

static void refuses_a_scribbled_database(void **state)
{
    static char bytes[1 << 20];
    struct fixture *f = *state;
    size_t n;

    fill(f->store);
    f->store = store_free(f->store);
    n = read_file(f->path, bytes, sizeof(bytes));
    assert_true(n > 16384);
    memset(bytes + 8192, 0x5a, 4096);
    write_file(f->path, bytes, n);
    assert_refused_untouched(f->path, "is damaged");
}

static void refuses_an_unreadable_document(void **state)
{
    struct fixture *f = *state;

    put(f->store, "/a", "x");
    f->store = store_free(f->store);
    run_sql(f->path, "UPDATE documents SET document = '{'");
    assert_refused_untouched(f->path, "/a is unreadable");
}

static void says_when_the_directory_is_missing(void **state)
{
    struct fixture *f = *state;
    char path[120];
    struct store *s;
    char *why;

    snprintf(path, sizeof(path), "%s/none/state.db", f->dir);
    assert_int_equal(store_open_sqlite(path, &s, &why), -ENOENT);
    assert_non_null(strstr(why, "No such file or directory"));
    free(why);
    assert_int_equal(store_open_sqlite(f->dir, &s, &why), -EBADMSG);
    assert_non_null(strstr(why, "is not a database"));
    free(why);
}

static void takes_the_empty_file_of_a_start_that_was_cut_short(void **state)
{
    struct fixture *f = *state;

    write_file(f->path, "", 0);
    f->store = open_file(f->path);
    put(f->store, "/a", "x");
}

/* The journal of a first transaction, as it is when synced, beside the file as that leaves it. */
static void undoes_a_first_commit_that_was_cut_short(void **state)
{
    /* SQLite file format, "The Rollback Journal": written with the first sync */
    static const char magic[] = { '\xd9', '\xd5', '\x05', '\xf9', '\x20', '\xa1', '\x63', '\xd7' };
    struct fixture *f = *state;
    char journal[120], bytes[512];
    sqlite3 *db;
    int fd;

    snprintf(journal, sizeof(journal), "%s-journal", f->path);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "BEGIN EXCLUSIVE; PRAGMA application_id = 0x77656972;"
                                  "CREATE TABLE documents (path TEXT)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    fd = open(journal, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
    close(fd);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    memcpy(bytes, magic, sizeof(magic));
    write_file(journal, bytes, sizeof(bytes));

    f->store = open_file(f->path);
    put(f->store, "/a", "1");
    assert_holds(f->store, "/a", "1");
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    assert_null(store_free(NULL));
}

#define ON(f, set_up) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define ON_BOTH(f)    ON(f, set_up_file), ON(f, set_up_memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(reads_back_what_was_put),
        ON_BOTH(says_when_there_is_nothing),
        ON_BOTH(revisions_grow_over_deletes),
        ON_BOTH(refuses_a_write_on_an_old_revision),
        ON_BOTH(does_all_of_a_transaction_or_nothing),
        ON_BOTH(lists_a_prefix_in_byte_order),
        ON_BOTH(refuses_a_document_beyond_the_limit),
        ON(keeps_documents_over_a_reopen, set_up_file),
        ON(keeps_documents_over_a_hard_kill, set_up_file),
        ON(refuses_a_file_that_is_no_database, set_up_directory),
        ON(refuses_somebody_elses_database, set_up_directory),
        ON(refuses_a_newer_schema, set_up_file),
        ON(refuses_a_truncated_database, set_up_file),
        ON(refuses_a_scribbled_database, set_up_file),
        ON(refuses_an_unreadable_document, set_up_file),
        ON(says_when_the_directory_is_missing, set_up_directory),
        ON(takes_the_empty_file_of_a_start_that_was_cut_short, set_up_directory),
        ON(undoes_a_first_commit_that_was_cut_short, set_up_directory),
        cmocka_unit_test(freeing_nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
