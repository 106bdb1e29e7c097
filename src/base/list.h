/* list.h - an intrusive doubly linked list: FIFO queues and sets from which a
 * member can leave in O(1). A member that is in no list links to itself. */
#ifndef ENC_LIST_H
#define ENC_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct enc_list {
    struct enc_list *next, *prev;
};

#define ENC_CONTAINER_OF(pointer, type, member)                                                    \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void enc_list_init(struct enc_list *list) {
    list->next = list->prev = list;
}

static inline bool enc_list_empty(const struct enc_list *list) {
    return list->next == list;
}

static inline void enc_list_push_back(struct enc_list *list, struct enc_list *member) {
    member->prev = list->prev;
    member->next = list;
    list->prev->next = member;
    list->prev = member;
}

/* Leaves its list; harmless when it is in none. */
static inline void enc_list_remove(struct enc_list *member) {
    member->prev->next = member->next;
    member->next->prev = member->prev;
    enc_list_init(member);
}

/* The first member, taken out; NULL when the list is empty. */
static inline struct enc_list *enc_list_pop_front(struct enc_list *list) {
    struct enc_list *first = list->next;
    if (first == list)
        return NULL;
    enc_list_remove(first);
    return first;
}

#define ENC_LIST_FOR_EACH(cursor, list)                                                            \
    for (struct enc_list *cursor = (list)->next; cursor != (list); cursor = cursor->next)

/* The member under the cursor may leave the list in the body. */
#define ENC_LIST_FOR_EACH_SAFE(cursor, list)                                                       \
    for (struct enc_list *cursor = (list)->next, *cursor##_next = cursor->next; cursor != (list);  \
         cursor = cursor##_next, cursor##_next = cursor->next)

#endif
