#include "balance/speed.h"

#include <math.h>

/* The least weight of a sample: the window then holds so many samples at least. */
static const double WEIGHT_MIN = 1.0 / 64;

/* Wraps around after seven weeks; what matters is the difference between two of them. */
static uint32_t since_last(const struct target *t, ms_t now)
{
    return (uint32_t)now - atomic_load_explicit(&t->service_at_ms, memory_order_relaxed);
}

void speed_record(struct target *t, us_t us, ms_t now)
{
    double sample = us < 1 ? 1 : us > UINT32_MAX ? UINT32_MAX : (double)us;
    double mean = speed_us(t), passed = since_last(t, now);
    double weight = passed / (passed + SPEED_WINDOW_MS);

    if (weight < WEIGHT_MIN)
        weight = WEIGHT_MIN;
    if (mean > 0)
        sample = mean + weight * (sample - mean);
    atomic_store_explicit(&t->service_us, (unsigned)ceil(sample), memory_order_relaxed);
    atomic_store_explicit(&t->service_at_ms, (uint32_t)now, memory_order_relaxed);
}

double speed_us(const struct target *t)
{
    return atomic_load_explicit(&t->service_us, memory_order_relaxed);
}

double speed_faded_us(const struct target *t, ms_t now)
{
    return speed_us(t) * exp2(-(double)since_last(t, now) / SPEED_HALF_LIFE_MS);
}
