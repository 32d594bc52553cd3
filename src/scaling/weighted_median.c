#include "scaling/weighted_median.h"

#include <math.h>

/* Few, and often nearly in order. */
static void sort(struct weighed *w, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct weighed moved = w[i];
        size_t k = i;

        for (; k > 0 && w[k - 1].value > moved.value; k--)
            w[k] = w[k - 1];
        w[k] = moved;
    }
}

double weighted_median(struct weighed *w, size_t n)
{
    double half = 0, before = 0, last = 0;

    sort(w, n);
    for (size_t i = 0; i < n; i++)
        half += w[i].weight / 2;
    for (size_t i = 0; i < n; i++) {
        double middle = before + w[i].weight / 2;
        if (middle >= half)
            return i == 0 ? w[0].value
                          : w[i - 1].value +
                                (w[i].value - w[i - 1].value) * (half - last) / (middle - last);
        before += w[i].weight;
        last = middle;
    }
    return n == 0 ? (double)NAN : w[n - 1].value;
}
