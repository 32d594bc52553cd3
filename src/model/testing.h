/* model/testing.h: tiny models, trained on the spot, and folders to put them in, for the tests
 * here.
 *
 * What weir predicts is compared with what the booster that was trained says itself.
 */
#pragma once
#include "base/text.h"

enum { TESTING_ROWS = 64, TESTING_COLUMNS = 4 };

struct testing_model {
    void *booster; /* a BoosterHandle */
};

/** testing_data() - row @i, column @j of the training data; a few are missing (NAN) */
float testing_data(unsigned i, unsigned j);

/** testing_train() - @first_column: 1 leaves column 0 unused, as libsvm text counted from 1 does */
void testing_train(struct testing_model *m, const char *booster, const char *objective,
                   unsigned n_classes, unsigned first_column);
void testing_free(struct testing_model *m);

/** testing_save() - @format: "json", "ubj" or "deprecated". Return: bytes, to free(). */
struct slice testing_save(struct testing_model *m, const char *format);

/** testing_expect() - what XGBoosterPredict() says to the training rows; width is 1 or n_classes.
 * Return: valid until the next call. */
const float *testing_expect(struct testing_model *m, unsigned first_column);

enum { TESTING_FOLDER_BYTES = 64 };

struct testing_folder {
    char path[TESTING_FOLDER_BYTES];
};

void testing_folder_make(struct testing_folder *f);
void testing_folder_put(const struct testing_folder *f, const char *name, struct slice bytes);
void testing_folder_remove(struct testing_folder *f); /* with what is in it */
