#include "wire/complaint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    SHOWN_BYTES = 64,    /* of a value or a name */
    NAME_CHARS_MAX = 40, /* that are compared */
    SLIPS_MAX = 2,       /* of the pen, in a name of at least so many letters: */
    SLIP_CHARS = 3,
};

/* --- putting together --------------------------------------------------------------------------- */

struct text {
    char *at;
    size_t room;
};

static struct text text_of(char complaint[COMPLAINT_BYTES])
{
    complaint[0] = '\0';
    return (struct text){ complaint, COMPLAINT_BYTES };
}

static void add_list(struct text *t, const char *format, va_list arguments)
{
    int n = vsnprintf(t->at, t->room, format, arguments);
    size_t used = n < 0 ? 0 : (size_t)n < t->room ? (size_t)n : t->room - 1;

    t->at += used;
    t->room -= used;
}

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_list(t, format, arguments);
    va_end(arguments);
}

static void add_place(struct text *t, const struct json_place *at)
{
    if (!at)
        return;
    add_place(t, at->up);
    if (at->member)
        add(t, "%s%s", at->up ? "." : "", at->member);
    else
        add(t, "[%zu]", at->element);
}

static struct text begin(char complaint[COMPLAINT_BYTES], const struct json_place *at)
{
    struct text t = text_of(complaint);

    add_place(&t, at);
    if (at)
        add(&t, ": ");
    return t;
}

void complaint_write(char ret_complaint[COMPLAINT_BYTES], const struct json_place *at,
                     const char *format, ...)
{
    struct text t = begin(ret_complaint, at);
    va_list arguments;

    va_start(arguments, format);
    add_list(&t, format, arguments);
    va_end(arguments);
}

/* How much of @text is shown: no half characters. */
static int shown(const char *text)
{
    size_t n = strnlen(text, SHOWN_BYTES + 1);

    if (n <= SHOWN_BYTES)
        return (int)n;
    for (n = SHOWN_BYTES; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
        n--;
    return (int)n;
}

/* --- values ------------------------------------------------------------------------------------- */

static void add_value(struct text *t, const json_t *value)
{
    char number[SHOWN_BYTES];
    size_t size = 0;

    if (json_is_object(value)) {
        add(t, "an object");
    } else if (json_is_array(value)) {
        add(t, "a list");
    } else if (json_is_string(value)) {
        add(t, "'%.*s%s'", shown(json_string_value(value)), json_string_value(value),
            json_string_length(value) > SHOWN_BYTES ? "..." : "");
    } else {
        size = json_dumpb(value, number, sizeof(number), JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        add(t, "%.*s", (int)(size < sizeof(number) ? size : sizeof(number)), number);
    }
}

void complaint_of_value(char ret_complaint[COMPLAINT_BYTES], const struct json_place *at,
                        const json_t *said, const char *expected)
{
    struct text t = begin(ret_complaint, at);

    if (said) {
        add(&t, "it is ");
        add_value(&t, said);
        add(&t, ", but must be %s", expected);
    } else {
        add(&t, "it is missing, and must be %s", expected);
    }
}

/* --- names -------------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* How many letters must be changed, put in or left out to make @b of @a: Levenshtein's, row by row. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strnlen(b, NAME_CHARS_MAX), row[NAME_CHARS_MAX + 1];

    for (size_t k = 0; k <= n; k++)
        row[k] = k;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t k = 1; k <= n; k++) {
            size_t above = row[k];

            row[k] = least(above + 1, row[k - 1] + 1, diagonal + (a[i] != b[k - 1]));
            diagonal = above;
        }
    }
    return row[n];
}

/* Return: the name that @name was meant to be, or NULL. */
static const char *find_meant(const char *name, const char *const *known, size_t n)
{
    const char *meant = NULL;
    size_t nearest = SLIPS_MAX + 1;

    if (strlen(name) > NAME_CHARS_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(name, known[i]);

        if (d < nearest && d * SLIP_CHARS <= strlen(known[i])) {
            nearest = d;
            meant = known[i];
        }
    }
    return meant;
}

void complaint_of_name(char ret_complaint[COMPLAINT_BYTES], const struct json_place *at,
                       const char *name, const char *const *known, size_t n_known)
{
    const char *meant = find_meant(name, known, n_known);
    struct text t = begin(ret_complaint, at);

    add(&t, "there is no '%.*s'", shown(name), name);
    if (meant) {
        add(&t, "; '%s' is meant, perhaps", meant);
        return;
    }
    for (size_t i = 0; i < n_known; i++)
        add(&t, "%s%s", i ? ", " : "; there are ", known[i]);
}
