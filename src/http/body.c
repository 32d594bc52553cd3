/* The chunk reader is a state machine over single bytes for framing, and hands content on in runs:
 * framing is a few bytes per chunk, content is the rest.
 */
#include <assert.h>
#include <string.h>

#include "http/chars.h"
#include "http/parser.h"

/* Extensions say nothing that we use. Their bytes are forgiven as content follows
 * (one byte each), so that a long body may have many, while a stream of nothing but extensions
 * ends. */
enum { EXTRA_BYTES_MAX = 8192, SIZE_DIGITS_MAX = 16 };

enum state {
    SIZE_FIRST, /* the first digit of a chunk's size */
    SIZE,
    SIZE_SPACE, /* white space before an extension */
    EXTENSION,
    SIZE_LF,
    CONTENT,
    CONTENT_CR,
    CONTENT_LF,
    TRAILER, /* the first byte of a trailer line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    DONE,
};

void http_body_init(struct http_body *b, const struct http_head *head)
{
    *b = (struct http_body){ .framing = head->framing, .state = SIZE_FIRST };
    if (head->framing == HTTP_BODY_LENGTH)
        b->left = head->content_length;
}

bool http_body_done(const struct http_body *b)
{
    switch (b->framing) {
    case HTTP_BODY_NONE:
        return true;
    case HTTP_BODY_LENGTH:
        return b->left == 0;
    case HTTP_BODY_CHUNKED:
    case HTTP_BODY_CLOSE:
        break;
    }
    return b->state == DONE;
}

int http_body_eof(struct http_body *b)
{
    if (b->framing == HTTP_BODY_CLOSE)
        b->state = DONE;
    return http_body_done(b) ? 0 : HTTP_E_MALFORMED;
}

/* --- one byte of chunk framing: the next state, or -1 ----------------------------------------- */

static int after_size(struct http_body *b)
{
    b->n_digits = 0;
    if (b->left == 0)
        return TRAILER;
    b->extra_bytes -= b->left < b->extra_bytes ? (unsigned)b->left : b->extra_bytes;
    return CONTENT;
}

static int size_byte(struct http_body *b, char c)
{
    int digit = char_hex(c);

    if (digit >= 0) {
        if (++b->n_digits > SIZE_DIGITS_MAX || b->left > (uint64_t)INT64_MAX >> 4)
            return -1;
        b->left = b->left << 4 | (unsigned)digit;
        return SIZE;
    }
    if (b->state == SIZE_FIRST)
        return -1;
    switch (c) {
    case '\r':
        return SIZE_LF;
    case ';':
        return EXTENSION;
    case ' ':
    case '\t':
        return SIZE_SPACE;
    }
    return -1;
}

static int extra_byte(struct http_body *b, char c, int next_at_cr)
{
    if (c == '\r')
        return next_at_cr;
    return char_is(c, CHAR_VALUE) ? (int)b->state : -1;
}

static int trailer_name_byte(const struct http_body *b, char c)
{
    if (char_is(c, CHAR_TOKEN))
        return TRAILER_NAME;
    return c == ':' && b->state == TRAILER_NAME ? TRAILER_VALUE : -1;
}

static int frame_byte(struct http_body *b, char c)
{
    switch ((enum state)b->state) {
    case SIZE_FIRST:
    case SIZE:
        return size_byte(b, c);
    case SIZE_SPACE:
        return c == ';' ? EXTENSION : c == ' ' || c == '\t' ? SIZE_SPACE : -1;
    case EXTENSION:
        return extra_byte(b, c, SIZE_LF);
    case SIZE_LF:
        return c == '\n' ? after_size(b) : -1;
    case CONTENT_CR:
        return c == '\r' ? CONTENT_LF : -1;
    case CONTENT_LF:
        return c == '\n' ? SIZE_FIRST : -1;
    case TRAILER:
        return c == '\r' ? LAST_LF : trailer_name_byte(b, c);
    case TRAILER_NAME:
        return trailer_name_byte(b, c);
    case TRAILER_VALUE:
        return extra_byte(b, c, TRAILER_LF);
    case TRAILER_LF:
        return c == '\n' ? TRAILER : -1;
    case LAST_LF:
        return c == '\n' ? DONE : -1;
    case CONTENT:
    case DONE:
        break;
    }
    assert(false); /* content is not framing */
    return -1;
}

/* @c is of a trailer's line, which may go on in the next input: lines are put together here. */
static bool keep_trailer(struct buffer *trailers, unsigned state, unsigned next, char c)
{
    if (!trailers)
        return true;
    if (next == TRAILER_NAME || next == TRAILER_VALUE)
        return buffer_append(trailers, &c, 1) == 0;
    return state != TRAILER_LF || buffer_append(trailers, "\r\n", 2) == 0;
}

static bool is_extra(unsigned state)
{
    return state == SIZE_SPACE || state == EXTENSION || state == TRAILER_NAME ||
           state == TRAILER_VALUE;
}

/* --- the whole -------------------------------------------------------------------------------- */

static struct slice take(struct http_body *b, const char *data, size_t size)
{
    struct slice content = { data, size < b->left ? size : (size_t)b->left };

    b->left -= content.size;
    return content;
}

static int next_chunked(struct http_body *b, struct slice in, size_t *ret_consumed,
                        struct slice *ret_content, const char **ret_why)
{
    size_t i = 0;

    while (i < in.size && b->state != DONE) {
        int next;

        if (b->state == CONTENT) {
            if (ret_content->size > 0)
                break; /* one contiguous piece at a time */
            *ret_content = take(b, in.data + i, in.size - i);
            i += ret_content->size;
            if (b->left == 0)
                b->state = CONTENT_CR;
            continue;
        }
        next = frame_byte(b, in.data[i++]);
        if (next < 0) {
            *ret_why = "the chunk framing is malformed";
            return HTTP_E_MALFORMED;
        }
        if (!keep_trailer(b->trailers, b->state, (unsigned)next, in.data[i - 1])) {
            *ret_why = "there is no room for trailers";
            return HTTP_E_MALFORMED;
        }
        b->state = (unsigned)next;
        if (is_extra(b->state) && ++b->extra_bytes > EXTRA_BYTES_MAX) {
            *ret_why = "chunk extensions or trailers are too large";
            return HTTP_E_MALFORMED;
        }
    }
    *ret_consumed = i;
    return b->state == DONE ? 0 : HTTP_AGAIN;
}

int http_body_next(struct http_body *b, const char *data, size_t size, size_t *ret_consumed,
                   struct slice *ret_content, const char **ret_why)
{
    *ret_consumed = 0;
    *ret_content = (struct slice){ data, 0 };

    switch (b->framing) {
    case HTTP_BODY_NONE:
        return 0;
    case HTTP_BODY_LENGTH:
        *ret_content = take(b, data, size);
        break;
    case HTTP_BODY_CHUNKED:
        return next_chunked(b, (struct slice){ data, size }, ret_consumed, ret_content, ret_why);
    case HTTP_BODY_CLOSE:
        if (b->state != DONE)
            *ret_content = (struct slice){ data, size };
        break;
    }
    *ret_consumed = ret_content->size;
    return http_body_done(b) ? 0 : HTTP_AGAIN;
}
