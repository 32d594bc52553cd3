/* proxy/invocation.h: the request of an invocation: read from the client, written to the container.
 *
 * Source: SageMaker Runtime API, InvokeEndpoint: names, limits, and which fields reach the
 * container.
 */
#pragma once
#include <stdbool.h>

#include "base/text.h"

struct exchange;

/** invocation_read() - @path is what follows "/endpoints/". Return: false if x is answered: it asks
 * for something that there is not, or breaks a limit. */
bool invocation_read(struct exchange *x, struct slice path);

/** invocation_write() - fill x->head_out. Return: 0 or a negative errno. */
int invocation_write(struct exchange *x);

void invocation_out_of_memory(struct exchange *x); /* answers */
