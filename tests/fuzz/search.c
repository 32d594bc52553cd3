/* What SEARCH() looks for, and a name that it may be found in, on a line of its own. */
#include "metrics/search.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *name = strchrnul(text, '\n');
    struct math_error error = { 0 };
    struct search *s;
    int r;

    if (*name)
        *name++ = '\0';
    r = search_parse(text, &s, &error);
    MUST(r == 0 ||
         (r == MATH_E_REFUSED && error.position >= 1 && error.position <= strlen(text) + 1));
    if (r == 0) {
        struct metric_name metric = { "AWS/SageMaker", name, { { "EndpointName", name } }, 1 };

        search_matches(s, &metric);
        MUST(search_terms(s) <= strlen(text));
        search_free(s);
    }
    MUST(search_partial(name, name)); /* a name has the tokens that it has */
    free(text);
    return 0;
}
