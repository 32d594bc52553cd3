/* The embedded store: one SQLite file, read and written by one process.
 *
 * WAL with synchronous=FULL: a commit is one append and one fsync, and what was acknowledged
 * survives power loss. All documents are in one table; a second one holds the revision counter, so
 * that it grows over deletes too.
 *
 * Opening is careful with what is there already. A file that does not begin like a database of ours
 * is refused before SQLite sees it, for SQLite might roll a foreign journal back. One that does is
 * checked while checkpoints on close are off, so that a damaged main file is never written to.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "store/store.h"

enum {
    APPLICATION_ID = 0x77656972, /* "weir" */
    SCHEMA_VERSION = 1,
    DOCUMENT_BYTES_MAX = 16 * 1024 * 1024,
    BUSY_TIMEOUT_MS = 2000, /* somebody looks at the file with the sqlite3 shell */
    /* Source: SQLite file format, "The Database Header" */
    HEADER_BYTES = 100,
    HEADER_APPLICATION_ID = 68,
};

static const char schema[] =
    "BEGIN EXCLUSIVE;"
    "PRAGMA application_id = 0x77656972;"
    "PRAGMA user_version = 1;"
    "CREATE TABLE documents (path TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL,"
    " document TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE counter (revision INTEGER NOT NULL) STRICT;"
    "INSERT INTO counter VALUES (0);"
    "COMMIT;";

enum { GET, PUT, DELETE, REVISION, NEXT_REVISION, BEGIN, COMMIT, ROLLBACK, N_STATEMENTS };

static const char *const statements[N_STATEMENTS] = {
    [GET] = "SELECT document, revision FROM documents WHERE path = ?1",
    [PUT] = "INSERT OR REPLACE INTO documents (path, document, revision) VALUES (?1, ?2, ?3)",
    [DELETE] = "DELETE FROM documents WHERE path = ?1",
    [REVISION] = "SELECT revision FROM documents WHERE path = ?1",
    [NEXT_REVISION] = "UPDATE counter SET revision = revision + 1 RETURNING revision",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
};

struct sqlite_store {
    struct store base;
    sqlite3 *db;
    sqlite3_stmt *statement[N_STATEMENTS];
};

static const struct store_ops sqlite_ops;

static struct sqlite_store *sqlite_of(struct store *s)
{
    assert(s->ops == &sqlite_ops);
    return (struct sqlite_store *)s;
}

/* A result code of SQLite's as an errno; SQLITE_OK, _ROW and _DONE are not for this. */
static int failure(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_TOOBIG:
        return -E2BIG;
    default:
        return -EIO;
    }
}

/* --- reading and writing ---------------------------------------------------------------------- */

/* Runs a statement that gives at most one row. Return: SQLITE_ROW, SQLITE_DONE or -errno; after
 * SQLITE_ROW the columns stay readable until the statement is reset. */
static int step(sqlite3_stmt *s)
{
    int code = sqlite3_step(s);

    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return code;
    sqlite3_reset(s);
    return fault(failure(code));
}

static int run(sqlite3_stmt *s)
{
    int r = step(s);

    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return r < 0 ? r : 0;
}

static int bind_path(sqlite3_stmt *s, const char *path)
{
    int code = sqlite3_bind_text(s, 1, path, -1, SQLITE_TRANSIENT);

    return code == SQLITE_OK ? 0 : fault(failure(code));
}

static int parse(sqlite3_stmt *s, int column, json_t **ret_document)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    json_t *document;

    if (!text)
        return fault(-ENOMEM);
    document = json_loadb(text, (size_t)sqlite3_column_bytes(s, column), JSON_DECODE_ANY, NULL);
    if (!document)
        return fault(-EBADMSG);

    *ret_document = document;
    return 0;
}

static int sqlite_get(struct store *base, const char *path, json_t **ret_document,
                      int64_t *ret_revision)
{
    sqlite3_stmt *s = sqlite_of(base)->statement[GET];
    int64_t revision = 0;
    int r;

    r = bind_path(s, path);
    if (r)
        return fault(r);
    r = step(s);
    if (r < 0)
        return fault(r);
    if (r == SQLITE_DONE) {
        r = STORE_E_NOT_FOUND;
    } else {
        revision = sqlite3_column_int64(s, 1);
        r = parse(s, 0, ret_document);
    }
    sqlite3_reset(s);
    if (r == 0)
        *ret_revision = revision;
    return r;
}

/* The least text that is greater than every one that starts with @prefix; bytes compare as numbers.
 */
static char *end_of_prefix(const char *prefix)
{
    char *end = strdup(prefix);
    size_t n = end ? strlen(end) : 0;

    while (n > 0 && (unsigned char)end[n - 1] == 0xff)
        end[--n] = '\0';
    if (n > 0)
        end[n - 1]++;
    return end;
}

static int list_rows(sqlite3_stmt *s,
                     int (*each)(const char *path, json_t *document, int64_t revision,
                                 void *context),
                     void *context)
{
    json_t *document;
    int r;

    while ((r = step(s)) == SQLITE_ROW) {
        r = parse(s, 1, &document);
        if (r)
            return fault(r);
        r = each((const char *)sqlite3_column_text(s, 0), document, sqlite3_column_int64(s, 2),
                 context);
        json_decref(document);
        if (r)
            return r;
    }
    return r == SQLITE_DONE ? 0 : fault(r);
}

/* Prepares its statement anew, so that @each may itself use the store. */
static int sqlite_list(struct store *base, const char *prefix,
                       int (*each)(const char *path, json_t *document, int64_t revision,
                                   void *context),
                       void *context)
{
    static const char sql[] = "SELECT path, document, revision FROM documents"
                              " WHERE path >= ?1 AND path < ?2 ORDER BY path";
    autofree(mem_free) char *end = end_of_prefix(prefix);
    sqlite3_stmt *s = NULL;
    int code, r;

    if (!end)
        return fault(-ENOMEM);
    code = sqlite3_prepare_v2(sqlite_of(base)->db, sql, -1, &s, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(s, 1, prefix, -1, SQLITE_TRANSIENT);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(s, 2, end, -1, SQLITE_TRANSIENT);

    r = code == SQLITE_OK ? list_rows(s, each, context) : fault(failure(code));
    sqlite3_finalize(s);
    return r;
}

/* Return: 0 if @path is at @expected, STORE_E_CONFLICT or -errno. */
static int check_revision(struct sqlite_store *q, const char *path, int64_t expected)
{
    sqlite3_stmt *s = q->statement[REVISION];
    int64_t revision = STORE_ABSENT;
    int r;

    if (expected == STORE_ANY_REVISION)
        return 0;
    r = bind_path(s, path);
    if (r)
        return fault(r);
    r = step(s);
    if (r < 0)
        return fault(r);
    if (r == SQLITE_ROW)
        revision = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return revision == expected ? 0 : STORE_E_CONFLICT;
}

static int put(struct sqlite_store *q, const char *path, json_t *document, int64_t revision)
{
    autofree(mem_free) char *text = json_dumps(document, JSON_COMPACT | JSON_ENCODE_ANY);
    sqlite3_stmt *s = q->statement[PUT];
    int code, r;

    if (!text)
        return fault(-ENOMEM);
    if (strlen(text) > DOCUMENT_BYTES_MAX)
        return fault(-E2BIG);
    r = bind_path(s, path);
    if (r)
        return fault(r);
    code = sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(s, 3, revision);
    return code == SQLITE_OK ? run(s) : fault(failure(code));
}

static int apply(struct sqlite_store *q, const struct store_operation *o, int64_t revision)
{
    int r;

    r = check_revision(q, o->path, o->expected);
    if (r)
        return r;
    if (o->document)
        return fault(put(q, o->path, o->document, revision));
    r = bind_path(q->statement[DELETE], o->path);
    return r ? fault(r) : run(q->statement[DELETE]);
}

static int next_revision(struct sqlite_store *q, int64_t *ret_revision)
{
    sqlite3_stmt *s = q->statement[NEXT_REVISION];
    int64_t revision;
    int r;

    r = step(s);
    if (r != SQLITE_ROW)
        return fault(r < 0 ? r : -EBADMSG);
    revision = sqlite3_column_int64(s, 0);
    sqlite3_reset(s); /* an UPDATE ... RETURNING has changed its rows by the first step already */

    *ret_revision = revision;
    return 0;
}

static int sqlite_transact(struct store *base, const struct store_operation *operations, size_t n,
                           int64_t *ret_revision)
{
    struct sqlite_store *q = sqlite_of(base);
    int64_t revision = 0;
    int r;

    r = run(q->statement[BEGIN]);
    if (r)
        return fault(r);
    r = next_revision(q, &revision);
    for (size_t i = 0; i < n && r == 0; i++)
        r = apply(q, &operations[i], revision);
    if (r == 0)
        r = run(q->statement[COMMIT]);
    if (r) {
        /* SQLite has rolled back by itself after some faults; there is nothing to undo then. */
        if (!sqlite3_get_autocommit(q->db))
            run(q->statement[ROLLBACK]);
        return r;
    }
    *ret_revision = revision;
    return 0;
}

static void sqlite_free(struct store *base)
{
    struct sqlite_store *q = sqlite_of(base);

    for (size_t i = 0; i < N_STATEMENTS; i++)
        sqlite3_finalize(q->statement[i]);
    sqlite3_close(q->db);
    free(q);
}

static const struct store_ops sqlite_ops = {
    .get = sqlite_get,
    .list = sqlite_list,
    .transact = sqlite_transact,
    .free = sqlite_free,
};

/* --- opening ---------------------------------------------------------------------------------- */

static uint32_t big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Return: whether the bytes begin like a database of ours. */
static bool is_ours(const unsigned char *header, size_t n)
{
    static const char magic[16] = "SQLite format 3";

    return n == HEADER_BYTES && memcmp(header, magic, sizeof(magic)) == 0 &&
           big_endian(header + HEADER_APPLICATION_ID) == APPLICATION_ID;
}

/* Looks at the file without SQLite, and makes an empty one if there is none. An empty file was left
 * by a start that was cut short. */
static int check_file(const char *path, bool *ret_empty, char **ret_why)
{
    autofree(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char header[HEADER_BYTES];
    struct stat st;
    ssize_t n;

    if (fd < 0 && errno == ENOENT)
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int r = -errno;

        *ret_why = text_format("cannot open the database %s: %s", path, strerror(-r));
        return r;
    }
    n = S_ISREG(st.st_mode) ? pread(fd, header, sizeof(header), 0) : -1;
    if (n != 0 && (n < 0 || !is_ours(header, (size_t)n))) {
        *ret_why = text_format("%s is not a database of weir's; it was left as it is", path);
        return -EBADMSG;
    }
    *ret_empty = n == 0;
    return 0;
}

/* The first column of the first row of @sql as text to free(); NULL if there is none. */
static int ask(sqlite3 *db, const char *sql, char **ret_answer)
{
    sqlite3_stmt *s = NULL;
    int code, r = 0;

    code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    if (code != SQLITE_OK)
        return failure(code);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 0);

        *ret_answer = text ? strdup(text) : NULL;
        r = *ret_answer ? 0 : -ENOMEM;
    } else if (code == SQLITE_DONE) {
        *ret_answer = NULL;
    } else {
        r = failure(code);
    }
    sqlite3_finalize(s);
    return r;
}

/* Whether a first start was cut short within its commit: then SQLite undoes, with the first question,
 * all that is in the file. What cannot be told is found out later. */
static bool is_undone(sqlite3 *db, const char *path)
{
    autofree(mem_free) char *pages = NULL;
    struct stat st;

    return ask(db, "PRAGMA page_count", &pages) == 0 && pages && strcmp(pages, "0") == 0 &&
           stat(path, &st) == 0 && st.st_size == 0;
}

static int check_version(sqlite3 *db, const char *path, char **ret_why)
{
    autofree(mem_free) char *version = NULL;
    uint64_t v = 0;
    int r;

    r = ask(db, "PRAGMA user_version", &version);
    if (r) {
        *ret_why = text_format("the database %s is damaged (%s); it was left as it is", path,
                               sqlite3_errmsg(db));
        return r;
    }
    if (text_to_u64(slice_from(version), UINT64_MAX, &v) == 0 && v == SCHEMA_VERSION)
        return 0;
    *ret_why = text_format("the database %s was written by another version of weir (schema %s, "
                           "this one reads %d); it was left as it is",
                           path, version, (int)SCHEMA_VERSION);
    return -EPROTO;
}

static int check_content(sqlite3 *db, const char *path, char **ret_why)
{
    autofree(mem_free) char *check = NULL, *unreadable = NULL;
    int r;

    r = ask(db, "PRAGMA quick_check(1)", &check);
    if (r == 0 && check && strcmp(check, "ok") == 0)
        r = ask(db, "SELECT path FROM documents WHERE NOT json_valid(document) LIMIT 1",
                &unreadable);
    if (r == 0 && check && strcmp(check, "ok") == 0 && !unreadable)
        return 0;
    if (unreadable)
        *ret_why =
            text_format("the database %s is damaged (%s is unreadable); it was left as it is", path,
                        unreadable);
    else
        *ret_why = text_format("the database %s is damaged (%s); it was left as it is", path,
                               r || !check ? sqlite3_errmsg(db) : check);
    return r ? r : -EBADMSG;
}

static int execute(sqlite3 *db, const char *sql, char **ret_why)
{
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

    if (code == SQLITE_OK)
        return 0;
    *ret_why = text_format("cannot use the database %s: %s", sqlite3_db_filename(db, "main"),
                           sqlite3_errmsg(db));
    return failure(code);
}

static int prepare(struct sqlite_store *q, char **ret_why)
{
    for (size_t i = 0; i < N_STATEMENTS; i++) {
        int code = sqlite3_prepare_v3(q->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &q->statement[i], NULL);

        if (code != SQLITE_OK) {
            *ret_why = text_format("the database %s is damaged (%s); it was left as it is",
                                   sqlite3_db_filename(q->db, "main"), sqlite3_errmsg(q->db));
            return failure(code);
        }
    }
    return 0;
}

/* The schema is committed before the switch to WAL: then application_id is in the main file. */
static int set_up(struct sqlite_store *q, const char *path, bool empty, char **ret_why)
{
    int r = 0;

    sqlite3_extended_result_codes(q->db, 1);
    sqlite3_busy_timeout(q->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(q->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(q->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (empty || is_undone(q->db, path)) {
        r = execute(q->db, schema, ret_why);
    } else {
        r = check_version(q->db, path, ret_why);
        if (r == 0)
            r = check_content(q->db, path, ret_why);
    }
    if (r == 0)
        r = execute(q->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", ret_why);
    if (r == 0)
        r = prepare(q, ret_why);
    if (r == 0)
        sqlite3_db_config(q->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return r;
}

static int open_database(const char *path, bool empty, struct store **ret_store, char **ret_why)
{
    autofree(store_free) struct store *base = NULL;
    struct sqlite_store *q = calloc(1, sizeof(*q));
    int code, r;

    if (!q)
        return fault(-ENOMEM);
    q->base.ops = &sqlite_ops;
    base = &q->base;

    code = sqlite3_open_v2(path, &q->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        *ret_why = text_format("cannot open the database %s: %s", path, sqlite3_errstr(code));
        return fault(failure(code));
    }
    r = set_up(q, path, empty, ret_why);
    if (r)
        return fault(r);

    *ret_store = steal(base);
    return 0;
}

int store_open_sqlite(const char *path, struct store **ret_store, char **ret_why)
{
    bool empty = false;
    int r;

    *ret_why = NULL;
    r = check_file(path, &empty, ret_why);
    if (r)
        return fault(r);
    return fault(open_database(path, empty, ret_store, ret_why));
}

int store_open_memory(struct store **ret_store)
{
    autofree(mem_free) char *why = NULL;

    return fault(open_database(":memory:", true, ret_store, &why));
}
