#include "proxy/phases.h"

static us_t between(us_t from, us_t to)
{
    if (from == 0 || to == 0)
        return -1;
    return to > from ? to - from : 0; /* some are of the turn, some more exact */
}

void phases_attempt(struct phases *p, us_t now)
{
    p->picked = now;
    p->connected = p->first_byte = 0;
}

us_t phases_queue_us(const struct phases *p)
{
    return between(p->placed, p->picked);
}

us_t phases_connect_us(const struct phases *p)
{
    return between(p->picked, p->connected);
}

us_t phases_first_byte_us(const struct phases *p)
{
    return between(p->picked, p->first_byte);
}

static void record(struct histogram *h, us_t us)
{
    if (us >= 0)
        histogram_record(h, (uint64_t)us);
}

void phases_record(const struct phases *p, us_t begun, us_t now, struct link_report_group *g)
{
    record(&g->queue_us, phases_queue_us(p));
    record(&g->connect_us, phases_connect_us(p));
    record(&g->first_byte_us, phases_first_byte_us(p));
    record(&g->total_us, now > begun ? now - begun : 0);
}
