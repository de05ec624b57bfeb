/* hashtable.h - a table of pointers, one cache line per bucket.
 *
 *   root ──> segment                                  (one segment: up to 254 buckets)
 *   root ──> directory ──> segments by hash prefix    (more: each splits on its own)
 *   root ──> directory ──> directories ──> segments   (where 256 in one do not part enough)
 *
 *   segment: its word (below) and an array of pages
 *     count     elements in the segment
 *     page[]  ──> two buckets, 128 bytes; bucket i is bucket i % 2 of page i / 2
 *
 *   bucket, 64 bytes:
 *     slots[7]  tag (16 bits) | pointer (48 bits); 0 when free
 *     overflow  how many elements whose home this is, or lies before, went past it
 *
 *   hash, 64 bits, from the top:
 *     prefix: which segment (as many bits as the segment's depth)
 *     tag:    the next 16 bits; home bucket = tag * n >> 16
 *
 * An element stands in its home bucket or, when that is full, in one of the next
 * (the first follows the last). Buckets are thus in hash order whatever n is, and
 * a segment grows by a page, later by an eighth, moving slots by their tags alone,
 * without touching an element. A full-grown segment splits in two; only that reads
 * the elements' hashes again. No operation does more than that, so none ever pays
 * for the whole table.
 *
 * That holds whatever the hashes are. Elements that share a prefix split once an
 * insertion, until they part; a directory has at most 256 words, and below each there
 * are some 600 elements or more, or it is merged away: memory is bounded by what the
 * table holds. Hashes that share 32 bits or more are not parted any further: what does
 * not fit into their segment is chained to it, up to 65,535 elements, and a lookup goes
 * through them all.
 *
 * All pages have one size and stay where they are while the segment grows, splits,
 * shrinks and merges around them: memory never doubles, and however many tables
 * come and go, no free block is of the wrong size for the next. The arrays have
 * 2, 8, 16, ... 128 words; most segments of a keyspace keep the one of a cache line.
 *
 * Pages, arrays and directories that are no longer needed are retired
 * (pool_retire), because the prefetch functions read them without the owner's lock.
 * These may meet a page whose slots are being put in a new order: all they make of
 * it are prefetches.
 *
 * Invariants: slots of free buckets are 0; a lookup that starts at the home
 *             bucket and stops after a bucket with overflow 0 meets every element.
 * Ownership:  the table owns pages, arrays and directories; elements are the caller's.
 * Threads:    the caller's lock guards all but hashtable_prefetch_*, which any
 *             thread that is online in the pool's depot may call at any time.
 */
#pragma once

#include "base/error.h"
#include "base/lock.h"
#include "base/pool.h"
#include "base/random.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct hashtable {
    _Atomic uint64_t root; // 0: empty, nothing allocated. Else a word as drawn below.
    uint32_t first_count;  // This and first: the array of pages of a table of up to 12 buckets.
    struct lock lock;      // The owner's, to guard the table if it likes; free at the start.
    uint64_t first[6];
};

/* How to get an element's hash again: a segment that splits needs it. */
struct hashtable_type {
    uint64_t (*hash)(const void *element, const void *context);
    const void *context;
    // Counts splits that parted nothing, all elements having the next bit of the hash alike: with
    // good hashes never, so somebody has chosen them. By many threads. NULL: not counted.
    _Atomic uint64_t *skewed_splits;
};

/* Whether `element` is the one looked for. */
typedef bool (*hashtable_match)(const void *element, const void *sought);

/* An empty table; all-zero memory is one too. */
void hashtable_init(struct hashtable *table);

/* Free the table's memory at once; no other thread may still prefetch from it.
 * Elements are left as they are. */
void hashtable_deinit(struct hashtable *table, struct pool *pool);

typedef void (*hashtable_visit)(void *element, void *context);

/* Visit every element, in no order, then hashtable_deinit. The visitor may free
 * the element. */
void hashtable_drain(struct hashtable *table, struct pool *pool, hashtable_visit visit,
                     void *context);

/* Bring what leads to the hash's bucket into the cache. Needs no lock; for callers with
 * more than a handful of lookups in flight, some 50 ns before hashtable_prefetch_bucket. */
static PREFETCH_INLINE void hashtable_prefetch_pages(const struct hashtable *table, uint64_t hash);

/* Bring the hash's bucket into the cache. Needs no lock. Returns where the next step goes on,
 * good until the thread's next quiescent point. */
static PREFETCH_INLINE uint64_t hashtable_prefetch_bucket(const struct hashtable *table,
                                                          uint64_t hash);

/* Bring the elements that the bucket's tags point at into the cache. Needs no lock; best some
 * 100 ns after hashtable_prefetch_bucket, whose result `place` is. True when there are none but
 * the next buckets may have some, as for one element in ten: those are on their way then, and
 * hashtable_prefetch_overflow is the last step. */
static PREFETCH_INLINE bool hashtable_prefetch_elements(const struct hashtable *table,
                                                        uint64_t hash, uint64_t place);

/* The same for the elements that the tags of the next buckets point at. */
static PREFETCH_INLINE void hashtable_prefetch_overflow(const struct hashtable *table,
                                                        uint64_t hash);

/* Borrow the element that matches; NULL when there is none. */
static inline void *hashtable_find(const struct hashtable *table, uint64_t hash,
                                   hashtable_match match, const void *sought);

/* Add an element that is not there yet. 0, or -ENOMEM with nothing changed (also when it
 * belongs to a segment whose chain is as long as can be). Moves no more than
 * one segment, of at most HASHTABLE_BUCKETS_MAX * HASHTABLE_SLOTS elements. */
NODISCARD int hashtable_insert(struct hashtable *table, struct pool *pool,
                               const struct hashtable_type *type, uint64_t hash, void *element);

/* Put `new_element` where `old_element` stands. Cannot fail. */
void hashtable_replace(struct hashtable *table, uint64_t hash, const void *old_element,
                       void *new_element);

/* Take `element` out; it must be there. May shrink the segment. Cannot fail. */
void hashtable_remove(struct hashtable *table, struct pool *pool, uint64_t hash,
                      const void *element);

/* Elements in the table. O(segments). */
size_t hashtable_count(const struct hashtable *table);

/* Bytes of pages, arrays and directories. O(segments). */
size_t hashtable_memory(const struct hashtable *table);

/* Visit, in hash order, the elements whose hash is at or after `cursor`, bucket
 * by bucket until at least `elements_min` were visited or the table ends. Returns
 * where to go on (the low 16 bits 0), or 0 at the end; starts from 0. What is in
 * the table from the first call to the last is visited exactly once, however the
 * table changes between calls. The visitor must not change the table. */
uint64_t hashtable_scan(const struct hashtable *table, const struct hashtable_type *type,
                        uint64_t cursor, size_t elements_min, hashtable_visit visit, void *context);

/* Borrow an element picked evenly enough for RANDOMKEY; NULL when empty. */
void *hashtable_random(const struct hashtable *table, struct random *random);

/* Check every invariant, with ASSERT. For tests. */
void hashtable_validate(const struct hashtable *table, const struct hashtable_type *type);

/* ---- inside: what the four inline functions above need ----
 *
 * The root and each place of a directory hold a word, loaded whole, so that a
 * reader without the lock gets a pointer and a count that belong together:
 *
 *   bit 63   1: a directory                      0: a segment
 *   62-57    depth: it has 2^depth words         depth: how many bits of the hash came before
 *   56-48    n, buckets in the segment, even; 0 when there is none (pointer 0)
 *   47-0     pointer: the directory, or the segment's array of pages
 *
 * A segment with n = 10, depth 2 at 0x7f0011223340: 0x040a7f0011223340. */

enum {
    HASHTABLE_ELEMENT_PREFETCHED = 96,
    HASHTABLE_OVERFLOW_PREFETCHED = 2, // Buckets behind the home: 98 % of all elements.
    HASHTABLE_SLOTS = 7,               // in a bucket
    HASHTABLE_PAGE_BUCKETS = 2,        // in a page
    HASHTABLE_BUCKETS_MAX = 254,       // in a segment: 127 pages, whose array takes 1 KiB
    HASHTABLE_BUCKETS_FIRST = 12,      // in a lone segment whose array stands in the table itself
    HASHTABLE_DIRECTORY_DEPTH_MAX = 8, // Only such full-grown ones have others below them.
    HASHTABLE_DEPTH_MAX = 32,          // of a segment. A tag then ends 16 bits above the end.
};

#define HASHTABLE_POINTER_MASK ((UINT64_C(1) << 48) - 1)

struct hashtable_bucket {
    alignas(64) _Atomic uint64_t slots[HASHTABLE_SLOTS];
    _Atomic uint16_t overflow;
};

static_assert(sizeof(struct hashtable_bucket) == 64, "a bucket is one cache line");
static_assert(sizeof(struct hashtable) == 64, "tables can stand in one cache line each");

struct hashtable_pages {
    // Only for the holder of the lock:
    uint32_t count;   // Elements in the buckets.
    uint32_t chained; // And in the chain, where one may be. In a table, its owner's lock.
    struct hashtable_bucket *_Atomic page[];
};

struct hashtable_directory {
    uint64_t deepest; // What has one word alone: segments, directories. Without any, it is halved.
    _Atomic uint64_t words[];
};

/* A word that stands for a segment, taken apart. */
struct hashtable_segment {
    struct hashtable_pages *pages; // NULL when n is 0.
    unsigned n;
    unsigned depth;
};

static inline void *hashtable_pointer(uint64_t word)
{
    return (void *)(uintptr_t)(word & HASHTABLE_POINTER_MASK); // NOLINT(performance-no-int-to-ptr)
}

static inline bool hashtable_is_directory(uint64_t word)
{
    return word >> 63 != 0;
}

static inline unsigned hashtable_depth(uint64_t word)
{
    return (unsigned)(word >> 57) & 63;
}

/* The segment that a hash belongs to. */
static inline struct hashtable_segment hashtable_segment(const struct hashtable *table,
                                                         uint64_t hash)
{
    // Acquire, each: pairs with the release stores that publish what is pointed at.
    uint64_t word = atomic_load_explicit(&table->root, memory_order_acquire);
    while (hashtable_is_directory(word)) {
        const struct hashtable_directory *directory = hashtable_pointer(word);
        unsigned depth = hashtable_depth(word);
        word = atomic_load_explicit(&directory->words[hash >> (64 - depth)], memory_order_acquire);
        hash <<= depth;
    }
    return (struct hashtable_segment){
        .pages = hashtable_pointer(word),
        .n = (unsigned)(word >> 48) & 511,
        .depth = hashtable_depth(word),
    };
}

static inline uint64_t hashtable_tag(uint64_t hash, unsigned depth)
{
    return (hash << depth) >> 48;
}

static inline unsigned hashtable_home(uint64_t tag, unsigned n)
{
    return (unsigned)(tag * n >> 16);
}

/* The bucket behind one of n: the first follows the last. */
static inline unsigned hashtable_next(unsigned bucket, unsigned n)
{
    return bucket + 1 == n ? 0 : bucket + 1;
}

static inline struct hashtable_bucket *hashtable_bucket(struct hashtable_segment segment,
                                                        unsigned i)
{
    // Acquire: a reader without the lock may find a page newer than its word; pairs with
    // the release that put it there.
    return atomic_load_explicit(&segment.pages->page[i / HASHTABLE_PAGE_BUCKETS],
                                memory_order_acquire) +
           i % HASHTABLE_PAGE_BUCKETS;
}

/* Relaxed: what a reader without the lock sees is a hint, no more. */
static inline uint64_t hashtable_slot(const struct hashtable_bucket *bucket, unsigned i)
{
    return atomic_load_explicit(&bucket->slots[i], memory_order_relaxed);
}

static inline unsigned hashtable_overflow(const struct hashtable_bucket *bucket)
{
    return atomic_load_explicit(&bucket->overflow, memory_order_relaxed);
}

/* One bit for each slot in use that has the tag. */
#ifdef __SSE2__
// Loads of 16 bytes, of which each 8 arrive whole, are as good as relaxed ones; only
// the thread sanitizer cannot know.
__attribute__((no_sanitize("thread"))) static inline unsigned
hashtable_hits(const struct hashtable_bucket *bucket, uint64_t tag)
{
    const __m128 *pairs = (const __m128 *)(const void *)bucket;
    __m128i tops[2]; // The upper 32 bits of four words each.
    for (size_t i = 0; i < 2; i++) {
        __m128 four = _mm_shuffle_ps(pairs[2 * i], pairs[2 * i + 1], _MM_SHUFFLE(3, 1, 3, 1));
        tops[i] = _mm_srai_epi32(_mm_castps_si128(four), 16);
    }
    __m128i tags = _mm_packs_epi32(tops[0], tops[1]);
    __m128i equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16((short)tag));
    unsigned hits = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(equal, equal)) & 127;
    if (UNLIKELY(tag == 0)) { // As free slots have.
        for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
            hits &= ~((unsigned)(hashtable_slot(bucket, i) == 0) << i);
        }
    }
    return hits;
}
#else
static inline unsigned hashtable_hits(const struct hashtable_bucket *bucket, uint64_t tag)
{
    unsigned hits = 0;
    for (unsigned i = 0; i < HASHTABLE_SLOTS; i++) {
        // Equal tags cancel out; a free slot under tag 0 becomes the greatest number.
        uint64_t rest = (hashtable_slot(bucket, i) ^ tag << 48) - 1;
        hits |= (unsigned)(rest < HASHTABLE_POINTER_MASK) << i;
    }
    return hits;
}
#endif

/* Bring a line of which there are too many to keep into the first-level cache alone: in
 * the second it would push out what the kernel needs for the connections. */
static PREFETCH_INLINE void hashtable_prefetch_passing(const void *line)
{
    __builtin_prefetch(line, 0, 0);
}

/* The lines that hold an element's first HASHTABLE_ELEMENT_PREFETCHED bytes. */
static PREFETCH_INLINE void hashtable_prefetch_element(const char *element)
{
    hashtable_prefetch_passing(element);
    hashtable_prefetch_passing(element + 64);
    hashtable_prefetch_passing(element + HASHTABLE_ELEMENT_PREFETCHED - 1);
}

static PREFETCH_INLINE void hashtable_prefetch_pages(const struct hashtable *table, uint64_t hash)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    if (segment.n > HASHTABLE_BUCKETS_FIRST) { // Else the array is in the table.
        unsigned home = hashtable_home(hashtable_tag(hash, segment.depth), segment.n);
        __builtin_prefetch(&segment.pages->page[home / HASHTABLE_PAGE_BUCKETS]);
    }
}

// A place is a tag and a bucket, as a slot is a tag and an element; 0: nothing.
static PREFETCH_INLINE uint64_t hashtable_prefetch_bucket(const struct hashtable *table,
                                                          uint64_t hash)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    if (UNLIKELY(segment.n == 0)) {
        return 0;
    }
    uint64_t tag = hashtable_tag(hash, segment.depth);
    const struct hashtable_bucket *bucket =
        hashtable_bucket(segment, hashtable_home(tag, segment.n));
    hashtable_prefetch_passing(bucket);
    return tag << 48 | (uint64_t)(uintptr_t)bucket;
}

/* The elements whose tags are among the `hits` of a bucket. */
static PREFETCH_INLINE void hashtable_prefetch_hits(const struct hashtable_bucket *bucket,
                                                    unsigned hits)
{
    for (; hits != 0; hits &= hits - 1) {
        hashtable_prefetch_element(
            hashtable_pointer(hashtable_slot(bucket, (unsigned)__builtin_ctz(hits))));
    }
}

static PREFETCH_INLINE bool hashtable_prefetch_elements(const struct hashtable *table,
                                                        uint64_t hash, uint64_t place)
{
    if (UNLIKELY(place == 0)) {
        return false;
    }
    const struct hashtable_bucket *bucket = hashtable_pointer(place);
    unsigned hits = hashtable_hits(bucket, place >> 48);
    hashtable_prefetch_hits(bucket, hits);
    if (LIKELY(hits != 0 || hashtable_overflow(bucket) == 0)) {
        return false;
    }
    struct hashtable_segment segment = hashtable_segment(table, hash);
    unsigned at = hashtable_home(hashtable_tag(hash, segment.depth), segment.n);
    for (int i = 0; i < HASHTABLE_OVERFLOW_PREFETCHED && segment.n > 0; i++) {
        at = hashtable_next(at, segment.n);
        hashtable_prefetch_passing(hashtable_bucket(segment, at));
    }
    return true;
}

static PREFETCH_INLINE void hashtable_prefetch_overflow(const struct hashtable *table,
                                                        uint64_t hash)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    uint64_t tag = hashtable_tag(hash, segment.depth);
    unsigned at = hashtable_home(tag, segment.n);
    for (int i = 0; i < HASHTABLE_OVERFLOW_PREFETCHED && segment.n > 0; i++) {
        at = hashtable_next(at, segment.n);
        const struct hashtable_bucket *bucket = hashtable_bucket(segment, at);
        hashtable_prefetch_hits(bucket, hashtable_hits(bucket, tag));
    }
}

/* The rest of hashtable_find where a segment is as deep as can be. */
void *hashtable_find_chained(struct hashtable_segment segment, uint64_t tag, hashtable_match match,
                             const void *sought);

static inline void *hashtable_find(const struct hashtable *table, uint64_t hash,
                                   hashtable_match match, const void *sought)
{
    struct hashtable_segment segment = hashtable_segment(table, hash);
    uint64_t tag = hashtable_tag(hash, segment.depth);
    unsigned at = hashtable_home(tag, segment.n);
    for (unsigned met = 0; met < segment.n; met++) {
        const struct hashtable_bucket *bucket = hashtable_bucket(segment, at);
        for (unsigned hits = hashtable_hits(bucket, tag); hits != 0; hits &= hits - 1) {
            void *element =
                hashtable_pointer(hashtable_slot(bucket, (unsigned)__builtin_ctz(hits)));
            if (LIKELY(match(element, sought))) {
                return element;
            }
        }
        if (LIKELY(hashtable_overflow(bucket) == 0)) {
            break;
        }
        at = hashtable_next(at, segment.n);
    }
    return LIKELY(segment.depth < HASHTABLE_DEPTH_MAX)
               ? NULL
               : hashtable_find_chained(segment, tag, match, sought);
}
