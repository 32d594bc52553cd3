/* stream/tls_stream.h: TLS as a stream's way to its socket.
 *
 * OpenSSL never sees the socket: what came in one receive lies in a buffer that the worker's
 * streams share, and the records that OpenSSL makes are collected in another and leave in one send.
 * Small pieces are put into one record, large ones become records where they lie. A connection
 * keeps bytes of its own only when a record has come in part, or the socket is full.
 */
#pragma once
#include "stream/stream.h"
#include "tls/server.h"

/* What a worker's TLS streams share, one callback at a time. */
struct tls_io {
    char *in, *out, *plain;
    size_t in_at, in_size; /* received, not read by OpenSSL yet: in[in_at .. in_size) */
    size_t out_size;       /* written by OpenSSL, not sent yet */
};

int tls_io_init(struct tls_io *io);
void tls_io_deinit(struct tls_io *io);

struct tls_stream;

/** tls_stream_new() - for a client that has just connected; the transport of a stream with
 * stream_tls. Return: 0 or -ENOMEM. */
int tls_stream_new(struct tls_io *io, struct tls_server *server, struct tls_stream **ret_tls);
/** tls_stream_free() - of one that no stream has taken over */
struct tls_stream *tls_stream_free(struct tls_stream *t);

extern const struct stream_ops stream_tls;

/* Of a stream whose ops may be others; then they say no. */
/** tls_stream_of() - NULL if the stream is not of this kind */
struct tls_stream *tls_stream_of(const struct stream *s);
/** tls_stream_is_ready() - the handshake is over */
bool tls_stream_is_ready(const struct tls_stream *t);
/** tls_stream_is_h2() - the client and we have agreed to speak HTTP/2 */
bool tls_stream_is_h2(const struct tls_stream *t);
/** tls_stream_peer() - the certificate that the client has shown, borrowed; NULL: none */
X509 *tls_stream_peer(const struct tls_stream *t);
