/* proxy/access_note.h: what a worker remembers of a request for the access log.
 *
 * The request's head is gone when its answer is, so the texts are copied when it comes, into memory
 * that stays with the recycled exchange.
 */
#pragma once
#include "access/line.h"
#include "http/message.h"

struct exchange;

struct access_note {
    bool is_on; /* this request is being noted */
    wall_ms_t begun;
    char client[ACCESS_TARGET_BYTES], target[ACCESS_TARGET_BYTES];
    char group[128];
    uint16_t text_bytes[ACCESS_TEXTS];
    struct buffer texts;
    uint64_t received_bytes, sent_bytes;
    unsigned status, target_status;
    int grpc_status; /* -1: none in a head */
};

/** access_note_begin() - x->head is there. Does nothing unless the worker has a log. */
void access_note_begin(struct exchange *x);
/** access_note_attempt() - somebody is asked */
void access_note_attempt(struct exchange *x);
/** access_note_answer() - of a target, to a call of gRPC, with @head */
void access_note_answer(struct exchange *x, const struct http_head *head);
/** access_note_end() - the exchange is over, one way or another */
void access_note_end(struct exchange *x);
void access_note_deinit(struct access_note *n);
