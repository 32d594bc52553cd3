#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fleet/output.h"

static char dir[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/weir-test-output-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return remove_tree(dir);
}

static void print(const char *text)
{
    autofree(fd_close) int fd = output_open(dir);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void assert_tail(unsigned lines, const char *expected)
{
    autofree(mem_free) char *tail = output_tail(dir, lines);

    if (!expected) {
        assert_null(tail);
        return;
    }
    assert_non_null(tail);
    assert_string_equal(tail, expected);
}

static void tells_the_last_lines(void **state)
{
    (void)state;
    assert_tail(5, NULL);
    print("");
    assert_tail(5, NULL);
    print("\n\n");
    assert_tail(5, NULL);
    print("one\ntwo\nthree\n");
    assert_tail(0, NULL);
    assert_tail(1, "three");
    assert_tail(2, "two\nthree");
    print("and on");
    assert_tail(2, "three\nand on");
    assert_tail(100, "\n\none\ntwo\nthree\nand on");
}

static void replaces_what_is_no_text(void **state)
{
    (void)state;
    print("ok \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 bad \xff \xc3 \xe0\x80\x80 \xed\xa0\x80 "
          "\x1b[1m\t\x7f");
    assert_tail(1, "ok \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 bad ? ? ??? ??? ?[1m\t?");
}

static off_t size_of(const char *name)
{
    autofree(mem_free) char *path = text_format("%s/%s", dir, name);
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void moves_away_what_is_too_much(void **state)
{
    autofree(mem_free) char *block = malloc(1 << 20);
    autofree(fd_close) int writer = output_open(dir);

    (void)state;
    memset(block, 'x', 1 << 20);
    for (int i = 0; i < 8; i++)
        assert_int_equal(write(writer, block, 1 << 20), 1 << 20);
    assert_int_equal(output_limit(dir), 0);
    assert_int_equal(size_of("output.log"), OUTPUT_BYTES_MAX);
    assert_int_equal(size_of("output.log.1"), -1);

    assert_int_equal(write(writer, "y", 1), 1);
    assert_int_equal(output_limit(dir), 0);
    assert_int_equal(size_of("output.log"), 0);
    assert_int_equal(size_of("output.log.1"), OUTPUT_BYTES_MAX);
    assert_int_equal(write(writer, "goes on\n", 8), 8);
    assert_tail(1, "goes on");
}

static void keeps_the_end_of_a_flood(void **state)
{
    autofree(mem_free) char *block = malloc(1 << 20), *moved = text_format("%s/output.log.1", dir);
    autofree(fd_close) int writer = output_open(dir), reader = -1;

    (void)state;
    for (char c = 'a'; c < 'a' + 20; c++) {
        memset(block, c, 1 << 20);
        assert_int_equal(write(writer, block, 1 << 20), 1 << 20);
    }
    assert_int_equal(output_limit(dir), 0);
    assert_int_equal(size_of("output.log"), 0);
    assert_int_equal(size_of("output.log.1"), OUTPUT_BYTES_MAX);
    reader = open(moved, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(reader, block, 1), 1);
    assert_int_equal(*block, 'a' + 12);
}

static void without_output_there_is_nothing_to_limit(void **state)
{
    (void)state;
    assert_int_equal(output_limit(dir), 0);
    assert_int_equal(output_limit("/nonexistent"), 0);
    assert_true(output_open("/nonexistent") < 0);
}

static bool is_c(const char *name, void *context)
{
    (void)context;
    return strcmp(name, "c") == 0;
}

static void keeps_the_directories_that_were_touched_last(void **state)
{
    static const char *const names[] = { "c", "b", "a", "d", "e" }; /* oldest first */

    (void)state;
    for (int i = 0; i < 5; i++) {
        const struct timespec times[2] = { { .tv_sec = 1000 + i }, { .tv_sec = 1000 + i } };
        autofree(mem_free) char *path = text_format("%s/%s", dir, names[i]);
        autofree(mem_free) char *file = text_format("%s/output.log", path);

        assert_int_equal(mkdir(path, 0700), 0);
        close(open(file, O_WRONLY | O_CREAT, 0600));
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    print("a file among them is none of them");
    assert_int_equal(output_prune(dir, 2, is_c, NULL), 0);
    assert_true(size_of("c") >= 0);
    assert_true(size_of("b") < 0);
    assert_true(size_of("a") < 0);
    assert_true(size_of("d") >= 0);
    assert_true(size_of("e") >= 0);
    assert_true(size_of("output.log") >= 0);
    assert_true(output_prune("/nonexistent", 2, is_c, NULL) < 0);
}

static void removes_trees_without_following_links(void **state)
{
    autofree(mem_free) char *tree = text_format("%s/tree", dir);
    autofree(mem_free) char *link = text_format("%s/tree/link", dir);

    (void)state;
    print("stays");
    assert_int_equal(mkdir(tree, 0700), 0);
    assert_int_equal(symlink("..", link), 0);
    assert_int_equal(remove_tree(tree), 0);
    assert_true(size_of("tree") < 0);
    assert_tail(1, "stays");
    assert_int_equal(remove_tree(tree), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(tells_the_last_lines),
        TEST(replaces_what_is_no_text),
        TEST(moves_away_what_is_too_much),
        TEST(keeps_the_end_of_a_flood),
        TEST(without_output_there_is_nothing_to_limit),
        TEST(keeps_the_directories_that_were_touched_last),
        TEST(removes_trees_without_following_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
