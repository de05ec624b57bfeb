/* zset_packed.h - a small sorted set in one block.
 *
 *   ┌───────┬──────┬──────┬──────────────┬────────────┬─────────────┬──────┐
 *   │ count │ room │ size │ scores[room] │ ends[room] │ members ... │ free │
 *   │ (u16) │ (u16)│ (u32)│ (8 each)     │ (u16 each) │             │      │
 *   └───────┴──────┴──────┴──────────────┴────────────┴─────────────┴──────┘
 *
 * In order. Member i ends at ends[i] and begins where the one before ends, so its
 * place is known from its rank, and a scan for a member jumps over sizes, not over
 * bytes. Ten bytes an item beside the member.
 *
 * An empty set has no block: NULL. Functions that change the set take a pointer to
 * its pointer, because the block may move.
 *
 * Limits:  ZSET_PACKED_COUNT_MAX members of ZSET_PACKED_MEMBER_MAX bytes.
 * Threads: as zset.h.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "base/pool.h"
#include "ds/avl.h"
#include "value/zset/zset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packed {
    uint16_t count;
    uint16_t room;
    uint32_t size; // Of the block.
    double scores[];
};

static inline unsigned packed_count(const struct packed *packed)
{
    return packed == NULL ? 0 : packed->count;
}

/* Whether a set of `count` members may be packed with this one. */
static inline bool packed_holds(size_t count, struct bytes member)
{
    return count <= ZSET_PACKED_COUNT_MAX && member.size <= ZSET_PACKED_MEMBER_MAX;
}

/* An empty block for `count` members of `bytes` bytes together; NULL when out of
 * memory. */
struct packed *packed_create(struct pool *pool, size_t count, size_t bytes);

void packed_destroy(struct packed *packed, struct pool *pool);

/* Borrow the item at `index`. */
struct zset_item packed_item(const struct packed *packed, unsigned index);

/* Find a member's index. */
bool packed_find(const struct packed *packed, struct bytes member, unsigned *index_out);

/* How many items are below the bound; its key is a struct bytes. */
unsigned packed_rank(const struct packed *packed, const struct avl_bound *bound);

/* The members in a range by member alone: from the first at or after `min` to the
 * one before the first beyond `max`. */
struct zset_ranks packed_ranks_by_lex(const struct packed *packed,
                                      const struct zset_lex_range *range);

/* Add after the last item one that belongs there; there is room. */
void packed_append(struct packed *packed, struct zset_item item);

/* Add a member that is not there. 0, or -ENOMEM with nothing changed. */
NODISCARD int packed_insert(struct packed **packed, struct pool *pool, struct zset_item item);

/* Give the item at `index` another score. */
void packed_move(struct packed *packed, unsigned index, double score);

/* Take out `count` items from `index` on. */
void packed_remove(struct packed **packed, struct pool *pool, unsigned index, unsigned count);

/* Check every invariant, with ASSERT. For tests. */
void packed_validate(const struct packed *packed);
