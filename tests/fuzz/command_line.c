/* Command lines: words that are quoted and split again are the same words. */
#include "fleet/command_line.h"

#include "base/buffer.h"
#include "fuzz.h"

/* A backslash before each byte, or '' for an empty word. */
static void quote(const char *word, struct buffer *line)
{
    MUST(buffer_puts(line, *word ? " " : " ''") == 0);
    for (; *word; word++)
        MUST(buffer_append(line, (char[]){ '\\', *word }, 2) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree(mem_free) char *text = fuzz_text(data, size);
    autofree(command_line_free) char **words = NULL;
    autofree(command_line_free) char **again = NULL;
    autobuffer struct buffer line = BUFFER_INIT(1 << 20);
    size_t n;

    if (command_line_split(text, &words) != 0)
        return 0;
    for (n = 0; words[n]; n++)
        quote(words[n], &line);
    MUST(n > 0);
    MUST(command_line_split(buffer_cstr(&line), &again) == 0);
    for (size_t i = 0; i < n; i++)
        MUST(again[i] && strcmp(words[i], again[i]) == 0);
    MUST(!again[n]);
    return 0;
}
