/* base/list.h: intrusive doubly linked lists.
 *
 * A struct list is a ring with a head; members embed a struct list_link. Adding and removing never
 * allocate. A link that is in no list points at itself, so removing twice is harmless.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct list_link {
    struct list_link *previous, *next;
};

struct list {
    struct list_link head;
};

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void list_link_init(struct list_link *l)
{
    l->previous = l->next = l;
}

static inline void list_init(struct list *l)
{
    list_link_init(&l->head);
}

static inline bool list_empty(const struct list *l)
{
    return l->head.next == &l->head;
}

static inline bool list_linked(const struct list_link *l)
{
    return l->next != l;
}

static inline void list_insert_between(struct list_link *l, struct list_link *a,
                                       struct list_link *b)
{
    l->previous = a;
    l->next = b;
    a->next = l;
    b->previous = l;
}

static inline void list_push_back(struct list *list, struct list_link *l)
{
    list_insert_between(l, list->head.previous, &list->head);
}

static inline void list_push_front(struct list *list, struct list_link *l)
{
    list_insert_between(l, &list->head, list->head.next);
}

static inline void list_remove(struct list_link *l)
{
    l->previous->next = l->next;
    l->next->previous = l->previous;
    list_link_init(l);
}

/** list_move() - everything in @from, in order, to the end of @to; @from is empty then */
static inline void list_move(struct list *from, struct list *to)
{
    if (list_empty(from))
        return;
    from->head.next->previous = to->head.previous;
    from->head.previous->next = &to->head;
    to->head.previous->next = from->head.next;
    to->head.previous = from->head.previous;
    list_init(from);
}

/** list_first() - the first link, or NULL */
static inline struct list_link *list_first(const struct list *l)
{
    return list_empty(l) ? NULL : l->head.next;
}

#define list_first_entry(list, type, member)                                                       \
    (list_empty(list) ? NULL : container_of((list)->head.next, type, member))

/* for each member `it` (declared by the macro) of a list of @type linked through @member */
#define list_for_each(it, list, type, member)                                                      \
    for (type *it = container_of((list)->head.next, type, member); &it->member != &(list)->head;   \
         it = container_of(it->member.next, type, member))

/* the same, from the last to the first */
#define list_for_each_backwards(it, list, type, member)                                            \
    for (type *it = container_of((list)->head.previous, type, member);                             \
         &it->member != &(list)->head; it = container_of(it->member.previous, type, member))

/* in order again, and `it` may be removed or freed inside */
#define list_for_each_safe(it, list, type, member)                                                 \
    for (type *it = container_of((list)->head.next, type, member),                                 \
              *it##_next = container_of(it->member.next, type, member);                            \
         &it->member != &(list)->head;                                                             \
         it = it##_next, it##_next = container_of(it->member.next, type, member))
