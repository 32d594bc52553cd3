#include "balance/rules.h"

/* Requests per weight, one more for each target: of two idle zones none is more loaded. */
static double load(const struct candidates *c, bool near)
{
    double requests = 0, weight = 0;

    for (size_t i = 0; i < c->n; i++)
        if (c->list[i].target->near == near) {
            requests += (double)c->list[i].in_flight + 1;
            weight += c->list[i].weight;
        }
    return weight > 0 ? requests / weight : 0;
}

void balance_zone(const struct route_group *group, struct candidates *c)
{
    double near, far;
    size_t n = c->n;

    if (group->config.zone_spill <= 0)
        return;
    near = load(c, true);
    far = load(c, false);
    if (near == 0 || far == 0 || near > far * group->config.zone_spill)
        return;
    c->n = 0;
    c->weight = 0;
    c->even = true;
    for (size_t i = 0; i < n; i++)
        if (c->list[i].target->near)
            balance_add(c, &c->list[i]);
}
