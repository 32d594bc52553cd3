/* supervisor/front.h: the listening sockets of the front door: one address, a socket per thread. */
#pragma once
#include <stddef.h>

#include "net/address.h"

enum { FRONT_SOCKETS_MAX = 256 };

/**
 * front_open() - listen on @address with @n sockets that share the port
 * @ret_fds:   n descriptors
 * @ret_bound: where they listen, for port 0
 *
 * Another program's port is refused with -EADDRINUSE, even if it shares its port as we do: requests
 * would else go to either of us. Return: 0 or a negative errno.
 */
int front_open(const struct address *address, size_t n, int *ret_fds, struct address *ret_bound);

/** front_reachable() - where this machine reaches a server that listens on @bound: loopback in
 * place of every interface */
struct address front_reachable(const struct address *bound);
