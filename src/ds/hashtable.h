/* hashtable.h - a table of pointers, one cache line per bucket.
 *
 *   root ──> segment: n buckets in a row              (one segment: up to 256 buckets)
 *   root ──> directory ──> segments by hash prefix    (more: each splits on its own)
 *
 *   bucket, 64 bytes:
 *     slots[7]  tag (16 bits) | pointer (48 bits); 0 when free
 *     overflow  how many elements whose home this is, or lies before, went past it
 *     count     elements in the segment; kept in its first bucket
 *
 *   hash, 64 bits, from the top:
 *     prefix: which segment (as many bits as the segment's depth)
 *     tag:    the next 16 bits; home bucket = tag * n >> 16
 *
 * An element stands in its home bucket or, when that is full, in one of the next
 * (the first follows the last). Buckets are thus in hash order whatever n is, and
 * a segment grows by an eighth, moving slots by their tags alone, without
 * touching an element. A full-grown segment splits in two; only that reads the
 * elements' hashes again. No operation does more than that, so none ever pays
 * for the whole table, and memory never doubles.
 *
 * Replaced segments and directories are retired (pool_retire), because the
 * prefetch functions read them without the owner's lock.
 *
 * Invariants: slots of free buckets are 0; a lookup that starts at the home
 *             bucket and stops after a bucket with overflow 0 meets every element.
 * Ownership:  the table owns segments and directories; elements are the caller's.
 * Threads:    the caller's lock guards all but hashtable_prefetch_*, which any
 *             thread that is online in the pool's depot may call at any time.
 */
#pragma once

#include "base/error.h"
#include "base/pool.h"
#include "base/random.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hashtable {
    _Atomic uint64_t root; // 0: empty, nothing allocated. See hashtable.c.
};

/* How to get an element's hash again: a segment that splits needs it. */
struct hashtable_type {
    uint64_t (*hash)(const void *element, const void *context);
    const void *context;
};

/* Whether `element` is the one looked for. */
typedef bool (*hashtable_match)(const void *element, const void *sought);

/* An empty table; all-zero memory is one too. */
void hashtable_init(struct hashtable *table);

/* Free the table's memory at once; no other thread may still prefetch from it.
 * Elements are left as they are. */
void hashtable_deinit(struct hashtable *table, struct pool *pool);

/* Bring the hash's bucket into the cache, for writing. Needs no lock. */
void hashtable_prefetch_bucket(const struct hashtable *table, uint64_t hash);

/* Bring the elements that the bucket's tags point at into the cache (two lines
 * each). Needs no lock; best some 100 ns after hashtable_prefetch_bucket. */
void hashtable_prefetch_elements(const struct hashtable *table, uint64_t hash);

/* Borrow the element that matches; NULL when there is none. */
void *hashtable_find(const struct hashtable *table, uint64_t hash, hashtable_match match,
                     const void *sought);

/* Add an element that is not there yet. 0, or -ENOMEM with nothing changed. */
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

/* Bytes of segments and directories. O(segments). */
size_t hashtable_memory(const struct hashtable *table);

typedef void (*hashtable_visit)(void *element, void *context);

/* Visit, in hash order, the elements whose hash is at or after `cursor`, bucket
 * by bucket until at least `elements_min` were visited or the table ends. Returns
 * where to go on (the low 16 bits 0), or 0 at the end; starts from 0. What is in
 * the table from the first call to the last is visited exactly once, however the
 * table changes between calls. The visitor must not change the table. */
uint64_t hashtable_scan(const struct hashtable *table, const struct hashtable_type *type,
                        uint64_t cursor, size_t elements_min, hashtable_visit visit,
                        void *context);

/* Borrow an element picked evenly enough for RANDOMKEY; NULL when empty. */
void *hashtable_random(const struct hashtable *table, struct random *random);

/* Check every invariant, with ASSERT. For tests. */
void hashtable_validate(const struct hashtable *table, const struct hashtable_type *type);
