#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    NUMBER_CHARS_MAX = 400, /* the longest finite double in plain decimals is shorter */
    U64_SAFE_DIGITS = 19,   /* so many always fit */
};

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

struct slice slice_from(const char *text)
{
    return text ? (struct slice){ text, strlen(text) } : (struct slice){ NULL, 0 };
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Eight ASCII bytes of each: whether they differ in the case of letters at most. */
static bool words_equal_nocase(uint64_t a, uint64_t b)
{
    const uint64_t each = 0x0101010101010101, high = 0x80 * each;
    uint64_t different = a ^ b, folded = a | 0x20 * each, letters;

    if (different & ~(0x20 * each))
        return false;
    /* no byte carries into the next: all are below 128 */
    letters = (folded + (0x80 - 'a') * each) & ~(folded + (0x80 - 'z' - 1) * each);
    return ((different << 2) & ~letters & high) == 0;
}

/* The first eight bytes; of 4 to 7, the first four and the last four, some of them twice. */
static uint64_t word_at(const char *text, size_t n)
{
    uint32_t first, last;
    uint64_t word;

    if (n >= sizeof(word)) {
        memcpy(&word, text, sizeof(word));
        return word;
    }
    memcpy(&first, text, sizeof(first));
    memcpy(&last, text + n - sizeof(last), sizeof(last));
    return first | (uint64_t)last << 32;
}

bool text_equal_nocase(const char *a, const char *b, size_t n)
{
    while (n >= 4) {
        uint64_t x = word_at(a, n), y = word_at(b, n);
        size_t seen = n < 8 ? n : n < 16 && n > 8 ? n - 8 : 8;

        if (x != y && ((x | y) & 0x8080808080808080 || !words_equal_nocase(x, y)))
            break;
        a += seen;
        b += seen;
        n -= seen;
    }
    for (; n > 0 && lower(*a) == lower(*b); n--)
        a++, b++;
    return n == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.size > 0 && is_blank(s.data[0])) {
        s.data++;
        s.size--;
    }
    while (s.size > 0 && is_blank(s.data[s.size - 1]))
        s.size--;
    return s;
}

char *slice_dup(struct slice s)
{
    char *copy = malloc(s.size + 1);

    if (!copy)
        return NULL;
    if (s.size > 0)
        memcpy(copy, s.data, s.size);
    copy[s.size] = '\0';
    return copy;
}

char *text_format(const char *format, ...)
{
    va_list args;
    char *text;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    return n < 0 ? NULL : text;
}

int text_to_u64(struct slice s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    bool over = false;

    if (s.size == 0)
        return -EINVAL;
    for (size_t i = 0; i < s.size; i++) {
        unsigned digit = (unsigned)(unsigned char)s.data[i] - '0';

        if (digit > 9)
            return -EINVAL;
        if (i < U64_SAFE_DIGITS)
            value = 10 * value + digit;
        else
            over = over || __builtin_mul_overflow(value, 10u, &value) ||
                   __builtin_add_overflow(value, digit, &value);
    }
    if (over || value > max)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int text_to_i64(struct slice s, int64_t min, int64_t max, int64_t *ret_value)
{
    bool negative = s.size > 0 && s.data[0] == '-';
    uint64_t magnitude;
    int64_t value;
    int r;

    if (negative) {
        s.data++;
        s.size--;
    }
    r = text_to_u64(s, negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &magnitude);
    if (r)
        return r;
    value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    if (value < min || value > max)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

static size_t skip_digits(struct slice s, size_t i)
{
    while (i < s.size && s.data[i] >= '0' && s.data[i] <= '9')
        i++;
    return i;
}

static size_t skip_sign(struct slice s, size_t i)
{
    return i < s.size && (s.data[i] == '-' || s.data[i] == '+') ? i + 1 : i;
}

/* [sign] digits [. digits] [e [sign] digits], with a digit before or after the point */
static bool is_decimal(struct slice s)
{
    size_t i = skip_sign(s, 0), from = i, digits;

    i = skip_digits(s, i);
    digits = i - from;
    if (i < s.size && s.data[i] == '.') {
        from = ++i;
        i = skip_digits(s, i);
        digits += i - from;
    }
    if (digits == 0)
        return false;
    if (i < s.size && lower(s.data[i]) == 'e') {
        from = i = skip_sign(s, i + 1);
        i = skip_digits(s, i);
        if (i == from)
            return false;
    }
    return i == s.size;
}

int text_to_double(struct slice s, double *ret_value)
{
    char copy[NUMBER_CHARS_MAX + 1];
    double value;

    if (!is_decimal(s) || s.size > NUMBER_CHARS_MAX)
        return -EINVAL;
    memcpy(copy, s.data, s.size);
    copy[s.size] = '\0';
    value = strtod(copy, NULL);
    if (!isfinite(value))
        return -ERANGE;
    *ret_value = value;
    return 0;
}

size_t text_utf8_length(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    size_t length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4 || length > n)
        return 0;
    if (p[0] == 0xe0) /* not in more bytes than needed */
        low = 0xa0;
    else if (p[0] == 0xed) /* no surrogates */
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4) /* nothing over U+10FFFF */
        high = 0x8f;
    for (size_t i = 1; i < length; i++, low = 0x80, high = 0xbf) {
        if (p[i] < low || p[i] > high)
            return 0;
    }
    return length;
}

void text_repair_utf8(char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t n = text_utf8_length(text, left);

        if (n == 0)
            *text = '?';
        n += n == 0;
        text += n;
        left -= n;
    }
}

void text_hex(const void *bytes, size_t n, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++) {
        *ret_hex++ = digits[p[i] >> 4];
        *ret_hex++ = digits[p[i] & 15];
    }
    *ret_hex = '\0';
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Each four bits get a byte, the highest the first in memory; then all eight become digits at once. */
static void hex_u32(uint32_t value, char ret_digits[8])
{
    uint64_t spread = __builtin_bswap32(value), bits, is_letter;

    spread = (spread | spread << 16) & 0x0000ffff0000ffff;
    spread = (spread | spread << 8) & 0x00ff00ff00ff00ff;
    bits = (spread >> 4 & 0x000f000f000f000f) | (spread & 0x000f000f000f000f) << 8;
    is_letter = (bits + EACH_BYTE(6)) >> 4 & EACH_BYTE(1);
    bits += EACH_BYTE('0') + is_letter * ('a' - '9' - 1);
    memcpy(ret_digits, &bits, sizeof(bits));
}

void text_hex_u64(uint64_t value, char ret_digits[16])
{
    hex_u32((uint32_t)(value >> 32), ret_digits);
    hex_u32((uint32_t)value, ret_digits + 8);
}

enum { NOT_HEX = 16 };

static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (lower(c) >= 'a' && lower(c) <= 'f')
        return (unsigned)lower(c) - 'a' + 10;
    return NOT_HEX;
}

int text_unhex(struct slice hex, void *ret_bytes, size_t n)
{
    unsigned char *p = ret_bytes;

    if (hex.size != 2 * n)
        return -EINVAL;
    for (size_t i = 0; i < hex.size; i++) {
        if (hex_digit(hex.data[i]) == NOT_HEX)
            return -EINVAL;
    }
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(hex_digit(hex.data[2 * i]) << 4 | hex_digit(hex.data[2 * i + 1]));
    return 0;
}

void text_iso8601(wall_ms_t t, char ret_text[TEXT_ISO8601_BYTES])
{
    wall_ms_t seconds = t / 1000 - (t % 1000 < 0);
    time_t when = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&when, &tm) || tm.tm_year > 9999 - 1900 || tm.tm_year < -1900) {
        snprintf(ret_text, TEXT_ISO8601_BYTES, "0000-00-00T00:00:00.000Z");
        return;
    }
    /* strftime() writes years before 1000 with fewer digits; % tells the compiler what fits */
    snprintf(ret_text, TEXT_ISO8601_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
             (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100, (unsigned)(t - seconds * 1000) % 1000);
}

/* Takes @n digits off the front of @s. Return: their value, -1 if they are not all digits. */
static int take_digits(struct slice *s, size_t n)
{
    int value = 0;

    if (s->size < n || skip_digits(*s, 0) < n)
        return -1;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + (s->data[i] - '0');
    s->data += n;
    s->size -= n;
    return value;
}

static bool take_char(struct slice *s, char c)
{
    if (s->size == 0 || s->data[0] != c)
        return false;
    s->data++;
    s->size--;
    return true;
}

static int take_number(struct slice *s, size_t digits, int min, int max, int *ret)
{
    int value = take_digits(s, digits);

    if (value < min || value > max)
        return -EINVAL;
    *ret = value;
    return 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month] + (month == 1 && leap);
}

static int take_date_time(struct slice *s, struct tm *ret)
{
    struct tm tm = { 0 };

    if (take_number(s, 4, 0, 9999, &tm.tm_year) || !take_char(s, '-') ||
        take_number(s, 2, 1, 12, &tm.tm_mon) || !take_char(s, '-') ||
        take_number(s, 2, 1, 31, &tm.tm_mday))
        return -EINVAL;
    if ((!take_char(s, 'T') && !take_char(s, 't')) || take_number(s, 2, 0, 23, &tm.tm_hour) ||
        !take_char(s, ':') || take_number(s, 2, 0, 59, &tm.tm_min) || !take_char(s, ':') ||
        take_number(s, 2, 0, 60, &tm.tm_sec))
        return -EINVAL;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret = tm;
    return 0;
}

/* ".678": milliseconds, finer digits are dropped */
static int take_fraction(struct slice *s, int *ret_ms)
{
    size_t n;

    *ret_ms = 0;
    if (!take_char(s, '.'))
        return 0;
    n = skip_digits(*s, 0);
    if (n == 0)
        return -EINVAL;
    for (size_t i = 0, unit = 100; i < n && unit > 0; i++, unit /= 10)
        *ret_ms += (s->data[i] - '0') * (int)unit;
    s->data += n;
    s->size -= n;
    return 0;
}

static int take_offset(struct slice *s, int *ret_seconds)
{
    int hours, minutes, sign;

    if (take_char(s, 'Z') || take_char(s, 'z')) {
        *ret_seconds = 0;
        return 0;
    }
    if (take_char(s, '+'))
        sign = 1;
    else if (take_char(s, '-'))
        sign = -1;
    else
        return -EINVAL;
    if (take_number(s, 2, 0, 23, &hours))
        return -EINVAL;
    take_char(s, ':');
    if (take_number(s, 2, 0, 59, &minutes))
        return -EINVAL;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return 0;
}

int text_from_iso8601(struct slice s, wall_ms_t *ret_time)
{
    struct tm tm;
    int ms, offset;

    if (take_date_time(&s, &tm) || take_fraction(&s, &ms) || take_offset(&s, &offset))
        return -EINVAL;
    if (s.size > 0)
        return -EINVAL;
    if (tm.tm_mday > days_in_month(tm.tm_year + 1900, tm.tm_mon))
        return -EINVAL;
    *ret_time = ((wall_ms_t)timegm(&tm) - offset) * 1000 + ms;
    return 0;
}
