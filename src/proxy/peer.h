/* proxy/peer.h: who is at the other end of a client's connection, in words for those behind us. */
#pragma once
#include "base/text.h"
#include "net/network.h"
#include "stream/stream.h"

/* How a target learns of the certificate that a client has shown. */
enum peer_style {
    PEER_XFCC, /* one field, X-Forwarded-Client-Cert, as Envoy writes it */
    PEER_ALB,  /* X-Amzn-Mtls-Clientcert-*, as Application Load Balancers do */
};

/** peer_address() - "address:port", "-" if unknown */
void peer_address(const struct stream *s, char ret_text[ADDRESS_TEXT_BYTES]);

/** peer_forwarded() - what follows "X-Forwarded-For: ", and addresses before the client's, in a
 * forwarded request: address, protocol and port that it came by, and its certificate; line ends
 * included. To free(); NULL if no memory. */
char *peer_forwarded(const struct stream *s, enum peer_style style);

/** peer_write_forwarded() - the same for a client without TLS. @client: NULL if it has no address.
 * Return: 0 or -ENOMEM. */
int peer_write_forwarded(const struct network_address *client, unsigned port, struct buffer *out);

/** peer_is_ours() - whether a field of that name comes from us only: a client that sends one would
 * pass for somebody else */
bool peer_is_ours(struct slice name);
