/* Addresses: parsed, written and parsed again they are the same. */
#include "net/address.h"

#include "base/cleanup.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree(mem_free) char *text = fuzz_text(data, size);
    char written[ADDRESS_TEXT_BYTES];
    struct address a, again;

    if (address_parse(text, &a) != 0)
        return 0;
    address_text(&a, written);
    MUST(address_parse(written, &again) == 0);
    MUST(a.size == again.size && memcmp(&a.any, &again.any, a.size) == 0);
    MUST(address_is_loopback(&a) == address_is_loopback(&again));
    return 0;
}
