#include "model/service.h"

#include <stdio.h>
#include <string.h>

#include "http/url.h"

enum { ANSWER_BYTES_MAX = 256 << 20 };

void service_init(struct service *s, enum answer_form standard_answer, unsigned n_threads,
                  size_t body_bytes_max)
{
    *s = (struct service){ .standard_answer = standard_answer,
                           .n_threads = n_threads,
                           .body_bytes_max = body_bytes_max,
                           .text = BUFFER_INIT(ANSWER_BYTES_MAX) };
}

void service_deinit(struct service *s)
{
    rows_deinit(&s->rows);
    buffer_deinit(&s->text);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answer_text(struct service *s, unsigned status, const char *content_type,
                        struct service_answer *ret)
{
    *ret = (struct service_answer){ .status = status,
                                    .content_type = content_type,
                                    .body = { buffer_data(&s->text), buffer_size(&s->text) } };
}

static void say(struct service *s, struct service_answer *ret, unsigned status, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

static void say(struct service *s, struct service_answer *ret, unsigned status, const char *format,
                ...)
{
    va_list args;
    int r;

    buffer_clear(&s->text);
    va_start(args, format);
    r = buffer_vprintf(&s->text, format, args);
    va_end(args);
    answer_text(s, r ? 500 : status, "text/plain; charset=utf-8", ret);
}

/* --- invocations ------------------------------------------------------------------------------ */

static int parse(struct service *s, enum content content, struct slice body, char *ret_why)
{
    switch (content) {
    case CONTENT_CSV:
        return rows_parse_csv(body, &s->rows, ret_why);
    case CONTENT_LIBSVM:
        return rows_parse_libsvm(body, &s->rows, ret_why);
    case CONTENT_JSON:
        break;
    }
    return rows_parse_json(body, &s->rows, ret_why);
}

static const char *name_of(enum content content)
{
    static const char *const names[] = {
        [CONTENT_CSV] = "csv",
        [CONTENT_LIBSVM] = "libsvm",
        [CONTENT_JSON] = "json",
    };

    return names[content];
}

/* Indices from 1 are moved down, unless the rows fit the model as they are: then it was trained on
 * columns counted from 1 too. */
static bool fit_sparse(const struct ensemble *e, struct rows *rows)
{
    size_t n = ensemble_features(e);
    bool counted_from_one = rows->n_values > 0 && rows->lowest_column > 0;

    if (counted_from_one && !(rows->width == n && ensemble_ignores_first(e)))
        rows_move(rows, -1);
    return rows->width <= n;
}

/* A model may have one column more than the rows: the first, if it was trained on columns counted
 * from 1 and never saw it, else the last, which is missing. */
static bool fit_dense(const struct ensemble *e, struct rows *rows)
{
    size_t n = ensemble_features(e);

    if (rows->width + 1 == n && ensemble_ignores_first(e))
        rows_move(rows, 1);
    return rows->width == n || rows->width + 1 == n;
}

static void predict(struct service *s, enum answer_form form, struct service_answer *ret)
{
    char why[ENSEMBLE_WHY_BYTES] = "out of memory";
    struct predictions p;
    int r;

    r = ensemble_predict(s->ensemble, &s->rows, &p, why);
    if (r) {
        say(s, ret, r > 0 ? 400 : 500, "Unable to evaluate payload provided: %s", why);
        return;
    }
    buffer_clear(&s->text);
    r = predictions_write(&p, form, &s->text);
    if (r)
        say(s, ret, 500, "The predictions are too large.");
    else
        answer_text(s, 200, answer_form_type(form), ret);
}

static void evaluate(struct service *s, enum content content, enum answer_form form,
                     struct slice body, struct service_answer *ret)
{
    char why[ROWS_WHY_BYTES] = "out of memory";
    size_t width;
    int r;

    r = parse(s, content, body, why);
    if (r) {
        say(s, ret, r > 0 ? 415 : 500,
            "Loading %s data failed with Exception, please ensure data is in %s format: %s",
            name_of(content), name_of(content), why);
        return;
    }
    width = s->rows.width;
    if (content == CONTENT_LIBSVM && !fit_sparse(s->ensemble, &s->rows))
        say(s, ret, 400,
            "Unable to evaluate payload provided: Feature size of libsvm inference data %zu is "
            "larger than feature size of trained model %zu.",
            s->rows.width, ensemble_features(s->ensemble));
    else if (content != CONTENT_LIBSVM && !fit_dense(s->ensemble, &s->rows))
        say(s, ret, 400,
            "Unable to evaluate payload provided: Feature size of %s inference data %zu is not "
            "consistent with feature size of trained model %zu.",
            name_of(content), width, ensemble_features(s->ensemble));
    else
        predict(s, form, ret);
}

static void answer_invocation(struct service *s, const struct http_head *head, struct slice body,
                              struct service_answer *ret)
{
    struct slice type = http_header_value(head, "Content-Type");
    struct slice accept = http_header_value(head, "Accept");
    enum answer_form form;
    enum content content;

    if (!s->ensemble)
        say(s, ret, 503, "The model is still loading.");
    else if (body.size == 0)
        *ret = (struct service_answer){ .status = 204 };
    else if (content_of(type, &content) != 0)
        say(s, ret, 415,
            "%.*s is not an accepted ContentType: csv, libsvm, text/csv, text/libsvm, "
            "text/x-libsvm, application/json.",
            type.size < 256 ? (int)type.size : 256, type.data);
    else if (answer_form_of(accept, s->standard_answer, &form) != 0)
        say(s, ret, 406,
            "Accept type %.*s is not supported. Please use supported accept types: ['text/csv', "
            "'application/json', 'application/jsonlines'].",
            accept.size < 256 ? (int)accept.size : 256, accept.data);
    else
        evaluate(s, content, form, body, ret);
}

/* --- the others ------------------------------------------------------------------------------- */

static void answer_ping(struct service *s, const struct http_head *head, struct slice body,
                        struct service_answer *ret)
{
    if (s->ready)
        *ret = (struct service_answer){ .status = 200 };
    else
        say(s, ret, 503, "The model is still loading.");
}

static void answer_parameters(struct service *s, const struct http_head *head, struct slice body,
                              struct service_answer *ret)
{
    say(s, ret, 200,
        "{\"MaxConcurrentTransforms\": %u, \"BatchStrategy\": \"MULTI_RECORD\", "
        "\"MaxPayloadInMB\": %zu}",
        s->n_threads, s->body_bytes_max >> 20);
    ret->content_type = "application/json";
}

static const struct {
    const char *path, *method;
    void (*answer)(struct service *s, const struct http_head *head, struct slice body,
                   struct service_answer *ret);
} routes[] = {
    { "/invocations", "POST", answer_invocation },
    { "/ping", "GET", answer_ping },
    { "/execution-parameters", "GET", answer_parameters },
};

void service_answer(struct service *s, const struct http_head *head, struct slice body,
                    struct service_answer *ret)
{
    struct url_target target = { SLICE("*"), { 0 } };

    (void)url_split_target(head->target, &target); /* "*" has no path, and is not found */
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!slice_is(target.path, routes[i].path))
            continue;
        if (slice_is(head->method, routes[i].method)) {
            routes[i].answer(s, head, body, ret);
        } else {
            say(s, ret, 405, "Only %s is allowed here.", routes[i].method);
            ret->allow = routes[i].method;
        }
        return;
    }
    say(s, ret, 404, "There is nothing here; try /ping, /invocations or /execution-parameters.");
}
