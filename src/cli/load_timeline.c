#include "cli/load_timeline.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/histogram.h"

struct load_second {
    struct list_link link;
    uint64_t number, scheduled, completed, failed, not_sent;
    struct histogram latency;
};

void load_timeline_init(struct load_timeline *t, FILE *file)
{
    *t = (struct load_timeline){ .file = file };
    list_init(&t->seconds);
    fprintf(file, "t_s,scheduled,completed,failed,p50_ms,p99_ms,not_sent\n");
}

static void write_row(struct load_timeline *t, struct load_second *s)
{
    fprintf(t->file, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", s->number, s->scheduled,
            s->completed, s->failed);
    if (s->completed > 0)
        fprintf(t->file, "%.3f,%.3f,", histogram_percentile(&s->latency, 50) / US_PER_MS,
                histogram_percentile(&s->latency, 99) / US_PER_MS);
    else
        fprintf(t->file, ",,");
    fprintf(t->file, "%" PRIu64 "\n", s->not_sent);
    list_remove(&s->link);
    free(s);
}

/* The last second may still get requests; before it, a row is ready once nothing is open in it. */
static void write_ready(struct load_timeline *t)
{
    struct load_second *s;

    while ((s = list_first_entry(&t->seconds, struct load_second, link)) &&
           s->number + 1 < t->n_seconds && s->completed + s->failed == s->scheduled)
        write_row(t, s);
}

struct load_second *load_timeline_scheduled(struct load_timeline *t, us_t at)
{
    uint64_t number = (uint64_t)(at / US_PER_S);
    struct load_second *s;

    while (t->n_seconds <= number) {
        s = calloc(1, sizeof(*s));
        if (!s)
            return NULL;
        s->number = t->n_seconds++;
        list_push_back(&t->seconds, &s->link);
        write_ready(t);
    }
    s = container_of(t->seconds.head.previous, struct load_second, link);
    assert(s->number == number);
    s->scheduled++;
    return s;
}

void load_timeline_ended(struct load_timeline *t, struct load_second *second,
                         enum load_outcome outcome, us_t latency)
{
    if (outcome == LOAD_COMPLETED) {
        second->completed++;
        histogram_record(&second->latency, latency > 0 ? (uint64_t)latency : 0);
    } else {
        second->failed++;
        second->not_sent += outcome == LOAD_UNSENT;
    }
    write_ready(t);
}

int load_timeline_finish(struct load_timeline *t)
{
    struct load_second *s;

    while ((s = list_first_entry(&t->seconds, struct load_second, link)))
        write_row(t, s);
    return fflush(t->file) || ferror(t->file) ? -EIO : 0;
}
