#include "proxy/place_sticky.h"

#include <inttypes.h>
#include <string.h>

enum { COOKIE_DIGITS = 16 };

/* --- reading ---------------------------------------------------------------------------------- */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_digits(struct slice text, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (text.size != COOKIE_DIGITS)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_value(text.data[i]);

        if (digit < 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *ret_value = value;
    return true;
}

/* The next "name=value" of a Cookie field (RFC 6265 §4.2.1); *rest is what follows it. */
static struct slice next_pair(struct slice *rest)
{
    const char *end;
    struct slice pair;

    while (rest->size && (*rest->data == ' ' || *rest->data == ';'))
        *rest = (struct slice){ rest->data + 1, rest->size - 1 };
    end = rest->size ? memchr(rest->data, ';', rest->size) : NULL;
    pair = (struct slice){ rest->data, end ? (size_t)(end - rest->data) : rest->size };
    *rest = (struct slice){ rest->data + pair.size, rest->size - pair.size };
    return pair;
}

static bool find_cookie(struct slice field, const char *name, uint64_t *ret_value)
{
    size_t n = strlen(name);

    while (field.size) {
        struct slice pair = next_pair(&field);

        if (pair.size > n && pair.data[n] == '=' && memcmp(pair.data, name, n) == 0 &&
            read_digits((struct slice){ pair.data + n + 1, pair.size - n - 1 }, ret_value))
            return true;
    }
    return false;
}

static void read_cookie(struct exchange *x, const char *name)
{
    for (unsigned i = 0; i < x->head.n_headers; i++) {
        const struct http_header *h = &x->head.headers[i];

        if (h->name.size == 6 && slice_is_nocase(h->name, "Cookie") &&
            find_cookie(h->value, name, &x->place.sticky.key)) {
            x->place.sticky.kind = LINK_STICKY_COOKIE;
            return;
        }
    }
}

void place_read_sticky(struct exchange *x, const struct route_group *group)
{
    struct slice value;

    switch (group->config.stickiness) {
    case LINK_STICKY_NONE:
        break;
    case LINK_STICKY_COOKIE:
        read_cookie(x, group->config.sticky_name);
        break;
    case LINK_STICKY_HEADER:
        value = http_header_value(&x->head, group->config.sticky_name);
        if (value.size)
            x->place.sticky = (struct sticky){ .kind = LINK_STICKY_HEADER,
                                               .key = balance_hash(value.data, value.size) };
        break;
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Its target was only too busy this time: the client belongs there still. */
static bool is_still_there(const struct route_group *group, uint64_t hash)
{
    for (size_t i = 0; i < group->n_targets; i++)
        if (group->targets[i].target->hash == hash && !group->targets[i].draining)
            return true;
    return false;
}

int place_write_sticky(const struct exchange *x, struct buffer *out)
{
    const struct sticky *s = &x->place.sticky;
    const struct link_target_group *config = &x->place.group->config;
    int r;

    if (config->stickiness != LINK_STICKY_COOKIE ||
        (s->kind == LINK_STICKY_COOKIE && is_still_there(x->place.group, s->key)))
        return 0;
    r = buffer_printf(out, "Set-Cookie: %s=%016" PRIx64 "; Path=/; HttpOnly", config->sticky_name,
                      x->target->hash);
    if (!r && config->sticky_cookie_s)
        r = buffer_printf(out, "; Max-Age=%u", config->sticky_cookie_s);
    return r ? r : buffer_append(out, "\r\n", 2);
}
