/* control/explanation.h: a decision's record as JSON, and back.
 *
 * This is what an activity has as its Details: all that decide() looked at, what it said, and which
 * numbers would have changed that. Doubles are written so that they come back the same bit for bit;
 * `weir explain --replay` makes the decision again from it.
 */
#pragma once
#include <jansson.h>

#include "base/cleanup.h"
#include "scaling/explain.h"

enum { EXPLANATION_VERSION = 1, EXPLANATION_WISHES_MAX = 64 };

/* What is told of a wish beside what decided. */
struct explanation_note {
    const char *policy; /* NULL: it is of none */
    json_t *read;       /* what its metric math was made of; NULL: it has none */
};

/** explanation_text() - as compact JSON
 * @notes: of each wish; borrowed
 * Return: to free(); NULL if no memory */
char *explanation_text(const struct explanation *x, const struct explanation_note *notes);

enum { EXPLANATION_E_MALFORMED = 1 }; /* it is no record, or one of another version */

/* A record that was read. */
struct explanation_file {
    struct explanation x; /* its wishes are the ones below */
    struct wish wishes[EXPLANATION_WISHES_MAX];
    struct step_scaling steps[EXPLANATION_WISHES_MAX];
};

/** explanation_read() - Return: 0, EXPLANATION_E_MALFORMED or -ENOMEM */
int explanation_read(json_t *document, struct explanation_file **ret);
struct explanation_file *explanation_free(struct explanation_file *f);
DEFINE_AUTOFREE(struct explanation_file *, explanation_free)
