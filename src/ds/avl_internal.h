/* avl_internal.h - hints, which avl.c makes and avl_prefetch.c searches by.
 *
 * Threads: as avl.h.
 */
#pragma once

#include "ds/avl.h"

#include <string.h>

enum { POINTER_BITS = 48, HINT_BITS = 16 };

/* The score as an integer of the same order, below 2^61 so that sums with spans of
 * hints stay within 64 bits. */
static inline uint64_t key_of(double score)
{
    double value = score + 0.0; // Makes -0.0 equal 0.0.
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint64_t sign = UINT64_C(1) << 63;
    uint64_t ordered = bits & sign ? ~bits : bits | sign;
    return ordered >> 3;
}

static inline uint64_t slot_make(uint64_t hint, const void *element)
{
    DEBUG_ASSERT(hint >> HINT_BITS == 0 && (uintptr_t)element >> POINTER_BITS == 0);
    return hint << POINTER_BITS | (uintptr_t)element;
}

static inline uint64_t hint_at(const struct avl_node *node, unsigned index)
{
    return node->slots[index] >> POINTER_BITS;
}

static inline bool spans(const struct avl_node *node, uint64_t key)
{
    return (key - node->base) >> (HINT_BITS + node->shift) == 0;
}

static inline uint64_t hint_of(const struct avl_node *node, uint64_t key)
{
    DEBUG_ASSERT(spans(node, key));
    return (key - node->base) >> node->shift;
}
