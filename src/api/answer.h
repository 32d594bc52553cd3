/* api/answer.h: answers and errors in the form of each protocol. */
#pragma once
#include "api/route.h"
#include "base/random.h"
#include "net/server.h"

enum { ANSWER_HEADERS_MAX = 6, ANSWER_BYTES_MAX = 64 << 20 };

/* An HTTP answer. Header values point into this or are constant: it must stay where it is. */
struct answer {
    unsigned status;
    struct server_header headers[ANSWER_HEADERS_MAX];
    size_t n_headers;
    char request_id[UUID_CHARS + 1];
    char content_type[40];
    char error_type[96];  /* x-amzn-ErrorType */
    char query_error[96]; /* x-amzn-query-error */
    struct buffer body;
};

void answer_init(struct answer *a, struct random *random);
void answer_deinit(struct answer *a);

/** answer_output() - 200 and the operation's output. Return: 0 or a negative errno; then *@a may be
 * used for answer_error(). */
int answer_output(struct answer *a, const struct route *route, json_t *output);

/** answer_error() - @error's status and names, and @message, as the protocol has them. If there is
 * no memory for that, a bare status.
 * @about: its ResourceName, in JSON; NULL: it has none */
void answer_error(struct answer *a, const struct route *route, const struct service_error *error,
                  const char *message, const char *about);

/** answer_text() - a body of another kind; @type and @body constant */
void answer_text(struct answer *a, unsigned status, const char *type, const char *body);
