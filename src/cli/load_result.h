/* cli/load_result.h: what became of the requests. */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/histogram.h"

enum { LOAD_STATUS_MAX = 999 };

/* why a request has no answer */
enum load_error {
    LOAD_REFUSED,
    LOAD_RESET,
    LOAD_TIMED_OUT,
    LOAD_NOT_HTTP,
    LOAD_TOO_LARGE,
    LOAD_NOT_SENT,  /* every connection was busy, and the backlog full */
    LOAD_CANCELLED, /* the user did not want to wait */
    LOAD_OTHER,
    LOAD_N_ERRORS,
};

struct load_result {
    uint64_t requests; /* ended ones */
    uint64_t completed, failed;
    uint64_t by_error[LOAD_N_ERRORS];
    uint64_t by_status[LOAD_STATUS_MAX + 1];
    struct histogram latency; /* of completed ones, microseconds from the scheduled instant */
    double seconds;           /* from the start to the last answer; set at the end */
    double wanted_rate;       /* what the plan asked for, on average */
};

/** load_result_add() - count a request's end
 * @error:  0, or why there is no answer: a negative errno; -EAGAIN for LOAD_NOT_SENT
 * @status: with error 0
 *
 * Return: whether it succeeded: an answer below 400. */
bool load_result_add(struct load_result *result, int error, unsigned status, us_t latency);

/** load_result_print() - as a table for people */
void load_result_print(const struct load_result *result, FILE *to);
/** load_result_json() - a new object, or NULL if no memory */
json_t *load_result_json(const struct load_result *result);
