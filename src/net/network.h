/* net/network.h: ranges of addresses: "192.0.2.0/24", "2001:db8::/32", "10.1.2.3".
 *
 * Addresses are compared as 16 bytes, IPv4 in its IPv6-mapped form, so that a socket that takes
 * both meets one rule (RFC 4291 §2.5.5.2).
 */
#pragma once
#include "base/text.h"
#include "net/address.h"

struct network_address {
    unsigned char bytes[16];
};

struct network {
    struct network_address base;
    unsigned bits; /* 0..128, of the mapped form */
};

enum { NETWORKS_MAX = 64 };
struct network_list {
    struct network networks[NETWORKS_MAX];
    unsigned n;
};

/** network_parse() - Return: 0 or -EINVAL. */
int network_parse(struct slice text, struct network *ret);
/** network_parse_list() - with commas between them. Return: 0 or -EINVAL. */
int network_parse_list(const char *text, struct network_list *ret);

/** network_address_of() - of a socket's address. Return: 0, or -EAFNOSUPPORT if it is no IP
 * address. */
int network_address_of(const struct address *a, struct network_address *ret);
/** network_address_parse() - "192.0.2.1", "2001:db8::1", with a port or brackets too, as
 * X-Forwarded-For has them. Return: 0 or -EINVAL. */
int network_address_parse(struct slice text, struct network_address *ret);
/** network_address_text() - without a port */
void network_address_text(const struct network_address *a, char ret_text[ADDRESS_TEXT_BYTES]);
bool network_address_is_v4(const struct network_address *a);

bool network_has(const struct network *n, const struct network_address *a);
bool network_list_has(const struct network_list *l, const struct network_address *a);
