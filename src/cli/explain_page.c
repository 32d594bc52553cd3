#include "cli/explain_page.h"

#include <time.h>

enum { TIME_BYTES = 32 };

static const char *text(json_t *object, const char *member)
{
    const char *t = json_string_value(json_object_get(object, member));

    return t ? t : "";
}

static void print_time(wall_ms_t at, FILE *out)
{
    char formatted[TIME_BYTES];
    time_t seconds = (time_t)(at / MS_PER_S);
    struct tm parts;

    strftime(formatted, sizeof formatted, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &parts));
    fprintf(out, "%s.%03dZ", formatted, (int)(at % MS_PER_S));
}

void explain_decision(const struct decision *d, const struct decide_input *in, FILE *out)
{
    const char *direction = d->direction == DIRECTION_OUT ? "out" : "in";

    switch (d->verdict) {
    case VERDICT_SCALE:
        fprintf(out, "scaled %s, from %d to %d\n", direction, d->from, d->to);
        break;
    case VERDICT_NOT_SCALED:
        fprintf(out, "not scaled %s: %s, %d stay\n", direction, not_scaled_code(d->reason),
                in->desired);
        break;
    case VERDICT_NOTHING:
        fprintf(out, "nothing, %d stay\n", in->desired);
        break;
    }
}

/* --- what was seen ---------------------------------------------------------------------------- */

static void print_capacity(const struct explanation *x, FILE *out)
{
    const struct decide_input *in = &x->input;

    fprintf(out, "\nCapacity\n  %d in service, %d starting, %d desired; bounds %d to %d; pace %s\n",
            in->in_service, x->pending, in->desired, in->min, in->max,
            x->pace == PACE_AWS ? "aws" : "fast");
    if (in->out_suspended)
        fputs("  scaling out is suspended\n", out);
    if (in->in_suspended)
        fputs("  scaling in is suspended\n", out);
    if (in->unscalable)
        fputs("  the endpoint could not change its count then\n", out);
}

static void print_cooldown(const struct wish *w, wall_ms_t now, FILE *out)
{
    const struct cooldown *c = &w->cooldown;

    if (c->direction == DIRECTION_NONE || c->until <= now)
        return;
    fprintf(out, "    cooling down for %.1f s more after %d -> %d: ",
            (double)(c->until - now) / MS_PER_S, c->from, c->to);
    if (c->direction == DIRECTION_IN)
        fputs("no scale-in\n", out);
    else
        fprintf(out, "the %d it added count\n", c->to - c->from);
}

static void print_tracking(const struct wish *w, FILE *out)
{
    if (w->alarm == DIRECTION_NONE) {
        fprintf(out, "target %.6g, neither alarm on: wants nothing%s\n", w->target,
                w->may_scale_in ? "" : "; never scales in");
        return;
    }
    fprintf(out, "metric %.6g %s %.6g over %u s, target %.6g\n", w->metric,
            w->alarm == DIRECTION_OUT ? "above" : "below", w->threshold, w->window_s, w->target);
    fprintf(out, "    ceil(%.6g / %.6g) = %d", w->demand, w->target,
            wish_capacity(w->demand, w->target));
    if (w->held > wish_capacity(w->demand, w->target))
        fprintf(out, "; the most wanted in the window was %d", w->held);
    fprintf(out, ": wants %d%s\n", w->capacity, w->due ? "" : ", but not yet again");
    if (w->floor > 0 && w->alarm == DIRECTION_OUT)
        fprintf(out, "    must be more than %d\n", w->floor);
}

static void print_step(const struct wish *w, const struct explanation *x, FILE *out)
{
    const struct step *step = step_find(w->steps, w->below, w->metric - w->threshold);

    if (!w->due) {
        fputs("no alarm told it anything: wants nothing\n", out);
        return;
    }
    fprintf(out, "metric %.6g, %+.6g from the threshold %.6g\n", w->metric,
            w->metric - w->threshold, w->threshold);
    if (!step)
        fputs("    no step for that: wants nothing\n", out);
    else
        fprintf(out, "    %s %+d from %d: wants %d\n", step_type_text(w->steps->type),
                step->adjustment, decide_base(&x->input), w->capacity);
}

static void print_forecast(const struct wish *w, FILE *out)
{
    fprintf(out, "load %.6g forecast for the hour from ", w->metric);
    print_time(w->hour, out);
    fprintf(out, ", looked at %u s ahead\n    ceil(%.6g / %.6g) = %d: %s %d\n", w->window_s,
            w->demand, w->target, w->capacity, w->due ? "wants" : "was reached for; not below",
            w->capacity);
}

/* What metric math was made of: "m1 12 13 12.5", oldest first. */
static void print_read(json_t *read, FILE *out)
{
    json_t *points, *point;
    const char *id;
    size_t i;

    if (!read)
        return;
    fprintf(out, "    read over %.0f s each:",
            json_number_value(json_object_get(read, "periodSeconds")));
    json_object_foreach (json_object_get(read, "points"), id, points) {
        fprintf(out, " %s", id);
        json_array_foreach (points, i, point)
            if (json_is_number(point))
                fprintf(out, " %.6g", json_number_value(point));
            else
                fputs(" -", out);
        fputs(";", out);
    }
    fputs("\n", out);
}

static void print_wish(const struct explanation *x, const struct wish *w, json_t *document,
                       bool winner, FILE *out)
{
    const char *name = text(document, "policy");

    fprintf(out, "%s %s (%s): ", winner ? " *" : "  ", *name ? name : "requests that wait",
            wish_kind_text(w->kind));
    if (w->kind == WISH_TRACKING)
        print_tracking(w, out);
    else if (w->kind == WISH_STEP)
        print_step(w, x, out);
    else if (w->kind == WISH_FORECAST)
        print_forecast(w, out);
    else
        fprintf(out, "%.0f wait, %.6g for each instance: wants %d\n", w->demand, w->target,
                w->capacity);
    print_read(json_object_get(document, "read"), out);
    print_cooldown(w, x->at, out);
}

static void print_wishes(json_t *record, const struct explanation_file *f, FILE *out)
{
    const struct explanation *x = &f->x;
    json_t *wishes = json_object_get(record, "wishes");
    struct wish settled[EXPLANATION_WISHES_MAX];
    bool decided = !x->bounds && x->decision.verdict != VERDICT_NOTHING;

    if (x->input.n_wishes == 0)
        return;
    explain_replay(x, settled);
    fprintf(out, "\nPolicies (* decided)\n");
    for (size_t i = 0; i < x->input.n_wishes; i++)
        print_wish(x, &settled[i], json_array_get(wishes, i), decided && i == x->decision.winner,
                   out);
}

static void print_turning_points(const struct explanation *x, FILE *out)
{
    struct turning_point points[TURNING_POINTS_MAX];
    struct wish scratch[EXPLANATION_WISHES_MAX];
    size_t n = explain_turning_points(x, scratch, points);

    if (n == 0)
        return;
    fputs("\nIt would have been otherwise with\n", out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "  %s %.9g or %s: %d\n",
                points[i].number == TURNING_HELD ? "a most wanted of"
                                                 : turning_number_text(points[i].number),
                points[i].value, points[i].at_most ? "less" : "more", points[i].to);
}

void explain_page(json_t *activity, json_t *record, const struct explanation_file *f, FILE *out)
{
    const struct explanation *x = &f->x;
    double end = json_number_value(json_object_get(activity, "EndTime"));
    const char *message = text(activity, "StatusMessage");

    fprintf(out, "%s\n", text(activity, "ResourceId"));
    print_time(x->at, out);
    fputs("  ", out);
    explain_decision(&x->decision, &x->input, out);
    fprintf(out, "\n%s\n", text(activity, "Cause"));
    if (*message)
        fprintf(out, "%s: %s\n", text(activity, "StatusCode"), message);
    if (end > 0 && x->decision.verdict == VERDICT_SCALE)
        fprintf(out, "It took %.1f s.\n", end - (double)x->at / MS_PER_S);
    print_capacity(x, out);
    print_wishes(record, f, out);
    print_turning_points(x, out);
}
