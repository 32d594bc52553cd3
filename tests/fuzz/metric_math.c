/* Metric math: an expression prints as an equal one; whatever it is, evaluation ends within its
 * memory, and gives values of the grid's length that are numbers or missing. */
#include <math.h>

#include "fuzz.h"
#include "metrics/math_expression.h"

enum { SLOTS = 4, ARENA_BYTES = 1 << 20 };

static double points[3][SLOTS] = { { 1, NAN, -3, 0 }, { NAN, NAN, NAN, NAN }, { 5, 0, NAN, 9 } };
static struct math_series series[] = { { points[0], 0, 1, 0 },
                                       { points[1], 0, 1, 1 },
                                       { points[2], 1, 2, 2 } };
static const struct math_input inputs[] = {
    { "a", true, 60, { MATH_SERIES, 0, &series[0], 1 } },
    { "b", true, 60, { MATH_SERIES, 0, &series[1], 1 } },
    { "c", true, 120, { MATH_SERIES, 0, &series[2], 1 } },
    { "e", false, 0, { MATH_ARRAY, 0, series, 3 } },
    { "s", false, 0, { MATH_SCALAR, 2, NULL, 0 } },
};
enum { N_INPUTS = sizeof(inputs) / sizeof(*inputs) };

static size_t find(const void *context, const char *id)
{
    for (size_t i = 0; i < N_INPUTS; i++)
        if (strcmp(inputs[i].id, id) == 0)
            return i;
    return MATH_NONE;
}

static void check_value(const struct math_value *v)
{
    if (v->type == MATH_SCALAR) {
        MUST(!isinf(v->scalar));
        return;
    }
    MUST(v->type == MATH_ARRAY || v->n_series == 1);
    for (size_t k = 0; k < v->n_series; k++) {
        MUST(v->series[k].every > 0);
        for (size_t i = 0; i < SLOTS; i++)
            MUST(!isinf(v->series[k].values[i]));
    }
}

static void check_evaluation(struct math *m, bool strict)
{
    const struct math_scope scope = { 1767322800000, 60, SLOTS, inputs, N_INPUTS, strict };
    struct math_arena arena = MATH_ARENA_INIT(ARENA_BYTES);
    struct math_error error;
    struct math_value value;

    if (math_bind(m, find, NULL, &error) == 0) {
        int r = math_evaluate(m, &scope, &arena, &value, &error);

        MUST(r == 0 || r == MATH_E_REFUSED || r == MATH_E_LIMIT);
        if (r == 0)
            check_value(&value);
    }
    math_arena_deinit(&arena);
}

static void check_printing(const struct math *m)
{
    autobuffer struct buffer once = BUFFER_INIT(1 << 20), twice = BUFFER_INIT(1 << 20);
    autofree(math_free) struct math *again = NULL;
    struct math_error error;

    MUST(math_print(m, &once) == 0);
    if (buffer_size(&once) > MATH_TEXT_MAX)
        return;
    MUST(math_parse(buffer_cstr(&once), &again, &error) == 0);
    MUST(math_print(again, &twice) == 0);
    MUST(strcmp(buffer_cstr(&once), buffer_cstr(&twice)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree(mem_free) char *text = slice_dup(fuzz_slice(data, size));
    autofree(math_free) struct math *m = NULL;
    struct math_error error;
    int r;

    MUST(text);
    r = math_parse(text, &m, &error);
    MUST(r == 0 || r == MATH_E_REFUSED);
    if (r != 0) {
        MUST(error.position >= 1 && error.position <= strlen(text) + 1);
        return 0;
    }
    check_evaluation(m, false);
    check_evaluation(m, true);
    check_printing(m);
    return 0;
}
