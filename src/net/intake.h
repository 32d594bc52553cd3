/* net/intake.h: whole HTTP/1.1 messages from a stream socket.
 *
 * What server and client have in common: receive bytes, find the head, collect the body. The head
 * is copied out of the receive buffer once it is complete, and read there: its slices then stay
 * valid while the body, and bytes of the next message, arrive.
 */
#pragma once
#include "base/buffer.h"
#include "http/parser.h"

enum {
    INTAKE_E_EOF = 100,      /* intake_receive(): the peer will send no more */
    INTAKE_E_BODY_TOO_LARGE, /* intake_body(): over body_bytes_max */
};

struct intake {
    struct http_limits limits;
    size_t body_bytes_max;
    struct buffer received;   /* not yet read: part of a head or body, or what follows */
    struct buffer head_bytes; /* what the slices of `head` point into */
    struct buffer body;
    struct http_head head;
    struct http_body framing;
    size_t scanned;
};

void intake_init(struct intake *i, const struct http_limits *limits, size_t body_bytes_max);
void intake_deinit(struct intake *i);

/** intake_next() - forget head and body; what was received beyond them stays */
void intake_next(struct intake *i);

/** intake_receive() - one recv(). Return: 0, INTAKE_E_EOF, -EAGAIN, or another negative errno. */
int intake_receive(struct intake *i, int fd);

/** intake_request() - read a request's head. Return: 0, HTTP_AGAIN, HTTP_E_*, or a negative errno.
 */
int intake_request(struct intake *i, const char **ret_why);
/** intake_response() - read an answer's head, as above; @method is the request's */
int intake_response(struct intake *i, struct slice method, const char **ret_why);

/** intake_body() - collect the body after the head. Return: 0 it is complete, HTTP_AGAIN,
 * HTTP_E_MALFORMED, INTAKE_E_BODY_TOO_LARGE, or a negative errno. */
int intake_body(struct intake *i, const char **ret_why);
