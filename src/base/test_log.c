#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"

static struct sim_clock sim;

static struct log log_to(int fd, enum log_format format)
{
    sim_clock_init(&sim, 1767323045678); /* 2026-01-02T03:04:05.678Z */
    return (struct log){
        .fd = fd, .level = LOG_INFO, .format = format, .program = "control", .clock = &sim.base
    };
}

static const char *written(int fd)
{
    static char text[8192];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}

static void text_lines_read_as_documented(void **state)
{
    autofree(fd_close) int fd = memfd_create("log", 0);
    struct log log = log_to(fd, LOG_TEXT);

    (void)state;
    log_debug(&log, "below the level");
    log_warn(&log, "target unhealthy", "group=%s target=%s after_ms=%" PRId64, "a", "b",
             (int64_t)2);
    log_error(NULL, "nowhere");
    log_info(&log, "plain");
    assert_string_equal(written(fd),
                        "2026-01-02T03:04:05.678Z warn control: target unhealthy group=a target=b "
                        "after_ms=2\n"
                        "2026-01-02T03:04:05.678Z info control: plain\n");
}

static void json_lines_have_numbers_and_strings(void **state)
{
    autofree(fd_close) int fd = memfd_create("log", 0);
    struct log log = log_to(fd, LOG_JSON);

    (void)state;
    log_info(&log, "failed", "id=%s n=%d load=%.2f bad=%f why=\"%s\" end=%u", "007", -3, 0.5,
             (double)NAN, "no \"room\" here=1 \\", 9u);
    assert_string_equal(written(fd),
                        "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"program\":"
                        "\"control\",\"event\":\"failed\",\"id\":\"007\",\"n\":-3,\"load\":0.50,"
                        "\"bad\":\"nan\",\"why\":\"no \\\"room\\\" here=1 \\\\\",\"end\":9}\n");
}

static void values_cannot_break_a_line_or_add_facts(void **state)
{
    autofree(fd_close) int text_fd = memfd_create("log", 0), json_fd = memfd_create("log", 0);
    struct log text = log_to(text_fd, LOG_TEXT), json = log_to(json_fd, LOG_JSON);
    const char *evil = "a\nb\x1f"
                       "c=1 \x1b[0m \xff\xc3\xa4";

    (void)state;
    log_info(&text, "x", "name=\"%s\" n=%d", evil, 1);
    log_info(&json, "x", "name=\"%s\" n=%d", evil, 1);
    assert_string_equal(written(text_fd),
                        "2026-01-02T03:04:05.678Z info control: x "
                        "name=\"a\\nb\\u001fc=1 \\u001b[0m \\ufffd\xc3\xa4\" n=1\n");
    assert_non_null(strstr(written(json_fd),
                           "\"name\":\"a\\nb\\u001fc=1 \\u001b[0m \\ufffd\xc3\xa4\",\"n\":1}\n"));
}

static size_t backslashes_before(const char *text, size_t at)
{
    size_t n = 0;

    while (n < at && text[at - n - 1] == '\\')
        n++;
    return n;
}

/* Whatever the lengths, a cut line is one line and its JSON is closed. */
static void long_lines_are_cut_and_stay_whole(void **state)
{
    static char big[6000];

    (void)state;
    for (size_t n = 3900; n < 4200; n++) {
        autofree(fd_close) int fd = memfd_create("log", 0);
        struct log log = log_to(fd, LOG_JSON);
        const char *line;
        size_t size;

        memset(big, n % 2 ? '"' : 'x', n);
        big[0] = n % 4 == 1 ? '"' : 'x'; /* so that the line is cut before an escape and in it */
        big[n] = '\0';
        log_info(&log, "big", "a=%s b=%d c=%s", big, 12345, "end");
        line = written(fd);
        size = strlen(line);
        assert_true(size <= 4096);
        assert_true(strchr(line, '\n') == line + size - 1);
        assert_memory_equal(line + size - 3, line[size - 3] == '"' ? "\"}\n" : "5}\n", 3);
        assert_int_equal(backslashes_before(line, size - 3) % 2, 0);
    }
}

static void levels_have_names(void **state)
{
    enum log_level level = LOG_DEBUG;

    (void)state;
    assert_int_equal(log_level_parse("error", &level), 0);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_level_parse("loud", &level), -EINVAL);
}

static void faults_pass_and_unexpected_outcomes_fold(void **state)
{
    (void)state;
    assert_int_equal(fault(0), 0);
    assert_int_equal(fault(-EIO), -EIO);
    assert_int_equal(fault(3), -ENOTRECOVERABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines_read_as_documented),
        cmocka_unit_test(json_lines_have_numbers_and_strings),
        cmocka_unit_test(values_cannot_break_a_line_or_add_facts),
        cmocka_unit_test(long_lines_are_cut_and_stay_whole),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(faults_pass_and_unexpected_outcomes_fold),
    };

    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
