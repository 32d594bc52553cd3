/* Credentials files: what was read, written anew, reads the same. */
#include "auth/credentials.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct credentials c, again;
    char text[512];
    int n;

    if (credentials_parse(fuzz_slice(data, size), &c) != 0)
        return 0;
    n = snprintf(text, sizeof(text), "[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n",
                 c.access_key_id, c.secret_access_key);
    MUST(n > 0 && (size_t)n < sizeof(text));
    MUST(credentials_parse(slice_from(text), &again) == 0);
    MUST(strcmp(c.access_key_id, again.access_key_id) == 0);
    MUST(strcmp(c.secret_access_key, again.secret_access_key) == 0);
    return 0;
}
