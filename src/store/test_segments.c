#include "store/segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char root[64], directory[96];
    struct segments *segments;
    char seen[4096]; /* "segment:frame " ... */
    uint64_t first_segment;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    snprintf(f->root, sizeof(f->root), "/tmp/weir-segments-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    snprintf(f->directory, sizeof(f->directory), "%s/metrics", f->root);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[160];

    segments_free(f->segments);
    snprintf(command, sizeof(command), "rm -rf %s", f->root);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void open_again(struct fixture *f)
{
    f->segments = segments_free(f->segments);
    assert_int_equal(segments_open(f->directory, NULL, &f->segments), 0);
}

static void append(struct fixture *f, const char *text)
{
    struct buffer b = BUFFER_INIT(1 << 20);

    assert_int_equal(buffer_puts(&b, text), 0);
    assert_int_equal(segments_append(f->segments, &b), 0);
    assert_int_equal(buffer_size(&b), 0);
}

static int see(uint64_t segment, const void *frame, size_t n, void *context)
{
    struct fixture *f = context;
    size_t used = strlen(f->seen);

    if (n == 4 && memcmp(frame, "stop", 4) == 0)
        return 1;
    if (n == 4 && memcmp(frame, "fail", 4) == 0)
        return -EIO;
    snprintf(f->seen + used, sizeof(f->seen) - used, "%d:%.*s ", (int)segment, (int)n,
             (const char *)frame);
    return 0;
}

static const char *read_all(struct fixture *f)
{
    f->seen[0] = '\0';
    assert_int_equal(segments_read(f->segments, see, f), 0);
    return f->seen;
}

static void path(const struct fixture *f, int segment, char ret[128])
{
    snprintf(ret, 128, "%s/%010d.segment", f->directory, segment);
}

static void frames_come_back_in_order_and_by_segment(void **state)
{
    struct fixture *f = *state;

    open_again(f);
    assert_string_equal(read_all(f), "");
    append(f, "one");
    append(f, "two");
    assert_int_equal(segments_rotate(f->segments), 0);
    append(f, "three");
    open_again(f);
    assert_string_equal(read_all(f), "1:one 1:two 2:three ");
    assert_int_equal(segments_current(f->segments), 3);
    append(f, "four");
    open_again(f);
    assert_string_equal(read_all(f), "1:one 1:two 2:three 3:four ");
}

static void older_segments_are_deleted(void **state)
{
    struct fixture *f = *state;

    open_again(f);
    append(f, "one");
    assert_int_equal(segments_rotate(f->segments), 0);
    append(f, "two");
    open_again(f);
    append(f, "three");
    assert_int_equal(segments_drop_before(f->segments, 2), 0);
    open_again(f);
    assert_string_equal(read_all(f), "2:two 3:three ");
}

/* Cut anywhere, a segment gives the frames that are whole. */
static void a_torn_end_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char file[128];

    open_again(f);
    append(f, "one");
    append(f, "two");
    assert_int_equal(segments_rotate(f->segments), 0);
    append(f, "three");
    open_again(f);
    path(f, 1, file);
    assert_int_equal(stat(file, &st), 0);
    for (off_t size = st.st_size - 1; size >= 0; size--) {
        assert_int_equal(truncate(file, size), 0);
        open_again(f);
        if (size >= 16 + 8 + 3)
            assert_string_equal(read_all(f), "1:one 2:three ");
        else
            assert_string_equal(read_all(f), "2:three ");
    }
}

static void a_changed_byte_ends_its_segment(void **state)
{
    struct fixture *f = *state;
    char file[128];
    int fd;

    open_again(f);
    append(f, "one");
    append(f, "two");
    append(f, "three");
    assert_int_equal(segments_rotate(f->segments), 0);
    append(f, "four");
    open_again(f);
    path(f, 1, file);
    fd = open(file, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "T", 1, 16 + 8 + 3 + 8), 1);
    close(fd);
    assert_string_equal(read_all(f), "1:one 2:four ");
}

static void the_reader_may_leave_a_segment_or_stop(void **state)
{
    struct fixture *f = *state;

    open_again(f);
    append(f, "one");
    append(f, "stop");
    append(f, "two");
    assert_int_equal(segments_rotate(f->segments), 0);
    append(f, "three");
    open_again(f);
    assert_string_equal(read_all(f), "1:one 2:three ");
    append(f, "fail");
    open_again(f);
    assert_int_equal(segments_read(f->segments, see, f), -EIO);
}

static void other_files_are_left_alone(void **state)
{
    struct fixture *f = *state;
    char file[128];

    assert_int_equal(mkdir(f->directory, 0700), 0);
    snprintf(file, sizeof(file), "%s/notes.segment.txt", f->directory);
    assert_int_equal(close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    open_again(f);
    append(f, "one");
    assert_int_equal(segments_drop_before(f->segments, 100), 0);
    open_again(f);
    assert_int_equal(access(file, F_OK), 0);
    assert_string_equal(read_all(f), "");
}

static void a_directory_that_cannot_be_made_is_a_fault(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(segments_open("/proc/none/metrics", NULL, &f->segments), -ENOENT);
    assert_null(f->segments);
}

static void move_folder(struct fixture *f, bool away)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/away", f->root);
    assert_int_equal(away ? rename(f->directory, path) : rename(path, f->directory), 0);
    assert_int_equal(segments_rotate(f->segments), 0);
}

/* Segment 1 is whole, "lost" went to one that could not be made, "two" to one that could. */
static void write_with_a_hole(struct fixture *f)
{
    open_again(f);
    append(f, "one");
    open_again(f);
    move_folder(f, true);
    append(f, "lost");
    for (int i = 0; i < 3000 && segments_error(f->segments) == 0; i++)
        usleep(10000); /* the thread comes to it */
    assert_int_equal(segments_error(f->segments), -ENOENT);
    move_folder(f, false);
    append(f, "two");
}

static void an_error_is_told_and_over_with_the_next_segment(void **state)
{
    struct fixture *f = *state;

    write_with_a_hole(f);
    open_again(f);
    assert_string_equal(read_all(f), "1:one 4:two ");
}

static void older_segments_stay_while_what_follows_is_not_whole(void **state)
{
    struct fixture *f = *state;

    write_with_a_hole(f);
    assert_int_equal(segments_drop_before(f->segments, 3), 0);
    open_again(f);
    assert_string_equal(read_all(f), "1:one 4:two ");

    append(f, "three");
    assert_int_equal(segments_drop_before(f->segments, 5), 0);
    open_again(f);
    assert_string_equal(read_all(f), "5:three ");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(frames_come_back_in_order_and_by_segment),
        TEST(older_segments_are_deleted),
        TEST(a_torn_end_is_left_out),
        TEST(a_changed_byte_ends_its_segment),
        TEST(the_reader_may_leave_a_segment_or_stop),
        TEST(other_files_are_left_alone),
        TEST(a_directory_that_cannot_be_made_is_a_fault),
        TEST(an_error_is_told_and_over_with_the_next_segment),
        TEST(older_segments_stay_while_what_follows_is_not_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
