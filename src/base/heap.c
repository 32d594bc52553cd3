#include "base/heap.h"

void heap_init(struct heap *h, bool (*before)(const struct heap_node *a, const struct heap_node *b))
{
    *h = (struct heap){ .before = before };
}

/* Two roots become one: the later one becomes the first child of the other. */
static struct heap_node *meld(struct heap *h, struct heap_node *a, struct heap_node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (h->before(b, a)) {
        struct heap_node *swap = a;

        a = b;
        b = swap;
    }
    b->previous = a;
    b->next = a->child;
    if (b->next)
        b->next->previous = b;
    a->child = b;
    return a;
}

/* Siblings become one tree: melded in pairs from left to right, the pairs then from right to left.
 * The two passes are what makes the cost logarithmic. */
static struct heap_node *meld_siblings(struct heap *h, struct heap_node *first)
{
    struct heap_node *pairs = NULL, *result = NULL;

    while (first) {
        struct heap_node *a = first, *b = a->next, *pair;

        first = b ? b->next : NULL;
        pair = meld(h, a, b);
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs) {
        struct heap_node *next = pairs->next;

        result = meld(h, result, pairs);
        pairs = next;
    }
    if (result)
        result->next = result->previous = NULL;
    return result;
}

void heap_add(struct heap *h, struct heap_node *n)
{
    *n = (struct heap_node){ 0 };
    h->least = meld(h, h->least, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    struct heap_node *orphans = meld_siblings(h, n->child);

    if (n == h->least) {
        h->least = orphans;
    } else {
        if (n->previous->child == n)
            n->previous->child = n->next;
        else
            n->previous->next = n->next;
        if (n->next)
            n->next->previous = n->previous;
        h->least = meld(h, h->least, orphans);
    }
    *n = (struct heap_node){ 0 };
}
