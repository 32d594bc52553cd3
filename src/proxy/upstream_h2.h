/* proxy/upstream_h2.h: HTTP/2 toward targets whose group asks for it, without TLS, by prior knowledge.
 *
 * A session is one connection, and carries as many calls as the target allows; only beyond that
 * another one is opened. What a new target allows is not known before it has sent its settings:
 * until then calls wait, as they wait for the connect, and go elsewhere if nothing comes. Nothing
 * is sent to a session that is about to end.
 *
 * Each call has a window of its own and content waits in it while the client reads slowly; the
 * connection's window is opened at once, so that a slow client holds up nobody else. What a target
 * may send that costs it nothing is bounded, as it is for clients (h2_patience.h).
 *
 * nghttp2's callbacks only pass on heads and content. Everything that may end a call is noted, and
 * told to the exchange when nghttp2 has returned; frames are sent at the end of the turn.
 */
#pragma once
#include "proxy/upstream.h"

/* As upstream_lend() and upstream_evict(). */
int h2_upstream_lend(struct upstream *pool, struct exchange *x, enum upstream_trust trust,
                     struct call **ret_call);
void h2_upstream_evict(struct upstream *pool, ms_t before);

/** h2_upstream_close_all() - the worker ends, all its requests are over */
void h2_upstream_close_all(struct worker *w);
