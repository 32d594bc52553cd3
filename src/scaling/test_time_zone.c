/* Time zones: against the C library's own reading of the same files, by hand-made files, and by what a
 * file must not be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/random.h"
#include "scaling/civil.h"
#include "scaling/time_zone.h"
#include "scaling/zone_rule.h"

static struct time_zone *load(const char *name)
{
    static uint8_t bytes[TIME_ZONE_BYTES_MAX];
    struct time_zone *z = NULL;
    char path[256];
    FILE *file;
    size_t n;

    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    file = fopen(path, "rb");
    if (!file)
        fail_msg("%s: not there; is tzdata installed?", path);
    n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_int_equal(time_zone_parse(bytes, n, &z), 0);
    return z;
}

static void clocks_go_as_in_the_c_library(void **state)
{
    static const char *const names[] = { "UTC",
                                         "Europe/Berlin",
                                         "America/New_York",
                                         "America/Sao_Paulo",
                                         "Australia/Lord_Howe",
                                         "Pacific/Apia",
                                         "Asia/Kathmandu",
                                         "Africa/Casablanca",
                                         "Europe/Dublin",
                                         "America/Godthab",
                                         "Etc/GMT+9",
                                         "Pacific/Tahiti" };
    struct random r;

    random_init(&r, 20260704);
    print_message("seed 20260704\n");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct time_zone *z = load(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int n = 0; n < 5000; n++) {
            time_t at = (time_t)(random_u64(&r) % (200ULL * 366 * S_PER_DAY));
            struct tm tm;
            assert_non_null(localtime_r(&at, &tm));
            if (time_zone_offset(z, at) != tm.tm_gmtoff)
                fail_msg("%s at %lld: %d is not %ld", names[i], (long long)at,
                         time_zone_offset(z, at), tm.tm_gmtoff);
        }
        time_zone_free(z);
    }
    unsetenv("TZ");
}

static int64_t at(int year, int month, int day, int hour, int minute)
{
    return civil_to_s(&(struct civil){ year, month, day, hour, minute, 0 });
}

static void a_local_time_is_skipped_or_the_first_of_two(void **state)
{
    struct time_zone *z = load("Europe/Berlin");
    int64_t utc;

    assert_int_equal(time_zone_to_utc(z, at(2026, 1, 5, 12, 0), &utc), 0);
    assert_int_equal(utc, at(2026, 1, 5, 11, 0));
    assert_int_equal(time_zone_to_utc(z, at(2026, 7, 5, 12, 0), &utc), 0);
    assert_int_equal(utc, at(2026, 7, 5, 10, 0));
    assert_int_equal(time_zone_to_utc(z, at(2026, 3, 29, 2, 0), &utc), TIME_ZONE_E_SKIPPED);
    assert_int_equal(time_zone_to_utc(z, at(2026, 3, 29, 2, 59), &utc), TIME_ZONE_E_SKIPPED);
    assert_int_equal(time_zone_to_utc(z, at(2026, 3, 29, 3, 0), &utc), 0);
    assert_int_equal(utc, at(2026, 3, 29, 1, 0));
    assert_int_equal(time_zone_to_utc(z, at(2026, 10, 25, 2, 30), &utc), 0);
    assert_int_equal(utc, at(2026, 10, 25, 0, 30));
    assert_int_equal(time_zone_to_utc(z, at(2099, 10, 25, 2, 30), &utc), 0); /* by the rule */
    assert_int_equal(utc, at(2099, 10, 25, 0, 30));
    time_zone_free(z);

    z = load("Pacific/Apia"); /* crossed the date line: there was no 30 December 2011 */
    assert_int_equal(time_zone_to_utc(z, at(2011, 12, 30, 12, 0), &utc), TIME_ZONE_E_SKIPPED);
    time_zone_free(z);

    assert_int_equal(time_zone_to_utc(NULL, 5, &utc), 0);
    assert_int_equal(utc, 5);
}

static void rules_are_read_as_posix_writes_them(void **state)
{
    static const struct {
        const char *text;
        int64_t at; /* 0: refused */
        int32_t offset_s;
    } rows[] = {
        { "UTC0", 1, 0 },
        { "<+0330>-3:30", 1, 12600 },
        { "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", 1, -10800 },
        { "AAA-24:59:59", 1, 89999 },
        { "EST5EDT,M3.2.0,M11.1.0", 1751328000, -14400 },
        { "EST5EDT,M3.2.0,M11.1.0", 1767225600, -18000 },
        { "IST-1GMT0,M10.5.0,M3.5.0/1", 1767225600, 0 }, /* negative DST in winter */
        { "XXX3EDT4,0/0,J365/23", 1767225600, -14400 },  /* DST all year, RFC 8536, 3.3.1 */
        { "XXX3EDT4,0/0,J365/23", 1751328000, -14400 },
        { "AAA0BBB,J60,J61", 1709258400, 3600 }, /* 1 March 2024 02:00: J60 is never 29 February */
        { "AAA0BBB,59,J61", 1709172000, 3600 },  /* 29 February 2024 */
        { "", 0, 0 },
        { "AB0", 0, 0 },
        { "ABC", 0, 0 },
        { "ABC25", 0, 0 },
        { "ABC1:60", 0, 0 },
        { "<AB0", 0, 0 },
        { "ABC0DEF", 0, 0 }, /* DST without rules could be anything */
        { "ABC0DEF,M3.2.0", 0, 0 },
        { "ABC0DEF,M13.2.0,M11.1.0", 0, 0 },
        { "ABC0DEF,M3.6.0,M11.1.0", 0, 0 },
        { "ABC0DEF,M3.2.7,M11.1.0", 0, 0 },
        { "ABC0DEF,J0,J5", 0, 0 },
        { "ABC0DEF,366,J5", 0, 0 },
        { "ABC0DEF,J1/168,J5", 0, 0 },
        { "UTC0 ", 0, 0 },
    };
    struct zone_rule rule;
    int64_t next;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int r = zone_rule_parse(slice_from(rows[i].text), &rule);
        if (rows[i].at == 0 && r == 0)
            fail_msg("%s was not refused", rows[i].text);
        if (rows[i].at != 0 &&
            (r != 0 || zone_rule_offset(&rule, rows[i].at, &next) != rows[i].offset_s))
            fail_msg("%s", rows[i].text);
    }
}

/* --- hand-made files -------------------------------------------------------------------------- */

/* Version 1, without a rule at the end: at 1000000000 clocks go from UTC to UTC+1. */
#define HEADER                                                                                     \
    "TZif\0"                                                                                       \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define COUNTS                                                                                     \
    "\0\0\0\0"                                                                                     \
    "\0\0\0\0"                                                                                     \
    "\0\0\0\0"                                                                                     \
    "\0\0\0\1"                                                                                     \
    "\0\0\0\2"                                                                                     \
    "\0\0\0\4"
#define TIMES                                                                                      \
    "\x3b\x9a\xca\0"                                                                               \
    "\1"
#define TYPES                                                                                      \
    "\0\0\0\0\0\0"                                                                                 \
    "\0\0\x0e\x10\0\0"
#define TYPE_NAMES "ABC\0"
static const char small[] = HEADER COUNTS TIMES TYPES TYPE_NAMES;

enum { SMALL_BYTES = sizeof small - 1, AT_LEAPS = 31, AT_TIMES = 35, AT_TYPES = 39 };
enum { AT_TYPE = 48, AT_OFFSET = 55 };

static int parse_with(size_t where, char value, size_t n)
{
    autofree(time_zone_free) struct time_zone *z = NULL;
    char bytes[sizeof small];

    memcpy(bytes, small, sizeof small);
    bytes[where] = value;
    return time_zone_parse((const uint8_t *)bytes, n, &z);
}

static void a_file_without_a_rule_ends_with_its_last_change(void **state)
{
    struct time_zone *z = NULL;

    assert_int_equal(time_zone_parse((const uint8_t *)small, SMALL_BYTES, &z), 0);
    assert_int_equal(time_zone_offset(z, 0), 0);
    assert_int_equal(time_zone_offset(z, 999999999), 0);
    assert_int_equal(time_zone_offset(z, 1000000000), 3600);
    assert_int_equal(time_zone_offset(z, 5000000000), 3600);
    time_zone_free(z);
}

static void files_that_are_none_are_refused(void **state)
{
    assert_int_equal(parse_with(0, 'T', SMALL_BYTES), 0);
    for (size_t n = 0; n < SMALL_BYTES; n++)
        assert_int_equal(parse_with(0, 'T', n), -EINVAL);
    assert_int_equal(parse_with(0, 'X', SMALL_BYTES), -EINVAL);
    assert_int_equal(parse_with(4, '2', SMALL_BYTES), -EINVAL); /* where is the second block? */
    assert_int_equal(parse_with(AT_LEAPS, 1, SMALL_BYTES), -EINVAL);
    assert_int_equal(parse_with(AT_TIMES, 2, SMALL_BYTES), -EINVAL);
    assert_int_equal(parse_with(AT_TYPES, 0, SMALL_BYTES), -EINVAL);
    assert_int_equal(parse_with(AT_TYPE, 2, SMALL_BYTES), -EINVAL);
    assert_int_equal(parse_with(AT_OFFSET, 0x7f, SMALL_BYTES), -EINVAL); /* more than 26 hours */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_go_as_in_the_c_library),
        cmocka_unit_test(a_local_time_is_skipped_or_the_first_of_two),
        cmocka_unit_test(rules_are_read_as_posix_writes_them),
        cmocka_unit_test(a_file_without_a_rule_ends_with_its_last_change),
        cmocka_unit_test(files_that_are_none_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
