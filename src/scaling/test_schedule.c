/* Schedules: what is written, what is refused, and when they run; at last against a search through every
 * minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "scaling/civil.h"
#include "scaling/schedule.h"

enum { TIMES_MAX = 5 };

static wall_ms_t when(const char *text)
{
    wall_ms_t t;

    assert_int_equal(text_from_iso8601(slice_from(text), &t), 0);
    return t;
}

static struct time_zone *zone_of(const char *name)
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

/* --- times ------------------------------------------------------------------------------------ */

struct row {
    const char *schedule, *zone, *start, *end; /* NULL: none */
    const char *after;
    const char *times[TIMES_MAX]; /* the next ones; fewer: then it is over */
};

static const char created[] = "2026-01-01T00:00:30Z";

static void check_row(const struct row *row)
{
    autofree(time_zone_free) struct time_zone *zone = row->zone ? zone_of(row->zone) : NULL;
    struct schedule s;
    struct schedule_plan plan = {
        .schedule = &s,
        .zone = zone,
        .created = when(created),
        .start = row->start ? when(row->start) : INT64_MIN,
        .end = row->end ? when(row->end) : INT64_MAX,
    };
    wall_ms_t t = when(row->after);
    char text[TEXT_ISO8601_BYTES];
    const char *why;

    if (schedule_parse(slice_from(row->schedule), &s, &why) != 0)
        fail_msg("%s: %s", row->schedule, why);
    for (size_t i = 0; i < TIMES_MAX; i++) {
        if (schedule_next(&plan, t, &t) != 0) {
            if (row->times[i])
                fail_msg("%s: is over before %s", row->schedule, row->times[i]);
            return;
        }
        text_iso8601(t, text);
        if (!row->times[i])
            fail_msg("%s: should be over, but goes on at %s", row->schedule, text);
        if (t != when(row->times[i]))
            fail_msg("%s: %s instead of %s", row->schedule, text, row->times[i]);
    }
}

#define DAY(date) "2026-" date "Z"

static const struct row rows[] = {
    /* working days: from a Friday to the Monday */
    { "cron(0 18 ? * MON-FRI *)",
      NULL,
      NULL,
      NULL,
      DAY("01-09T18:01:00"),
      { DAY("01-12T18:00:00"), DAY("01-13T18:00:00"), DAY("01-14T18:00:00"), DAY("01-15T18:00:00"),
        DAY("01-16T18:00:00") } },
    /* last Fridays of 2026 */
    { "cron(15 10 ? * 6L 2026)",
      NULL,
      NULL,
      NULL,
      DAY("09-01T00:00:00"),
      { DAY("09-25T10:15:00"), DAY("10-30T10:15:00"), DAY("11-27T10:15:00"),
        DAY("12-25T10:15:00") } },
    /* 1 August 2026 is a Saturday: the nearest working day within the month is Monday the 3rd */
    { "cron(0 8 1W * ? *)",
      NULL,
      NULL,
      NULL,
      DAY("07-31T12:00:00"),
      { DAY("08-03T08:00:00"), DAY("09-01T08:00:00"), DAY("10-01T08:00:00"), DAY("11-02T08:00:00"),
        DAY("12-01T08:00:00") } },
    /* 31 January 2026 is a Saturday, 31 May a Sunday; months with 30 days have none */
    { "cron(0 0 31W * ? *)",
      NULL,
      NULL,
      NULL,
      DAY("01-01T00:00:00"),
      { DAY("01-30T00:00:00"), DAY("03-31T00:00:00"), DAY("05-29T00:00:00"), DAY("07-31T00:00:00"),
        DAY("08-31T00:00:00") } },
    { "cron(0 0 LW * ? *)",
      NULL,
      NULL,
      NULL,
      DAY("01-01T00:00:00"),
      { DAY("01-30T00:00:00"), DAY("02-27T00:00:00"), DAY("03-31T00:00:00"), DAY("04-30T00:00:00"),
        DAY("05-29T00:00:00") } },
    { "cron(0 0 L 2 ? *)",
      NULL,
      NULL,
      NULL,
      "2027-01-01T00:00:00Z",
      { "2027-02-28T00:00:00Z", "2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z",
        "2030-02-28T00:00:00Z", "2031-02-28T00:00:00Z" } },
    { "cron(0 0 ? * L *)",
      NULL,
      NULL,
      NULL,
      DAY("01-01T00:00:00"),
      { DAY("01-03T00:00:00"), DAY("01-10T00:00:00"), DAY("01-17T00:00:00"), DAY("01-24T00:00:00"),
        DAY("01-31T00:00:00") } },
    { "cron(30 6 * * 2 *)",
      NULL,
      NULL,
      NULL,
      DAY("01-01T00:00:00"), /* * of the month as ? */
      { DAY("01-05T06:30:00"), DAY("01-12T06:30:00"), DAY("01-19T06:30:00"), DAY("01-26T06:30:00"),
        DAY("02-02T06:30:00") } },
    { "cron(0 12 ? * 3#2 *)",
      NULL,
      NULL,
      NULL,
      DAY("01-01T00:00:00"), /* second Tuesdays */
      { DAY("01-13T12:00:00"), DAY("02-10T12:00:00"), DAY("03-10T12:00:00"), DAY("04-14T12:00:00"),
        DAY("05-12T12:00:00") } },
    { "cron(0 12 ? * sun#5 *)",
      NULL,
      NULL,
      NULL,
      DAY("01-01T00:00:00"), /* months that have it */
      { DAY("03-29T12:00:00"), DAY("05-31T12:00:00"), DAY("08-30T12:00:00"), DAY("11-29T12:00:00"),
        "2027-01-31T12:00:00Z" } },
    { "cron(0 0 29 2 ? *)",
      NULL,
      NULL,
      NULL,
      DAY("01-01T00:00:00"),
      { "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z", "2036-02-29T00:00:00Z",
        "2040-02-29T00:00:00Z", "2044-02-29T00:00:00Z" } },
    { "cron(0/15 * * * ? *)",
      NULL,
      NULL,
      NULL,
      DAY("01-01T23:30:00"),
      { DAY("01-01T23:45:00"), DAY("01-02T00:00:00"), DAY("01-02T00:15:00"), DAY("01-02T00:30:00"),
        DAY("01-02T00:45:00") } },
    { "cron(*/20 9-17/4 1/10 jan,MAR ? 2026-2027)",
      NULL,
      NULL,
      NULL,
      DAY("01-31T17:20:00"),
      { DAY("01-31T17:40:00"), DAY("03-01T09:00:00"), DAY("03-01T09:20:00"), DAY("03-01T09:40:00"),
        DAY("03-01T13:00:00") } },
    { "cron(10,40 59 23 31 DEC ? 2026)",
      NULL,
      NULL,
      NULL,
      DAY("01-01T00:00:00"), /* seconds first */
      { DAY("12-31T23:59:10"), DAY("12-31T23:59:40") } },
    { "cron(0 0 1 1 ? 2025)", NULL, NULL, NULL, DAY("01-01T00:00:00"), { NULL } },

    /* a start runs at once, and then the recurrence; nothing after the end */
    { "cron(0 18 ? * MON-FRI *)",
      NULL,
      DAY("01-10T07:12:30"),
      DAY("01-13T18:00:00"),
      DAY("01-01T00:00:00"),
      { DAY("01-10T07:12:30"), DAY("01-12T18:00:00"), DAY("01-13T18:00:00") } },
    { "rate(5 minutes)",
      NULL,
      DAY("01-10T10:02:30"),
      NULL,
      DAY("01-10T10:00:00"),
      { DAY("01-10T10:02:30"), DAY("01-10T10:07:30"), DAY("01-10T10:12:30"), DAY("01-10T10:17:30"),
        DAY("01-10T10:22:30") } },
    { "rate(1 hours)",
      NULL,
      NULL,
      DAY("01-01T03:30:00"),
      DAY("01-01T00:00:00"),
      { DAY("01-01T01:00:30"), DAY("01-01T02:00:30"), DAY("01-01T03:00:30") } },
    { "rate(2 day)",
      "Europe/Berlin",
      NULL,
      DAY("01-06T00:00:00"),
      DAY("01-01T00:00:30"),
      { DAY("01-03T00:00:30"), DAY("01-05T00:00:30") } },
    { "at(2026-07-01T08:00:00)",
      NULL,
      NULL,
      NULL,
      DAY("01-01T00:00:00"),
      { DAY("07-01T08:00:00") } },
    { "at(2026-07-01T08:00:00)", NULL, NULL, NULL, DAY("07-01T08:00:00"), { NULL } },
    { "at(2026-07-01T08:00:00)",
      NULL,
      DAY("07-02T00:00:00"),
      NULL,
      DAY("01-01T00:00:00"),
      { NULL } },
    { "at(2026-07-01T08:00:00)",
      NULL,
      NULL,
      DAY("06-30T00:00:00"),
      DAY("01-01T00:00:00"),
      { NULL } },

    /* local clocks */
    { "at(2026-07-01T08:00:00)",
      "America/New_York",
      NULL,
      NULL,
      DAY("01-01T00:00:00"),
      { DAY("07-01T12:00:00") } },
    { "at(2026-07-01T08:00:00)",
      "Etc/GMT+9",
      NULL,
      NULL,
      DAY("01-01T00:00:00"),
      { DAY("07-01T17:00:00") } },
    { "at(2026-10-25T02:30:00)",
      "Europe/Berlin",
      NULL,
      NULL,
      DAY("01-01T00:00:00"),
      { DAY("10-25T00:30:00") } }, /* shown twice: the first */
    { "cron(30 2 * * ? *)",
      "Europe/Berlin",
      NULL,
      NULL,
      DAY("03-27T12:00:00"),
      { DAY("03-28T01:30:00"), DAY("03-30T00:30:00"), DAY("03-31T00:30:00"), DAY("04-01T00:30:00"),
        DAY("04-02T00:30:00") } }, /* 29 March has no 02:30 */
    { "cron(0/30 * * * ? *)",
      "Europe/Berlin",
      NULL,
      NULL,
      DAY("10-24T23:30:00"),
      { DAY("10-25T00:00:00"), DAY("10-25T00:30:00"), DAY("10-25T02:00:00"), DAY("10-25T02:30:00"),
        DAY("10-25T03:00:00") } }, /* not again in the hour that comes twice */
    { "cron(0 8 ? * MON *)",
      "Pacific/Tahiti",
      NULL,
      DAY("01-13T00:00:00"),
      DAY("01-01T00:00:00"),
      { DAY("01-05T18:00:00"), DAY("01-12T18:00:00") } },
};

static void every_schedule_runs_when_it_says(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i]);
}

/* --- what is refused -------------------------------------------------------------------------- */

static const struct {
    const char *schedule, *why;
} bad[] = {
    { "", "at(...)" },
    { "at", "at(...)" },
    { "at(2026-07-01T08:00:00", "at(...)" },
    { "AT(2026-07-01T08:00:00)", "at(...)" },
    { "every(5 minutes)", "at(...)" },
    { "at()", "as in at(" },
    { "at(2026-07-01 08:00:00)", "as in at(" },
    { "at(2026-07-01T08:00)", "as in at(" },
    { "at(2026-07-01T08:00:00Z)", "as in at(" },
    { "at(2026-02-29T08:00:00)", "no such date" },
    { "at(2026-13-01T08:00:00)", "no such date" },
    { "at(2026-04-31T08:00:00)", "no such date" },
    { "at(2026-04-00T08:00:00)", "no such date" },
    { "at(2026-04-01T24:00:00)", "no such date" },
    { "at(2026-04-01T23:60:00)", "no such date" },
    { "at(2026-04-01T23:00:60)", "no such date" },
    { "at(+026-04-01T23:00:00)", "no such date" },
    { "rate(5)", "rate() takes" },
    { "rate(0 minutes)", "rate() takes" },
    { "rate(-1 minutes)", "rate() takes" },
    { "rate(1.5 hours)", "rate() takes" },
    { "rate(5 weeks)", "rate() takes" },
    { "rate(5  minutes)", "rate() takes" },
    { "rate(99999999999 days)", "rate() takes" },
    { "cron()", "six fields" },
    { "cron(* * * * ?)", "six fields" },
    { "cron(0 0 0 1 1 ? * *)", "six fields" },
    { "cron(60 * * * ? *)", "minutes" },
    { "cron(-1 * * * ? *)", "minutes" },
    { "cron(0/0 * * * ? *)", "minutes" },
    { "cron(1,,2 * * * ? *)", "minutes" },
    { "cron(? * * * ? *)", "minutes" },
    { "cron(60 0 * * * ? *)", "seconds" },
    { "cron(0 24 * * ? *)", "hours" },
    { "cron(0 17-9 * * ? *)", "hours" },
    { "cron(0 0 32 * ? *)", "day of the month" },
    { "cron(0 0 0 * ? *)", "day of the month" },
    { "cron(0 0 W * ? *)", "day of the month" },
    { "cron(0 0 1#2 * ? *)", "day of the month" },
    { "cron(0 0 1 13 ? *)", "month" },
    { "cron(0 0 1 JANUARY ? *)", "month" },
    { "cron(0 0 ? * 8 *)", "day of the week" },
    { "cron(0 0 ? * 0 *)", "day of the week" },
    { "cron(0 0 ? * 2#6 *)", "day of the week" },
    { "cron(0 0 ? * MON/2 *)", "day of the week" },
    { "cron(0 0 1 * ? 1969)", "year" },
    { "cron(0 0 1 * ? 2200)", "year" },
    { "cron(0 0 1 * MON *)", "must be ?" },
    { "cron(0 0 ? * ? *)", "must be ?" },
    { "cron(0 0 * * * *)", "must be ?" },
    { "cron(0 0 31 2 ? *)", "no such date" },
    { "cron(0 0 31 4,6,9,11 ? *)", "no such date" },
    { "cron(0 0 29 2 ? 2026-2027)", "no such date" },
    { "cron(0 0 ? 2 MON#5 2026)", "no such date" },
    { "cron(0 0 30W 2 ? *)", "no such date" },
};

static void what_cannot_be_is_refused_with_a_reason(void **state)
{
    const char *why;
    struct schedule s;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (schedule_parse(slice_from(bad[i].schedule), &s, &why) != SCHEDULE_E_INVALID)
            fail_msg("%s was not refused", bad[i].schedule);
        if (!strstr(why, bad[i].why))
            fail_msg("%s: %s", bad[i].schedule, why);
    }
}

static void an_at_must_be_on_the_local_clock(void **state)
{
    struct time_zone *berlin = zone_of("Europe/Berlin");
    struct schedule s;
    const char *why;

    assert_int_equal(schedule_parse(SLICE("at(2026-03-29T02:30:00)"), &s, &why), 0);
    assert_int_equal(schedule_check(&s, NULL), 0);
    assert_int_equal(schedule_check(&s, berlin), SCHEDULE_E_SKIPPED);
    time_zone_free(berlin);
}

/* --- the slow answer -------------------------------------------------------------------------- */

/* A field of numbers, ranges, steps and lists, and whether it has @value: told by the text alone. */
static bool text_has(const char *field, int min, int max, int value)
{
    char copy[64], *rest = copy;

    snprintf(copy, sizeof copy, "%s", field);
    for (char *item; (item = strsep(&rest, ","));) {
        int from = min, to = max, step = 1;
        char *slash = strchr(item, '/');
        if (slash)
            sscanf(slash + 1, "%d", &step);
        if (item[0] != '*' && sscanf(item, "%d-%d", &from, &to) == 1 && !slash)
            to = from;
        if (value >= from && value <= to && (value - from) % step == 0)
            return true;
    }
    return false;
}

static void random_field(struct random *r, int min, int max, char ret[64])
{
    int a = min + (int)random_below(r, (uint32_t)(max - min + 1));
    int b = a + (int)random_below(r, (uint32_t)(max - a + 1));

    switch (random_below(r, 5)) {
    case 0:
        snprintf(ret, 64, "*");
        break;
    case 1:
        snprintf(ret, 64, "%d", a);
        break;
    case 2:
        snprintf(ret, 64, "%d-%d", a, b);
        break;
    case 3:
        snprintf(ret, 64, "%d/%u", a, 1 + random_below(r, (uint32_t)max));
        break;
    default:
        snprintf(ret, 64, "%d,%d", b, a);
    }
}

struct fields {
    char minutes[64], hours[64], days[64], months[64];
};

static bool minute_matches(const struct fields *f, const struct time_zone *zone, int64_t utc)
{
    int64_t local = utc + time_zone_offset(zone, utc), first;
    struct civil c = civil_from_s(local);

    /* of a minute that clocks show twice, the first */
    return text_has(f->minutes, 0, 59, c.minute) && text_has(f->hours, 0, 23, c.hour) &&
           text_has(f->days, 1, 31, c.day) && text_has(f->months, 1, 12, c.month) &&
           time_zone_to_utc(zone, local, &first) == 0 && first == utc;
}

static void crons_run_as_a_search_through_every_minute_finds(void **state)
{
    enum { CRONS = 60, DAYS = 45 };
    static const char *const zones[] = { "Europe/Berlin", "Australia/Lord_Howe", "America/Havana" };
    const uint64_t seed = 4711;
    struct random r;
    int n_found = 0;

    random_init(&r, seed);
    print_message("seed %d\n", (int)seed);
    for (int i = 0; i < CRONS; i++) {
        autofree(time_zone_free) struct time_zone *zone = zone_of(zones[random_below(&r, 3)]);
        int64_t utc = when("2026-01-01T00:00:00Z") / MS_PER_S + random_below(&r, 366 * S_PER_DAY);
        struct schedule s;
        struct schedule_plan plan = { &s, zone, 0, INT64_MIN, INT64_MAX };
        struct fields f;
        char text[512];
        const char *why;
        wall_ms_t next;
        int64_t at = utc - utc % 60 + 60, until = at + DAYS * S_PER_DAY;

        random_field(&r, 0, 59, f.minutes);
        random_field(&r, 0, 23, f.hours);
        random_field(&r, 1, 28, f.days);
        random_field(&r, 1, 12, f.months);
        snprintf(text, sizeof text, "cron(%s %s %s %s ? *)", f.minutes, f.hours, f.days, f.months);
        if (schedule_parse(slice_from(text), &s, &why) != 0)
            fail_msg("%s: %s", text, why);
        assert_int_equal(schedule_next(&plan, utc * MS_PER_S, &next), 0);
        while (at < until && !minute_matches(&f, zone, at))
            at += 60;
        if (at < until ? next != at * MS_PER_S : next < until * MS_PER_S)
            fail_msg("%s after %lld: %lld, but %lld is right", text, (long long)utc,
                     (long long)next / 1000, (long long)at);
        n_found += at < until;
    }
    assert_true(n_found > CRONS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schedule_runs_when_it_says),
        cmocka_unit_test(what_cannot_be_is_refused_with_a_reason),
        cmocka_unit_test(an_at_must_be_on_the_local_clock),
        cmocka_unit_test(crons_run_as_a_search_through_every_minute_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
