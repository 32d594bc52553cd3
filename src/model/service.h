/* model/service.h: the container contract: which request gets which answer. No sockets.
 *
 *     GET /ping                  200 once every thread has the model, 503 before
 *     POST /invocations          predictions
 *     GET /execution-parameters  how batch transform should call
 *
 * Source: SageMaker Developer Guide, "Use Your Own Inference Code with Hosting Services"; status
 * codes and sentences are those of the XGBoost container.
 */
#pragma once
#include "http/message.h"
#include "model/ensemble.h"

struct service {
    struct ensemble *ensemble; /* borrowed; NULL: still loading */
    bool ready;                /* /ping says so; the next connection may be another thread's */
    enum answer_form standard_answer; /* without an Accept field */
    unsigned n_threads;
    size_t body_bytes_max;
    struct rows rows;
    struct buffer text; /* of the last answer */
};

void service_init(struct service *s, enum answer_form standard_answer, unsigned n_threads,
                  size_t body_bytes_max);
void service_deinit(struct service *s);

struct service_answer {
    unsigned status;
    const char *content_type; /* NULL: no body */
    const char *allow;        /* with 405; else NULL */
    struct slice body;        /* valid until the next call */
};

/** service_answer() - never fails: what goes wrong is an answer too */
void service_answer(struct service *s, const struct http_head *head, struct slice body,
                    struct service_answer *ret);
