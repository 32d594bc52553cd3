/* model/content.h: what the body of a request is, and what its sender wants back.
 *
 * Types and sentences are those of SageMaker's XGBoost container.
 */
#pragma once
#include "base/buffer.h"
#include "base/text.h"

enum content { CONTENT_CSV, CONTENT_LIBSVM, CONTENT_JSON };

/** content_of() - of a Content-Type field; an empty one is libsvm. Return: 0, or -EINVAL. */
int content_of(struct slice content_type, enum content *ret);

enum answer_form { ANSWER_CSV, ANSWER_JSON, ANSWER_JSON_LINES };

/** answer_form_of() - of an Accept field; @standard for an empty one or a wildcard. Return: 0 or
 * -EINVAL. */
int answer_form_of(struct slice accept, enum answer_form standard, enum answer_form *ret);

const char *answer_form_type(enum answer_form form); /* the Content-Type of answers */

/* Of each row one score, or one for each class. */
struct predictions {
    size_t n_rows, width;
    float *scores; /* n_rows * width */
};

/** predictions_write() - in the shortest form that reads back as the same float. Return: 0,
 * -ENOBUFS, -ENOMEM. */
int predictions_write(const struct predictions *p, enum answer_form form, struct buffer *out);
