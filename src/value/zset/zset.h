/* zset.h - a sorted set: members with scores, ordered by (score, member).
 *
 *   small:  packed   one block of three arrays: scores, ends, bytes      O(n)
 *   large:  table    member -> element        ds/hashtable.h             O(1)
 *           tree     elements in order        ds/avl.h                   O(log n)
 *
 * A set crosses to large beyond ZSET_PACKED_COUNT_MAX members or a member beyond
 * ZSET_PACKED_MEMBER_MAX bytes, and back when it falls below half of the count.
 *
 * Every range (by score, by member, by rank) is turned into ranks first: where it
 * begins and where it ends; the rest is walking from there, forwards or back.
 *
 * Members and `struct bytes` lent out stay valid until the set is changed.
 * Memory comes from the pool (MEMORY_ZSET, tables MEMORY_TABLE).
 *
 * Threads: as value.h: the shard's lock guards it; walking one that is held and
 *          therefore unchanging needs no lock.
 */
#pragma once

#include "base/bytes.h"
#include "base/hash.h"
#include "base/pool.h"
#include "value/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ZSET_PACKED_COUNT_MAX = 128, // As Redis's zset-max-listpack-entries.
    ZSET_PACKED_MEMBER_MAX = 64, // As Redis's zset-max-listpack-value.
};

extern const struct value_ops zset_ops;

struct zset; // Begins with a struct value.

/* An empty set; NULL when out of memory. `secret` must outlive it. */
struct zset *zset_create(struct pool *pool, const struct hash_secret *secret);

/* Free the set and all it holds. May take long for large ones. */
void zset_destroy(struct zset *zset, struct pool *pool);

struct value *zset_value(struct zset *zset);
struct zset *zset_of_value(struct value *value);

size_t zset_count(const struct zset *zset);

/* "listpack" or "skiplist": what OBJECT ENCODING says in Redis's words. */
const char *zset_encoding_name(const struct zset *zset);

/* Find a member's score. False when absent, *score_out untouched. */
bool zset_score(const struct zset *zset, struct bytes member, double *score_out);

enum zset_put { ZSET_ADDED, ZSET_MOVED, ZSET_SAME };

/* Give `member` the score (not NaN), adding it if absent. 0 and in *put_out what
 * was done, or -ENOMEM with nothing changed. */
NODISCARD int zset_put(struct zset *zset, struct pool *pool, struct bytes member, double score,
                       enum zset_put *put_out);

/* Take a member out; false when absent. Cannot fail. */
bool zset_remove(struct zset *zset, struct pool *pool, struct bytes member);

/* A member's place counted from 0 at the lowest, and its score. */
bool zset_rank(const struct zset *zset, struct bytes member, size_t *rank_out, double *score_out);

struct zset_score_range {
    double min, max;
    bool min_excluded, max_excluded;
};

enum zset_lex_kind { ZSET_LEX_MIN, ZSET_LEX_INCLUDED, ZSET_LEX_EXCLUDED, ZSET_LEX_MAX };

struct zset_lex_bound {
    enum zset_lex_kind kind; // "-", "[m", "(m", "+"
    struct bytes member;
};

struct zset_lex_range {
    struct zset_lex_bound min, max;
};

/* Ranks `begin` (first inside) and `end` (first beyond); begin == end when empty. */
struct zset_ranks {
    size_t begin, end;
};

struct zset_ranks zset_ranks_by_score(const struct zset *zset,
                                      const struct zset_score_range *range);

/* As Redis: meaningful when all scores are equal. */
struct zset_ranks zset_ranks_by_lex(const struct zset *zset, const struct zset_lex_range *range);

struct zset_item {
    struct bytes member;
    double score;
};

/* A walk. Ends when the set changes. The walker prefetches what comes next. */
struct zset_walk {
    const struct zset *zset;
    void *node;     // Private to zset.c.
    uint32_t index; // Private to zset.c.
    bool backwards;
    size_t left; // Items still to come.
};

/* Walk `count` items beginning at `rank`, upwards or `backwards`; count is cut to
 * what there is. */
void zset_walk_begin(struct zset_walk *walk, const struct zset *zset, size_t rank, size_t count,
                     bool backwards);

/* The next item; false at the end. */
bool zset_walk_next(struct zset_walk *walk, struct zset_item *item_out);

/* Take out the items of ranks begin to end - 1. Cannot fail. */
void zset_remove_ranks(struct zset *zset, struct pool *pool, struct zset_ranks ranks);

/* Bring into the cache what finding these members, or giving them these scores (NaN: none),
 * is going to read. At most ZSET_PREFETCH_MAX items; worth it from two on, as their memory
 * accesses overlap. */
enum { ZSET_PREFETCH_MAX = VALUE_PREFETCH_MAX };
void zset_prefetch(const struct zset *zset, const struct zset_item *items, unsigned count);

/* Check every invariant, with ASSERT. For tests. */
void zset_validate(const struct zset *zset);
