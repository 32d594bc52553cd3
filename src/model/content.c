#include "model/content.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes what stands before @separator off @rest, trimmed. */
static struct slice cut(struct slice *rest, char separator)
{
    const char *at = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
    struct slice part = *rest;

    if (at) {
        part.size = (size_t)(at - rest->data);
        rest->size -= part.size + 1;
        rest->data = at + 1;
    } else {
        *rest = (struct slice){ 0 };
    }
    return slice_trim(part);
}

/* The only parameter that means anything: a label column must not be sent, and a size of 1 says
 * what training had. */
static bool label_size_is_fine(struct slice parameters)
{
    while (parameters.size > 0) {
        struct slice value = cut(&parameters, ';');
        struct slice name = cut(&value, '=');

        if (slice_is_nocase(name, "label_size") && !slice_is(slice_trim(value), "1"))
            return false;
    }
    return true;
}

int content_of(struct slice content_type, enum content *ret)
{
    static const struct {
        const char *type;
        enum content content;
    } known[] = {
        { "", CONTENT_LIBSVM },
        { "text/csv", CONTENT_CSV },
        { "csv", CONTENT_CSV },
        { "text/libsvm", CONTENT_LIBSVM },
        { "text/x-libsvm", CONTENT_LIBSVM },
        { "libsvm", CONTENT_LIBSVM },
        { "application/json", CONTENT_JSON },
    };
    struct slice type = cut(&content_type, ';');

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!slice_is_nocase(type, known[i].type))
            continue;
        if (known[i].content == CONTENT_CSV && !label_size_is_fine(content_type))
            return -EINVAL;
        *ret = known[i].content;
        return 0;
    }
    return -EINVAL;
}

static const char *const types[] = {
    [ANSWER_CSV] = "text/csv",
    [ANSWER_JSON] = "application/json",
    [ANSWER_JSON_LINES] = "application/jsonlines",
};

const char *answer_form_type(enum answer_form form)
{
    return types[form];
}

/* The first form in the list that there is; weights (";q=") are not compared. */
int answer_form_of(struct slice accept, enum answer_form standard, enum answer_form *ret)
{
    if (slice_trim(accept).size == 0) {
        *ret = standard;
        return 0;
    }
    while (accept.size > 0) {
        struct slice member = cut(&accept, ',');
        struct slice type = cut(&member, ';');

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
            if (slice_is_nocase(type, types[i])) {
                *ret = (enum answer_form)i;
                return 0;
            }
        }
        if (slice_is(type, "*/*")) {
            *ret = standard;
            return 0;
        }
    }
    return -EINVAL;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static int put_score(float score, bool json, struct buffer *out)
{
    char text[32];

    if (!isfinite(score))
        return buffer_puts(out, json ? "null" : isnan(score) ? "nan" : score > 0 ? "inf" : "-inf");
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)score);
        if (strtof(text, NULL) == score)
            break;
    }
    return buffer_puts(out, text);
}

static int put_scores(const float *scores, size_t n, bool json, struct buffer *out)
{
    int r = 0;

    for (size_t i = 0; i < n && !r; i++) {
        if (i > 0)
            r = buffer_puts(out, json ? ", " : ",");
        if (!r)
            r = put_score(scores[i], json, out);
    }
    return r;
}

static int put_object(const float *scores, size_t width, struct buffer *out)
{
    int r = buffer_puts(out, width > 1 ? "{\"score\": [" : "{\"score\": ");

    if (!r)
        r = put_scores(scores, width, true, out);
    if (!r)
        r = buffer_puts(out, width > 1 ? "]}" : "}");
    return r;
}

int predictions_write(const struct predictions *p, enum answer_form form, struct buffer *out)
{
    const char *between = form == ANSWER_JSON ? ", " : "\n";
    int r = form == ANSWER_JSON ? buffer_puts(out, "{\"predictions\": [") : 0;

    for (size_t i = 0; i < p->n_rows && !r; i++) {
        const float *scores = p->scores + i * p->width;

        if (i > 0)
            r = buffer_puts(out, between);
        if (!r)
            r = form == ANSWER_CSV ? put_scores(scores, p->width, false, out)
                                   : put_object(scores, p->width, out);
    }
    if (!r && form == ANSWER_JSON)
        r = buffer_puts(out, "]}");
    return r;
}
