#include "net/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

enum { MAPPED_BITS = 96 };

static void map_v4(const void *four, struct network_address *ret)
{
    memcpy(ret->bytes, mapped, sizeof(mapped));
    memcpy(ret->bytes + sizeof(mapped), four, 4);
}

bool network_address_is_v4(const struct network_address *a)
{
    return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

static int parse_plain(struct slice text, struct network_address *ret)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;

    if (text.size >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        map_v4(&v4, ret);
        return 0;
    }
    return inet_pton(AF_INET6, copy, ret->bytes) == 1 ? 0 : -EINVAL;
}

int network_address_parse(struct slice text, struct network_address *ret)
{
    const char *colon, *bracket;

    if (text.size == 0)
        return -EINVAL;
    if (text.data[0] == '[') {
        bracket = memchr(text.data, ']', text.size);
        if (!bracket)
            return -EINVAL;
        return parse_plain((struct slice){ text.data + 1, (size_t)(bracket - text.data) - 1 }, ret);
    }
    colon = memchr(text.data, ':', text.size);
    if (colon && !memchr(colon + 1, ':', (size_t)(text.data + text.size - colon) - 1))
        text.size = (size_t)(colon - text.data); /* one colon: a port */
    return parse_plain(text, ret);
}

int network_parse(struct slice text, struct network *ret)
{
    const char *slash = memchr(text.data, '/', text.size);
    struct slice base = text;
    struct network n;
    uint64_t bits, max;

    if (text.size == 0)
        return -EINVAL;
    if (slash)
        base.size = (size_t)(slash - text.data);
    if (parse_plain(base, &n.base))
        return -EINVAL;
    max = network_address_is_v4(&n.base) ? 32 : 128;
    bits = max;
    if (slash && text_to_u64((struct slice){ slash + 1, text.size - base.size - 1 }, max, &bits))
        return -EINVAL;
    n.bits = (unsigned)bits + (max == 32 ? MAPPED_BITS : 0);
    *ret = n;
    return 0;
}

int network_parse_list(const char *text, struct network_list *ret)
{
    struct network_list list = { .n = 0 };
    struct slice rest = slice_from(text);

    while (rest.size) {
        const char *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma ? (size_t)(comma - rest.data) : rest.size;

        if (list.n == NETWORKS_MAX ||
            network_parse(slice_trim((struct slice){ rest.data, size }), &list.networks[list.n]))
            return -EINVAL;
        list.n++;
        size += comma ? 1 : 0;
        rest = (struct slice){ rest.data + size, rest.size - size };
    }
    *ret = list;
    return 0;
}

int network_address_of(const struct address *a, struct network_address *ret)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->storage;

    if (a->any.sa_family == AF_INET)
        map_v4(&v4->sin_addr, ret);
    else if (a->any.sa_family == AF_INET6)
        memcpy(ret->bytes, &v6->sin6_addr, sizeof(ret->bytes));
    else
        return -EAFNOSUPPORT;
    return 0;
}

void network_address_text(const struct network_address *a, char ret_text[ADDRESS_TEXT_BYTES])
{
    bool v4 = network_address_is_v4(a);

    inet_ntop(v4 ? AF_INET : AF_INET6, a->bytes + (v4 ? sizeof(mapped) : 0), ret_text,
              ADDRESS_TEXT_BYTES);
}

bool network_has(const struct network *n, const struct network_address *a)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    unsigned char mask = (unsigned char)(0xff00 >> rest);

    if (memcmp(n->base.bytes, a->bytes, whole) != 0)
        return false;
    return rest == 0 || ((n->base.bytes[whole] ^ a->bytes[whole]) & mask) == 0;
}

bool network_list_has(const struct network_list *l, const struct network_address *a)
{
    for (unsigned i = 0; i < l->n; i++)
        if (network_has(&l->networks[i], a))
            return true;
    return false;
}
