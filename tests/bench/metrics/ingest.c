/* How much memory series take, and how much CPU a second of them: prints both, and whether the
 * promises hold: 100,000 series in 1.5 GiB, a second of 10,000 of them in 20 ms.
 *
 * A second is what control does in one: put each reading, age, hand the journal's records over. Of
 * the 100,000 series 10,000 get a reading each second, the others one each minute: half of them
 * zeros, as idle variants have, the other half whole numbers and fractions, a hundredth of them
 * latencies of many values. Time is virtual: hours go by in the time that the work takes. CPU is
 * this thread's, of the seconds after the first ten minutes; memory is the process's resident set,
 * at its highest.
 * usage: bench-metrics [HOURS]   (1)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/random.h"
#include "metrics/journal.h"
#include "metrics/metrics.h"

enum {
    SERIES = 100000,
    FAST_SERIES = 10000,
    WARM_UP_S = 600,
    ROUND_BYTES = 4 << 20,
    LATENCIES = 40, /* values of one second */
    SERIES_BUDGET_MIB = 1536,
    SECOND_BUDGET_MS = 20,
};

#define START         ((wall_ms_t)1767322800000)
#define MEMORY_BUDGET ((size_t)1 << 30) /* what control gives the store */

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double resident_mib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static int check(int r, const char *what)
{
    if (r) {
        fprintf(stderr, "bench-metrics: cannot %s: %d\n", what, r);
        exit(1);
    }
    return r;
}

static void put(struct metrics *m, unsigned series, struct random *random, wall_ms_t now)
{
    static const char *const names[] = { "Invocations", "InvocationsPerInstance", "ModelLatency",
                                         "CPUUtilization", "ConcurrentRequestsPerModel" };
    char endpoint[32];
    struct metric_name name = { "AWS/SageMaker",
                                names[series % 5],
                                { { "EndpointName", endpoint }, { "VariantName", "AllTraffic" } },
                                2 };
    double values[LATENCIES];
    struct metric_datum d = {
        .at = now, .unit = METRIC_UNIT_COUNT, .resolution_s = 1, .values = values, .n_values = 1
    };

    snprintf(endpoint, sizeof(endpoint), "endpoint-%u", series / 5);
    values[0] = 0;
    if (series % 100 == 2) {
        d.n_values = LATENCIES;
        for (int i = 0; i < LATENCIES; i++)
            values[i] = 2000 + (double)random_below(random, 30000);
    } else if (series / 5 % 2) {
        values[0] = series % 5 == 3 ? (double)random_below(random, 10000) / 97
                                    : (double)random_below(random, 500);
    }
    check(metrics_put(m, &name, &d, now), "put");
}

/* the series that have a reading each second, and those whose turn it is in this minute */
static void put_second(struct metrics *m, struct random *random, unsigned second)
{
    wall_ms_t now = START + second * MS_PER_S;

    for (unsigned i = 0; i < FAST_SERIES; i++)
        put(m, i, random, now);
    for (unsigned i = FAST_SERIES + second % 60; i < SERIES; i += 60)
        put(m, i, random, now);
}

static size_t keep(struct metrics *m, struct metric_journal *j, wall_ms_t now)
{
    struct buffer records;
    size_t n;

    metrics_age(m, now);
    metric_journal_write(j, ROUND_BYTES);
    check(metric_journal_take(j, &records), "take the records");
    n = buffer_size(&records);
    buffer_deinit(&records); /* another thread writes them */
    return n;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    unsigned seconds = (unsigned)(argc > 1 ? atof(argv[1]) * 3600 : 3600);
    struct metric_journal *journal;
    struct metrics *m;
    struct random random;
    double *took, ingest, resident;
    size_t bytes = 0, n;

    if (seconds <= WARM_UP_S)
        seconds = WARM_UP_S + 60;
    took = calloc(seconds, sizeof(*took));
    check(!took, "have memory");
    random_init(&random, 1);
    check(metrics_new(SERIES, &m), "make a store");
    check(metric_journal_new(m, &journal), "make a journal");
    metrics_limit(m, MEMORY_BUDGET);
    for (unsigned s = 0; s < seconds; s++) {
        double begun = cpu_ms();

        put_second(m, &random, s);
        bytes += keep(m, journal, START + s * MS_PER_S);
        took[s] = cpu_ms() - begun;
    }
    n = seconds - WARM_UP_S;
    qsort(took + WARM_UP_S, n, sizeof(*took), by_size);
    ingest = took[WARM_UP_S + n / 2] * FAST_SERIES / (FAST_SERIES + (SERIES - FAST_SERIES) / 60.0);
    resident = resident_mib();
    printf("series %zu, of which %d get a reading each second, after %.1f h\n", metrics_series(m),
           FAST_SERIES, seconds / 3600.0);
    printf("  resident, at most          %7.0f MiB   (promised %d)   held %.0f MiB, %.1f KiB a "
           "series\n",
           resident, SERIES_BUDGET_MIB, (double)metrics_bytes(m) / (1 << 20),
           (double)metrics_bytes(m) / SERIES / 1024);
    printf(
        "  CPU for 10,000 readings    %7.1f ms    (promised %d)   of a second's %.1f ms: median; "
        "p99 %.1f, most %.1f\n",
        ingest, SECOND_BUDGET_MS, took[WARM_UP_S + n / 2], took[WARM_UP_S + n * 99 / 100],
        took[seconds - 1]);
    printf("  journal                    %7.0f KiB a second\n", (double)bytes / seconds / 1024);
    metric_journal_free(journal);
    metrics_free(m);
    free(took);
    return ingest > SECOND_BUDGET_MS || resident > SERIES_BUDGET_MIB;
}
