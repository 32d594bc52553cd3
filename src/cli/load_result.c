#include "cli/load_result.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "http/message.h"

static const char *const error_names[LOAD_N_ERRORS] = {
    [LOAD_REFUSED] = "connection refused",
    [LOAD_RESET] = "connection reset",
    [LOAD_TIMED_OUT] = "timeout",
    [LOAD_NOT_HTTP] = "answer is not HTTP",
    [LOAD_TOO_LARGE] = "answer is too large",
    [LOAD_NOT_SENT] = "not sent, all connections busy",
    [LOAD_CANCELLED] = "cancelled",
    [LOAD_OTHER] = "other",
};

static const struct {
    const char *label, *key;
    double percent;
} percentiles[] = {
    { "p50", "p50_ms", 50 },       { "p90", "p90_ms", 90 },  { "p99", "p99_ms", 99 },
    { "p99.9", "p99_9_ms", 99.9 }, { "max", "max_ms", 100 },
};

enum { N_PERCENTILES = sizeof(percentiles) / sizeof(percentiles[0]) };

static enum load_error kind_of(int error)
{
    switch (-error) {
    case ECONNREFUSED:
    case ENOENT: /* a Unix socket that is not there */
        return LOAD_REFUSED;
    case ECONNRESET:
    case EPIPE:
        return LOAD_RESET;
    case ETIMEDOUT:
        return LOAD_TIMED_OUT;
    case EBADMSG:
        return LOAD_NOT_HTTP;
    case EMSGSIZE:
        return LOAD_TOO_LARGE;
    case EAGAIN:
        return LOAD_NOT_SENT;
    case ECANCELED:
        return LOAD_CANCELLED;
    }
    return LOAD_OTHER;
}

bool load_result_add(struct load_result *result, int error, unsigned status, us_t latency)
{
    bool good = error == 0 && status < 400;

    assert(error <= 0 && status <= LOAD_STATUS_MAX);
    result->requests++;
    if (good) {
        result->completed++;
        histogram_record(&result->latency, latency > 0 ? (uint64_t)latency : 0);
        return true;
    }
    result->failed++;
    if (error)
        result->by_error[kind_of(error)]++;
    else
        result->by_status[status]++;
    return false;
}

static double rate(const struct load_result *result)
{
    return result->seconds > 0 ? (double)result->completed / result->seconds : 0;
}

static double percentile_ms(const struct load_result *result, double percent)
{
    return histogram_percentile(&result->latency, percent) / (double)US_PER_MS;
}

void load_result_print(const struct load_result *result, FILE *to)
{
    fprintf(to, "requests     %" PRIu64 " in %.1f s\n", result->requests, result->seconds);
    fprintf(to, "rate         %.1f/s completed, %.1f/s wanted\n", rate(result),
            result->wanted_rate);
    fprintf(to, "latency ms  ");
    for (unsigned i = 0; i < N_PERCENTILES; i++) {
        if (result->completed > 0)
            fprintf(to, " %s %.2f", percentiles[i].label,
                    percentile_ms(result, percentiles[i].percent));
        else
            fprintf(to, " %s -", percentiles[i].label);
    }
    fprintf(to, "\nfailed       %" PRIu64 "\n", result->failed);
    for (unsigned i = 0; i < LOAD_N_ERRORS; i++) {
        if (result->by_error[i] > 0)
            fprintf(to, "  %-32s %" PRIu64 "\n", error_names[i], result->by_error[i]);
    }
    for (unsigned i = 0; i <= LOAD_STATUS_MAX; i++) {
        if (result->by_status[i] > 0)
            fprintf(to, "  HTTP %u %-23s %" PRIu64 "\n", i, http_reason(i), result->by_status[i]);
    }
}

static json_t *errors_json(const struct load_result *result)
{
    json_t *errors = json_object();
    int r = 0;

    for (unsigned i = 0; i < LOAD_N_ERRORS; i++) {
        if (result->by_error[i] > 0)
            r |= json_object_set_new(errors, error_names[i],
                                     json_integer((json_int_t)result->by_error[i]));
    }
    for (unsigned i = 0; i <= LOAD_STATUS_MAX; i++) {
        char name[16];

        if (result->by_status[i] == 0)
            continue;
        snprintf(name, sizeof(name), "HTTP %u", i);
        r |= json_object_set_new(errors, name, json_integer((json_int_t)result->by_status[i]));
    }
    if (r) {
        json_decref(errors);
        return NULL;
    }
    return errors;
}

json_t *load_result_json(const struct load_result *result)
{
    json_t *root = json_pack(
        "{s:I, s:I, s:I, s:f, s:f, s:f}", "requests", (json_int_t)result->requests, "completed",
        (json_int_t)result->completed, "failed", (json_int_t)result->failed, "duration_s",
        result->seconds, "rate", rate(result), "wanted_rate", result->wanted_rate);
    int r = 0;

    for (unsigned i = 0; root && i < N_PERCENTILES; i++)
        r |= json_object_set_new(root, percentiles[i].key,
                                 result->completed > 0
                                     ? json_real(percentile_ms(result, percentiles[i].percent))
                                     : json_null());
    if (root)
        r |= json_object_set_new(root, "errors", errors_json(result));
    if (r) {
        json_decref(root);
        return NULL;
    }
    return root;
}
