/* `weir load`: the command around load_run. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cli/command.h"
#include "cli/load_options.h"

enum { PROGRESS_MS = 1000, PROGRESS_LOG_MS = 10000, SPARE_DESCRIPTORS = 64 };

struct load {
    const struct load_options *options;
    struct loop *loop;
    struct load_run *run;
    struct loop_signal interrupt, terminate;
    struct loop_timer progress;
    bool on_terminal, stopping;
};

static void done(void *context)
{
    loop_stop(((struct load *)context)->loop);
}

static void stop(struct load *load)
{
    if (load->stopping) {
        load_run_cancel(load->run);
        return;
    }
    load->stopping = true;
    load_run_stop(load->run);
}

static void interrupted(struct loop_signal *signal)
{
    stop(container_of(signal, struct load, interrupt));
}

static void terminated(struct loop_signal *signal)
{
    stop(container_of(signal, struct load, terminate));
}

static void show_progress(struct loop_timer *timer)
{
    struct load *load = container_of(timer, struct load, progress);
    const struct load_result *r = load_run_result(load->run);
    struct load_run_now now = load_run_now(load->run);

    fprintf(stderr,
            "%s%5.0f s  due %" PRIu64 "  completed %" PRIu64 "  failed %" PRIu64
            "  in flight %" PRIu64 "  waiting %" PRIu64 "  p50 %.1f ms  p99 %.1f ms%s",
            load->on_terminal ? "\r" : "", r->seconds, now.n_due, r->completed, r->failed,
            now.n_in_flight, now.n_waiting,
            histogram_percentile(&r->latency, 50) / (double)US_PER_MS,
            histogram_percentile(&r->latency, 99) / (double)US_PER_MS,
            load->on_terminal ? "\033[K" : "\n");
    loop_timer_after(timer, load->on_terminal ? PROGRESS_MS : PROGRESS_LOG_MS);
}

/* As many descriptors as connections are asked for, if the system lets us. */
static int allow_connections(unsigned n)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)n + SPARE_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return COMMAND_OK;
    if (limit.rlim_max < needed)
        return command_failed("--connections %u is more than this system allows (%ju)", n,
                              (uintmax_t)limit.rlim_max - SPARE_DESCRIPTORS);
    limit.rlim_cur = needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return command_failed("cannot open %u connections: %s", n, strerror(errno));
    return COMMAND_OK;
}

static int set_up(struct load *load, const struct load_run_settings *settings)
{
    int r = loop_new(clock_real(), &load->loop);

    if (!r)
        r = loop_signal_add(load->loop, &load->interrupt, SIGINT, interrupted);
    if (!r)
        r = loop_signal_add(load->loop, &load->terminate, SIGTERM, terminated);
    if (!r)
        r = load_run_new(load->loop, settings, done, load, &load->run);
    if (r)
        return r;
    load->on_terminal = isatty(STDERR_FILENO);
    loop_timer_init(load->loop, &load->progress, show_progress);
    if (!load->options->quiet)
        loop_timer_after(&load->progress, load->on_terminal ? PROGRESS_MS : PROGRESS_LOG_MS);
    return 0;
}

static void tear_down(struct load *load)
{
    load_run_free(load->run);
    loop_signal_remove(&load->interrupt);
    loop_signal_remove(&load->terminate);
    loop_free(load->loop);
}

static int print_result(const struct load_options *o, const struct load_result *result)
{
    json_t *json;
    int r = -1;

    if (!o->json) {
        load_result_print(result, stdout);
        return fflush(stdout) ? command_failed("cannot write: %s", strerror(errno)) : COMMAND_OK;
    }
    json = load_result_json(result);
    if (json)
        r = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(json);
    if (r || puts("") < 0 || fflush(stdout))
        return command_failed("the result could not be written");
    return COMMAND_OK;
}

static int run(const struct load_options *o, const struct load_run_settings *settings)
{
    struct load load = { .options = o };
    const struct load_result *result;
    int r = set_up(&load, settings);

    if (!r)
        r = loop_run(load.loop);
    if (r) {
        tear_down(&load);
        return command_failed("cannot run: %s", strerror(-r));
    }
    if (!o->quiet && load.on_terminal)
        fputc('\n', stderr);
    result = load_run_result(load.run);
    r = print_result(o, result);
    if (!r && result->failed > 0)
        r = COMMAND_FAILED;
    tear_down(&load);
    return r;
}

static int run_with_timeline(const struct load_options *o, struct load_run_settings *settings)
{
    struct load_timeline timeline;
    FILE *file;
    int r, written;

    if (!o->timeline)
        return run(o, settings);
    file = fopen(o->timeline, "we");
    if (!file)
        return command_failed("cannot write %s: %s", o->timeline, strerror(errno));
    load_timeline_init(&timeline, file);
    settings->timeline = &timeline;
    r = run(o, settings);
    settings->timeline = NULL;
    written = load_timeline_finish(&timeline);
    if (fclose(file) || written)
        return command_failed("%s could not be written whole", o->timeline);
    return r;
}

int command_load(int argc, char **argv)
{
    struct load_options o;
    struct load_plan plan = { 0 };
    struct load_target target = { 0 };
    struct load_run_settings settings;
    int r = load_options_parse(argc, argv, &o);

    if (r)
        return r == LOAD_OPTIONS_DONE ? COMMAND_OK : r;
    r = load_options_plan(&o, &plan);
    if (!r)
        r = load_options_target(&o, &target);
    if (!r)
        r = allow_connections(o.connections);
    if (!r) {
        settings = (struct load_run_settings){ .plan = &plan,
                                               .arrivals = o.arrivals,
                                               .seed = o.seed,
                                               .target = &target,
                                               .connections_max = o.connections,
                                               .backlog_max = o.backlog,
                                               .timeout_ms = (ms_t)ceil(o.timeout_s * MS_PER_S) };
        r = run_with_timeline(&o, &settings);
    }
    load_plan_deinit(&plan);
    load_target_deinit(&target);
    return r;
}
