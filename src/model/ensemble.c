#include "model/ensemble.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_files.h"

struct ensemble {
    size_t n;
    struct booster *booster[MODEL_FILES_MAX];
    float *scores; /* the answer, then each model's; only if there are several models */
    size_t capacity;
};

static int add(struct ensemble *e, const struct model_file *file, char *ret_why)
{
    char why[BOOSTER_WHY_BYTES];
    int r = booster_load(file->bytes, &e->booster[e->n], why);

    if (r == BOOSTER_E_REFUSED) {
        snprintf(ret_why, ENSEMBLE_WHY_BYTES, "%.400s is no XGBoost model, or is damaged: %s",
                 file->name, why);
        return ENSEMBLE_E_REFUSED;
    }
    if (r)
        return r;
    e->n++;
    if (booster_features(e->booster[0]) != booster_features(e->booster[e->n - 1]) ||
        booster_is_vote(e->booster[0]) != booster_is_vote(e->booster[e->n - 1])) {
        snprintf(ret_why, ENSEMBLE_WHY_BYTES,
                 "%.400s: this model and the ones before it differ in their features or "
                 "objective, so they cannot answer together",
                 file->name);
        return ENSEMBLE_E_REFUSED;
    }
    return 0;
}

int ensemble_new(const struct model_files *files, struct ensemble **ret,
                 char ret_why[ENSEMBLE_WHY_BYTES])
{
    autofree(ensemble_free) struct ensemble *e = calloc(1, sizeof(*e));

    if (!e)
        return -ENOMEM;
    for (size_t i = 0; i < files->n; i++) {
        int r = add(e, &files->file[i], ret_why);

        if (r)
            return r;
    }
    *ret = steal(e);
    return 0;
}

struct ensemble *ensemble_free(struct ensemble *e)
{
    for (size_t i = 0; e && i < MODEL_FILES_MAX; i++)
        booster_free(e->booster[i]);
    if (e)
        free(e->scores);
    free(e);
    return NULL;
}

size_t ensemble_features(const struct ensemble *e)
{
    return booster_features(e->booster[0]);
}

bool ensemble_ignores_first(const struct ensemble *e)
{
    for (size_t i = 0; i < e->n; i++) {
        if (!booster_ignores_first(e->booster[i]))
            return false;
    }
    return true;
}

/* --- predict: all scores of all models side by side, then one out of n ------------------------ */

static int reserve(struct ensemble *e, size_t n)
{
    float *p;

    if (n <= e->capacity)
        return 0;
    p = reallocarray(e->scores, n, sizeof(*p));
    if (!p)
        return -ENOMEM;
    e->scores = p;
    e->capacity = n;
    return 0;
}

static float mean(const float *scores, size_t n, size_t stride)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)scores[i * stride];
    return (float)(sum / (double)n);
}

/* The class most often named; of several, the lowest. */
static float vote(const float *scores, size_t n, size_t stride)
{
    float winner = 0;
    size_t best = 0;

    for (size_t i = 0; i < n; i++) {
        size_t count = 0;

        for (size_t j = 0; j < n; j++)
            count += scores[j * stride] == scores[i * stride];
        if (count > best || (count == best && scores[i * stride] < winner)) {
            best = count;
            winner = scores[i * stride];
        }
    }
    return winner;
}

static int predict_one(struct ensemble *e, size_t i, const struct rows *rows,
                       struct predictions *ret, char *ret_why)
{
    char why[BOOSTER_WHY_BYTES];
    int r = booster_predict(e->booster[i], rows, ret, why);

    if (r)
        snprintf(ret_why, ENSEMBLE_WHY_BYTES, "%s", why);
    return r ? ENSEMBLE_E_REFUSED : 0;
}

int ensemble_predict(struct ensemble *e, const struct rows *rows, struct predictions *ret,
                     char ret_why[ENSEMBLE_WHY_BYTES])
{
    struct predictions p;
    size_t n = 0;
    int r;

    r = predict_one(e, 0, rows, &p, ret_why);
    if (r)
        return r;
    *ret = p;
    if (e->n == 1)
        return 0;
    n = p.n_rows * p.width;
    r = reserve(e, n * (e->n + 1));
    if (r)
        return r;
    memcpy(e->scores + n, p.scores, n * sizeof(*e->scores));
    for (size_t i = 1; i < e->n; i++) {
        r = predict_one(e, i, rows, &p, ret_why);
        if (r)
            return r;
        if (p.n_rows * p.width != n) {
            snprintf(ret_why, ENSEMBLE_WHY_BYTES, "the models answer with different shapes");
            return ENSEMBLE_E_REFUSED;
        }
        memcpy(e->scores + n * (i + 1), p.scores, n * sizeof(*e->scores));
    }
    for (size_t i = 0; i < n; i++)
        e->scores[i] = (booster_is_vote(e->booster[0]) ? vote : mean)(e->scores + n + i, e->n, n);
    *ret = (struct predictions){ p.n_rows, p.width, e->scores };
    return 0;
}
