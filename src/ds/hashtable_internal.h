/* hashtable_internal.h - what the parts of the hash table share.
 *
 * hashtable.c changes tables, hashtable_walk.c goes through them, hashtable_chain.c has what
 * finds no place in its segment.
 *
 * Threads: the caller holds the lock of the table.
 */
#pragma once

#include "ds/hashtable.h"

enum {
    DEPTH_MAX = HASHTABLE_DEPTH_MAX,
    LEVELS_MAX = DEPTH_MAX / HASHTABLE_DIRECTORY_DEPTH_MAX,
    CHAIN_SLOTS = 15,
    CHAIN_MAX =
        65535, // Elements: a lookup that goes through them stays below a millisecond or two.
};

static_assert(64 - DEPTH_MAX - 16 >= 16, "a cursor's low 16 bits are 0");
static_assert(LEVELS_MAX * HASHTABLE_DIRECTORY_DEPTH_MAX == DEPTH_MAX, "whole directories");

/* Where an element stands. */
struct place {
    unsigned bucket;
    unsigned slot;
};

static inline uint64_t load_root(const struct hashtable *table)
{
    // Relaxed: the owner's lock orders it.
    return atomic_load_explicit(&table->root, memory_order_relaxed);
}

/* A directory and where it is. */
struct level {
    struct hashtable_directory *directory; // NULL: there is none.
    _Atomic uint64_t *word; // The one that leads to it, in another directory; NULL: the root.
    unsigned before;        // Bits of the hash that came before,
    unsigned depth;         // and that it takes itself.
};

/* Which of the directory's words the hash leads to. */
static inline size_t level_index(struct level level, uint64_t hash)
{
    return hash << level.before >> (64 - level.depth);
}

/* The directories that a hash leads through, the root's first. Returns how many. */
static inline unsigned levels_of(const struct hashtable *table, uint64_t hash,
                                 struct level levels[LEVELS_MAX])
{
    unsigned count = 0;
    unsigned before = 0;
    _Atomic uint64_t *at = NULL;
    uint64_t word = load_root(table);
    while (hashtable_is_directory(word)) {
        ASSERT(count < LEVELS_MAX);
        struct level *level = &levels[count++];
        *level = (struct level){.directory = hashtable_pointer(word),
                                .word = at,
                                .before = before,
                                .depth = hashtable_depth(word)};
        at = &level->directory->words[level_index(*level, hash)];
        word = atomic_load_explicit(at, memory_order_relaxed);
        before += level->depth;
    }
    return count;
}

/* The last of them: the directory that the hash's segment is in. */
static inline struct level level_of(const struct hashtable *table, uint64_t hash)
{
    struct level levels[LEVELS_MAX];
    unsigned count = levels_of(table, hash, levels);
    if (count == 0) {
        return (struct level){.directory = NULL};
    }
    return levels[count - 1];
}

/* Whether `position`, the end of a segment below the directory, ends it too. */
static inline bool level_ends(struct level level, uint64_t position)
{
    return position << level.before == 0;
}

static inline uint64_t directory_word(const struct hashtable_directory *directory, size_t i)
{
    return atomic_load_explicit(&directory->words[i], memory_order_relaxed);
}

static inline size_t directory_size(unsigned depth)
{
    return sizeof(struct hashtable_directory) + (sizeof(uint64_t) << depth);
}

static inline unsigned segment_count(struct hashtable_segment segment)
{
    return segment.n == 0 ? 0 : (unsigned)segment.pages->count;
}

/* Whether a segment is as deep and large as can be, and so may have a chain. */
static inline bool segment_is_last(unsigned n, unsigned depth)
{
    return depth == DEPTH_MAX && n == HASHTABLE_BUCKETS_MAX;
}

/* Bytes of the array of pages of a segment of n buckets, or 0 where the array stands in
 * the table itself. Few different sizes, so that it is seldom replaced, and none that
 * lies across cache lines for nothing. */
static inline size_t array_size(unsigned n, unsigned depth)
{
    enum { WORDS_MIN = 8 };
    if (depth == 0 && n <= HASHTABLE_BUCKETS_FIRST) {
        return 0;
    }
    unsigned words = 1 + n / HASHTABLE_PAGE_BUCKETS + segment_is_last(n, depth);
    words = words <= WORDS_MIN ? WORDS_MIN : 1U << (32 - __builtin_clz(words - 1));
    return n == 0 ? 0 : words * sizeof(uint64_t);
}

/* Step to the next slot in use, from the first at {0}; false at the end. */
static inline bool next_slot(struct hashtable_segment segment, struct place *place,
                             uint64_t *slot_out)
{
    for (; place->bucket < segment.n; place->bucket++, place->slot = 0) {
        while (place->slot < HASHTABLE_SLOTS) {
            uint64_t slot = hashtable_slot(hashtable_bucket(segment, place->bucket), place->slot++);
            if (slot != 0) {
                *slot_out = slot;
                return true;
            }
        }
    }
    return false;
}

static PREFETCH_INLINE void slot_prefetch_element(uint64_t slot)
{
    hashtable_prefetch_element(hashtable_pointer(slot));
}

static PREFETCH_INLINE void bucket_prefetch_elements(const struct hashtable_bucket *bucket)
{
    for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
        uint64_t slot = hashtable_slot(bucket, i);
        if (slot != 0) {
            slot_prefetch_element(slot);
        }
    }
}

/* Step over the segments: *position is 0 at first, then the first hash after the
 * segment, and wraps to 0 after the last. */
static inline struct hashtable_segment segment_at(const struct hashtable *table, uint64_t *position)
{
    struct hashtable_segment segment = hashtable_segment(table, *position);
    uint64_t width = segment.depth == 0 ? 0 : UINT64_C(1) << (64 - segment.depth);
    *position = segment.depth == 0 ? 0 : (*position & ~(width - 1)) + width;
    return segment;
}

/* ---- chains ----
 *
 *   array of a segment that is as deep and large as can be:
 *     count, chained │ page[0] ... page[126] │ first ──> chain page ──> chain page ...
 *
 * Slots as in buckets, in no order; all pages but the first are full. While there is a
 * chain, there is no free slot in the buckets. Only the holder of the lock reads it. */

struct chain_page {
    struct chain_page *next;
    uint64_t slots[CHAIN_SLOTS];
};

static inline uint32_t chain_count(struct hashtable_segment segment)
{
    return LIKELY(!segment_is_last(segment.n, segment.depth)) ? 0 : segment.pages->chained;
}

/* Where a last segment's first page of the chain is noted. */
static inline struct chain_page **chain_first(struct hashtable_segment segment)
{
    enum { PAGES = HASHTABLE_BUCKETS_MAX / HASHTABLE_PAGE_BUCKETS };
    char *behind = (char *)segment.pages + sizeof(struct hashtable_pages) + PAGES * sizeof(void *);
    return (struct chain_page **)(void *)behind;
}

struct chain_walk {
    struct chain_page *page; // NULL at the end.
    unsigned left;           // Slots of it that were not visited.
};

static inline struct chain_walk chain_begin(struct hashtable_segment segment)
{
    uint32_t count = chain_count(segment);
    if (count == 0) {
        return (struct chain_walk){.page = NULL};
    }
    return (struct chain_walk){.page = *chain_first(segment),
                               .left = (count - 1) % CHAIN_SLOTS + 1};
}

/* The next slot; NULL at the end. */
static inline uint64_t *chain_next(struct chain_walk *walk)
{
    if (walk->page != NULL && walk->left == 0) {
        *walk = (struct chain_walk){.page = walk->page->next, .left = CHAIN_SLOTS};
    }
    return walk->page == NULL ? NULL : &walk->page->slots[--walk->left];
}

/* Add a slot to a last segment's chain. 0, or -ENOMEM with nothing changed. */
NODISCARD int chain_push(struct pool *pool, struct hashtable_segment segment, uint64_t slot);

/* Take the newest slot out of a chain; there is one. */
uint64_t chain_pop(struct pool *pool, struct hashtable_segment segment);

/* Where a slot of that content is in the chain; NULL when it is not there. */
uint64_t *chain_find(struct hashtable_segment segment, uint64_t slot);

void chain_free(struct pool *pool, struct hashtable_segment segment);

/* Bytes of the chain. */
size_t chain_size(struct hashtable_segment segment);
