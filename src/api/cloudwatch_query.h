/* api/cloudwatch_query.h: what a call of GetMetricData is asked for, and how far it has come; for the
 * files that answer it. */
#pragma once
#include "api/service.h"
#include "control/query_series.h"

/* What is asked of one query, beside what is computed. */
struct cloudwatch_asked {
    struct metric_query *query;
    const char *label; /* NULL: none was given */
    const char *stat_text;
    bool return_data;
};

struct cloudwatch_page {
    struct api_call *call;
    struct cloudwatch_asked *asked;
    struct metric_query *list;
    size_t n_queries;
    wall_ms_t start, end;
    struct queries *queries; /* NULL, with all that is computed: there are no expressions */
    struct queries_result math;
    bool descending;
    size_t room; /* datapoints that still fit on this page */
    /* where the page starts, and later where the next one does: a query, one of its series, and a
     * time it has not given yet; has_time false: from its beginning */
    size_t query, series;
    bool has_time;
    wall_ms_t time;
};

/** cloudwatch_query_read() - what p->call asks for: queries, range, order, and where the page
 * starts. Return: as operations; p->asked and p->list are to be freed in any case. */
int cloudwatch_query_read(struct cloudwatch_page *p);
