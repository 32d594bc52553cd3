/* model/ensemble.h: the models of a directory, answering as one.
 *
 * As in SageMaker's XGBoost container: every file whose name does not start with a dot is a model,
 * and several answer with their mean, or, if they name classes, with the class that most of them
 * name.
 */
#pragma once
#include "model/booster.h"

enum { MODEL_FILES_MAX = 64 };
enum { ENSEMBLE_E_REFUSED = 1 }; /* with a sentence that names the file */
enum { ENSEMBLE_WHY_BYTES = 1024 };

/* The bytes of the files: read once, loaded by each thread. */
struct model_files;

/**
 * model_files_read() - @path is a file or a directory
 * @all: false takes only the first file by name
 *
 * Return: 0, ENSEMBLE_E_REFUSED or -ENOMEM.
 */
int model_files_read(const char *path, bool all, struct model_files **ret,
                     char ret_why[ENSEMBLE_WHY_BYTES]);
struct model_files *model_files_free(struct model_files *files);
DEFINE_AUTOFREE(struct model_files *, model_files_free)
size_t model_files_count(const struct model_files *files);

struct ensemble;

/** ensemble_new() - for use by one thread. Return: 0, ENSEMBLE_E_REFUSED or -ENOMEM. */
int ensemble_new(const struct model_files *files, struct ensemble **ret,
                 char ret_why[ENSEMBLE_WHY_BYTES]);
struct ensemble *ensemble_free(struct ensemble *e);
DEFINE_AUTOFREE(struct ensemble *, ensemble_free)

size_t ensemble_features(const struct ensemble *e);
bool ensemble_ignores_first(const struct ensemble *e); /* none of the models asks for column 0 */

/** ensemble_predict() - @ret's scores are valid until the next call.
 * Return: 0, ENSEMBLE_E_REFUSED or -ENOMEM. */
int ensemble_predict(struct ensemble *e, const struct rows *rows, struct predictions *ret,
                     char ret_why[ENSEMBLE_WHY_BYTES]);
