/* SEARCH('{namespace, dimensions} terms', 'statistic', period): parsed with the expression; whoever
 * evaluates it finds the metrics. */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "metrics/math_tree.h"
#include "metrics/search.h"

enum { PERIOD_MAX_S = 86400 };

struct math_search *math_search_free(struct math_search *s)
{
    if (!s)
        return NULL;
    search_free(s->search);
    free(s);
    return NULL;
}
DEFINE_AUTOFREE(struct math_search *, math_search_free)

static bool period_fits(double period_s)
{
    static const unsigned fine[] = { 1, 5, 10, 20, 30 };

    for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++)
        if (period_s == fine[i])
            return true;
    return period_s >= 60 && period_s <= PERIOD_MAX_S && fmod(period_s, 60) == 0;
}

int math_search_new(const struct math_node *call, struct math_search **ret,
                    struct math_error *ret_error)
{
    const struct math_node *text = call->first, *statistic = text->next, *period = statistic->next;
    autofree(math_search_free) struct math_search *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return fault(-ENOMEM);
    r = search_parse(text->text, &s->search, ret_error);
    if (r == MATH_E_REFUSED)
        ret_error->position += text->position; /* behind the quote */
    if (r)
        return r;
    s->statistic_text = statistic->text;
    if (metric_statistic_parse(statistic->text, &s->statistic) != 0)
        return math_refuse(ret_error, statistic->position, "'%.40s' is not a statistic",
                           statistic->text);
    if (period && !period_fits(period->number))
        return math_refuse(ret_error, period->position,
                           "a period is 1, 5, 10, 20, 30 or a multiple of 60 seconds");
    s->period_s = period ? (unsigned)period->number : 0;
    *ret = steal(s);
    return 0;
}

MATH_FUNCTION(search)
{
    if (!run->scope->find)
        return math_refuse(run->error, call->node->position, "SEARCH is not supported here");
    return run->scope->find(run->scope->find_context, call->node->search, run->arena, ret);
}
