/* Searches that only prefetch, many of them in step with each other. */
#include "ds/avl_internal.h"

/* A descent, as in avl.c, and then a search for a place in the node that it found. */
struct scout {
    uint64_t limit;
    const struct avl_node *node;    // To look at next.
    const struct avl_node *last[2]; // As in descend.
    const uint64_t *at;             // The place is behind this slot,
    unsigned left;                  // no further than so many.
};

/* All scouts down by one level; how many are not at the bottom. */
static PREFETCH_INLINE unsigned scouts_descend(struct scout *scouts, const double *scores,
                                               unsigned count)
{
    unsigned under_way = 0;
    for (unsigned i = 0; i < count; i++) {
        struct scout *scout = &scouts[i];
        const struct avl_node *node = scout->node;
        if (node != NULL) {
            bool below = node->low <= scores[i]; // Of equal scores one is as good a guess.
            scout->last[below] = node;
            scout->node = node->child[below];
            __builtin_prefetch(scout->node);
            under_way++;
        }
    }
    return under_way;
}

/* All scouts a step on, as in slots_below; how many are not at their place. */
static PREFETCH_INLINE unsigned scouts_search(struct scout *scouts, unsigned count)
{
    unsigned under_way = 0;
    for (unsigned i = 0; i < count; i++) {
        struct scout *scout = &scouts[i];
        unsigned half = scout->left / 2;
        if (half > 0) {
            size_t mask = -(size_t)(scout->at[half - 1] < scout->limit);
            scout->at += half & mask;
            scout->left -= half;
            __builtin_prefetch(scout->at + scout->left / 2);
            under_way++;
        }
    }
    return under_way;
}

void avl_prefetch(const struct avl *avl, const double *scores, unsigned count)
{
    struct scout scouts[AVL_PREFETCH_MAX];
    ASSERT(count <= AVL_PREFETCH_MAX);
    for (unsigned i = 0; i < count; i++) {
        scouts[i] = (struct scout){.node = avl->root, .last = {NULL, avl->first}};
    }
    while (scouts_descend(scouts, scores, count) > 0) {
    }
    for (unsigned i = 0; i < count && avl->root != NULL; i++) {
        struct scout *scout = &scouts[i];
        const struct avl_node *found = scout->last[1];
        uint64_t key = key_of(scores[i]);
        scout->at = found->slots;
        scout->left = found->count;
        scout->limit = spans(found, key) ? hint_of(found, key) << POINTER_BITS : 0;
        __builtin_prefetch(scout->at + scout->left / 2);
    }
    while (scouts_search(scouts, count) > 0) {
    }
}
