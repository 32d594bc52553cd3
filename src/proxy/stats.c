#include "proxy/stats.h"

#include <stdlib.h>
#include <string.h>

struct stats *stats_new(void)
{
    struct stats *s = calloc(1, sizeof(*s));

    if (s)
        list_link_init(&s->link);
    return s;
}

void stats_reset(struct stats *s, const char *id)
{
    size_t length = strnlen(id, sizeof(s->sum.id) - 1);

    if (s->touched)
        memset(&s->sum, 0, sizeof(s->sum));
    s->touched = false;
    memcpy(s->sum.id, id, length);
    s->sum.id[length] = '\0';
}

static void add_samples(struct link_report_group *into, const struct link_report_group *from)
{
    if (from->concurrency_samples == 0)
        return;
    if (into->concurrency_samples == 0 || from->concurrency_min < into->concurrency_min)
        into->concurrency_min = from->concurrency_min;
    if (into->concurrency_samples == 0 || from->concurrency_max > into->concurrency_max)
        into->concurrency_max = from->concurrency_max;
    into->concurrency_samples += from->concurrency_samples;
    into->concurrency_sum += from->concurrency_sum;
}

void report_group_add(struct link_report_group *into, const struct link_report_group *from)
{
    into->arrivals += from->arrivals;
    into->arrivals_per_target += from->arrivals_per_target;
    into->no_capacity += from->no_capacity;
    into->requests += from->requests;
    into->requests_per_target += from->requests_per_target;
    into->errors_4xx += from->errors_4xx;
    into->errors_5xx += from->errors_5xx;
    into->model_errors += from->model_errors;
    into->queue_overflows += from->queue_overflows;
    into->queue_timeouts += from->queue_timeouts;
    into->answers_2xx += from->answers_2xx;
    into->answers_3xx += from->answers_3xx;
    into->answers_4xx += from->answers_4xx;
    into->answers_5xx += from->answers_5xx;
    into->connection_errors += from->connection_errors;
    add_samples(into, from);
    histogram_add(&into->model_latency_us, &from->model_latency_us);
    histogram_add(&into->overhead_us, &from->overhead_us);
    histogram_add(&into->queue_us, &from->queue_us);
    histogram_add(&into->connect_us, &from->connect_us);
    histogram_add(&into->first_byte_us, &from->first_byte_us);
    histogram_add(&into->total_us, &from->total_us);
}

void report_group_sample(struct link_report_group *g, double concurrency)
{
    const struct link_report_group sample = { .concurrency_samples = 1,
                                              .concurrency_sum = concurrency,
                                              .concurrency_min = concurrency,
                                              .concurrency_max = concurrency };
    add_samples(g, &sample);
}
