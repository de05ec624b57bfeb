/* zset_large.h - a large sorted set: a table by member and a tree in order.
 *
 *   table  hash of the member -> element     ds/hashtable.h
 *   tree   (score, member)    -> element     ds/avl.h
 *
 * Both point at the same elements (zset_element.h), each a block of its own. A
 * member of 19 bytes costs 24 (or 32, with a score that needs eight bytes) + about
 * 11 each for table and tree.
 *
 * Threads: as zset.h.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/pool.h"
#include "ds/avl.h"
#include "ds/hashtable.h"
#include "value/zset/zset.h"
#include "value/zset/zset_element.h"

#include <stdbool.h>
#include <stddef.h>

struct large {
    struct hashtable table;
    struct avl tree;
    const struct hash_secret *secret;
    size_t long_members; // Members that keep the set from being packed.
};

/* An empty one; NULL when out of memory. */
struct large *large_create(struct pool *pool, const struct hash_secret *secret);

/* Free it with its elements. NULL is fine. */
void large_destroy(struct large *large, struct pool *pool);

static inline size_t large_count(const struct large *large)
{
    return large->tree.count;
}

/* Borrow the element of a member; NULL when absent. */
struct element *large_find(const struct large *large, struct bytes member);

/* As zset_prefetch. */
void large_prefetch(const struct large *large, const struct zset_item *items, unsigned count);

/* As zset_put. */
NODISCARD int large_put(struct large *large, struct pool *pool, struct zset_item item,
                        enum zset_put *put_out);

/* As zset_remove. */
bool large_remove(struct large *large, struct pool *pool, struct bytes member);

/* As zset_remove_ranks. */
void large_remove_ranks(struct large *large, struct pool *pool, struct zset_ranks ranks);

/* As zset_rank. */
bool large_rank(const struct large *large, struct bytes member, size_t *rank_out,
                double *score_out);

/* Borrow an element as an item. */
static inline struct zset_item large_item(const struct element *element)
{
    return (struct zset_item){.member = element_member(element), .score = element_score(element)};
}

/* Check every invariant, with ASSERT. For tests. */
void large_validate(const struct large *large);
