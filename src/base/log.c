#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

/* How facts become fields: the spaces between facts in the format string are replaced by SEPARATOR
 * before printing, so that a space inside a value is never taken for the end of it; and a piece
 * counts as the next fact only if it starts with the key that the format has there. */

enum {
    LINE_BYTES = 4096,
    FORMAT_BYTES = 1024,
    END_BYTES = 4, /* kept free for what closes a line: `"}` and the newline */
    SEPARATOR = '\x1f',
};

static const char *const level_names[] = { "debug", "info", "warn", "error" };

struct line {
    char text[LINE_BYTES];
    size_t size;
    bool full; /* something did not fit; nothing more is added */
};

static void put(struct line *l, const char *data, size_t n)
{
    if (l->full || n > LINE_BYTES - END_BYTES - l->size) {
        l->full = true;
        return;
    }
    memcpy(l->text + l->size, data, n);
    l->size += n;
}

static void puts_line(struct line *l, const char *text)
{
    put(l, text, strlen(text));
}

static void end(struct line *l, const char *text)
{
    size_t n = strlen(text);

    assert(n <= LINE_BYTES - l->size);
    memcpy(l->text + l->size, text, n);
    l->size += n;
}

/* Both forms escape as JSON does; @quoted: also quotes and backslashes */
static void put_escaped(struct line *l, struct slice s, bool quoted)
{
    for (size_t i = 0; i < s.size;) {
        unsigned char c = (unsigned char)s.data[i];
        size_t length = text_utf8_length(s.data + i, s.size - i);
        char escape[8];

        if (length == 0) {
            puts_line(l, "\\ufffd");
            i++;
            continue;
        }
        if (c < 0x20 || c == 0x7f) {
            snprintf(escape, sizeof(escape), "\\u%04x", c);
            puts_line(l, c == '\n' ? "\\n" : c == '\t' ? "\\t" : escape);
        } else if (quoted && (c == '"' || c == '\\')) {
            put(l, (char[]){ '\\', (char)c }, 2); /* whole or not at all, as the others */
        } else {
            put(l, s.data + i, length);
        }
        i += length;
    }
}

/* One fact: its key and conversion in the format, its value as printed. */
struct fact {
    struct slice key, format, value;
};

static bool is_quoted(struct slice s)
{
    return s.size >= 2 && s.data[0] == '"' && s.data[s.size - 1] == '"';
}

static struct slice unquote(struct slice s)
{
    return is_quoted(s) ? (struct slice){ s.data + 1, s.size - 2 } : s;
}

/* Whether the value is a number for whoever reads JSON: the conversion is numeric, and it is
 * finite. */
static bool is_number(const struct fact *f)
{
    char conversion = f->format.size ? f->format.data[f->format.size - 1] : '\0';
    double unused;

    if (f->format.size < 2 || f->format.data[0] != '%' || !strchr("diufgeFGE", conversion))
        return false;
    return text_to_double(f->value, &unused) == 0;
}

static void put_fact_text(struct line *l, const struct fact *f)
{
    bool quoted = is_quoted(f->format);

    puts_line(l, " ");
    put(l, f->key.data, f->key.size);
    puts_line(l, quoted ? "=\"" : "=");
    put_escaped(l, quoted ? unquote(f->value) : f->value, quoted);
    if (quoted && !l->full)
        puts_line(l, "\"");
}

static void put_fact_json(struct line *l, const struct fact *f)
{
    bool number = is_number(f);
    struct slice value = is_quoted(f->format) ? unquote(f->value) : f->value;

    if (f->key.size + 8 + (number ? value.size : 0) > LINE_BYTES - END_BYTES - l->size)
        l->full = true; /* all of `,"key":"` or nothing: what stands open then is the value */
    if (l->full)
        return;
    puts_line(l, ",\"");
    put(l, f->key.data, f->key.size);
    if (number) {
        puts_line(l, "\":");
        put(l, value.data, value.size);
        return;
    }
    puts_line(l, "\":\"");
    put_escaped(l, value, true);
    end(l, "\"");
}

/* @format with SEPARATOR for the spaces that stand between facts */
static void mark_facts(const char *format, char ret_marked[FORMAT_BYTES])
{
    bool in_quotes = false;
    size_t n = strlen(format);

    assert(n < FORMAT_BYTES);
    for (size_t i = 0; i <= n; i++) {
        if (format[i] == '"')
            in_quotes = !in_quotes;
        ret_marked[i] = format[i] == ' ' && !in_quotes ? SEPARATOR : format[i];
    }
}

/* Takes the text up to SEPARATOR, or all, off the front of @rest. */
static struct slice take_piece(struct slice *rest)
{
    const char *stop = rest->size ? memchr(rest->data, SEPARATOR, rest->size) : NULL;
    struct slice piece = { rest->data, stop ? (size_t)(stop - rest->data) : rest->size };
    size_t taken = piece.size + (stop != NULL);

    rest->data += taken;
    rest->size -= taken;
    return piece;
}

static bool starts_with_key(struct slice printed, struct slice format)
{
    const char *equals = format.size ? memchr(format.data, '=', format.size) : NULL;
    size_t n = equals ? (size_t)(equals - format.data) + 1 : 0;

    return n > 0 && printed.size >= n && memcmp(printed.data, format.data, n) == 0;
}

/* Takes the next fact off @format and @printed. Return: false at the end. */
static bool take_fact(struct slice *format, struct slice *printed, struct fact *ret)
{
    struct slice as_format = take_piece(format), as_printed = take_piece(printed), next = *format;
    size_t key_size;

    if (!starts_with_key(as_printed, as_format))
        return false;
    next = take_piece(&next);
    while (printed->size > 0 && !starts_with_key(*printed, next))
        as_printed.size += 1 + take_piece(printed).size; /* SEPARATOR was in the value */

    key_size = (size_t)((char *)memchr(as_format.data, '=', as_format.size) - as_format.data);
    ret->key = (struct slice){ as_format.data, key_size };
    ret->format = (struct slice){ as_format.data + key_size + 1, as_format.size - key_size - 1 };
    ret->value = (struct slice){ as_printed.data + key_size + 1, as_printed.size - key_size - 1 };
    return true;
}

static void put_head(struct line *l, const struct log *log, enum log_level level, const char *event)
{
    bool json = log->format == LOG_JSON;
    char time[TEXT_ISO8601_BYTES];

    text_iso8601(log->clock->wall(log->clock), time);
    puts_line(l, json ? "{\"time\":\"" : "");
    puts_line(l, time);
    puts_line(l, json ? "\",\"level\":\"" : " ");
    puts_line(l, level_names[level]);
    puts_line(l, json ? "\",\"program\":\"" : " ");
    put_escaped(l, slice_from(log->program), json);
    puts_line(l, json ? "\",\"event\":\"" : ": ");
    put_escaped(l, slice_from(event), json);
    if (json)
        end(l, "\"");
}

void log_write(struct log *log, enum log_level level, const char *event, const char *facts, ...)
{
    char marked[FORMAT_BYTES], printed[LINE_BYTES];
    struct line l = { .size = 0 };
    struct slice format, values;
    struct fact f;
    int saved = errno;
    va_list args;
    ssize_t written;

    if (!log || level < log->level)
        return;
    mark_facts(facts, marked);
    va_start(args, facts);
    if (vsnprintf(printed, sizeof(printed), marked, args) < 0)
        printed[0] = '\0';
    va_end(args);

    put_head(&l, log, level, event);
    format = slice_from(marked);
    values = slice_from(printed);
    while (format.size > 0 && take_fact(&format, &values, &f)) {
        if (log->format == LOG_JSON)
            put_fact_json(&l, &f);
        else
            put_fact_text(&l, &f);
    }
    end(&l, log->format == LOG_JSON ? "}\n" : "\n");

    written = write(log->fd, l.text, l.size);
    (void)written; /* a log that cannot be written has nobody to tell */
    errno = saved;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}
