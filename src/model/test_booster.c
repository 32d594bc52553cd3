#include "model/booster.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/ensemble.h"
#include "model/testing.h"

static void fill(struct rows *rows, unsigned first_column)
{
    rows_clear(rows);
    for (unsigned i = 0; i < TESTING_ROWS; i++) {
        for (unsigned j = 0; j < TESTING_COLUMNS; j++)
            assert_int_equal(rows_add(rows, j + first_column, testing_data(i, j)), 0);
        assert_int_equal(rows_end(rows), 0);
    }
    rows->width = TESTING_COLUMNS + first_column;
}

static void compare(struct booster *b, struct testing_model *m, size_t width, unsigned first_column)
{
    const float *want = testing_expect(m, first_column);
    char why[BOOSTER_WHY_BYTES] = "";
    autorows struct rows rows = { 0 };
    struct predictions p;
    int r;

    fill(&rows, first_column);
    r = booster_predict(b, &rows, &p, why);
    if (r)
        print_error("%s\n", why);
    assert_int_equal(r, 0);
    assert_int_equal(p.n_rows, TESTING_ROWS);
    assert_int_equal(p.width, width);
    for (size_t i = 0; i < TESTING_ROWS * width; i++)
        assert_true(fabsf(p.scores[i] - want[i]) <= 1e-6f * fabsf(want[i]));
}

static void predicts_as_the_trained_model_does(void **state)
{
    const struct {
        const char *booster, *objective;
        unsigned n_classes;
        size_t width;
        bool vote;
    } cases[] = {
        { "gbtree", "reg:squarederror", 0, 1, false },
        { "dart", "reg:squarederror", 0, 1, false },
        { "gblinear", "reg:squarederror", 0, 1, false },
        { "gbtree", "binary:logistic", 2, 1, false },
        { "gbtree", "binary:hinge", 2, 1, true },
        { "gbtree", "multi:softprob", 3, 3, false },
        { "gbtree", "multi:softmax", 3, 1, true },
        { "gbtree", "count:poisson", 4, 1, false },
    };
    const char *const formats[] = { "json", "ubj", "deprecated" };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct testing_model m;

        testing_train(&m, cases[i].booster, cases[i].objective, cases[i].n_classes, 0);
        for (size_t j = 0; j < 3; j++) {
            struct slice bytes = testing_save(&m, formats[j]);
            autofree(booster_free) struct booster *b = NULL;
            char why[BOOSTER_WHY_BYTES];

            assert_int_equal(booster_load(bytes, &b, why), 0);
            assert_int_equal(booster_features(b), TESTING_COLUMNS);
            assert_int_equal(booster_is_vote(b), cases[i].vote);
            assert_false(booster_ignores_first(b));
            compare(b, &m, cases[i].width, 0);
            free((char *)bytes.data);
        }
        testing_free(&m);
    }
}

static void an_unused_first_column_is_seen(void **state)
{
    autofree(booster_free) struct booster *b = NULL;
    char why[BOOSTER_WHY_BYTES];
    struct testing_model m;
    struct slice bytes;

    testing_train(&m, "gbtree", "reg:squarederror", 0, 1);
    bytes = testing_save(&m, "ubj");
    assert_int_equal(booster_load(bytes, &b, why), 0);
    assert_int_equal(booster_features(b), TESTING_COLUMNS + 1);
    assert_true(booster_ignores_first(b));
    compare(b, &m, 1, 1);
    free((char *)bytes.data);
    testing_free(&m);
}

static void rows_without_values_are_predicted(void **state)
{
    autofree(booster_free) struct booster *b = NULL;
    autorows struct rows rows = { 0 };
    char why[BOOSTER_WHY_BYTES];
    struct predictions p;
    struct testing_model m;
    struct slice bytes;

    testing_train(&m, "gbtree", "reg:squarederror", 0, 0);
    bytes = testing_save(&m, "json");
    assert_int_equal(booster_load(bytes, &b, why), 0);
    rows_clear(&rows);
    assert_int_equal(rows_end(&rows), 0);
    assert_int_equal(booster_predict(b, &rows, &p, why), 0);
    assert_int_equal(p.n_rows, 1);
    assert_true(isfinite(p.scores[0]));
    free((char *)bytes.data);
    testing_free(&m);
}

static void what_is_no_model_is_refused(void **state)
{
    struct testing_model m;
    struct slice json, ubj;

    testing_train(&m, "gbtree", "reg:squarederror", 0, 0);
    json = testing_save(&m, "json");
    ubj = testing_save(&m, "ubj");
    const struct slice cases[] = {
        SLICE(""),         SLICE("hello"),
        SLICE("{}"),       SLICE("{\"learner\": 1}"),
        SLICE("{"),        { json.data, 100 },
        { ubj.data, 100 }, { json.data, json.size / 2 },
        SLICE("[1]"),      { ubj.data, ubj.size / 2 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char why[BOOSTER_WHY_BYTES] = "";
        struct booster *b = NULL;

        assert_int_equal(booster_load(cases[i], &b, why), BOOSTER_E_REFUSED);
        assert_null(b);
        assert_true(strlen(why) > 0);
        assert_null(strchr(why, '\n'));
    }
    free((char *)json.data);
    free((char *)ubj.data);
    testing_free(&m);
}

static void pickles_are_named(void **state)
{
    char why[BOOSTER_WHY_BYTES];
    struct booster *b = NULL;

    assert_int_equal(booster_load(SLICE("\x80\x04\x95pickled"), &b, why), BOOSTER_E_REFUSED);
    assert_non_null(strstr(why, "pickle"));
}

/* --- several models --------------------------------------------------------------------------- */

/* Trains two models into @folder and leaves what they say in @want. */
static void put_two(const struct testing_folder *folder, const char *const objectives[2],
                    float want[2][TESTING_ROWS])
{
    for (int i = 0; i < 2; i++) {
        struct testing_model m;
        struct slice bytes;

        testing_train(&m, i ? "dart" : "gbtree", objectives[i], 3, 0);
        bytes = testing_save(&m, i ? "ubj" : "json");
        testing_folder_put(folder, i ? "b" : "a", bytes);
        memcpy(want[i], testing_expect(&m, 0), TESTING_ROWS * sizeof(float));
        free((char *)bytes.data);
        testing_free(&m);
    }
}

static void several_models_answer_with_their_mean(void **state)
{
    const char *const objectives[] = { "reg:squarederror", "reg:squaredlogerror" };
    autofree(model_files_free) struct model_files *files = NULL;
    autofree(ensemble_free) struct ensemble *e = NULL;
    float want[2][TESTING_ROWS];
    char why[ENSEMBLE_WHY_BYTES];
    autorows struct rows rows = { 0 };
    struct testing_folder folder;
    struct predictions p;

    testing_folder_make(&folder);
    put_two(&folder, objectives, want);
    testing_folder_put(&folder, ".hidden", SLICE("no model"));
    assert_int_equal(model_files_read(folder.path, true, &files, why), 0);
    assert_int_equal(model_files_count(files), 2);
    assert_int_equal(ensemble_new(files, &e, why), 0);
    assert_int_equal(ensemble_features(e), TESTING_COLUMNS);
    fill(&rows, 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(ensemble_predict(e, &rows, &p, why), 0);
        for (int i = 0; i < TESTING_ROWS; i++)
            assert_true(fabsf(p.scores[i] - (want[0][i] + want[1][i]) / 2) < 1e-5f);
    }
    testing_folder_remove(&folder);
}

static void classes_are_voted_on(void **state)
{
    const char *const objectives[] = { "multi:softmax", "multi:softmax" };
    autofree(model_files_free) struct model_files *files = NULL;
    autofree(ensemble_free) struct ensemble *e = NULL;
    float want[2][TESTING_ROWS];
    char why[ENSEMBLE_WHY_BYTES];
    autorows struct rows rows = { 0 };
    struct testing_folder folder;
    struct predictions p;

    testing_folder_make(&folder);
    put_two(&folder, objectives, want);
    assert_int_equal(model_files_read(folder.path, true, &files, why), 0);
    assert_int_equal(ensemble_new(files, &e, why), 0);
    fill(&rows, 0);
    assert_int_equal(ensemble_predict(e, &rows, &p, why), 0);
    for (int i = 0; i < TESTING_ROWS; i++)
        assert_true(p.scores[i] == fminf(want[0][i], want[1][i]));
    testing_folder_remove(&folder);
}

static void models_that_differ_are_refused_together(void **state)
{
    const char *const objectives[] = { "reg:squarederror", "multi:softmax" };
    autofree(model_files_free) struct model_files *files = NULL, *first = NULL;
    struct ensemble *e = NULL;
    float want[2][TESTING_ROWS];
    char why[ENSEMBLE_WHY_BYTES];
    struct testing_folder folder;

    testing_folder_make(&folder);
    put_two(&folder, objectives, want);
    assert_int_equal(model_files_read(folder.path, true, &files, why), 0);
    assert_int_equal(ensemble_new(files, &e, why), ENSEMBLE_E_REFUSED);
    assert_non_null(strstr(why, "/b: this model and the ones before it differ"));

    assert_int_equal(model_files_read(folder.path, false, &first, why), 0);
    assert_int_equal(model_files_count(first), 1);
    assert_int_equal(ensemble_new(first, &e, why), 0);
    ensemble_free(e);
    testing_folder_remove(&folder);
}

static void files_that_cannot_be_read_are_named(void **state)
{
    struct model_files *files = NULL;
    char why[ENSEMBLE_WHY_BYTES], path[TESTING_FOLDER_BYTES + 8];
    struct testing_folder folder;

    testing_folder_make(&folder);
    assert_int_equal(model_files_read(folder.path, true, &files, why), ENSEMBLE_E_REFUSED);
    assert_non_null(strstr(why, "there is no model file in this directory"));
    snprintf(path, sizeof(path), "%s/a", folder.path);
    assert_int_equal(model_files_read(path, true, &files, why), ENSEMBLE_E_REFUSED);
    assert_non_null(strstr(why, "/a: No such file or directory"));
    testing_folder_put(&folder, "a", SLICE(""));
    assert_int_equal(model_files_read(path, true, &files, why), ENSEMBLE_E_REFUSED);
    assert_non_null(strstr(why, "/a: the file is empty"));
    assert_int_equal(model_files_read("/dev/null", true, &files, why), ENSEMBLE_E_REFUSED);
    assert_null(files);
    testing_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predicts_as_the_trained_model_does),
        cmocka_unit_test(an_unused_first_column_is_seen),
        cmocka_unit_test(rows_without_values_are_predicted),
        cmocka_unit_test(what_is_no_model_is_refused),
        cmocka_unit_test(pickles_are_named),
        cmocka_unit_test(several_models_answer_with_their_mean),
        cmocka_unit_test(classes_are_voted_on),
        cmocka_unit_test(models_that_differ_are_refused_together),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
