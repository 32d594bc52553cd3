/* http/h2_head.h: the fields of HTTP/2 messages, from and to the form of HTTP/1.
 *
 * A request's fields are written down as an HTTP/1.1 head and read by the one strict parser that
 * reads all others. So what is forwarded is what was parsed here, too: a field that could become
 * two, a name, a target or a length that could be read in two ways does not get past this point,
 * whatever the library before it thinks of it. The same holds for what targets answer, and both go the
 * other way, too. Pure: no frames, no sockets (RFC 9113 §8).
 */
#pragma once
#include "base/buffer.h"
#include "http/parser.h"

/* Where :method, :scheme, :authority and :path lie in the text; and which have come. */
struct h2_head {
    struct buffer text; /* of the head so far; the line of the request is put in front at the end */
    struct buffer pseudo; /* values of the pseudo fields, one behind the other */
    struct buffer cookie; /* of all cookie fields, joined */
    struct slice_at {
        size_t start, size;
        bool there;
    } method, scheme, authority, path;
    unsigned n_fields;
    bool begun;       /* a field has come: no pseudo fields any more */
    bool has_length;  /* Content-Length */
    bool has_host;    /* Host */
    size_t list_size; /* as SETTINGS_MAX_HEADER_LIST_SIZE counts */
};

void h2_head_init(struct h2_head *h, const struct http_limits *limits);
void h2_head_deinit(struct h2_head *h);

/**
 * h2_head_field() - the next field of a request, as HPACK gave it
 * @ret_why: on a refusal, a constant sentence
 *
 * Return: 0, HTTP_E_MALFORMED, HTTP_E_TOO_LARGE or HTTP_E_URI_TOO_LONG, as in http/parser.h, or
 * -ENOMEM.
 */
int h2_head_field(struct h2_head *h, struct slice name, struct slice value,
                  const struct http_limits *limits, const char **ret_why);

/**
 * h2_head_finish() - all fields have come
 * @ends:     no body follows
 * @ret_head: slices into h->text, valid as long as that is
 * A body whose length was not said is HTTP_BODY_CHUNKED in @ret_head.
 * Return: as h2_head_field(), or HTTP_E_NOT_SUPPORTED.
 */
int h2_head_finish(struct h2_head *h, bool ends, const struct http_limits *limits,
                   struct http_head *ret_head, const char **ret_why);

/**
 * h2_trailer_field() - append a trailer field as a line to @lines
 * Return: 0, HTTP_E_MALFORMED if it may not be a trailer, -ENOBUFS or -ENOMEM.
 */
int h2_trailer_field(struct buffer *lines, struct slice name, struct slice value,
                     const char **ret_why);

/* --- what is read back from the form of HTTP/1 ------------------------------------------------ */

enum { H2_FIELDS_MAX = HTTP_HEADERS_MAX + 16 };

struct h2_fields {
    char status[4];
    size_t n;
    struct http_header all[H2_FIELDS_MAX]; /* pseudo fields first */
};

/**
 * h2_fields_read() - the lines of an answer's head, or of trailers
 * @lines:   whole lines, checked already; names become lower case where they lie
 * @trailer: no status line comes first
 * Fields that HTTP/2 has no place for (RFC 9113 §8.2.2) are left out.
 * Return: 0 or -EINVAL.
 */
int h2_fields_read(char *lines, size_t size, bool trailer, struct h2_fields *ret);

/**
 * h2_fields_read_request() - the same of a request's head, empty line included
 * Host becomes :authority. The scheme is http.
 */
int h2_fields_read_request(char *head, size_t size, struct h2_fields *ret);

/* --- an answer as it comes in ----------------------------------------------------------------- */

/* Written down as an HTTP/1.1 head, and read by the same strict parser. */
struct h2_answer {
    struct buffer text;
    unsigned n_fields;
    unsigned status; /* 0: has not come */
    bool begun, has_length;
    size_t list_size;
};

void h2_answer_init(struct h2_answer *a, const struct http_limits *limits);
/** h2_answer_reset() - for the next one */
void h2_answer_reset(struct h2_answer *a);
void h2_answer_deinit(struct h2_answer *a);

/** h2_answer_field() - the next field. Return: 0, HTTP_E_MALFORMED, HTTP_E_TOO_LARGE or -ENOMEM. */
int h2_answer_field(struct h2_answer *a, struct slice name, struct slice value,
                    const struct http_limits *limits, const char **ret_why);

/**
 * h2_answer_finish() - all fields have come
 * @ends:     no body follows
 * @method:   of the request, as for http_parse_response()
 * @ret_head: slices into a->text. A body whose length was not said is HTTP_BODY_CHUNKED; one that
 *            does not come HTTP_BODY_NONE.
 * Return: as h2_answer_field(), or another of HTTP_E_*.
 */
int h2_answer_finish(struct h2_answer *a, bool ends, struct slice method,
                     const struct http_limits *limits, struct http_head *ret_head,
                     const char **ret_why);
