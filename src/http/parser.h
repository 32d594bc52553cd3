/* http/parser.h: bytes to HTTP/1.1 messages, strictly (RFC 9112).
 *
 * One parser for proxy, control, model server and clients. What could be read in two ways is
 * refused, never guessed: bare CR or LF, obs-fold, white space before a colon, NUL and other
 * control bytes, both Content-Length and Transfer-Encoding, differing or repeated Content-Length,
 * any transfer coding but a final chunked, HTTP/1.0 with Transfer-Encoding, missing, repeated or
 * malformed Host, bad chunk sizes, 1xx and 204 answers that announce a body. Incremental: call again
 * from the start of the message when more bytes have come; *@scanned remembers how far the search for
 * the end of the head went, so that no byte is searched twice. No sockets, no heap.
 */
#pragma once
#include "base/buffer.h"
#include "http/message.h"

enum {
    HTTP_AGAIN = 1,       /* more bytes are needed */
    HTTP_E_MALFORMED,     /* answer 400 and close */
    HTTP_E_TOO_LARGE,     /* head over a limit: bytes, fields, connection options: 431 and close */
    HTTP_E_URI_TOO_LONG,  /* 414 and close */
    HTTP_E_VERSION,       /* not HTTP/1.0 or 1.1: 505 and close */
    HTTP_E_NOT_SUPPORTED, /* unknown transfer coding, CONNECT, TRACE: 501 and close */
    HTTP_E_EXPECTATION,   /* Expect with anything but 100-continue: 417 and close */
};

struct http_limits {
    size_t head_bytes;   /* whole head */
    size_t target_bytes; /* request target */
};

#define HTTP_LIMITS_DEFAULT ((struct http_limits){ .head_bytes = 65536, .target_bytes = 16384 })

/**
 * http_parse_request() - read a request head
 * @scanned:  0 for a new message; kept by the caller between calls with more bytes
 * @ret_head: slices into @data
 * @ret_size: bytes of the head including its empty line; the body starts there
 * @ret_why:  on a refusal, a constant sentence for the error answer and the log
 *
 * Empty lines (CRLF) before the request line are skipped (RFC 9112 §2.2) and counted in @ret_size.
 * Return: 0, HTTP_AGAIN or one of HTTP_E_*.
 */
int http_parse_request(const char *data, size_t size, const struct http_limits *limits,
                       size_t *scanned, struct http_head *ret_head, size_t *ret_size,
                       const char **ret_why);

/**
 * http_parse_response() - read an answer's head
 * @method: of the request: answers to HEAD, and 1xx, 204 and 304, have no body; 2xx to CONNECT too
 *
 * As above. Return: 0, HTTP_AGAIN or one of HTTP_E_*.
 */
int http_parse_response(const char *data, size_t size, struct slice method,
                        const struct http_limits *limits, size_t *scanned,
                        struct http_head *ret_head, size_t *ret_size, const char **ret_why);

/* --- bodies ----------------------------------------------------------------------------------- */

enum { HTTP_TRAILER_BYTES_MAX = 3 * 8192 }; /* what http_body.trailers may need: line ends, too */

/* Reads a body's framing as its bytes pass by. Content is handed on as slices of the input. */
struct http_body {
    enum http_framing framing;
    uint64_t left;           /* of the length, or of the current chunk */
    unsigned state;          /* of the chunk reader */
    unsigned n_digits;       /* of the current chunk's size so far */
    unsigned extra_bytes;    /* of extensions and trailers, bounded */
    struct buffer *trailers; /* where trailer lines go, checked, with their ends; NULL: nowhere.
                                Borrowed; to be set after http_body_init(). */
};

/** http_body_init() - for the body that @head announces; ready to be fed */
void http_body_init(struct http_body *b, const struct http_head *head);

/**
 * http_body_next() - take the next piece of content from the input
 * @data, @size:  bytes not yet consumed; may be empty
 * @ret_consumed: how many of them were used up, framing included
 * @ret_content:  content among them: contiguous, maybe empty; points into @data
 *
 * Call until it consumes nothing or ends. Return: 0 the body is complete; HTTP_AGAIN there is more
 * to come; HTTP_E_MALFORMED (chunk framing is broken). Chunk extensions and trailers are checked
 * and bounded (8 KiB); extensions are dropped.
 */
int http_body_next(struct http_body *b, const char *data, size_t size, size_t *ret_consumed,
                   struct slice *ret_content, const char **ret_why);

/** http_body_done() - whether the end was reached (at once, for HTTP_BODY_NONE) */
bool http_body_done(const struct http_body *b);

/** http_body_eof() - the peer closed. Return: 0 if that ends the body properly, else
 * HTTP_E_MALFORMED. */
int http_body_eof(struct http_body *b);
