/* net/courier.h: requests to any http:// or https:// URL, from one loop.
 *
 * Unlike net/client.h this speaks to strangers: names are asked for, certificates are checked
 * against the system's authorities, redirects are not followed, answers have a limit. It connects
 * to no link-local address and none of clouds' metadata services, whatever name leads there: that is
 * where they keep their machines' credentials. A table of functions, so that tests need no network; courier_new_curl() is the real
 * one.
 */
#pragma once
#include "base/loop.h"
#include "base/text.h"

/* All is copied. */
struct courier_request {
    const char *method, *url;
    const char *body;        /* JSON; NULL: none */
    ms_t timeout;            /* for everything, names and connecting included, ms */
    size_t answer_bytes_max; /* a longer body is an error; 0: it is read and dropped */
};

/* Valid during the callback. */
struct courier_answer {
    const char *error; /* NULL: there was an answer; else why not */
    unsigned status;
    struct slice body; /* empty where none was asked for */
};

typedef void courier_answered_fn(const struct courier_answer *answer, void *context);

struct courier;

struct courier_ops {
    int (*send)(struct courier *c, const struct courier_request *request,
                courier_answered_fn *answered, void *context);
    void (*cancel)(struct courier *c, const void *context);
    void (*free)(struct courier *c);
};

struct courier {
    const struct courier_ops *ops;
};

/**
 * courier_send()
 * @answered: called exactly once, from the loop, never before this returns
 *
 * Return: 0, or a negative errno; then @answered is not called.
 */
int courier_send(struct courier *c, const struct courier_request *request,
                 courier_answered_fn *answered, void *context);
/** courier_cancel() - what was sent with @context is answered at once, with an error; NULL: all */
void courier_cancel(struct courier *c, const void *context);
/** courier_free() - after courier_cancel() of all */
struct courier *courier_free(struct courier *c);
DEFINE_AUTOFREE(struct courier *, courier_free)

/** courier_new_curl() - libcurl on @loop, which is borrowed. Return: 0 or -errno. */
int courier_new_curl(struct loop *loop, struct courier **ret);
