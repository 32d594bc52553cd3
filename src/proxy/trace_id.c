#include "proxy/trace_id.h"

#include <string.h>

enum { ID_CHARS = 35 }; /* "1-" 8 hex digits of seconds "-" 24 hex digits */

/* "1-67891233-abcdef012345678912345678" behind @name */
static int write_id(struct buffer *out, struct slice name, struct random *random, wall_ms_t now)
{
    char text[ID_CHARS], digits[16];
    int r = buffer_append(out, name.data, name.size);

    text[0] = '1';
    text[1] = text[10] = '-';
    text_hex_u64((uint64_t)(now / MS_PER_S), digits);
    memcpy(text + 2, digits + 8, 8);
    text_hex_u64(random_u64(random), text + 11);
    text_hex_u64(random_u64(random), digits);
    memcpy(text + 27, digits + 8, 8);
    return r ? r : buffer_append(out, text, sizeof(text));
}

/* Walk "a=b;c": takes the first member off @rest, without white space. */
static bool next_member(struct slice *rest, struct slice *ret_member)
{
    while (rest->size > 0) {
        const char *end = memchr(rest->data, ';', rest->size);
        size_t n = end ? (size_t)(end - rest->data) : rest->size;

        *ret_member = slice_trim((struct slice){ rest->data, n });
        n += end ? 1 : 0;
        *rest = (struct slice){ rest->data + n, rest->size - n };
        if (ret_member->size > 0)
            return true;
    }
    return false;
}

static bool is_named(struct slice member, const char *name)
{
    return member.size > 4 && member.data[4] == '=' &&
           slice_is_nocase((struct slice){ member.data, 4 }, name);
}

static bool has_root(struct slice value)
{
    struct slice member;

    while (next_member(&value, &member))
        if (is_named(member, "Root"))
            return true;
    return false;
}

static int write_members(struct buffer *out, struct slice value)
{
    struct slice member;
    int r = 0;

    while (!r && next_member(&value, &member)) {
        if (is_named(member, "Self"))
            continue;
        r = buffer_append(out, ";", 1);
        if (!r)
            r = buffer_append(out, member.data, member.size);
    }
    return r;
}

int trace_id_write(struct buffer *out, const struct http_head *head, struct random *random,
                   wall_ms_t now)
{
    struct slice value = http_header_value(head, "X-Amzn-Trace-Id");
    int r = buffer_append(out, "X-Amzn-Trace-Id: ", 17);

    if (!r)
        r = write_id(out, has_root(value) ? SLICE("Self=") : SLICE("Root="), random, now);
    if (!r)
        r = write_members(out, value);
    return r ? r : buffer_append(out, "\r\n", 2);
}
