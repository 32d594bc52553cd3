/* proxy/h2.h: HTTP/2 toward a client (RFC 9113), on a connection that downstream.c has accepted.
 *
 * nghttp2 reads and writes frames and keeps HPACK and windows; here is what its callbacks mean.
 * Each stream is the client of one exchange (h2_stream.c, h2_stream_answer.c). Windows open as
 * exchanges take bodies, and answers wait in their streams while the client's windows or the socket
 * are full, so that back-pressure goes through in both directions.
 *
 * What a hostile client may do is bounded: streams at a time, size and number of fields, bytes of
 * bodies that nobody takes yet, and how often it may ask for work that costs it nothing (resets,
 * pings, settings, empty frames, malformed requests): too much of that ends the connection with
 * ENHANCE_YOUR_CALM. docs/http2.md has the numbers.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

struct downstream;
struct h2_session;

enum h2_preface { H2_PREFACE_NO, H2_PREFACE_MAYBE, H2_PREFACE_YES };

/** h2_preface() - whether a connection begins as HTTP/2 does */
enum h2_preface h2_preface(const char *data, size_t size);

/** h2_open() - speak HTTP/2 on @c from its first byte on. NULL if no memory. */
struct h2_session *h2_open(struct downstream *c);
/** h2_close() - abandon all requests; the memory goes at the end of the turn */
void h2_close(struct h2_session *h);

/* Each of these may find that the connection is to end and close or kill it. */
/** h2_received() - all of @data is used */
void h2_received(struct h2_session *h, const char *data, size_t size);
/** h2_flush() - send what is to be sent, as far as the socket takes it */
void h2_flush(struct h2_session *h);
/** h2_drain() - tell the client to begin nothing more, and end with its last request */
void h2_drain(struct h2_session *h);
/** h2_expired() - the connection's deadline has passed: it is idle, or drains */
void h2_expired(struct h2_session *h);
