#include "scaling/capacity_history.h"

static unsigned *slot(struct capacity_history *h, int64_t second)
{
    return &h->count[(uint64_t)second % CAPACITY_HISTORY_SECONDS];
}

static void begin(struct capacity_history *h, int64_t second, unsigned in_service)
{
    *h = (struct capacity_history){ .newest = second, .known = 1 };
    *slot(h, second) = in_service;
}

void capacity_history_push(struct capacity_history *h, wall_ms_t now, unsigned in_service)
{
    int64_t second = now / MS_PER_S;

    if (h->known == 0 || second < h->newest || second - h->newest >= CAPACITY_HISTORY_SECONDS) {
        begin(h, second, in_service);
        return;
    }
    while (h->newest < second) {
        unsigned before = *slot(h, h->newest);
        h->newest++;
        *slot(h, h->newest) = before;
        if (h->known < CAPACITY_HISTORY_SECONDS)
            h->known++;
    }
    *slot(h, second) = in_service;
}

static unsigned count_at(const struct capacity_history *h, int64_t second)
{
    int64_t oldest = h->newest - h->known + 1;

    if (second > h->newest)
        second = h->newest;
    if (second < oldest)
        second = oldest;
    return h->count[(uint64_t)second % CAPACITY_HISTORY_SECONDS];
}

unsigned capacity_history_least(const struct capacity_history *h, wall_ms_t at)
{
    int64_t second = at / MS_PER_S;
    unsigned least;

    if (h->known == 0)
        return 0;
    least = count_at(h, second);
    for (int64_t around = second - 1; around <= second + 1; around += 2)
        if (count_at(h, around) < least)
            least = count_at(h, around);
    return least;
}
