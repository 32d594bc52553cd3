#include "http/chars.h"

#include <string.h>

/* T: token, H: host name, D: digit; all visible bytes are field values, most stand in targets. */
#define V   CHAR_VALUE
#define VT  (CHAR_VALUE | CHAR_TARGET)
#define TV  (CHAR_TOKEN | CHAR_VALUE)
#define TVT (CHAR_TOKEN | CHAR_VALUE | CHAR_TARGET)
#define VTH (CHAR_VALUE | CHAR_TARGET | CHAR_HOST)
#define ALL (CHAR_TOKEN | CHAR_VALUE | CHAR_TARGET | CHAR_HOST)

const uint8_t char_classes[256] = {
    ['\t'] = V,
    [' '] = V,
    ['"'] = V,
    ['#'] = TV,
    ['<'] = V,
    ['>'] = V,
    ['\\'] = V,
    ['/'] = VT,
    [':'] = VT,
    ['?'] = VT,
    ['@'] = VT,
    ['['] = VT,
    [']'] = VT,
    ['{'] = VT,
    ['}'] = VT,
    [','] = VT,
    ['^'] = TVT,
    ['`'] = TVT,
    ['|'] = TVT,
    ['('] = VTH,
    [')'] = VTH,
    [';'] = VTH,
    ['='] = VTH,
    ['!'] = ALL,
    ['$'] = ALL,
    ['%'] = ALL,
    ['&'] = ALL,
    ['\''] = ALL,
    ['*'] = ALL,
    ['+'] = ALL,
    ['-'] = ALL,
    ['.'] = ALL,
    ['_'] = ALL,
    ['~'] = ALL,
    ['0' ... '9'] = ALL | CHAR_DIGIT,
    ['A' ... 'Z'] = ALL,
    ['a' ... 'z'] = ALL,
    [128 ... 255] = V,
};

bool chars_are(struct slice s, unsigned classes)
{
    for (size_t i = 0; i < s.size; i++) {
        if (!char_is(s.data[i], classes))
            return false;
    }
    return true;
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Nonzero if a byte of @w is below 0x20 or is 0x7f. Never misses one; tabs count as suspects. */
static uint64_t suspect(uint64_t w)
{
    uint64_t delete = w ^ EACH_BYTE(0x7f);
    uint64_t low = (w - EACH_BYTE(0x20)) & ~w;
    uint64_t zero = (delete - EACH_BYTE(1)) & ~delete;

    return (low | zero) & EACH_BYTE(0x80);
}

static bool word_is_value(const char *text)
{
    uint64_t w;

    memcpy(&w, text, sizeof(w));
    return !suspect(w) || chars_are((struct slice){ text, sizeof(w) }, CHAR_VALUE);
}

bool chars_are_value(struct slice s)
{
    const size_t word = sizeof(uint64_t);

    if (s.size < word)
        return chars_are(s, CHAR_VALUE);
    for (size_t i = 0; i + word < s.size; i += word)
        if (!word_is_value(s.data + i))
            return false;
    return word_is_value(s.data + s.size - word); /* some bytes maybe once more */
}

int char_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}
