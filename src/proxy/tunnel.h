/* proxy/tunnel.h: a connection between client and target that was upgraded to WebSocket.
 *
 * The request asks for it, the target grants it with 101, and from then on bytes pass both ways as
 * they are, each way only as fast as its receiver takes them. Either side may say that it sends no
 * more; the tunnel ends when both have. It also ends when nothing has moved for idle_timeout_ms, and
 * when the target's deregistration delay is over. To the balancer it is one request in flight.
 *
 * Nothing but WebSocket is tunnelled (RFC 6455): HTTP/2 by upgrade, for one, would carry requests past
 * every check that is made here.
 */
#pragma once
#include "base/buffer.h"
#include "proxy/exchange.h"

/** tunnel_is_asked_for() - whether @x is a request for one that may go on as such */
bool tunnel_is_asked_for(const struct exchange *x);
/** tunnel_write_fields() - Connection and Upgrade. Return: 0 or what buffer_append() says. */
int tunnel_write_fields(struct buffer *out);

/** tunnel_is_granted() - whether the answer with @head, a 101, says yes to what @x has asked */
bool tunnel_is_granted(const struct exchange *x, const struct http_head *head);
/** tunnel_begin() - the head for the client is in the worker's text, as for exchange_relay() */
void tunnel_begin(struct exchange *x);

/* Bytes from the client, and its end. */
void tunnel_push(struct exchange *x, struct slice content);
void tunnel_client_ended(struct exchange *x);
/** tunnel_sent() - some of them have left */
void tunnel_sent(struct exchange *x);

/* Bytes from the target, and its end. */
void tunnel_pull(struct exchange *x, struct slice content);
void tunnel_target_ended(struct exchange *x);
