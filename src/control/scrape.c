#include "control/scrape.h"

#include <math.h>

#include "control/endpoint.h"
#include "control/meter.h"
#include "control/metric_history.h"
#include "control/proxy_link.h"

/* --- what a variant has ----------------------------------------------------------------------- */

static void each_variant(struct exposition *e, const struct control *c,
                         void (*each)(struct exposition *e, const struct variant *v,
                                      const struct exposition_label labels[2]))
{
    map_for_each (slot, &c->endpoints) {
        const struct endpoint *endpoint = slot->value;

        for (size_t i = 0; i < endpoint->n_variants; i++) {
            const struct variant *v = &endpoint->variants[i];

            each(e, v,
                 (struct exposition_label[]){ { "endpoint", endpoint->name },
                                              { "variant", v->name } });
        }
    }
}

/* One sample of each variant and value of a further label. */
static void labelled(struct exposition *e, const struct exposition_label labels[2],
                     const char *name, const char *value, double number)
{
    exposition_sample(e, (struct exposition_label[]){ labels[0], labels[1], { name, value } }, 3,
                      number);
}

static void instances(struct exposition *e, const struct variant *v,
                      const struct exposition_label labels[2])
{
    const struct variant_counts n = variant_counts(v);

    labelled(e, labels, "state", "in_service", n.in_service);
    labelled(e, labels, "state", "pending", n.pending);
    labelled(e, labels, "state", "leaving", n.leaving);
}

static void errors(struct exposition *e, const struct variant *v,
                   const struct exposition_label labels[2])
{
    labelled(e, labels, "class", "4xx", (double)v->tally.errors_4xx);
    labelled(e, labels, "class", "5xx", (double)v->tally.errors_5xx);
}

static void refusals(struct exposition *e, const struct variant *v,
                     const struct exposition_label labels[2])
{
    labelled(e, labels, "reason", "full", (double)v->tally.queue_overflows);
    labelled(e, labels, "reason", "timeout", (double)v->tally.queue_timeouts);
}

static void scalings(struct exposition *e, const struct variant *v,
                     const struct exposition_label labels[2])
{
    labelled(e, labels, "direction", "out", (double)v->tally.scaled_out);
    labelled(e, labels, "direction", "in", (double)v->tally.scaled_in);
}

#define PLAIN(function, expression)                                                                \
    static void function(struct exposition *e, const struct variant *v,                            \
                         const struct exposition_label labels[2])                                  \
    {                                                                                              \
        exposition_sample(e, labels, 2, (double)(expression));                                     \
    }
PLAIN(desired, variant_counts(v).desired)
PLAIN(requests, v->tally.requests)
PLAIN(model_errors, v->tally.model_errors)
PLAIN(connection_errors, v->tally.connection_errors)
PLAIN(queued, v->tally.queued)
PLAIN(oldest_queued, v->tally.oldest_queued_s)
PLAIN(concurrency, v->tally.concurrency)

#define TIMES(function, member)                                                                    \
    static void function(struct exposition *e, const struct variant *v,                            \
                         const struct exposition_label labels[2])                                  \
    {                                                                                              \
        exposition_buckets(e, labels, 2,                                                           \
                           &(struct exposition_histogram){ tally_bounds_s, TALLY_BOUNDS,           \
                                                           (member).counts, (member).sum_s });     \
    }
TIMES(request_duration, v->tally.total)
TIMES(model_latency, v->tally.model)
TIMES(overhead, v->tally.overhead)
TIMES(queue_duration, v->tally.queue)

static const struct variant_family {
    const char *name;
    enum exposition_type type;
    const char *help;
    void (*each)(struct exposition *e, const struct variant *v,
                 const struct exposition_label labels[2]);
} variant_families[] = {
    { "weir_instances", EXPOSITION_GAUGE, "Instances by state.", instances },
    { "weir_desired_instances", EXPOSITION_GAUGE, "Instances that are wanted.", desired },
    { "weir_requests", EXPOSITION_COUNTER, "Invocations sent to an instance.", requests },
    { "weir_request_errors", EXPOSITION_COUNTER, "Invocations that failed, by class of status.",
      errors },
    { "weir_model_errors", EXPOSITION_COUNTER,
      "Invocations that the model did not answer well or at all.", model_errors },
    { "weir_connection_errors", EXPOSITION_COUNTER, "Connects to instances that failed.",
      connection_errors },
    { "weir_queue_refusals", EXPOSITION_COUNTER,
      "Invocations refused because the queue was full, or after waiting too long.", refusals },
    { "weir_queued_requests", EXPOSITION_GAUGE, "Invocations that wait for an instance.", queued },
    { "weir_oldest_queued_seconds", EXPOSITION_GAUGE, "How long the oldest of them has waited.",
      oldest_queued },
    { "weir_concurrent_requests", EXPOSITION_GAUGE,
      "Invocations in flight and waiting, mean of the last second.", concurrency },
    { "weir_scalings", EXPOSITION_COUNTER, "Changes of the wanted number by scaling.", scalings },
    { "weir_request_duration_seconds", EXPOSITION_HISTOGRAM,
      "Invocations from their first byte to the last of the answer.", request_duration },
    { "weir_model_latency_seconds", EXPOSITION_HISTOGRAM, "Time in the model.", model_latency },
    { "weir_overhead_seconds", EXPOSITION_HISTOGRAM, "All other time of invocations.", overhead },
    { "weir_queue_duration_seconds", EXPOSITION_HISTOGRAM, "Time waiting for an instance.",
      queue_duration },
};

/* --- what there is otherwise ------------------------------------------------------------------ */

struct cost_family {
    struct exposition *e;
    enum { COST_USD, COST_SECONDS } what;
};

static int add_cost(const struct meter_line *l, void *context)
{
    const struct cost_family *f = context;
    const struct exposition_label labels[] = { { "endpoint", l->endpoint },
                                               { "variant", l->variant },
                                               { "instance_type", l->instance_type } };
    double value = f->what == COST_USD ? l->usd : l->instance_seconds;

    if (!isnan(value))
        exposition_sample(f->e, labels, 3, value);
    return 0;
}

static int costs(struct exposition *e, struct control *c)
{
    int r;

    exposition_family(e, "weir_cost_usd", EXPOSITION_COUNTER,
                      "What instances cost, where the price of their type is known.");
    r = meter_each(c->meter, add_cost, &(struct cost_family){ e, COST_USD });
    exposition_family(e, "weir_instance_seconds", EXPOSITION_COUNTER, "How long instances ran.");
    if (!r)
        r = meter_each(c->meter, add_cost, &(struct cost_family){ e, COST_SECONDS });
    return r;
}

static void statuses(struct exposition *e, const struct control *c)
{
    exposition_family(e, "weir_endpoint_status", EXPOSITION_GAUGE, "1 for the status it has.");
    map_for_each (slot, &c->endpoints) {
        const struct endpoint *endpoint = slot->value;
        const struct exposition_label labels[] = {
            { "endpoint", endpoint->name }, { "status", endpoint_status_text(endpoint->status) }
        };

        exposition_sample(e, labels, 2, 1);
    }
}

static void single(struct exposition *e, const char *name, const char *help, double value)
{
    exposition_family(e, name, EXPOSITION_GAUGE, help);
    exposition_sample(e, NULL, 0, value);
}

static void process(struct exposition *e, const struct control *c)
{
    const struct exposition_label version = { "version", WEIR_VERSION };

    exposition_family(e, "weir_build_info", EXPOSITION_GAUGE, "1, with the version of control.");
    exposition_sample(e, &version, 1, 1);
    single(e, "weir_proxy_connected", "Whether a proxy is connected to control.",
           proxy_link_connected(c->link));
    if (c->metrics) {
        single(e, "weir_metric_series", "Series of CloudWatch metrics that are kept.",
               (double)metrics_series(c->metrics));
        single(e, "weir_metric_memory_bytes", "What they take in memory.",
               (double)metrics_bytes_seen(c->metrics));
    }
    if (c->history)
        single(e, "weir_metric_disk_bytes", "What they take on disk.",
               (double)metric_history_bytes(c->history));
}

int scrape(struct control *c, enum exposition_format format, struct buffer *out)
{
    struct exposition e;
    int r;

    exposition_begin(&e, format, out);
    process(&e, c);
    statuses(&e, c);
    for (size_t i = 0; i < sizeof(variant_families) / sizeof(*variant_families); i++) {
        const struct variant_family *f = &variant_families[i];

        exposition_family(&e, f->name, f->type, f->help);
        each_variant(&e, c, f->each);
    }
    r = costs(&e, c);
    return r ? r : exposition_end(&e);
}
