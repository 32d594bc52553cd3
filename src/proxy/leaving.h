/* proxy/leaving.h: what becomes of a request whose client leaves.
 *
 * It is cancelled at once, upstream too, unless its target group lets such requests finish: then the
 * exchange goes on for a client that takes everything and is nobody. */
#pragma once
#include "proxy/worker.h"

/** leaving_finish() - go on without a client. Return: false if that shall not or cannot be. */
bool leaving_finish(struct exchange *x);

/** leaving_end_all() - of the requests that go on so */
void leaving_end_all(struct worker *w);
