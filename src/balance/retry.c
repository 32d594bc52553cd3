#include "balance/retry.h"

static void earn(struct retry_budget *b, double retries)
{
    b->saved += retries;
    if (b->saved > RETRY_SAVED_MAX)
        b->saved = RETRY_SAVED_MAX;
}

void retry_init(struct retry_budget *b, ms_t now)
{
    *b = (struct retry_budget){ .saved = RETRY_SAVED_MAX, .at = now };
}

void retry_earn(struct retry_budget *b, unsigned percent)
{
    earn(b, percent / 100.0);
}

bool retry_spend(struct retry_budget *b, ms_t now)
{
    earn(b, (double)(now - b->at) / MS_PER_S * RETRY_FLOOR_PER_S);
    b->at = now;
    if (b->saved < 1)
        return false;
    b->saved -= 1;
    return true;
}
