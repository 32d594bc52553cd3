/* api/cloudwatch_query.h: the queries of GetMetricData.
 *
 * cloudwatch_query.c reads them and answers in pages, cloudwatch_math.c computes those that are
 * expressions, all on one grid: its slots are as long as the periods of the metrics that expressions
 * use have in common, and it spans all of their ranges.
 */
#pragma once
#include "api/cloudwatch.h"
#include "metrics/math_expression.h"

struct cloudwatch_query {
    const char *id, *label; /* label NULL: none was given */
    bool return_data;
    unsigned period_s; /* 0: an expression without one */
    struct math *math; /* NULL: a metric */
    /* a metric */
    const char *stat_text;
    struct metric_name name;
    enum metric_unit unit;
    struct metric_statistic stat;
    /* an expression */
    enum { QUERY_FRESH, QUERY_UNDER_WAY, QUERY_COMPUTED } state;
};

struct cloudwatch_range {
    wall_ms_t start, end;
};

/* What expressions are computed of, and their results: scope.inputs has a value for each query that
 * is an expression, by the queries' indices. */
struct cloudwatch_math {
    struct math_arena arena;
    struct math_scope scope;
    struct math_input *inputs;
};
void cloudwatch_math_deinit(struct cloudwatch_math *m);

/** cloudwatch_query_narrow() - the part of @range in which data of @period_s may be, in whole
 * periods. Return: how many; the first starts at *@ret_start. */
size_t cloudwatch_query_narrow(const struct api_call *call, struct cloudwatch_range range,
                               unsigned period_s, wall_ms_t *ret_start);

/** cloudwatch_math_parse() - @query's expression. Return: 0, what api_error() says, or a fault. */
int cloudwatch_math_parse(struct api_call *call, struct cloudwatch_query *query,
                          const char *expression);

/** cloudwatch_math_compute() - all expressions among @queries
 * @m: empty; to cloudwatch_math_deinit() whatever is returned
 *
 * Return: 0, what api_error() says, or a fault. */
int cloudwatch_math_compute(struct api_call *call, struct cloudwatch_query *queries,
                            size_t n_queries, struct cloudwatch_range range,
                            struct cloudwatch_math *m);
