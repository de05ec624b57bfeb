/* hashtable_chain.c - elements for which their segment has no place and may not split. */
#include "ds/hashtable_internal.h"

#include <errno.h>

static_assert(sizeof(struct chain_page) == 128, "a page as the others");

int chain_push(struct pool *pool, struct hashtable_segment segment, uint64_t slot)
{
    uint32_t count = chain_count(segment);
    if (count == CHAIN_MAX) {
        return -ENOMEM;
    }
    struct chain_page **first = chain_first(segment);
    if (count % CHAIN_SLOTS == 0) {
        struct chain_page *page = pool_alloc(pool, MEMORY_TABLE, sizeof(*page));
        if (page == NULL) {
            return -ENOMEM;
        }
        page->next = *first;
        *first = page;
    }
    (*first)->slots[count % CHAIN_SLOTS] = slot;
    segment.pages->chained++;
    return 0;
}

uint64_t chain_pop(struct pool *pool, struct hashtable_segment segment)
{
    struct chain_page **first = chain_first(segment);
    struct chain_page *page = *first;
    uint32_t last = --segment.pages->chained;
    uint64_t slot = page->slots[last % CHAIN_SLOTS];
    if (last % CHAIN_SLOTS == 0) {
        *first = page->next;
        // At once, not retired: nobody reads a chain without the lock.
        pool_free(pool, MEMORY_TABLE, page, sizeof(*page));
    }
    return slot;
}

uint64_t *chain_find(struct hashtable_segment segment, uint64_t slot)
{
    struct chain_walk walk = chain_begin(segment);
    uint64_t *at;
    do {
        at = chain_next(&walk);
    } while (at != NULL && *at != slot);
    return at;
}

void chain_free(struct pool *pool, struct hashtable_segment segment)
{
    while (chain_count(segment) > 0) {
        (void)chain_pop(pool, segment);
    }
}

size_t chain_size(struct hashtable_segment segment)
{
    size_t pages = (chain_count(segment) + CHAIN_SLOTS - 1) / CHAIN_SLOTS;
    return pages * sizeof(struct chain_page);
}

void *hashtable_find_chained(struct hashtable_segment segment, uint64_t tag, hashtable_match match,
                             const void *sought)
{
    struct chain_walk walk = chain_begin(segment);
    for (const uint64_t *slot; (slot = chain_next(&walk)) != NULL;) {
        if (*slot >> 48 == tag && match(hashtable_pointer(*slot), sought)) {
            return hashtable_pointer(*slot);
        }
    }
    return NULL;
}
