/* proxy/place_sticky.h: what in a request says to which target it belongs, and the cookie that says
 * so the next time. */
#pragma once
#include "proxy/exchange.h"

/** place_read_sticky() - x->place.sticky; x->head is there */
void place_read_sticky(struct exchange *x, const struct route_group *group);

/** place_write_sticky() - the answer's Set-Cookie, if the client is to have one. Return: 0 or
 * -ENOBUFS, -ENOMEM. */
int place_write_sticky(const struct exchange *x, struct buffer *out);
