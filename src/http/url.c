#include "http/url.h"

#include <errno.h>
#include <string.h>

#include "http/chars.h"

static struct slice from(struct slice s, size_t at)
{
    return (struct slice){ s.data + at, s.size - at };
}

/* Takes what stands before the first @separator off @rest; all of it if there is none. */
static struct slice cut(struct slice *rest, char separator)
{
    const char *at = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
    struct slice head = *rest;

    if (at) {
        head.size = (size_t)(at - rest->data);
        *rest = from(*rest, head.size + 1);
    } else {
        *rest = from(*rest, rest->size);
    }
    return head;
}

int url_split_target(struct slice target, struct url_target *ret)
{
    struct slice rest = target;

    if (rest.size == 0)
        return -EINVAL;
    if (rest.data[0] != '/') {
        const char *colon = memchr(rest.data, ':', rest.size);
        size_t n = colon ? (size_t)(colon - rest.data) : 0;

        if (n == 0 || rest.size - n < 4 || memcmp(colon, "://", 3) != 0)
            return -EINVAL;
        rest = from(rest, n + 3);
        for (n = 0; n < rest.size && rest.data[n] != '/' && rest.data[n] != '?'; n++)
            ;
        if (n == 0)
            return -EINVAL;
        rest = from(rest, n);
    }
    ret->path = cut(&rest, '?');
    ret->query = rest;
    if (ret->path.size == 0)
        ret->path = SLICE("/");
    return 0;
}

bool url_query_next(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
    struct slice pair;

    do {
        if (rest->size == 0)
            return false;
        pair = cut(rest, '&');
    } while (pair.size == 0);
    *ret_name = cut(&pair, '=');
    *ret_value = pair;
    return true;
}

/* The bytes that @s has when decoded. Return: -EINVAL if an escape is cut off or has no two hex
 * digits: told before anything is written, as only then the size is right. */
static int decoded_size(struct slice s, size_t *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < s.size; i++, n++) {
        if (s.data[i] != '%')
            continue;
        if (s.size - i <= 2 || char_hex(s.data[i + 1]) < 0 || char_hex(s.data[i + 2]) < 0)
            return -EINVAL;
        i += 2;
    }
    *ret = n;
    return 0;
}

int url_decode(struct slice s, bool form, struct buffer *out)
{
    size_t n;
    char *to;
    int r;

    r = decoded_size(s, &n);
    if (r)
        return r;
    r = buffer_reserve(out, n);
    if (r || n == 0)
        return r;
    to = buffer_tail(out);
    for (size_t i = 0; i < s.size; i++) {
        char c = s.data[i];

        if (c == '%') {
            c = (char)(char_hex(s.data[i + 1]) << 4 | char_hex(s.data[i + 2]));
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        *to++ = c;
    }
    buffer_commit(out, n);
    return 0;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

int url_encode(struct slice s, bool keep_slash, struct buffer *out)
{
    static const char hex[] = "0123456789ABCDEF";
    char *to;
    size_t n = 0;
    int r;

    if (s.size > SIZE_MAX / 3)
        return -ENOBUFS;
    for (size_t i = 0; i < s.size; i++)
        n += is_unreserved(s.data[i]) || (keep_slash && s.data[i] == '/') ? 1 : 3;
    r = buffer_reserve(out, n);
    if (r || n == 0)
        return r;
    to = buffer_tail(out);
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];

        if (is_unreserved(s.data[i]) || (keep_slash && c == '/')) {
            *to++ = s.data[i];
        } else {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
    }
    buffer_commit(out, n);
    return 0;
}
