/* model/booster.h: one XGBoost model: bytes in, scores out.
 *
 * libxgboost keeps what it returns in memory of the booster and of the thread, and configures
 * itself at the first prediction, so a booster is used by one thread at a time; each thread of the
 * server has its own. It is held to that thread (nthread=1): parallelism comes from serving several
 * requests at once.
 */
#pragma once
#include "base/cleanup.h"
#include "model/content.h"
#include "model/rows.h"

enum { BOOSTER_E_REFUSED = 1 }; /* libxgboost says no; its reason is written down */

enum { BOOSTER_WHY_BYTES = 512 };

struct booster;

/**
 * booster_load() - a model in JSON, UBJ or the legacy binary format, told apart by content
 * Return: 0, BOOSTER_E_REFUSED with a sentence in @ret_why, or -ENOMEM.
 */
int booster_load(struct slice model, struct booster **ret, char ret_why[BOOSTER_WHY_BYTES]);
struct booster *booster_free(struct booster *b);
DEFINE_AUTOFREE(struct booster *, booster_free)

size_t booster_features(const struct booster *b);
/** booster_is_vote() - answers are classes, not scores (multi:softmax, binary:hinge) */
bool booster_is_vote(const struct booster *b);
/** booster_ignores_first() - no tree asks for column 0, as in models trained on libsvm text whose
 * columns were counted from 1 and not renumbered */
bool booster_ignores_first(const struct booster *b);

/**
 * booster_predict() - a score, or one for each class, for each row
 * @rows: columns below booster_features()
 * @ret:  scores point into the booster until its next prediction
 *
 * Return: 0 or BOOSTER_E_REFUSED.
 */
int booster_predict(struct booster *b, const struct rows *rows, struct predictions *ret,
                    char ret_why[BOOSTER_WHY_BYTES]);
