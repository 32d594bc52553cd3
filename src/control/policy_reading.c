#include "control/policy_reading.h"

#include <errno.h>
#include <math.h>

#include "base/error.h"

static json_t *points(const struct math_series *s, size_t first, size_t n)
{
    json_t *list = json_array();

    for (size_t i = first; i < first + n; i++)
        if (json_array_append_new(list,
                                  isnan(s->values[i]) ? json_null() : json_real(s->values[i])) != 0)
            break;
    return list;
}

static json_t *all_points(const struct queries_result *result, size_t n)
{
    json_t *document = json_object();
    size_t first = result->scope.n_slots - n;

    for (size_t i = 0; i < result->scope.n_inputs; i++) {
        const struct math_input *input = &result->inputs[i];

        if (input->value.n_series == 1 &&
            json_object_set_new(document, input->id, points(input->value.series, first, n)) != 0)
            break;
    }
    return document;
}

int policy_reading_document(const struct tracking *t, const struct wish *w,
                            const struct metrics *metrics, json_t **ret)
{
    struct queries_result result;
    struct queries_error error;
    const struct queries_row row = {
        .end = w->read.end,
        .period_s = w->read.period_s,
        .n = w->read.lead + w->read.n,
        .strict = w->read.strict,
    };
    int r;

    *ret = NULL;
    if (!t->math || w->alarm == DIRECTION_NONE || w->read.n == 0)
        return 0;
    r = queries_compute_row(t->math, metrics, &row, &result, &error);
    if (!r)
        *ret = json_pack("{s:I, s:i, s:b, s:o}", "end", (json_int_t)row.end, "periodSeconds",
                         (int)row.period_s, "strict", row.strict, "points",
                         all_points(&result, w->read.n));
    queries_result_deinit(&result);
    return r == -ENOMEM || (!r && !*ret) ? fault(-ENOMEM) : 0;
}
