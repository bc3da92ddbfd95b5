/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked list with a sentinel. An element embeds a `struct list`; a node that is
 * on no list points to itself (list_init), so taking it off twice is harmless.
 */
#ifndef HIVEDOOR_BASE_LIST_H
#define HIVEDOOR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_before(struct list *pos, struct list *node)
{
    node->prev = pos->prev;
    node->next = pos;
    pos->prev->next = node;
    pos->prev = node;
}

static inline void list_push_back(struct list *l, struct list *node)
{
    list_insert_before(l, node);
}

static inline void list_push_front(struct list *l, struct list *node)
{
    list_insert_before(l->next, node);
}

/* Takes the node off whatever list it is on; it points to itself afterwards. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#define LIST_FIRST(head, type, member) CONTAINER_OF((head)->next, type, member)

/* `it` and `tmp` are `struct list *`; the body may remove `it`, and nothing else. */
#define LIST_EACH(head, it, tmp)                                                                   \
    for (struct list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)

#endif
