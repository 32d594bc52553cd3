#include "model/testing.h"

#include <assert.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xgboost/c_api.h>

/* ThreadSanitizer does not see how libgomp's threads wait for each other inside libxgboost. Here it
 * is to look at our threads only. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libxgboost.so\ncalled_from_lib:libgomp.so\n"
           "called_from_lib:libstdc++.so\n";
}

static void must(int result)
{
    if (result == 0)
        return;
    fprintf(stderr, "libxgboost: %s\n", XGBGetLastError());
    abort();
}

float testing_data(unsigned i, unsigned j)
{
    unsigned mixed = (i * 37 + j * 101 + i * i * (j + 3)) % 64;

    return mixed == 5 ? NAN : (float)mixed / 8;
}

static DMatrixHandle matrix(unsigned first_column)
{
    enum { WIDTH_MAX = TESTING_COLUMNS + 1 };
    float values[TESTING_ROWS * WIDTH_MAX];
    unsigned width = TESTING_COLUMNS + first_column;
    DMatrixHandle m;

    assert(first_column <= 1);
    for (unsigned i = 0; i < TESTING_ROWS; i++) {
        values[i * width] = NAN;
        for (unsigned j = 0; j < TESTING_COLUMNS; j++)
            values[i * width + j + first_column] = testing_data(i, j);
    }
    must(XGDMatrixCreateFromMat_omp(values, TESTING_ROWS, width, NAN, &m, 1));
    return m;
}

void testing_train(struct testing_model *m, const char *booster, const char *objective,
                   unsigned n_classes, unsigned first_column)
{
    DMatrixHandle data = matrix(first_column);
    float labels[TESTING_ROWS];
    char classes[16];

    snprintf(classes, sizeof(classes), "%u", n_classes);
    for (unsigned i = 0; i < TESTING_ROWS; i++) {
        float x = testing_data(i, 0), y = testing_data(i, 1);
        float label = (isnan(x) ? 3 : x) + (isnan(y) ? 1 : 2 * y);

        labels[i] = n_classes > 0 ? (float)((unsigned)label % n_classes) : label;
    }
    must(XGDMatrixSetFloatInfo(data, "label", labels, TESTING_ROWS));
    must(XGBoosterCreate(&data, 1, &m->booster));
    must(XGBoosterSetParam(m->booster, "nthread", "1"));
    must(XGBoosterSetParam(m->booster, "booster", booster));
    must(XGBoosterSetParam(m->booster, "objective", objective));
    must(XGBoosterSetParam(m->booster, "max_depth", "3"));
    must(XGBoosterSetParam(m->booster, "verbosity", "0"));
    if (strncmp(objective, "multi:", 6) == 0)
        must(XGBoosterSetParam(m->booster, "num_class", classes));
    for (int round = 0; round < 5; round++)
        must(XGBoosterUpdateOneIter(m->booster, round, data));
    must(XGDMatrixFree(data));
}

void testing_free(struct testing_model *m)
{
    must(XGBoosterFree(m->booster));
}

struct slice testing_save(struct testing_model *m, const char *format)
{
    const char *bytes;
    char config[64], *copy;
    bst_ulong size;

    snprintf(config, sizeof(config), "{\"format\": \"%s\"}", format);
    must(XGBoosterSaveModelToBuffer(m->booster, config, &size, &bytes));
    copy = malloc(size);
    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    return (struct slice){ copy, size };
}

const float *testing_expect(struct testing_model *m, unsigned first_column)
{
    DMatrixHandle data = matrix(first_column);
    const float *scores;
    bst_ulong n;

    must(XGBoosterPredict(m->booster, data, 0, 0, 0, &n, &scores));
    must(XGDMatrixFree(data));
    return scores;
}

/* --- folders ---------------------------------------------------------------------------------- */

void testing_folder_make(struct testing_folder *f)
{
    *f = (struct testing_folder){ "/tmp/weir-model-XXXXXX" };
    if (!mkdtemp(f->path))
        abort();
}

void testing_folder_put(const struct testing_folder *f, const char *name, struct slice bytes)
{
    char path[2 * TESTING_FOLDER_BYTES];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", f->path, name);
    file = fopen(path, "w");
    if (!file || fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file) != 0)
        abort();
}

void testing_folder_remove(struct testing_folder *f)
{
    DIR *folder = opendir(f->path);
    struct dirent *entry;

    if (!folder)
        abort();
    while ((entry = readdir(folder)))
        unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(f->path);
}
