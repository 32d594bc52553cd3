/* What a custom resource answers: read, it is a capacity that can be scaled; refused, there is a
 * reason; texts of it are printable. */
#include "control/custom_resource.h"
#include "fuzz.h"

static void check_text(const char *text)
{
    MUST(strlen(text) < CUSTOM_RESOURCE_REASON_BYTES);
    for (; *text; text++)
        MUST(*text >= ' ' && *text <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice body = { (const char *)data, size };
    char message[CUSTOM_RESOURCE_REASON_BYTES];
    struct custom_resource_answer answer;
    const char *why = NULL;

    if (custom_resource_answer_read(body, &answer, &why) == 0) {
        MUST(answer.actual >= 0 && answer.desired >= 0);
        MUST(answer.status <= CUSTOM_RESOURCE_FAILED);
        check_text(answer.reason);
    } else {
        MUST(why);
    }
    custom_resource_error_message(body, message);
    check_text(message);
    return 0;
}
