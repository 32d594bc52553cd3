#include "fleet/command_line.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Reads one word from *@line, which starts with no space. @word has room for the rest of the line.
 */
static int read_word(const char **line, char *word)
{
    const char *p = *line;
    char quote = '\0';

    for (; *p && (quote || !is_space(*p)); p++) {
        if (*p == '\\' && quote != '\'' && (!quote || p[1] == '"' || p[1] == '\\')) {
            if (!*++p)
                return COMMAND_LINE_E_QUOTE;
            *word++ = *p;
        } else if (*p == quote) {
            quote = '\0';
        } else if (!quote && (*p == '\'' || *p == '"')) {
            quote = *p;
        } else {
            *word++ = *p;
        }
    }
    if (quote)
        return COMMAND_LINE_E_QUOTE;
    *word = '\0';
    *line = p;
    return 0;
}

static const char *skip_spaces(const char *p)
{
    while (is_space(*p))
        p++;
    return p;
}

int command_line_split(const char *line, char ***ret_words)
{
    /* Words and the spaces between them alternate, so there are at most this many. */
    size_t n_max = strlen(line) / 2 + 1, n = 0;
    autofree(command_line_free) char **words = calloc(n_max + 1, sizeof(*words));
    autofree(mem_free) char *word = malloc(strlen(line) + 1);
    int r;

    if (!words || !word)
        return fault(-ENOMEM);
    for (line = skip_spaces(line); *line; line = skip_spaces(line)) {
        r = read_word(&line, word);
        if (r)
            return r;
        words[n] = strdup(word);
        if (!words[n])
            return fault(-ENOMEM);
        n++;
    }
    if (n == 0)
        return COMMAND_LINE_E_EMPTY;

    *ret_words = steal(words);
    return 0;
}

char **command_line_free(char **words)
{
    for (char **w = words; w && *w; w++)
        free(*w);
    free(words);
    return NULL;
}
