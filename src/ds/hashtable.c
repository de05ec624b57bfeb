/* hashtable.c - how segments are filled, grow, split, shrink and merge.
 *
 * Every change of size builds new segments beside the old one, publishes them
 * by a release store of their word, and retires the old one. All that can fail
 * (memory, the reservation to retire) comes before the first store. */
#include "ds/hashtable_internal.h"

#include <errno.h>
#include <string.h>

// A full table: seven slots of eight.
enum { ELEMENTS_PER_8_BUCKETS = HASHTABLE_SLOTS * 7 };

static_assert(HASHTABLE_BUCKETS_MAX < 512, "n has 9 bits in a word");
static_assert(HASHTABLE_BUCKETS_MAX * HASHTABLE_SLOTS <= UINT16_MAX, "counters do not overflow");

/* ---- words ---- */

static uint64_t make_word(const void *pointer, unsigned n, unsigned depth)
{
    uint64_t bits = (uintptr_t)pointer;
    ASSERT(bits <= HASHTABLE_POINTER_MASK);
    return bits | (uint64_t)n << 48 | (uint64_t)depth << 57;
}

static void store_root(struct hashtable *table, uint64_t word)
{
    // Release: pairs with the acquire in hashtable_segment.
    atomic_store_explicit(&table->root, word, memory_order_release);
}

/* Let all places that the hash's prefix of segment.depth bits leads to show `segment`. */
static void publish(struct hashtable *table, uint64_t hash, struct hashtable_segment segment)
{
    uint64_t word = make_word(segment.buckets, segment.n, segment.depth);
    unsigned depth;
    struct hashtable_directory *directory = directory_of(table, &depth);
    if (directory == NULL) {
        store_root(table, word);
        return;
    }
    size_t run = (size_t)1 << (depth - segment.depth);
    size_t first = (hash >> (64 - depth)) & ~(run - 1);
    for (size_t i = first; i < first + run; i++) {
        // Release: pairs with the acquire in hashtable_segment.
        atomic_store_explicit(&directory->words[i], word, memory_order_release);
    }
}

/* ---- one segment ---- */

/* How many elements n buckets take before there must be more buckets. */
static unsigned segment_limit(unsigned n)
{
    return n == 1 ? HASHTABLE_SLOTS : n * ELEMENTS_PER_8_BUCKETS / 8;
}

/* So many buckets or a few more: no more than fill the pool's size class. */
static unsigned buckets_rounded(size_t n)
{
    if (n >= HASHTABLE_BUCKETS_MAX) {
        return HASHTABLE_BUCKETS_MAX;
    }
    size_t fit = pool_class_size(n * sizeof(struct hashtable_bucket));
    n = fit / sizeof(struct hashtable_bucket);
    return n < HASHTABLE_BUCKETS_MAX ? (unsigned)n : HASHTABLE_BUCKETS_MAX;
}

/* Buckets for `count` elements and a few more. */
static unsigned buckets_for(size_t count)
{
    if (count <= HASHTABLE_SLOTS) {
        return count > 0;
    }
    return buckets_rounded((count + count / 16) * 8 / ELEMENTS_PER_8_BUCKETS + 1);
}

/* The next size above n. */
static unsigned buckets_grown(unsigned n)
{
    return buckets_rounded(n + (n < 8 ? 1 : n / 8));
}

/* 0, or -ENOMEM. No buckets: no memory. */
static int segment_create(struct pool *pool, unsigned n, unsigned depth,
                          struct hashtable_segment *segment_out)
{
    struct hashtable_bucket *buckets = NULL;
    if (n > 0) {
        buckets = pool_alloc(pool, MEMORY_TABLE, n * sizeof *buckets);
        if (buckets == NULL) {
            return -ENOMEM;
        }
        ASSERT((uintptr_t)buckets % sizeof *buckets == 0);
        memset(buckets, 0, n * sizeof *buckets);
    }
    *segment_out = (struct hashtable_segment){.buckets = buckets, .n = n, .depth = depth};
    return 0;
}

static void segment_free(struct pool *pool, struct hashtable_segment segment)
{
    pool_free(pool, MEMORY_TABLE, segment.buckets, segment.n * sizeof *segment.buckets);
}

static void segment_retire(struct pool *pool, struct hashtable_segment segment)
{
    if (segment.buckets != NULL) {
        pool_retire(pool, MEMORY_TABLE, segment.buckets, segment.n * sizeof *segment.buckets);
    }
}

static uint64_t make_slot(uint64_t tag, const void *element)
{
    DEBUG_ASSERT((uintptr_t)element <= HASHTABLE_POINTER_MASK);
    return tag << 48 | (uintptr_t)element;
}

static void set_slot(struct hashtable_bucket *bucket, unsigned i, uint64_t slot)
{
    atomic_store_explicit(&bucket->slots[i], slot, memory_order_relaxed);
}

static void add_overflow(struct hashtable_bucket *bucket, int change)
{
    // Not one atomic step: only the holder of the lock writes.
    atomic_store_explicit(&bucket->overflow, (uint16_t)((int)hashtable_overflow(bucket) + change),
                          memory_order_relaxed);
}

/* Buckets from `from` on to `to`, round the end. */
static unsigned distance(unsigned from, unsigned to, unsigned n)
{
    return to >= from ? to - from : to + n - from;
}

/* One bit for each free slot. */
static unsigned free_slots(const struct hashtable_bucket *bucket)
{
    unsigned slots = 0;
    for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
        slots |= (unsigned)(hashtable_slot(bucket, i) == 0) << i;
    }
    return slots;
}

/* Put a slot's content into its home or the first bucket after it with room; there is room. */
static void segment_put(struct hashtable_segment segment, uint64_t slot)
{
    unsigned at = hashtable_home(slot >> 48, segment.n);
    unsigned room = free_slots(&segment.buckets[at]);
    while (UNLIKELY(room == 0)) {
        add_overflow(&segment.buckets[at], 1);
        at = next_bucket(at, segment.n);
        room = free_slots(&segment.buckets[at]);
    }
    set_slot(&segment.buckets[at], (unsigned)__builtin_ctz(room), slot);
    segment.buckets[0].count++;
}

/* The same in a segment that is being built, where used[b] slots of bucket b are
 * taken, the first ones: searching for them would be most of the cost of growing. */
static inline void segment_fill(struct hashtable_segment segment, uint8_t *used, uint64_t slot)
{
    unsigned at = hashtable_home(slot >> 48, segment.n);
    while (UNLIKELY(used[at] == HASHTABLE_SLOTS)) {
        add_overflow(&segment.buckets[at], 1);
        at = next_bucket(at, segment.n);
    }
    set_slot(&segment.buckets[at], used[at]++, slot);
    segment.buckets[0].count++;
}

/* Where the element stands; it is there. */
static struct place segment_find(struct hashtable_segment segment, uint64_t tag,
                                 const void *element)
{
    uint64_t slot = make_slot(tag, element);
    unsigned at = hashtable_home(tag, segment.n);
    for (unsigned met = 0;; met++) {
        ASSERT(met < segment.n);
        for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
            if (hashtable_slot(&segment.buckets[at], i) == slot) {
                return (struct place){.bucket = at, .slot = i};
            }
        }
        at = next_bucket(at, segment.n);
    }
}

/* The nearest element that went past bucket `hole`; there is one. */
static struct place nearest_displaced(struct hashtable_segment segment, unsigned hole)
{
    unsigned at = hole;
    for (unsigned passed = 1;; passed++) {
        ASSERT(passed < segment.n);
        at = next_bucket(at, segment.n);
        for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
            uint64_t slot = hashtable_slot(&segment.buckets[at], i);
            unsigned home = hashtable_home(slot >> 48, segment.n);
            if (slot != 0 && distance(home, at, segment.n) >= passed) {
                return (struct place){.bucket = at, .slot = i};
            }
        }
    }
}

/* An element no longer goes past the buckets from `from` up to `to`. */
static void uncount_overflow(struct hashtable_segment segment, unsigned from, unsigned to)
{
    for (unsigned at = from; at != to; at = next_bucket(at, segment.n)) {
        add_overflow(&segment.buckets[at], -1);
    }
}

/* Empty a slot in use, and let those that went past it move up, so that lookups
 * stay short. */
static void segment_vacate(struct hashtable_segment segment, struct place hole)
{
    struct hashtable_bucket *buckets = segment.buckets;
    uint64_t tag = hashtable_slot(&buckets[hole.bucket], hole.slot) >> 48;
    uncount_overflow(segment, hashtable_home(tag, segment.n), hole.bucket);
    while (hashtable_overflow(&buckets[hole.bucket]) > 0) {
        struct place from = nearest_displaced(segment, hole.bucket);
        set_slot(&buckets[hole.bucket], hole.slot,
                 hashtable_slot(&buckets[from.bucket], from.slot));
        uncount_overflow(segment, hole.bucket, from.bucket);
        hole = from;
    }
    set_slot(&buckets[hole.bucket], hole.slot, 0);
    buckets[0].count--;
}

/* ---- growing ---- */

/* Give the segment n buckets. 0, or -ENOMEM with nothing changed. */
static int segment_resize(struct hashtable *table, struct pool *pool, uint64_t hash, unsigned n)
{
    struct hashtable_segment old = hashtable_segment(table, hash);
    struct hashtable_segment resized;
    if (pool_retire_reserve(pool, 1) < 0 || segment_create(pool, n, old.depth, &resized) < 0) {
        return -ENOMEM;
    }
    uint8_t used[HASHTABLE_BUCKETS_MAX] = {0};
    uint64_t slot;
    for (struct place place = {0}; next_slot(old, &place, &slot);) {
        segment_fill(resized, used, slot);
    }
    publish(table, hash, resized);
    segment_retire(pool, old);
    return 0;
}

/* A directory twice as large, or the first one. Needs a reservation to retire.
 * 0, or -ENOMEM with nothing changed. */
static int directory_double(struct hashtable *table, struct pool *pool)
{
    unsigned depth;
    struct hashtable_directory *old = directory_of(table, &depth);
    struct hashtable_directory *new = pool_alloc(pool, MEMORY_TABLE, directory_size(depth + 1));
    if (new == NULL) {
        return -ENOMEM;
    }
    new->deepest = 0;
    for (size_t i = 0; i < (size_t)2 << depth; i++) {
        atomic_init(&new->words[i], old == NULL ? load_root(table) : directory_word(old, i / 2));
    }
    store_root(table, make_word(new, 0, depth + 1) | UINT64_C(1) << 63);
    if (old != NULL) {
        pool_retire(pool, MEMORY_TABLE, old, directory_size(depth));
    }
    return 0;
}

/* How many elements have the tag's top bit set; *can_part_out: whether tags differ at all. */
static unsigned count_upper(struct hashtable_segment segment, bool *can_part_out)
{
    unsigned upper = 0;
    uint64_t all = UINT64_MAX;
    uint64_t any = 0;
    uint64_t slot;
    for (struct place place = {0}; next_slot(segment, &place, &slot);) {
        upper += slot >> 63 != 0;
        all &= slot >> 48;
        any |= slot >> 48;
    }
    *can_part_out = all != any;
    return upper;
}

/* Move a segment's elements to its two halves. Reads each element's hash, since the
 * tags move on by one bit; the elements are cold. */
static void segment_part(struct hashtable_segment old, const struct hashtable_segment halves[2],
                         const struct hashtable_type *type)
{
    enum { BUCKETS_AHEAD = 2 };
    uint8_t used[2][HASHTABLE_BUCKETS_MAX] = {0};
    for (unsigned b = 0; b < BUCKETS_AHEAD && b < old.n; b++) {
        bucket_prefetch_elements(&old.buckets[b]);
    }
    for (unsigned b = 0; b < old.n; b++) {
        if (b + BUCKETS_AHEAD < old.n) {
            bucket_prefetch_elements(&old.buckets[b + BUCKETS_AHEAD]);
        }
        for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
            uint64_t slot = hashtable_slot(&old.buckets[b], i);
            if (slot != 0) {
                const void *element = hashtable_pointer(slot);
                size_t upper = slot >> 63;
                uint64_t hash = type->hash(element, type->context);
                slot = make_slot(hashtable_tag(hash, old.depth + 1), element);
                segment_fill(halves[upper], used[upper], slot);
            }
        }
    }
}

/* Part a full-grown segment in two by the next bit of the hash. 0, or -ENOMEM with
 * nothing changed: also when no further bit would part its elements. */
static int segment_split(struct hashtable *table, struct pool *pool,
                         const struct hashtable_type *type, uint64_t hash)
{
    struct hashtable_segment old = hashtable_segment(table, hash);
    bool can_part;
    unsigned upper = count_upper(old, &can_part);
    if (!can_part || old.depth == DEPTH_MAX || pool_retire_reserve(pool, 2) < 0) {
        return -ENOMEM;
    }
    struct hashtable_segment halves[2];
    if (segment_create(pool, buckets_for(segment_count(old) - upper), old.depth + 1, &halves[0]) <
        0) {
        return -ENOMEM;
    }
    if (segment_create(pool, buckets_for(upper), old.depth + 1, &halves[1]) < 0) {
        segment_free(pool, halves[0]);
        return -ENOMEM;
    }
    unsigned depth;
    struct hashtable_directory *directory = directory_of(table, &depth);
    if (depth == old.depth) {
        if (directory_double(table, pool) < 0) {
            segment_free(pool, halves[0]);
            segment_free(pool, halves[1]);
            return -ENOMEM;
        }
        directory = directory_of(table, &depth);
    }
    segment_part(old, halves, type);
    uint64_t bit = UINT64_C(1) << (63 - old.depth);
    publish(table, hash & ~bit, halves[0]);
    publish(table, hash | bit, halves[1]);
    if (depth == old.depth + 1) {
        directory->deepest += 2;
    }
    segment_retire(pool, old);
    return 0;
}

/* ---- shrinking ---- */

/* Move both halves to a segment one bit shallower: tags get back the bit they stood under. */
static void segment_join(struct hashtable_segment joined, const struct hashtable_segment halves[2])
{
    uint8_t used[HASHTABLE_BUCKETS_MAX] = {0};
    for (uint64_t bit = 0; bit < 2; bit++) {
        uint64_t slot;
        for (struct place place = {0}; next_slot(halves[bit], &place, &slot);) {
            uint64_t tag = bit << 15 | slot >> 49;
            segment_fill(joined, used, make_slot(tag, hashtable_pointer(slot)));
        }
    }
}

/* Join the segment with the other half of what was once split, if the two are small
 * enough. False: nothing changed. */
static bool segment_merge(struct hashtable *table, struct pool *pool, uint64_t hash)
{
    struct hashtable_segment halves[2];
    halves[0] = hashtable_segment(table, hash);
    unsigned depth = halves[0].depth;
    if (depth == 0) {
        return false;
    }
    uint64_t bit = UINT64_C(1) << (64 - depth);
    halves[0] = hashtable_segment(table, hash & ~bit);
    halves[1] = hashtable_segment(table, hash | bit);
    size_t count = segment_count(halves[0]) + segment_count(halves[1]);
    if (halves[0].depth != halves[1].depth ||
        count > segment_limit(HASHTABLE_BUCKETS_MAX) * 5 / 8) {
        return false;
    }
    struct hashtable_segment joined;
    if (pool_retire_reserve(pool, 2) < 0 ||
        segment_create(pool, buckets_for(count + count / 4), depth - 1, &joined) < 0) {
        return false;
    }
    segment_join(joined, halves);
    publish(table, hash, joined);
    unsigned directory_depth;
    struct hashtable_directory *directory = directory_of(table, &directory_depth);
    if (depth == directory_depth) {
        directory->deepest -= 2;
    }
    segment_retire(pool, halves[0]);
    segment_retire(pool, halves[1]);
    return true;
}

/* Halve the directory, or do without it, when no segment is as deep. False: as it was. */
static bool directory_halve(struct hashtable *table, struct pool *pool)
{
    unsigned depth;
    struct hashtable_directory *old = directory_of(table, &depth);
    if (old == NULL || old->deepest > 0 || pool_retire_reserve(pool, 1) < 0) {
        return false;
    }
    if (depth == 1) {
        store_root(table, directory_word(old, 0));
    } else {
        struct hashtable_directory *new = pool_alloc(pool, MEMORY_TABLE, directory_size(depth - 1));
        if (new == NULL) {
            return false;
        }
        new->deepest = 0;
        for (size_t i = 0; i < (size_t)1 << (depth - 1); i++) {
            uint64_t word = directory_word(old, 2 * i);
            atomic_init(&new->words[i], word);
            new->deepest += hashtable_depth(word) == depth - 1;
        }
        store_root(table, make_word(new, 0, depth - 1) | UINT64_C(1) << 63);
    }
    pool_retire(pool, MEMORY_TABLE, old, directory_size(depth));
    return true;
}

/* Give memory back, as far as there is any to build the smaller things with. */
__attribute__((noinline)) static void segment_shrink(struct hashtable *table, struct pool *pool,
                                                     uint64_t hash)
{
    bool merged = false;
    while (segment_merge(table, pool, hash)) {
        merged = true;
    }
    while (directory_halve(table, pool)) {
    }
    struct hashtable_segment segment = hashtable_segment(table, hash);
    unsigned count = segment_count(segment);
    unsigned n = buckets_for(count + count / 4);
    if (!merged && n < segment.n) {
        (void)!segment_resize(table, pool, hash, n); // Without memory it stays as it is.
    }
}

/* ---- the table ---- */

void hashtable_init(struct hashtable *table)
{
    atomic_init(&table->root, 0);
}

void hashtable_deinit(struct hashtable *table, struct pool *pool)
{
    uint64_t position = 0;
    do {
        segment_free(pool, segment_at(table, &position));
    } while (position != 0);
    unsigned depth;
    struct hashtable_directory *directory = directory_of(table, &depth);
    if (directory != NULL) {
        pool_free(pool, MEMORY_TABLE, directory, directory_size(depth));
    }
    hashtable_init(table);
}

/* The elements of the next bucket are on their way while this one's are visited. */
static void segment_visit(struct hashtable_segment segment, hashtable_visit visit, void *context)
{
    for (unsigned b = 0; b < segment.n; b++) {
        if (b + 1 < segment.n) {
            bucket_prefetch_elements(&segment.buckets[b + 1]);
        }
        for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
            uint64_t slot = hashtable_slot(&segment.buckets[b], i);
            if (slot != 0) {
                visit(hashtable_pointer(slot), context);
            }
        }
    }
}

void hashtable_drain(struct hashtable *table, struct pool *pool, hashtable_visit visit,
                     void *context)
{
    uint64_t position = 0;
    do {
        segment_visit(segment_at(table, &position), visit, context);
    } while (position != 0);
    hashtable_deinit(table, pool);
}

int hashtable_insert(struct hashtable *table, struct pool *pool, const struct hashtable_type *type,
                     uint64_t hash, void *element)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    // Ends: each round makes the segment larger or deeper, and both have a limit.
    while (UNLIKELY(segment_count(segment) >= segment_limit(segment.n))) {
        int error = segment.n < HASHTABLE_BUCKETS_MAX
                        ? segment_resize(table, pool, hash, buckets_grown(segment.n))
                        : segment_split(table, pool, type, hash);
        if (error < 0) {
            if (segment_count(segment) == segment.n * HASHTABLE_SLOTS) {
                return error;
            }
            break; // Fuller than it should be, but there is room.
        }
        segment = hashtable_segment(table, hash);
    }
    segment_put(segment, make_slot(hashtable_tag(hash, segment.depth), element));
    return 0;
}

void hashtable_replace(struct hashtable *table, uint64_t hash, const void *old_element,
                       void *new_element)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    uint64_t tag = hashtable_tag(hash, segment.depth);
    struct place place = segment_find(segment, tag, old_element);
    set_slot(&segment.buckets[place.bucket], place.slot, make_slot(tag, new_element));
}

void hashtable_remove(struct hashtable *table, struct pool *pool, uint64_t hash,
                      const void *element)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    uint64_t tag = hashtable_tag(hash, segment.depth);
    segment_vacate(segment, segment_find(segment, tag, element));
    if (UNLIKELY(segment_count(segment) * 8 < segment_limit(segment.n) * 5)) {
        segment_shrink(table, pool, hash);
    }
}
