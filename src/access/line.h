/* access/line.h: what is written down of a request, and how it looks.
 *
 * A worker fills in a record, numbers and addresses as they are and texts behind; another thread
 * makes a line of it. The ALB format has the fields of an Application Load Balancer's access log in
 * its order, so that what reads those reads ours; "-" stands where weir has nothing to say.
 * Source: Elastic Load Balancing User Guide, "Access logs for your Application Load Balancer".
 */
#pragma once
#include "base/buffer.h"
#include "base/clock.h"
#include "base/text.h"
#include "net/address.h"

enum access_format { ACCESS_ALB, ACCESS_JSON };

enum access_text {
    ACCESS_METHOD,
    ACCESS_TARGET, /* of the request: path and query */
    ACCESS_HOST,
    ACCESS_USER_AGENT,
    ACCESS_TRACE_ID,
    ACCESS_REQUEST_ID,
    ACCESS_GROUP,     /* target group */
    ACCESS_PRINCIPAL, /* who signed */
    ACCESS_TEXTS
};

enum {
    ACCESS_TEXT_BYTES_MAX = 2048, /* of each; the rest is cut off */
    ACCESS_TARGET_BYTES = 64,     /* an address; longer Unix paths are cut off */
    ACCESS_CLIENT_GONE = 460,     /* the client left before it had an answer */
};

struct access_record {
    wall_ms_t begun, ended;
    /* all in us, -1: never came to that */
    us_t queue_us;   /* waiting for a target */
    us_t connect_us; /* for a new connection */
    us_t before_us;  /* from the request to its attempt */
    us_t target_us;  /* from the attempt to the answer's first byte */
    us_t after_us;   /* from there to the end */
    us_t total_us;
    uint64_t received_bytes, sent_bytes; /* of bodies, and of the answer's head */
    unsigned status, target_status;      /* 0: none */
    int grpc_status;                     /* of a call of gRPC; -1: none */
    bool http10;
    bool is_slow;      /* log it as a slow request */
    bool is_only_slow; /* and do not write it down otherwise */
    char client[ACCESS_TARGET_BYTES], target[ACCESS_TARGET_BYTES]; /* "address:port" or "" */
    uint16_t text_bytes[ACCESS_TEXTS];
    char texts[]; /* one behind the other, without ends */
};

/** access_record_text() - one of its texts */
struct slice access_record_text(const struct access_record *r, enum access_text which);

/** access_line_write() - with its line end. Return: 0, -ENOMEM or -ENOBUFS. */
int access_line_write(struct buffer *out, enum access_format format, const struct access_record *r);
