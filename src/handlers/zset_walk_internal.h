/* zset_walk_internal.h - answering with a run of a sorted set's members.
 *
 * Threads: as call.h.
 */
#pragma once

#include "command/call.h"
#include "value/zset/zset.h"

/* `count` items beginning at `rank`, all of them inside the set. */
struct zset_span {
    size_t rank;
    size_t count;
    bool backwards;
    bool with_scores;
};

/* Answer with an array of the items, or of pairs with their scores. `pool` of a background thread: passes quiescent
 * points on the way; NULL: does not. */
void reply_zset_span(struct reply *reply, const struct zset *zset, const struct zset_span *span,
                     struct pool *pool);

/* Answer with a member and its score, which is not a list of pairs in any protocol. */
void reply_zset_item(struct reply *reply, const struct zset *zset, size_t rank);

/* reply_zset_span from a background thread, the set being held until then. False when out of
 * memory (answered). */
bool defer_zset_span(struct call *call, struct zset *zset, const struct zset_span *span);
