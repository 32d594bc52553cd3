/* net/poster.h: POSTs to any http:// or https:// URL, from one loop.
 *
 * Unlike net/client.h this speaks to strangers: names are asked for, certificates are checked
 * against the system's authorities, redirects are not followed, and of an answer only the status is
 * kept. A table of functions, so that tests need no network; poster_new_curl() is the real one.
 */
#pragma once
#include "base/loop.h"

struct poster_answer {
    const char *error; /* NULL: there was an answer; else why not, valid during the callback */
    unsigned status;
};

struct poster;

struct poster_ops {
    int (*send)(struct poster *p, const char *url, const char *body, ms_t timeout,
                void (*answered)(const struct poster_answer *answer, void *context), void *context);
    void (*cancel)(struct poster *p);
    void (*free)(struct poster *p);
};

struct poster {
    const struct poster_ops *ops;
};

/**
 * poster_send() - POST @body, which is JSON and copied
 * @timeout:  for everything, names and connecting included, ms
 * @answered: called exactly once, from the loop, never before this returns
 *
 * Return: 0, or a negative errno; then @answered is not called.
 */
int poster_send(struct poster *p, const char *url, const char *body, ms_t timeout,
                void (*answered)(const struct poster_answer *answer, void *context), void *context);
/** poster_cancel() - everything under way is answered at once, with an error */
void poster_cancel(struct poster *p);
/** poster_free() - after poster_cancel() */
struct poster *poster_free(struct poster *p);
DEFINE_AUTOFREE(struct poster *, poster_free)

/** poster_new_curl() - libcurl on @loop, which is borrowed. Return: 0 or -errno. */
int poster_new_curl(struct loop *loop, struct poster **ret);
