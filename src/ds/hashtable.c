/* hashtable.c - how segments are filled, grow, split, shrink and merge.
 *
 * Every change of size goes in the same steps:
 *   1. get all that can fail: new pages, arrays, the reservation to retire
 *   2. take all slots out of the old segment's pages, and give these and the new
 *      ones to the new segment, which may be the old one with other bounds
 *   3. put the slots back by their tags
 *   4. publish the new word by a release store; retire what is left over */
#include "ds/hashtable_internal.h"

#include <errno.h>
#include <string.h>

enum {
    PAGES_MAX = HASHTABLE_BUCKETS_MAX / HASHTABLE_PAGE_BUCKETS,
    SLOTS_MAX = HASHTABLE_BUCKETS_MAX * HASHTABLE_SLOTS,
    PAGE_SIZE = HASHTABLE_PAGE_BUCKETS * sizeof(struct hashtable_bucket),
    // A full segment: 15 slots of 16 in the first buckets, 7 of 8 in those beyond. The
    // more buckets, the longer are the rows of full ones that lookups go through.
    FIRST_BUCKETS = 32,
    ELEMENTS_PER_16_BUCKETS = HASHTABLE_SLOTS * 15,
    ELEMENTS_PER_8_BUCKETS = HASHTABLE_SLOTS * 7,
    FIRST_ELEMENTS = FIRST_BUCKETS * ELEMENTS_PER_16_BUCKETS / 16,
};

static_assert(HASHTABLE_BUCKETS_MAX % HASHTABLE_PAGE_BUCKETS == 0, "whole pages");
static_assert(HASHTABLE_BUCKETS_MAX < 512, "n has 9 bits in a word");
static_assert(SLOTS_MAX <= UINT16_MAX, "counters do not overflow");

/* ---- words ---- */

static uint64_t make_word(const void *pointer, unsigned n, unsigned depth)
{
    uint64_t bits = (uintptr_t)pointer;
    ASSERT(bits <= HASHTABLE_POINTER_MASK);
    return bits | (uint64_t)n << 48 | (uint64_t)depth << 57;
}

static uint64_t make_directory_word(const struct hashtable_directory *directory, unsigned depth)
{
    return make_word(directory, 0, depth) | UINT64_C(1) << 63;
}

/* Exchange what leads to a directory, or the root of a table without any. */
static void store_level(struct hashtable *table, struct level level, uint64_t word)
{
    // Release: pairs with the acquire in hashtable_segment.
    atomic_store_explicit(level.word == NULL ? &table->root : level.word, word,
                          memory_order_release);
}

/* Let all places that the hash's prefix of segment.depth bits leads to show `segment`. */
static void publish(struct hashtable *table, uint64_t hash, struct hashtable_segment segment)
{
    uint64_t word = make_word(segment.pages, segment.n, segment.depth);
    struct level level = level_of(table, hash);
    if (level.directory == NULL) {
        store_level(table, level, word);
        return;
    }
    size_t run = (size_t)1 << (level.before + level.depth - segment.depth);
    size_t first = level_index(level, hash) & ~(run - 1);
    for (size_t i = first; i < first + run; i++) {
        // Release: pairs with the acquire in hashtable_segment.
        atomic_store_explicit(&level.directory->words[i], word, memory_order_release);
    }
}

/* ---- one segment ---- */

/* How many elements n buckets take before there must be more buckets. */
static unsigned segment_limit(unsigned n)
{
    return n <= FIRST_BUCKETS ? n * ELEMENTS_PER_16_BUCKETS / 16
                              : FIRST_ELEMENTS + (n - FIRST_BUCKETS) * ELEMENTS_PER_8_BUCKETS / 8;
}

/* So many buckets, in whole pages. */
static unsigned buckets_rounded(size_t n)
{
    n = (n + HASHTABLE_PAGE_BUCKETS - 1) / HASHTABLE_PAGE_BUCKETS * HASHTABLE_PAGE_BUCKETS;
    return n < HASHTABLE_BUCKETS_MAX ? (unsigned)n : HASHTABLE_BUCKETS_MAX;
}

/* Buckets for `count` elements and a few more. */
static unsigned buckets_for(size_t count)
{
    if (count == 0) {
        return 0;
    }
    count += count / 16;
    if (count <= FIRST_ELEMENTS) {
        return buckets_rounded(1 + count * 16 / ELEMENTS_PER_16_BUCKETS);
    }
    return buckets_rounded(1 + FIRST_BUCKETS +
                           (count - FIRST_ELEMENTS) * 8 / ELEMENTS_PER_8_BUCKETS);
}

/* The next size above n: a page more, later an eighth. */
static unsigned buckets_grown(unsigned n)
{
    enum { PAGE = HASHTABLE_PAGE_BUCKETS };
    return buckets_rounded(n + (n < 16 * PAGE ? PAGE : n / 8 / PAGE * PAGE));
}

/* An array without pages yet; none for no buckets. Only a table's lone segment gets the
 * one in the table, and only when it has another or none. 0, or -ENOMEM. */
static int segment_create(struct hashtable *table, struct pool *pool,
                          struct hashtable_segment *segment)
{
    size_t size = array_size(segment->n, segment->depth);
    segment->pages = NULL;
    if (segment->n > 0) {
        segment->pages = size == 0 ? (struct hashtable_pages *)(void *)&table->first_count
                                   : pool_alloc(pool, MEMORY_TABLE, size);
        if (segment->pages == NULL) {
            return -ENOMEM;
        }
        segment->pages->count = 0;
        if (segment_is_last(segment->n, segment->depth)) {
            segment->pages->chained = 0;
            *chain_first(*segment) = NULL;
        }
    }
    return 0;
}

/* Free the array alone. */
static void array_free(struct pool *pool, struct hashtable_segment segment)
{
    size_t size = array_size(segment.n, segment.depth);
    if (size > 0) {
        pool_free(pool, MEMORY_TABLE, segment.pages, size);
    }
}

static void array_retire(struct pool *pool, struct hashtable_segment segment)
{
    size_t size = array_size(segment.n, segment.depth);
    if (size > 0) {
        pool_retire(pool, MEMORY_TABLE, segment.pages, size);
    }
}

static void segment_free(struct pool *pool, struct hashtable_segment segment)
{
    chain_free(pool, segment);
    for (unsigned b = 0; b < segment.n; b += HASHTABLE_PAGE_BUCKETS) {
        pool_free(pool, MEMORY_TABLE, hashtable_bucket(segment, b), PAGE_SIZE);
    }
    array_free(pool, segment);
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
    unsigned room = free_slots(hashtable_bucket(segment, at));
    while (UNLIKELY(room == 0)) {
        add_overflow(hashtable_bucket(segment, at), 1);
        at = hashtable_next(at, segment.n);
        room = free_slots(hashtable_bucket(segment, at));
    }
    set_slot(hashtable_bucket(segment, at), (unsigned)__builtin_ctz(room), slot);
    segment.pages->count++;
}

/* The same in a segment that is being built, where used[b] slots of bucket b are
 * taken, the first ones: searching for them would be most of the cost of growing. */
static inline void segment_fill(struct hashtable_segment segment, uint8_t *used, uint64_t slot)
{
    unsigned at = hashtable_home(slot >> 48, segment.n);
    while (UNLIKELY(used[at] == HASHTABLE_SLOTS)) {
        add_overflow(hashtable_bucket(segment, at), 1);
        at = hashtable_next(at, segment.n);
    }
    set_slot(hashtable_bucket(segment, at), used[at]++, slot);
    segment.pages->count++;
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
            if (hashtable_slot(hashtable_bucket(segment, at), i) == slot) {
                return (struct place){.bucket = at, .slot = i};
            }
        }
        at = hashtable_next(at, segment.n);
    }
}

/* The nearest element that went past bucket `hole`; there is one. */
static struct place nearest_displaced(struct hashtable_segment segment, unsigned hole)
{
    unsigned at = hole;
    for (unsigned passed = 1;; passed++) {
        ASSERT(passed < segment.n);
        at = hashtable_next(at, segment.n);
        for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
            uint64_t slot = hashtable_slot(hashtable_bucket(segment, at), i);
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
    for (unsigned at = from; at != to; at = hashtable_next(at, segment.n)) {
        add_overflow(hashtable_bucket(segment, at), -1);
    }
}

/* Empty a slot in use, and let those that went past it move up, so that lookups
 * stay short. */
static void segment_vacate(struct hashtable_segment segment, struct place hole)
{
    uint64_t tag = hashtable_slot(hashtable_bucket(segment, hole.bucket), hole.slot) >> 48;
    uncount_overflow(segment, hashtable_home(tag, segment.n), hole.bucket);
    while (hashtable_overflow(hashtable_bucket(segment, hole.bucket)) > 0) {
        struct place from = nearest_displaced(segment, hole.bucket);
        set_slot(hashtable_bucket(segment, hole.bucket), hole.slot,
                 hashtable_slot(hashtable_bucket(segment, from.bucket), from.slot));
        uncount_overflow(segment, hole.bucket, from.bucket);
        hole = from;
    }
    set_slot(hashtable_bucket(segment, hole.bucket), hole.slot, 0);
    segment.pages->count--;
}

/* ---- pages on their way ---- */

/* Pages between the segments they were in and those they will be in. */
struct page_list {
    unsigned given; // The first ones, which have a segment again.
    unsigned count;
    struct hashtable_bucket *pages[2 * PAGES_MAX];
};

static void list_add(struct page_list *list, struct hashtable_segment segment)
{
    for (unsigned b = 0; b < segment.n; b += HASHTABLE_PAGE_BUCKETS) {
        list->pages[list->count++] = hashtable_bucket(segment, b);
    }
}

/* Free the pages from `first` on, which nobody has seen yet. */
static void list_truncate(struct page_list *list, struct pool *pool, unsigned first)
{
    while (list->count > first) {
        pool_free(pool, MEMORY_TABLE, list->pages[--list->count], PAGE_SIZE);
    }
}

/* New pages until there are enough for n buckets. 0, or -ENOMEM with nothing changed. */
static int list_extend(struct page_list *list, struct pool *pool, unsigned n)
{
    unsigned first = list->count;
    while (list->count * HASHTABLE_PAGE_BUCKETS < n) {
        struct hashtable_bucket *page = pool_alloc(pool, MEMORY_TABLE, PAGE_SIZE);
        if (page == NULL) {
            list_truncate(list, pool, first);
            return -ENOMEM;
        }
        memset(page, 0, PAGE_SIZE);
        list->pages[list->count++] = page;
    }
    return 0;
}

/* Give a segment its pages. */
static void list_give(struct page_list *list, struct hashtable_segment segment)
{
    for (unsigned i = 0; i < segment.n / HASHTABLE_PAGE_BUCKETS; i++) {
        // Release: pairs with the acquire in hashtable_bucket.
        atomic_store_explicit(&segment.pages->page[i], list->pages[list->given++],
                              memory_order_release);
    }
}

static void list_retire_rest(struct page_list *list, struct pool *pool)
{
    while (list->count > list->given) {
        pool_retire(pool, MEMORY_TABLE, list->pages[--list->count], PAGE_SIZE);
    }
}

/* Empty a segment into `slots`. Returns how many there were. */
static unsigned segment_take(struct hashtable_segment segment, uint64_t *slots)
{
    unsigned taken = 0;
    for (unsigned b = 0; b < segment.n; b++) {
        struct hashtable_bucket *bucket = hashtable_bucket(segment, b);
        for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
            uint64_t slot = hashtable_slot(bucket, i);
            slots[taken] = slot;
            taken += slot != 0;
            set_slot(bucket, i, 0);
        }
        atomic_store_explicit(&bucket->overflow, 0, memory_order_relaxed);
    }
    if (segment.n > 0) {
        segment.pages->count = 0;
    }
    return taken;
}

/* Fill an empty segment. */
static void segment_fill_all(struct hashtable_segment segment, const uint64_t *slots,
                             unsigned count)
{
    uint8_t used[HASHTABLE_BUCKETS_MAX] = {0};
    for (unsigned i = 0; i < count; i++) {
        segment_fill(segment, used, slots[i]);
    }
}

/* ---- growing ---- */

/* Give the segment n buckets. 0, or -ENOMEM with nothing changed. */
static int segment_resize(struct hashtable *table, struct pool *pool, uint64_t hash, unsigned n)
{
    struct hashtable_segment old = hashtable_segment(table, hash);
    struct hashtable_segment new = {.pages = old.pages, .n = n, .depth = old.depth};
    bool moves =
        (n == 0) != (old.n == 0) || array_size(n, old.depth) != array_size(old.n, old.depth);
    unsigned surplus = n < old.n ? (old.n - n) / HASHTABLE_PAGE_BUCKETS : 0;
    struct page_list list;
    list.given = list.count = 0;
    list_add(&list, old);
    if (pool_retire_reserve(pool, surplus + moves) < 0 ||
        (moves && segment_create(table, pool, &new) < 0)) {
        return -ENOMEM;
    }
    if (list_extend(&list, pool, n) < 0) {
        if (moves) {
            array_free(pool, new);
        }
        return -ENOMEM;
    }
    uint64_t slots[SLOTS_MAX + 1]; // One more: segment_take writes ahead.
    unsigned count = segment_take(old, slots);
    list_give(&list, new);
    segment_fill_all(new, slots, count);
    publish(table, hash, new);
    list_retire_rest(&list, pool);
    if (moves) {
        array_retire(pool, old);
    }
    return 0;
}

/* Make room for segments one bit deeper than the hash's is: a directory twice as large, or
 * below a full-grown one another, or the first one. Needs a reservation to retire. 0, or
 * -ENOMEM with nothing changed. */
static int directory_deepen(struct hashtable *table, struct pool *pool, uint64_t hash)
{
    struct level old = level_of(table, hash);
    bool is_full_grown = old.depth == HASHTABLE_DIRECTORY_DEPTH_MAX;
    unsigned depth = is_full_grown ? 1 : old.depth + 1;
    struct hashtable_directory *new = pool_alloc(pool, MEMORY_TABLE, directory_size(depth));
    if (new == NULL) {
        return -ENOMEM;
    }
    new->deepest = 0;
    for (size_t i = 0; i < (size_t)1 << depth; i++) {
        uint64_t word = old.directory == NULL ? load_root(table)
                        : is_full_grown ? directory_word(old.directory, level_index(old, hash))
                                        : directory_word(old.directory, i / 2);
        atomic_init(&new->words[i], word);
    }
    uint64_t word = make_directory_word(new, depth);
    if (is_full_grown) {
        // Release: pairs with the acquire in hashtable_segment.
        atomic_store_explicit(&old.directory->words[level_index(old, hash)], word,
                              memory_order_release);
        return 0;
    }
    store_level(table, old, word);
    if (old.directory != NULL) {
        pool_retire(pool, MEMORY_TABLE, old.directory, directory_size(old.depth));
    }
    return 0;
}

/* How many elements have the tag's top bit set. */
static unsigned count_upper(struct hashtable_segment segment)
{
    unsigned upper = 0;
    uint64_t slot;
    for (struct place place = {0}; next_slot(segment, &place, &slot);) {
        upper += slot >> 63 != 0;
    }
    return upper;
}

/* Fill two halves with what was taken out of a segment of that depth. Reads each
 * element's hash, since the tags move on by one bit; the elements are cold. */
static void segment_part(const struct hashtable_segment halves[2], const uint64_t *slots,
                         unsigned count, const struct hashtable_type *type)
{
    enum { AHEAD = 14 };
    uint8_t used[2][HASHTABLE_BUCKETS_MAX] = {0};
    for (unsigned i = 0; i < count + AHEAD; i++) {
        if (i < count) {
            slot_prefetch_element(slots[i]);
        }
        if (i >= AHEAD) {
            const void *element = hashtable_pointer(slots[i - AHEAD]);
            size_t upper = slots[i - AHEAD] >> 63;
            uint64_t hash = type->hash(element, type->context);
            uint64_t slot = make_slot(hashtable_tag(hash, halves[0].depth), element);
            segment_fill(halves[upper], used[upper], slot);
        }
    }
}

/* What a split needs: two arrays, pages for both, a directory deep enough. 0, or
 * -ENOMEM with nothing changed. */
static int segment_split_prepare(struct hashtable *table, struct pool *pool, uint64_t hash,
                                 struct hashtable_segment halves[2], struct page_list *list)
{
    unsigned before = list->count;
    struct level level = level_of(table, hash);
    bool is_deep_enough = level.before + level.depth >= halves[0].depth;
    if (pool_retire_reserve(pool, 2) < 0 || segment_create(table, pool, &halves[0]) < 0) {
        return -ENOMEM;
    }
    if (segment_create(table, pool, &halves[1]) < 0) {
        array_free(pool, halves[0]);
        return -ENOMEM;
    }
    if (list_extend(list, pool, halves[0].n + halves[1].n) < 0 ||
        (!is_deep_enough && directory_deepen(table, pool, hash) < 0)) {
        list_truncate(list, pool, before);
        array_free(pool, halves[0]);
        array_free(pool, halves[1]);
        return -ENOMEM;
    }
    return 0;
}

/* Part a full-grown segment in two by the next bit of the hash, even when that leaves one
 * half empty: a later bit may part the other. 0, or -ENOMEM with nothing changed: also when
 * it is as deep as can be. */
static int segment_split(struct hashtable *table, struct pool *pool,
                         const struct hashtable_type *type, uint64_t hash)
{
    struct hashtable_segment old = hashtable_segment(table, hash);
    if (old.depth >= DEPTH_MAX) {
        return -ENOMEM;
    }
    unsigned upper = count_upper(old);
    struct hashtable_segment halves[2] = {
        {.n = buckets_for(segment_count(old) - upper), .depth = old.depth + 1},
        {.n = buckets_for(upper), .depth = old.depth + 1},
    };
    ASSERT(halves[0].n + halves[1].n >= old.n); // No page is left over.
    struct page_list list;
    list.given = list.count = 0;
    list_add(&list, old);
    if (segment_split_prepare(table, pool, hash, halves, &list) < 0) {
        return -ENOMEM;
    }
    uint64_t slots[SLOTS_MAX + 1]; // One more: segment_take writes ahead.
    unsigned count = segment_take(old, slots);
    list_give(&list, halves[0]);
    list_give(&list, halves[1]);
    segment_part(halves, slots, count, type);
    uint64_t bit = UINT64_C(1) << (63 - old.depth);
    publish(table, hash & ~bit, halves[0]);
    publish(table, hash | bit, halves[1]);
    struct level level = level_of(table, hash);
    if (level.directory != NULL && level.before + level.depth == halves[0].depth) {
        level.directory->deepest += 2;
    }
    if ((halves[0].n == 0 || halves[1].n == 0) && type->skewed_splits != NULL) {
        // Relaxed: a count for people to read.
        atomic_fetch_add_explicit(type->skewed_splits, 1, memory_order_relaxed);
    }
    array_retire(pool, old);
    return 0;
}

/* ---- shrinking ---- */

/* Take all out of two halves; tags get back the bit they stood under. Returns how many. */
static unsigned halves_take(const struct hashtable_segment halves[2], uint64_t *slots)
{
    unsigned lower = segment_take(halves[0], slots);
    unsigned count = lower + segment_take(halves[1], slots + lower);
    for (unsigned i = 0; i < count; i++) {
        uint64_t bit = i >= lower;
        slots[i] = make_slot(bit << 15 | slots[i] >> 49, hashtable_pointer(slots[i]));
    }
    return count;
}

/* Join the segment with the other half of what was once split, if the two are small
 * enough. False: nothing changed. */
static bool segment_merge(struct hashtable *table, struct pool *pool, uint64_t hash)
{
    struct hashtable_segment halves[2];
    halves[0] = hashtable_segment(table, hash);
    unsigned depth = halves[0].depth;
    struct level level = level_of(table, hash);
    if (depth == level.before) { // It has the directory for itself, or there is none.
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
    // The pages there are always suffice, at worst without room to grow.
    unsigned n_both = halves[0].n + halves[1].n;
    unsigned n = buckets_for(count + count / 4);
    n = n < n_both ? n : n_both;
    struct hashtable_segment joined = {.n = n, .depth = depth - 1};
    if (pool_retire_reserve(pool, 2 + (n_both - n) / HASHTABLE_PAGE_BUCKETS) < 0 ||
        segment_create(table, pool, &joined) < 0) {
        return false;
    }
    struct page_list list;
    list.given = list.count = 0;
    list_add(&list, halves[0]);
    list_add(&list, halves[1]);
    uint64_t slots[SLOTS_MAX + 1]; // One more: segment_take writes ahead.
    count = halves_take(halves, slots);
    list_give(&list, joined);
    segment_fill_all(joined, slots, (unsigned)count);
    publish(table, hash, joined);
    if (depth == level.before + level.depth) {
        level.directory->deepest -= 2;
    }
    list_retire_rest(&list, pool);
    array_retire(pool, halves[0]);
    array_retire(pool, halves[1]);
    return true;
}

/* Halve the hash's directory, or do without it, when nothing in it is as deep. False: as it
 * was. */
static bool directory_halve(struct hashtable *table, struct pool *pool, uint64_t hash)
{
    struct level old = level_of(table, hash);
    if (old.directory == NULL || old.directory->deepest > 0 || pool_retire_reserve(pool, 1) < 0) {
        return false;
    }
    if (old.depth == 1) {
        store_level(table, old, directory_word(old.directory, 0));
    } else {
        unsigned depth = old.depth - 1;
        struct hashtable_directory *new = pool_alloc(pool, MEMORY_TABLE, directory_size(depth));
        if (new == NULL) {
            return false;
        }
        new->deepest = 0;
        for (size_t i = 0; i < (size_t)1 << depth; i++) {
            uint64_t word = directory_word(old.directory, 2 * i);
            atomic_init(&new->words[i], word);
            new->deepest += hashtable_depth(word) == old.before + depth;
        }
        store_level(table, old, make_directory_word(new, depth));
    }
    pool_retire(pool, MEMORY_TABLE, old.directory, directory_size(old.depth));
    return true;
}

/* Give memory back, as far as there is any to build the smaller things with. */
__attribute__((noinline)) static void segment_shrink(struct hashtable *table, struct pool *pool,
                                                     uint64_t hash)
{
    bool merged = false;
    bool goes_on = true;
    while (goes_on) { // At most DEPTH_MAX times each.
        goes_on = segment_merge(table, pool, hash);
        merged = merged || goes_on;
        goes_on = goes_on || directory_halve(table, pool, hash);
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
    atomic_init(&table->lock.state, LOCK_FREE);
}

void hashtable_deinit(struct hashtable *table, struct pool *pool)
{
    if (load_root(table) == 0) {
        return; // Nothing is written: its memory may never have been touched.
    }
    uint64_t position = 0;
    do {
        struct level levels[LEVELS_MAX];
        unsigned count = levels_of(table, position, levels);
        struct hashtable_segment segment = segment_at(table, &position);
        segment_free(pool, segment);
        pool_rest(pool, segment.n);
        while (count > 0 && level_ends(levels[--count], position)) {
            pool_free(pool, MEMORY_TABLE, levels[count].directory,
                      directory_size(levels[count].depth));
        }
    } while (position != 0);
    hashtable_init(table);
}

/* The elements of the next bucket are on their way while this one's are visited. */
static void segment_visit(struct hashtable_segment segment, hashtable_visit visit, void *context)
{
    for (unsigned b = 0; b < segment.n; b++) {
        if (b + 1 < segment.n) {
            bucket_prefetch_elements(hashtable_bucket(segment, b + 1));
        }
        for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
            uint64_t slot = hashtable_slot(hashtable_bucket(segment, b), i);
            if (slot != 0) {
                visit(hashtable_pointer(slot), context);
            }
        }
    }
    struct chain_walk walk = chain_begin(segment);
    for (const uint64_t *slot; (slot = chain_next(&walk)) != NULL;) {
        visit(hashtable_pointer(*slot), context);
    }
}

void hashtable_drain(struct hashtable *table, struct pool *pool, hashtable_visit visit,
                     void *context)
{
    if (load_root(table) == 0) {
        return;
    }
    uint64_t position = 0;
    do {
        segment_visit(segment_at(table, &position), visit, context);
    } while (position != 0);
    hashtable_deinit(table, pool);
}

/* Make room for one more element. 0, or -ENOMEM with nothing changed and no room. */
__attribute__((noinline)) static int make_room(struct hashtable *table, struct pool *pool,
                                               const struct hashtable_type *type, uint64_t hash)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    int error;
    bool is_full;
    do {
        error = segment.n < HASHTABLE_BUCKETS_MAX
                    ? segment_resize(table, pool, hash, buckets_grown(segment.n))
                    : segment_split(table, pool, type, hash);
        segment = hashtable_segment(table, hash);
        is_full = segment_count(segment) == segment.n * HASHTABLE_SLOTS;
        // One step, however little it helps: a segment that should split has room for more
        // elements than there are bits by which it may. Only one that could not for want of
        // memory, and is full, takes them at once.
    } while (error == 0 && is_full);
    return is_full ? error : 0; // Fuller than it should be, perhaps, but there is room.
}

int hashtable_insert(struct hashtable *table, struct pool *pool, const struct hashtable_type *type,
                     uint64_t hash, void *element)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    if (UNLIKELY(segment_count(segment) >= segment_limit(segment.n))) {
        int error = make_room(table, pool, type, hash);
        segment = hashtable_segment(table, hash);
        if (error < 0) {
            return segment_is_last(segment.n, segment.depth)
                       ? chain_push(pool, segment,
                                    make_slot(hashtable_tag(hash, segment.depth), element))
                       : error;
        }
    }
    segment_put(segment, make_slot(hashtable_tag(hash, segment.depth), element));
    return 0;
}

void hashtable_replace(struct hashtable *table, uint64_t hash, const void *old_element,
                       void *new_element)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    uint64_t tag = hashtable_tag(hash, segment.depth);
    uint64_t *chained = chain_find(segment, make_slot(tag, old_element));
    if (UNLIKELY(chained != NULL)) {
        *chained = make_slot(tag, new_element);
        return;
    }
    struct place place = segment_find(segment, tag, old_element);
    set_slot(hashtable_bucket(segment, place.bucket), place.slot, make_slot(tag, new_element));
}

/* Take a slot out of a segment that has a chain. */
__attribute__((noinline)) static void
remove_with_chain(struct pool *pool, struct hashtable_segment segment, uint64_t slot)
{
    uint64_t *chained = chain_find(segment, slot);
    if (chained != NULL) {
        struct chain_walk newest = chain_begin(segment);
        *chained = *chain_next(&newest);
        (void)chain_pop(pool, segment);
        return;
    }
    segment_vacate(segment, segment_find(segment, slot >> 48, hashtable_pointer(slot)));
    segment_put(segment, chain_pop(pool, segment));
}

void hashtable_remove(struct hashtable *table, struct pool *pool, uint64_t hash,
                      const void *element)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    uint64_t tag = hashtable_tag(hash, segment.depth);
    if (UNLIKELY(chain_count(segment) > 0)) {
        remove_with_chain(pool, segment, make_slot(tag, element));
        return;
    }
    segment_vacate(segment, segment_find(segment, tag, element));
    if (UNLIKELY(segment_count(segment) * 8 < segment_limit(segment.n) * 5)) {
        segment_shrink(table, pool, hash);
    }
}
