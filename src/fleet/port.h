/* fleet/port.h: a port of 127.0.0.1 for a server that will bind it a moment later. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"

/**
 * port_choose() - a port that nobody listens on
 * @taken: whether a port is promised to somebody who may not have bound it yet
 *
 * Ports come from below the range that the kernel gives to outgoing connections: a port from within
 * it could become the near end of any connection before the server binds it. Only when nothing is
 * free below does the kernel choose. Return: 0 or a negative errno.
 */
int port_choose(struct random *random, bool (*taken)(uint16_t port, void *context), void *context,
                uint16_t *ret_port);
