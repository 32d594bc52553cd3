#include "control/explanation.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { EXACT_DIGITS = 17 }; /* that tell every double from its neighbours */

/* words for enums, in their order */
static const char *const directions[] = { "none", "out", "in", NULL };
static const char *const verdicts[] = { "nothing", "scale", "notScaled", NULL };
static const char *const paces[] = { "fast", "aws", NULL };
static const char *const kinds[] = { "tracking", "step", "queue", "forecast", NULL };

static_assert(DIRECTION_NONE == 0 && DIRECTION_OUT == 1 && DIRECTION_IN == 2, "as in the words");
static_assert(VERDICT_NOTHING == 0 && VERDICT_SCALE == 1 && VERDICT_NOT_SCALED == 2, "so too");
static_assert(WISH_TRACKING == 0 && WISH_STEP == 1 && WISH_QUEUE == 2, "so too");
static_assert(WISH_FORECAST == WISH_QUEUE + 1, "so too");

/* --- writing ---------------------------------------------------------------------------------- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *cooldown_document(const struct cooldown *c)
{
    return json_pack("{s:s, s:I, s:i, s:i}", "direction", directions[c->direction], "until",
                     (json_int_t)c->until, "from", c->from, "to", c->to);
}

/* [lower, upper, adjustment]; null is an open end */
static json_t *steps_document(const struct step_scaling *s)
{
    json_t *list = json_array();

    for (size_t i = 0; i < s->n_steps; i++) {
        const struct step *step = &s->steps[i];
        json_array_append_new(list, json_pack("[o, o, i]", number(step->lower), number(step->upper),
                                              step->adjustment));
    }
    return json_pack("{s:s, s:i, s:o}", "type", step_type_text(s->type), "minMagnitude",
                     s->min_magnitude, "steps", list);
}

static json_t *wish_document(const struct wish *w, const struct explanation_note *note)
{
    json_t *document = json_pack(
        "{s:s*, s:O*, s:s, s:s, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:I, s:i, s:o, s:s, s:i, s:i, "
        "s:b}",
        "policy", note->policy, "read", note->read, "kind", kinds[w->kind], "alarm",
        directions[w->alarm], "due", w->due, "mayScaleIn", w->may_scale_in, "below", w->below,
        "metric", number(w->metric), "target", number(w->target), "threshold", number(w->threshold),
        "demand", number(w->demand), "windowSeconds", (json_int_t)w->window_s, "held", w->held,
        "cooldown", cooldown_document(&w->cooldown), "direction", directions[w->direction],
        "capacity", w->capacity, "floor", w->floor, "scaleInCoolingDown", w->in_blocked);
    int r = 0;

    if (document && w->steps)
        r = json_object_set_new(document, "adjustment", steps_document(w->steps));
    if (document && w->kind == WISH_FORECAST)
        r = json_object_set_new(document, "hour", json_integer(w->hour));
    if (r == 0)
        return document;
    json_decref(document);
    return NULL;
}

static json_t *wishes_document(const struct explanation *x, const struct explanation_note *notes)
{
    json_t *list = json_array();

    for (size_t i = 0; i < x->input.n_wishes; i++)
        if (json_array_append_new(list, wish_document(&x->input.wishes[i], &notes[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *turning_document(const struct explanation *x)
{
    struct wish scratch[EXPLANATION_WISHES_MAX];
    struct turning_point points[TURNING_POINTS_MAX];
    size_t n = explain_turning_points(x, scratch, points);
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:f, s:i}", "number",
                                              turning_number_text(points[i].number),
                                              points[i].at_most ? "atMost" : "atLeast",
                                              points[i].value, "to", points[i].to));
    return list;
}

static json_t *decision_document(const struct explanation *x, const struct explanation_note *notes)
{
    const struct decision *d = &x->decision;
    bool by_policy = !x->bounds && d->verdict != VERDICT_NOTHING;

    return json_pack("{s:i, s:i, s:i, s:s, s:s, s:s*, s:s*, s:o*}", "version", EXPLANATION_VERSION,
                     "from", x->input.desired, "to",
                     d->verdict == VERDICT_SCALE ? d->to : x->input.desired, "verdict",
                     verdicts[d->verdict], "direction", directions[d->direction], "reason",
                     d->verdict == VERDICT_NOT_SCALED ? not_scaled_code(d->reason) : NULL, "winner",
                     by_policy ? notes[d->winner].policy : NULL, "winnerIndex",
                     by_policy ? json_integer((json_int_t)d->winner) : NULL);
}

static json_t *document_of(const struct explanation *x, const struct explanation_note *notes)
{
    const struct decide_input *in = &x->input;
    json_t *document = decision_document(x, notes);
    json_auto_t *rest =
        json_pack("{s:I, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:b, s:b, s:b, s:o, s:o}", "at",
                  (json_int_t)x->at, "pace", paces[x->pace], "min", in->min, "max", in->max,
                  "inService", in->in_service, "pending", x->pending, "desired", in->desired,
                  "settled", in->settled, "outSuspended", in->out_suspended, "inSuspended",
                  in->in_suspended, "unscalable", in->unscalable, "bounds", x->bounds, "wishes",
                  wishes_document(x, notes), "wouldChange", turning_document(x));

    if (document && rest && json_object_update(document, rest) == 0)
        return document;
    json_decref(document);
    return NULL;
}

char *explanation_text(const struct explanation *x, const struct explanation_note *notes)
{
    json_auto_t *document = document_of(x, notes);

    return document ? json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(EXACT_DIGITS)) : NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A document that is read; anything missing or strange makes it bad. */
struct reader {
    bool bad;
};

static int word(struct reader *r, json_t *object, const char *member, const char *const *words)
{
    const char *text = json_string_value(json_object_get(object, member));

    for (int i = 0; text && words[i]; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    r->bad = true;
    return 0;
}

static int integer(struct reader *r, json_t *object, const char *member)
{
    json_t *value = json_object_get(object, member);
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < INT32_MIN || n > INT32_MAX) {
        r->bad = true;
        return 0;
    }
    return (int)n;
}

static int count(struct reader *r, json_t *object, const char *member)
{
    int n = integer(r, object, member);

    r->bad |= n < 0;
    return n < 0 ? 0 : n;
}

static wall_ms_t instant(struct reader *r, json_t *object, const char *member)
{
    json_t *value = json_object_get(object, member);

    r->bad |= !json_is_integer(value);
    return json_integer_value(value);
}

/* @otherwise: what null stands for */
static double real(struct reader *r, json_t *value, double otherwise)
{
    r->bad |= !json_is_number(value) && !json_is_null(value);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static double member_real(struct reader *r, json_t *object, const char *member)
{
    return real(r, json_object_get(object, member), (double)NAN);
}

static bool flag(struct reader *r, json_t *object, const char *member)
{
    json_t *value = json_object_get(object, member);

    r->bad |= !json_is_boolean(value);
    return json_is_true(value);
}

static struct cooldown read_cooldown(struct reader *r, json_t *c)
{
    struct cooldown ret = {
        .direction = (enum direction)word(r, c, "direction", directions),
        .until = instant(r, c, "until"),
        .from = count(r, c, "from"),
        .to = count(r, c, "to"),
    };

    r->bad |= ret.direction == DIRECTION_OUT && ret.to < ret.from;
    return ret;
}

static void read_steps(struct reader *r, json_t *document, struct step_scaling *s)
{
    const char *type = json_string_value(json_object_get(document, "type"));
    json_t *list = json_object_get(document, "steps"), *step;
    size_t i;

    s->min_magnitude = count(r, document, "minMagnitude");
    if (!type || !step_type_parse(type, &s->type) || json_array_size(list) > STEPS_MAX) {
        r->bad = true;
        return;
    }
    s->n_steps = json_array_size(list);
    json_array_foreach (list, i, step) {
        json_t *adjustment = json_array_get(step, 2);
        json_int_t n = json_integer_value(adjustment);
        r->bad |= !json_is_integer(adjustment) || n < INT32_MIN || n > INT32_MAX;
        s->steps[i] = (struct step){
            .lower = real(r, json_array_get(step, 0), -(double)INFINITY),
            .upper = real(r, json_array_get(step, 1), (double)INFINITY),
            .adjustment = (int)n,
        };
    }
}

static void read_wish(struct reader *r, json_t *document, struct wish *w, struct step_scaling *s)
{
    *w = (struct wish){
        .kind = (enum wish_kind)word(r, document, "kind", kinds),
        .alarm = (enum direction)word(r, document, "alarm", directions),
        .due = flag(r, document, "due"),
        .may_scale_in = flag(r, document, "mayScaleIn"),
        .below = flag(r, document, "below"),
        .metric = member_real(r, document, "metric"),
        .target = member_real(r, document, "target"),
        .threshold = member_real(r, document, "threshold"),
        .demand = member_real(r, document, "demand"),
        .window_s = (unsigned)count(r, document, "windowSeconds"),
        .held = count(r, document, "held"),
        .cooldown = read_cooldown(r, json_object_get(document, "cooldown")),
    };
    if (w->kind == WISH_STEP) {
        read_steps(r, json_object_get(document, "adjustment"), s);
        w->steps = s;
    } else {
        r->bad |= !(w->target > 0);
    }
    if (w->kind == WISH_FORECAST)
        w->hour = instant(r, document, "hour");
}

static void read_input(struct reader *r, json_t *document, struct decide_input *in)
{
    *in = (struct decide_input){
        .min = count(r, document, "min"),
        .max = count(r, document, "max"),
        .in_service = count(r, document, "inService"),
        .desired = count(r, document, "desired"),
        .settled = count(r, document, "settled"),
        .out_suspended = flag(r, document, "outSuspended"),
        .in_suspended = flag(r, document, "inSuspended"),
        .unscalable = flag(r, document, "unscalable"),
    };
    r->bad |= in->max < in->min;
}

static enum not_scaled read_reason(struct reader *r, json_t *document)
{
    const char *code = json_string_value(json_object_get(document, "reason"));

    for (int i = NOT_SCALED_AT_MAX; code && i <= NOT_SCALED_UNSCALABLE; i++)
        if (strcmp(not_scaled_code((enum not_scaled)i), code) == 0)
            return (enum not_scaled)i;
    r->bad = true;
    return NOT_SCALED_AT_MAX;
}

static void read_decision(struct reader *r, json_t *document, struct explanation *x)
{
    struct decision *d = &x->decision;

    *d = (struct decision){
        .verdict = (enum verdict)word(r, document, "verdict", verdicts),
        .direction = (enum direction)word(r, document, "direction", directions),
        .from = integer(r, document, "from"),
        .to = integer(r, document, "to"),
    };
    if (d->verdict == VERDICT_NOT_SCALED)
        d->reason = read_reason(r, document);
    if (x->bounds || d->verdict == VERDICT_NOTHING)
        return;
    d->winner = (size_t)count(r, document, "winnerIndex");
    r->bad |= d->winner >= x->input.n_wishes;
}

struct explanation_file *explanation_free(struct explanation_file *f)
{
    free(f);
    return NULL;
}

int explanation_read(json_t *document, struct explanation_file **ret)
{
    autofree(explanation_free) struct explanation_file *f = calloc(1, sizeof(*f));
    json_t *wishes = json_object_get(document, "wishes"), *wish;
    struct reader r = { .bad = false };
    size_t i;

    if (!f)
        return fault(-ENOMEM);
    if (integer(&r, document, "version") != EXPLANATION_VERSION || !json_is_array(wishes) ||
        json_array_size(wishes) > EXPLANATION_WISHES_MAX)
        return EXPLANATION_E_MALFORMED;
    f->x.at = instant(&r, document, "at");
    f->x.pace = (enum pace)word(&r, document, "pace", paces);
    f->x.pending = count(&r, document, "pending");
    f->x.bounds = flag(&r, document, "bounds");
    read_input(&r, document, &f->x.input);
    json_array_foreach (wishes, i, wish)
        read_wish(&r, wish, &f->wishes[i], &f->steps[i]);
    f->x.input.wishes = f->wishes;
    f->x.input.n_wishes = json_array_size(wishes);
    read_decision(&r, document, &f->x);
    if (r.bad)
        return EXPLANATION_E_MALFORMED;
    *ret = steal(f);
    return 0;
}
