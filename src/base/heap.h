/* base/heap.h: an intrusive priority queue (pairing heap).
 *
 * Members embed a struct heap_node, so adding never allocates and never fails: an array heap would
 * have to grow somewhere. Adding is O(1), taking any member out O(log n) amortised.
 * Source: Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap" (1986).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct heap_node {
    struct heap_node *child, *next; /* first child; next sibling */
    struct heap_node *previous;     /* previous sibling, or the parent of a first child */
};

struct heap {
    struct heap_node *least; /* NULL: empty */
    bool (*before)(const struct heap_node *a, const struct heap_node *b);
};

void heap_init(struct heap *h,
               bool (*before)(const struct heap_node *a, const struct heap_node *b));
void heap_add(struct heap *h, struct heap_node *n);
void heap_remove(struct heap *h, struct heap_node *n); /* @n is in @h */
