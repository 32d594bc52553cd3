/* Forecasts of recorded loads, made as a server would have made them, against what came.
 *
 * usage: bench-forecast [DIRECTORY]   (default: examples/traces/hourly)
 *
 * From the third day of a trace on, every six hours a forecast is made of up to fourteen days before.
 * For each method and trace it prints, in percent of the whole load:
 *
 *     error of the next 6 hours, which is what is acted on / what of it was too little / error of all
 *     48 hours
 *
 * and the geometric means over the traces, in which each counts alike.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "methods.h"

enum {
    HOURS_MAX = 10000,
    STEP_HOURS = 6, /* between forecasts */
    FIRST_HOURS = 72,
    PATH_BYTES = 4096,
    LINE_BYTES = 128,
    HOUR_S = 3600,
};

static const char *const traces[] = {
    "taxi_passengers", "twitter_mentions", "elb_requests", "llm_requests", "asg_cpu", "grok_asg",
};
enum { N_TRACES = sizeof traces / sizeof *traces };

struct trace {
    double load[HOURS_MAX];
    size_t n;
};

static void chosen(const double *load, size_t n, double *ret)
{
    if (!forecast_load(load, n, ret))
        last_hour(load, n, ret);
}

static const struct {
    const char *name;
    forecast_method *run;
} methods[] = {
    { "the last hour", last_hour },
    { "the same hour yesterday", yesterday },
    { "the same hour last week", last_week },
    { "median of seven days", median_of_days },
    { "median of week's hour x level", median_of_week_hour },
    { "Holt-Winters, day", smoothing_by_day },
    { "Holt-Winters, day and week", smoothing_by_day_and_week },
    { "regression on sines", regression },
    { "weir (scaling/forecast.c)", chosen },
};
enum { N_METHODS = sizeof methods / sizeof *methods };

/* --- traces ----------------------------------------------------------------------------------- */

static void fail(const char *what, const char *path)
{
    fprintf(stderr, "bench-forecast: %s %s\n", what, path);
    exit(1);
}

static void read_row(struct trace *t, const char *line, int64_t *first, const char *path)
{
    struct tm parts = { 0 };
    const char *rest = strptime(line, "%Y-%m-%dT%H,", &parts);
    int64_t hour = rest ? timegm(&parts) / HOUR_S : 0;
    char *end;
    double value = rest ? strtod(rest, &end) : NAN;

    if (!rest || end == rest || !(value >= 0))
        fail("bad row in", path);
    if (*first < 0)
        *first = hour;
    if (hour < *first + (int64_t)t->n || hour - *first >= HOURS_MAX)
        fail("rows out of order, or too many, in", path);
    while (*first + (int64_t)t->n < hour)
        t->load[t->n++] = NAN;
    t->load[t->n++] = value;
}

static void load(const char *folder, const char *name, struct trace *t)
{
    char path[PATH_BYTES], line[LINE_BYTES];
    int64_t first = -1;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s.csv", folder, name);
    file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file))
        fail("cannot read", path);
    t->n = 0;
    while (fgets(line, sizeof line, file))
        read_row(t, line, &first, path);
    fclose(file);
}

/* --- scores ----------------------------------------------------------------------------------- */

struct score {
    double soon, soon_off, soon_less; /* load, error, and error where too little was forecast */
    double all, all_off;
    double forecasts;
};

static void compare(const struct trace *t, size_t now, const double *forecast, struct score *s)
{
    for (size_t k = 0; k < FORECAST_HOURS && now + k < t->n; k++) {
        double came = t->load[now + k], off = fabs(forecast[k] - came);
        if (isnan(came))
            continue;
        s->all += came;
        s->all_off += off;
        if (k >= STEP_HOURS)
            continue;
        s->soon += came;
        s->soon_off += off;
        s->soon_less += forecast[k] < came ? off : 0;
    }
}

static struct score back_test(const struct trace *t, forecast_method *run)
{
    struct score s = { 0 };
    double forecast[FORECAST_HOURS];

    for (size_t now = FIRST_HOURS; now + STEP_HOURS <= t->n; now += STEP_HOURS) {
        size_t n = now < FORECAST_HISTORY_HOURS ? now : FORECAST_HISTORY_HOURS;
        run(t->load + now - n, n, forecast);
        compare(t, now, forecast, &s);
        s.forecasts++;
    }
    return s;
}

static double percent(double part, double whole)
{
    return 100 * part / whole;
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void report(const char *name, forecast_method *run, const struct trace *of)
{
    double soon = 0, less = 0, all = 0, forecasts = 0, begun = seconds();

    printf("%-30s", name);
    for (size_t i = 0; i < N_TRACES; i++) {
        struct score s = back_test(&of[i], run);
        printf(" %5.1f/%4.1f/%5.1f ", percent(s.soon_off, s.soon), percent(s.soon_less, s.soon),
               percent(s.all_off, s.all));
        soon += log(percent(s.soon_off, s.soon)) / N_TRACES;
        less += log(percent(s.soon_less, s.soon)) / N_TRACES;
        all += log(percent(s.all_off, s.all)) / N_TRACES;
        forecasts += s.forecasts;
    }
    printf(" %5.1f/%4.1f/%5.1f %8.3f\n", exp(soon), exp(less), exp(all),
           (seconds() - begun) / forecasts * 1000);
}

int main(int argc, char **argv)
{
    static struct trace of[N_TRACES];

    for (size_t i = 0; i < N_TRACES; i++)
        load(argc > 1 ? argv[1] : "examples/traces/hourly", traces[i], &of[i]);
    puts("percent of the load: error of 6 hours / too little / error of 48 hours");
    printf("%-30s", "");
    for (size_t i = 0; i < N_TRACES; i++)
        printf(" %-17s", traces[i]);
    printf(" %-17s %7s\n", "mean", "ms each");
    for (size_t i = 0; i < N_METHODS; i++)
        report(methods[i].name, methods[i].run, of);
    return 0;
}
