/* Rules of composite alarms: whatever the text, an answer for every combination of states, or a place
 * where it is wrong. */
#include "fuzz.h"
#include "scaling/composite.h"

static void check_answers(const struct composite *c)
{
    enum alarm_state states[COMPOSITE_ALARMS_MAX];
    size_t n = composite_n_alarms(c);

    MUST(n <= COMPOSITE_ALARMS_MAX);
    for (unsigned shift = 0; shift < 3; shift++) {
        for (size_t i = 0; i < n; i++) {
            MUST(*composite_alarm(c, i));
            states[i] = (enum alarm_state)((i + shift) % 3);
        }
        composite_holds(c, states);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree(mem_free) char *text = slice_dup(fuzz_slice(data, size));
    autofree(composite_free) struct composite *c = NULL;
    struct composite_error error;
    int r;

    MUST(text);
    r = composite_parse(text, &c, &error);
    MUST(r == 0 || r == COMPOSITE_E_REFUSED);
    if (r != 0)
        MUST(error.position >= 1 && error.position <= strlen(text) + 1);
    else
        check_answers(c);
    return 0;
}
