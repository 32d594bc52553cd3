/* http/message.h: what an HTTP/1.1 message says, as slices into the bytes it came in.
 *
 * Heads are parsed in place: every slice points into the caller's receive buffer and is valid as
 * long as those bytes stay where they are. Nothing is copied or rebuilt.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum {
    HTTP_HEADERS_MAX = 100,
    HTTP_CONNECTION_OPTIONS_MAX = 32, /* in all Connection fields together */
};

struct http_header {
    struct slice name, value; /* value without surrounding white space */
};

/* how the length of a body is known */
enum http_framing {
    HTTP_BODY_NONE,   /* there is none */
    HTTP_BODY_LENGTH, /* content_length bytes */
    HTTP_BODY_CHUNKED,
    HTTP_BODY_CLOSE, /* until the connection closes; answers only */
};

struct http_head {
    struct slice method;  /* requests */
    struct slice target;  /* requests: origin-form, absolute-form or "*", as received */
    struct slice host;    /* requests: whom it is for: the host of an absolute-form target, else the
                             Host field's; empty if there is neither */
    unsigned status;      /* answers: 100..999 */
    struct slice reason;  /* answers */
    unsigned minor;       /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;      /* what version and Connection fields say together */
    bool upgrade;         /* Connection: upgrade with an Upgrade field */
    bool expect_continue; /* Expect: 100-continue */
    bool takes_trailers;  /* TE: trailers */
    enum http_framing framing;
    uint64_t content_length; /* with HTTP_BODY_LENGTH */
    unsigned n_headers;
    struct http_header headers[HTTP_HEADERS_MAX];
};

/** http_header_find() - the first field of that name (any case), or NULL */
const struct http_header *http_header_find(const struct http_head *head, const char *name);

/** http_header_value() - its value; an empty slice (data NULL) if absent */
struct slice http_header_value(const struct http_head *head, const char *name);

/** http_reason() - the standard reason phrase of @status, "Unknown" for others (RFC 9110 §15) */
const char *http_reason(unsigned status);
