/* Records of decisions as JSON and back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/random.h"
#include "control/explanation.h"

enum { RECORDS = 2000, WISHES = 4 };

static const struct explanation_note notes[WISHES] = {
    { "a", NULL }, { "b", NULL }, { NULL, NULL }, { "\xc3\xa4", NULL }
};

static const struct step_scaling steps = {
    .type = STEP_PERCENT,
    .min_magnitude = 2,
    .n_steps = 3,
    .steps = { { -(double)INFINITY, 0.1, -10 },
               { 0.1, 1e-3 + 0.1, 5 },
               { 1e-3 + 0.1, (double)INFINITY, 33 } },
};

static double random_metric(struct random *r)
{
    return random_unit(r) * pow(10, (double)random_below(r, 8) - 3);
}

static struct wish random_wish(struct random *r, int in_service)
{
    struct wish w = {
        .kind = (enum wish_kind)random_below(r, 4),
        .alarm = (enum direction)random_below(r, 3),
        .due = random_below(r, 4) > 0,
        .may_scale_in = random_below(r, 3) > 0,
        .below = random_below(r, 2),
        .metric = random_metric(r),
        .target = random_metric(r) + 1e-6,
        .threshold = random_metric(r),
        .window_s = random_below(r, 900),
        .held = (int)random_below(r, 5),
        .hour = (wall_ms_t)random_below(r, 1000000),
    };

    w.demand = w.metric * in_service;
    if (w.kind == WISH_STEP)
        w.steps = &steps;
    if (random_below(r, 2))
        cooldown_start(&w.cooldown, (int)random_below(r, 5), (int)random_below(r, 5), 1000, 100);
    return w;
}

static void random_explanation(struct random *r, struct wish *wishes, struct explanation *x)
{
    struct wish scratch[WISHES];

    *x = (struct explanation){
        .at = (wall_ms_t)random_below(r, 1000000),
        .pace = random_below(r, 2) ? PACE_AWS : PACE_FAST,
        .pending = (int)random_below(r, 5),
        .input = { .min = (int)random_below(r, 3),
                   .in_service = (int)random_below(r, 10),
                   .desired = (int)random_below(r, 10),
                   .settled = (int)random_below(r, 10),
                   .out_suspended = random_below(r, 8) == 0,
                   .in_suspended = random_below(r, 8) == 0,
                   .unscalable = random_below(r, 8) == 0,
                   .wishes = wishes,
                   .n_wishes = random_below(r, WISHES + 1) },
    };
    x->input.max = x->input.min + (int)random_below(r, 10);
    for (size_t i = 0; i < x->input.n_wishes; i++)
        wishes[i] = random_wish(r, x->input.in_service);
    x->bounds = x->input.n_wishes == 0;
    x->decision = explain_replay(x, scratch);
}

static void a_record_comes_back_bit_for_bit(void **state)
{
    const char *given = getenv("WEIR_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    struct random r;

    print_message("WEIR_TEST_SEED=%llu repeats this\n", (unsigned long long)seed);
    random_init(&r, seed);
    for (int i = 0; i < RECORDS; i++) {
        autofree(explanation_free) struct explanation_file *f = NULL;
        autofree(mem_free) char *text = NULL, *text_again = NULL;
        struct wish wishes[WISHES], scratch[EXPLANATION_WISHES_MAX];
        struct explanation x;
        struct decision again;
        json_t *document;

        random_explanation(&r, wishes, &x);
        text = explanation_text(&x, notes);
        assert_non_null(text);
        document = json_loads(text, 0, NULL);
        assert_int_equal(explanation_read(document, &f), 0);
        json_decref(document);
        again = explain_replay(&f->x, scratch);
        assert_true(explain_same(&again, &x.decision));
        assert_true(explain_same(&f->x.decision, &x.decision));
        for (size_t k = 0; k < x.input.n_wishes; k++) {
            assert_memory_equal(&f->wishes[k].metric, &wishes[k].metric, sizeof(double));
            assert_memory_equal(&f->wishes[k].demand, &wishes[k].demand, sizeof(double));
            if (wishes[k].kind == WISH_FORECAST)
                assert_int_equal(f->wishes[k].hour, wishes[k].hour);
            wish_settle(&wishes[k], x.at, decide_base(&x.input));
            wish_settle(&f->wishes[k], x.at, decide_base(&x.input));
        }
        if (x.bounds)
            continue;
        text_again = explanation_text(&f->x, notes);
        f = explanation_free(f);
        document = json_loads(text_again, 0, NULL);
        assert_int_equal(explanation_read(document, &f), 0);
        json_decref(document);
    }
}

static void what_is_no_record_is_refused(void **state)
{
    static const char *const cases[] = {
        "{}",
        "[]",
        "{\"version\": 2}",
        "{\"version\": 1, \"wishes\": {}}",
        "{\"version\": 1, \"wishes\": [{}]}",
        "{\"version\": 1, \"wishes\": [], \"at\": 1, \"pace\": \"slow\"}",
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct explanation_file *f = NULL;
        json_t *document = json_loads(cases[i], 0, NULL);
        assert_int_equal(explanation_read(document, &f), EXPLANATION_E_MALFORMED);
        assert_null(f);
        json_decref(document);
    }
}

/* whatever member is taken away or replaced, reading neither fails badly nor believes it */
static void a_damaged_record_is_no_danger(void **state)
{
    struct wish wishes[WISHES];
    struct explanation x;
    struct random r;

    random_init(&r, 7);
    for (int i = 0; i < RECORDS; i++) {
        autofree(explanation_free) struct explanation_file *f = NULL;
        autofree(mem_free) char *text = NULL;
        struct wish scratch[EXPLANATION_WISHES_MAX];
        struct decision again;
        json_t *document;

        random_explanation(&r, wishes, &x);
        text = explanation_text(&x, notes);
        for (char *c = text; *c; c++)
            if (*c >= '0' && *c <= '9' && random_below(&r, 10) == 0)
                *c = (char)('0' + random_below(&r, 10));
        document = json_loads(text, 0, NULL);
        if (explanation_read(document, &f) == 0) {
            again = explain_replay(&f->x, scratch);
            (void)explain_same(&again, &f->x.decision);
        }
        json_decref(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_bit_for_bit),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(a_damaged_record_is_no_danger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
