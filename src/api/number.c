#include "api/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void number_text(double d, char ret_text[NUMBER_BYTES])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(ret_text, NUMBER_BYTES, "%.*g", digits, d);
        if (strtod(ret_text, NULL) == d)
            return;
    }
}

void number_double(double d, char ret_text[NUMBER_BYTES])
{
    number_text(d, ret_text);
    if (strspn(ret_text, "-0123456789") == strlen(ret_text))
        memcpy(ret_text + strlen(ret_text), ".0", sizeof(".0")); /* at most 18 bytes so far */
}

void number_seconds(double seconds, char ret_text[NUMBER_BYTES])
{
    size_t n = (size_t)snprintf(ret_text, NUMBER_BYTES, "%.3f", seconds);

    if (n >= NUMBER_BYTES)
        n = NUMBER_BYTES - 1;
    while (n > 0 && ret_text[n - 1] == '0')
        ret_text[--n] = '\0';
    if (n > 0 && ret_text[n - 1] == '.')
        ret_text[n - 1] = '\0';
}
