#include "scaling/alarm.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

const char *alarm_state_text(enum alarm_state state)
{
    switch (state) {
    case ALARM_OK:
        return "OK";
    case ALARM_ALARM:
        return "ALARM";
    case ALARM_INSUFFICIENT_DATA:
        break;
    }
    return "INSUFFICIENT_DATA";
}

int alarm_state_parse(const char *text, enum alarm_state *ret)
{
    for (int state = ALARM_INSUFFICIENT_DATA; state <= ALARM_ALARM; state++)
        if (strcmp(text, alarm_state_text((enum alarm_state)state)) == 0) {
            *ret = (enum alarm_state)state;
            return 0;
        }
    return -EINVAL;
}

const char *alarm_comparison_text(enum alarm_comparison comparison)
{
    switch (comparison) {
    case ALARM_GREATER:
        return "GreaterThanThreshold";
    case ALARM_GREATER_OR_EQUAL:
        return "GreaterThanOrEqualToThreshold";
    case ALARM_LESS:
        return "LessThanThreshold";
    case ALARM_LESS_OR_EQUAL:
        break;
    }
    return "LessThanOrEqualToThreshold";
}

int alarm_comparison_parse(const char *text, enum alarm_comparison *ret)
{
    for (int comparison = ALARM_GREATER; comparison <= ALARM_LESS_OR_EQUAL; comparison++)
        if (strcmp(text, alarm_comparison_text((enum alarm_comparison)comparison)) == 0) {
            *ret = (enum alarm_comparison)comparison;
            return 0;
        }
    return -EINVAL;
}

int alarm_missing_parse(const char *text, enum alarm_missing *ret)
{
    static const char *const texts[] = {
        [ALARM_MISSING] = "missing",
        [ALARM_IGNORE] = "ignore",
        [ALARM_BREACHING] = "breaching",
        [ALARM_NOT_BREACHING] = "notBreaching",
    };

    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(text, texts[i]) == 0) {
            *ret = (enum alarm_missing)i;
            return 0;
        }
    return -EINVAL;
}

bool alarm_breaches(const struct alarm_rule *rule, double value)
{
    switch (rule->comparison) {
    case ALARM_GREATER:
        return value > rule->threshold;
    case ALARM_GREATER_OR_EQUAL:
        return value >= rule->threshold;
    case ALARM_LESS:
        return value < rule->threshold;
    case ALARM_LESS_OR_EQUAL:
        break;
    }
    return value <= rule->threshold;
}

size_t alarm_range(const struct alarm_rule *rule)
{
    assert(rule->period_s > 0);
    return rule->evaluation_periods + (rule->period_s < 60 ? 60 / rule->period_s : 2);
}

/* the N newest points that have data, summed up */
struct tally {
    unsigned bad, good, missing;
    size_t oldest_bad_age; /* in periods; the newest period is 1 */
};

static struct tally count_points(const struct alarm_rule *rule, const double *points, size_t n)
{
    struct tally t = { .missing = rule->evaluation_periods };

    for (size_t age = 1; age <= n && t.missing > 0; age++) {
        double value = points[n - age];
        if (isnan(value))
            continue;
        t.missing--;
        if (alarm_breaches(rule, value)) {
            t.bad++;
            t.oldest_bad_age = age;
        } else {
            t.good++;
        }
    }
    return t;
}

/* Gaps count as nothing. A lone fresh breaching point does not alarm before its time has come. */
static enum alarm_state judge_missing(struct tally t, unsigned datapoints)
{
    if (t.good > 0)
        return ALARM_OK;
    if (t.bad > 0 && t.oldest_bad_age >= datapoints)
        return ALARM_ALARM;
    return ALARM_INSUFFICIENT_DATA;
}

enum alarm_state alarm_judge(const struct alarm_rule *rule, const double *points, size_t n,
                             enum alarm_state state)
{
    unsigned datapoints = rule->datapoints > 0 ? rule->datapoints : rule->evaluation_periods;
    struct tally t = count_points(rule, points, n);

    assert(datapoints > 0 && datapoints <= rule->evaluation_periods);
    if (t.bad >= datapoints)
        return ALARM_ALARM;
    if (t.good >= rule->evaluation_periods - datapoints + 1)
        return ALARM_OK;
    switch (rule->missing) {
    case ALARM_BREACHING:
        return t.bad + t.missing >= datapoints ? ALARM_ALARM : ALARM_OK;
    case ALARM_NOT_BREACHING:
        return ALARM_OK;
    case ALARM_IGNORE:
        return t.good > 0 ? ALARM_OK : state;
    case ALARM_MISSING:
        break;
    }
    return judge_missing(t, datapoints);
}

bool alarm_samples_suffice(double percent, double samples)
{
    const double enough = 10;

    if (percent <= 0 || percent >= 100)
        return true;
    return samples * (percent >= 50 ? 100 - percent : percent) / 100 >= enough;
}

enum alarm_state alarm_judge_evidence(const struct alarm_rule *rule, const struct alarm_evidence *e,
                                      enum alarm_state state)
{
    double values[ALARM_POINTS_MAX];

    assert(e->n <= ALARM_POINTS_MAX);
    for (size_t i = 0; i < e->n; i++)
        values[i] = e->points[i].value;
    return alarm_judge(rule, values, e->n, state);
}

double alarm_recent_average(const struct alarm_rule *rule, const struct alarm_evidence *e)
{
    double sum = 0;
    unsigned n = 0;

    for (size_t i = e->n; i > 0 && n < rule->evaluation_periods; i--) {
        if (isnan(e->points[i - 1].value))
            continue;
        sum += e->points[i - 1].value;
        n++;
    }
    return n > 0 ? sum / n : (double)NAN;
}
