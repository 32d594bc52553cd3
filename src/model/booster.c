#include "model/booster.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <xgboost/c_api.h>

#include "model/ubjson.h"

struct booster {
    BoosterHandle handle;
    size_t n_features;
    bool vote, linear, ignores_first;
};

/* --- what libxgboost complains about ---------------------------------------------------------- */

/* "[01:02:03] ./src/learner.cc:1017: Check failed: x : the reason\nStack trace:\n..." to its first
 * line, without time and place. */
static int refused(char *ret_why, const char *message)
{
    const char *start = message, *at;
    size_t n;

    if (start[0] == '[') {
        at = strstr(start, ": ");
        start = at ? at + 2 : start;
    }
    n = strcspn(start, "\n");
    while (n > 0 && start[n - 1] == ' ')
        n--;
    snprintf(ret_why, BOOSTER_WHY_BYTES, "%.*s", n < 400 ? (int)n : 400, start);
    return BOOSTER_E_REFUSED;
}

static int check(int result, char *ret_why)
{
    return result == 0 ? 0 : refused(ret_why, XGBGetLastError());
}

/* --- load ------------------------------------------------------------------------------------- */

static bool is_pickle(struct slice model)
{
    return model.size > 2 && model.data[0] == '\x80' && model.data[1] >= 2 && model.data[1] <= 5;
}

static bool is_ubjson(struct slice model)
{
    return model.size > 1 && model.data[0] == '{' && isalpha((unsigned char)model.data[1]);
}

static int load_bytes(BoosterHandle handle, struct slice model, char *ret_why)
{
    if (is_ubjson(model) && !ubjson_is_whole(model))
        return refused(ret_why, "the UBJSON text is cut or malformed");
    return check(XGBoosterLoadModelFromBuffer(handle, model.data, model.size), ret_why);
}

static const char *text_at(const json_t *config, const char *object)
{
    const json_t *learner = json_object_get(config, "learner");
    const char *name = json_string_value(json_object_get(json_object_get(learner, object), "name"));

    return name ? name : "";
}

static int read_kind(struct booster *b, char *ret_why)
{
    const char *text, *objective;
    json_error_t error;
    bst_ulong size;
    json_t *config;
    int r;

    r = check(XGBoosterSaveJsonConfig(b->handle, &size, &text), ret_why);
    if (r)
        return r;
    config = json_loadb(text, size, 0, &error);
    if (!config)
        return refused(ret_why, error.text);
    objective = text_at(config, "objective");
    b->vote = strcmp(objective, "multi:softmax") == 0 || strcmp(objective, "binary:hinge") == 0;
    b->linear = strcmp(text_at(config, "gradient_booster"), "gblinear") == 0;
    json_decref(config);
    return 0;
}

static int read_use(struct booster *b, char *ret_why)
{
    const char **names;
    const bst_ulong *shape;
    const float *scores;
    bst_ulong n, dimensions;
    int r;

    if (b->linear)
        return 0;
    r = check(XGBoosterFeatureScore(b->handle, "{\"importance_type\": \"weight\"}", &n, &names,
                                    &dimensions, &shape, &scores),
              ret_why);
    if (r)
        return r;
    b->ignores_first = n > 0;
    for (bst_ulong i = 0; i < n; i++) {
        if (strcmp(names[i], "f0") == 0)
            b->ignores_first = false;
    }
    return 0;
}

static int read_features(struct booster *b, char *ret_why)
{
    bst_ulong n;
    int r;

    r = check(XGBoosterGetNumFeature(b->handle, &n), ret_why);
    if (!r && (n == 0 || n > ROWS_COLUMNS_MAX))
        return refused(ret_why, "the model has no features, or too many");
    b->n_features = n;
    return r;
}

int booster_load(struct slice model, struct booster **ret, char ret_why[BOOSTER_WHY_BYTES])
{
    autofree(booster_free) struct booster *b = calloc(1, sizeof(*b));
    int r;

    if (!b)
        return -ENOMEM;
    if (is_pickle(model))
        return refused(ret_why, "this is a Python pickle; save the model with "
                                "Booster.save_model() instead");
    r = check(XGBoosterCreate(NULL, 0, &b->handle), ret_why);
    if (!r)
        r = check(XGBoosterSetParam(b->handle, "nthread", "1"), ret_why);
    if (!r)
        r = load_bytes(b->handle, model, ret_why);
    /* Loading replaces parameters. */
    if (!r)
        r = check(XGBoosterSetParam(b->handle, "nthread", "1"), ret_why);
    if (!r)
        r = read_features(b, ret_why);
    if (!r)
        r = read_kind(b, ret_why);
    if (!r)
        r = read_use(b, ret_why);
    if (!r)
        *ret = steal(b);
    return r;
}

struct booster *booster_free(struct booster *b)
{
    if (b && b->handle)
        XGBoosterFree(b->handle);
    free(b);
    return NULL;
}

size_t booster_features(const struct booster *b)
{
    return b->n_features;
}

bool booster_is_vote(const struct booster *b)
{
    return b->vote;
}

bool booster_ignores_first(const struct booster *b)
{
    return b->ignores_first;
}

/* --- predict ---------------------------------------------------------------------------------- */

static const char prediction[] =
    "{\"type\": 0, \"training\": false, \"iteration_begin\": 0, "
    "\"iteration_end\": 0, \"strict_shape\": true, \"missing\": NaN, \"cache_id\": 0}";

/* NumPy's array interface, which is how libxgboost is told where arrays lie */
struct array {
    char text[160];
};

static struct array describe(const void *data, size_t n, const char *type)
{
    /* libxgboost refuses null pointers even of empty arrays. */
    static const uint64_t nothing;
    struct array a;

    snprintf(a.text, sizeof(a.text),
             "{\"data\": [%" PRIuPTR ", true], \"typestr\": \"%s\", \"shape\": [%zu], "
             "\"version\": 3}",
             (uintptr_t)(n > 0 ? data : &nothing), type, n);
    return a;
}

/* Linear boosters know no prediction in place. */
static int predict_by_matrix(struct booster *b, const struct array parts[3],
                             const bst_ulong **shape, bst_ulong *dimensions, const float **scores)
{
    DMatrixHandle matrix;
    int r;

    r = XGDMatrixCreateFromCSR(parts[0].text, parts[1].text, parts[2].text, b->n_features,
                               "{\"missing\": NaN, \"nthread\": 1}", &matrix);
    if (r)
        return r;
    r = XGBoosterPredictFromDMatrix(b->handle, matrix, prediction, shape, dimensions, scores);
    XGDMatrixFree(matrix);
    return r;
}

int booster_predict(struct booster *b, const struct rows *rows, struct predictions *ret,
                    char ret_why[BOOSTER_WHY_BYTES])
{
    const struct array parts[] = {
        describe(rows->starts, rows->n_rows + 1, "<u8"),
        describe(rows->columns, rows->n_values, "<u4"),
        describe(rows->values, rows->n_values, "<f4"),
    };
    const bst_ulong *shape;
    const float *scores;
    bst_ulong dimensions;
    int r;

    if (b->linear)
        r = predict_by_matrix(b, parts, &shape, &dimensions, &scores);
    else
        r = XGBoosterPredictFromCSR(b->handle, parts[0].text, parts[1].text, parts[2].text,
                                    b->n_features, prediction, NULL, &shape, &dimensions, &scores);
    if (r)
        return refused(ret_why, XGBGetLastError());
    if (dimensions < 1 || shape[0] != rows->n_rows)
        return refused(ret_why, "the model answered another number of rows");
    *ret = (struct predictions){ rows->n_rows, 1, (float *)scores };
    for (bst_ulong i = 1; i < dimensions; i++)
        ret->width *= shape[i];
    return 0;
}
