/* Train an XGBoost model on the abalone data and save it.
 *
 *     train-abalone --output MODEL.ubj TRAINING.libsvm...
 *
 * Uses libxgboost's C API alone, so the example needs no Python. The suffix of MODEL decides its
 * format: .json, .ubj, anything else the legacy binary one.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xgboost/c_api.h>

enum { ROUNDS = 60 };

static void check(int result, const char *what)
{
    if (result == 0)
        return;
    fprintf(stderr, "train-abalone: %s: %s\n", what, XGBGetLastError());
    exit(1);
}

/* "a;b?format=libsvm&indexing_mode=1": several files as one, features counted from 1 */
static DMatrixHandle load(char **files, int n)
{
    DMatrixHandle data;
    size_t size = 64;
    char *uri;

    for (int i = 0; i < n; i++)
        size += strlen(files[i]) + 1;
    uri = calloc(1, size);
    if (!uri) {
        fputs("train-abalone: out of memory\n", stderr);
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        strcat(uri, files[i]);
        strcat(uri, i + 1 < n ? ";" : "?format=libsvm&indexing_mode=1");
    }
    check(XGDMatrixCreateFromFile(uri, 1, &data), files[0]);
    free(uri);
    return data;
}

static BoosterHandle train(DMatrixHandle data)
{
    static const struct {
        const char *name, *value;
    } parameters[] = {
        { "objective", "reg:squarederror" },
        { "max_depth", "5" },
        { "eta", "0.1" },
        { "min_child_weight", "6" },
        { "subsample", "0.8" },
        { "seed", "7" },
        { "nthread", "1" },
        { "tree_method", "exact" },
    };
    BoosterHandle booster;

    check(XGBoosterCreate(&data, 1, &booster), "create");
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        check(XGBoosterSetParam(booster, parameters[i].name, parameters[i].value),
              parameters[i].name);
    for (int round = 0; round < ROUNDS; round++)
        check(XGBoosterUpdateOneIter(booster, round, data), "train");
    return booster;
}

static void report(BoosterHandle booster, DMatrixHandle data, const char *output)
{
    const char *names[] = { "training" };
    const char *quality;
    bst_ulong rows;

    check(XGDMatrixNumRow(data, &rows), "count rows");
    check(XGBoosterEvalOneIter(booster, ROUNDS, &data, names, 1, &quality), "evaluate");
    printf("trained %d trees on %llu rows, %s\nmodel: %s\n", ROUNDS, (unsigned long long)rows,
           quality, output);
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "output", required_argument, NULL, 'o' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    const char *output = NULL;
    BoosterHandle booster;
    DMatrixHandle data;
    int option;

    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option != 'o') {
            fputs("usage: train-abalone --output MODEL.ubj TRAINING.libsvm...\n", stderr);
            return option == 'h' ? 0 : 2;
        }
        output = optarg;
    }
    if (!output || optind == argc) {
        fputs("train-abalone: give --output MODEL and at least one training file\n", stderr);
        return 2;
    }
    data = load(argv + optind, argc - optind);
    booster = train(data);
    check(XGBoosterSaveModel(booster, output), output);
    report(booster, data, output);
    XGBoosterFree(booster);
    XGDMatrixFree(data);
    return 0;
}
