#include "control/backoff.h"

void backoff_failed(struct backoff *b, ms_t now)
{
    if (b->wait == 0 || now - b->until > BACKOFF_QUIET_MS)
        b->wait = BACKOFF_FIRST_MS;
    else if (now >= b->until)
        b->wait = b->wait * 2 < BACKOFF_MAX_MS ? b->wait * 2 : BACKOFF_MAX_MS;
    b->until = now + b->wait;
}
