/* pool_internal.h - what pool.c, slab.c, chunk.c, spare.c and reclaim.c share.
 *
 *   chunk, 2 MiB, aligned to its size
 *   ┌────────┬────────┬─ ─ ─┬────────┐     slab, 64 KiB (objects to 1 KiB) or 256 KiB
 *   │ slab 0 │ slab 1 │     │ slab n │     ┌──────────┬────────┬────────┬─ ─
 *   └────────┴────────┴─ ─ ─┴────────┘     │ header 64│ object │ object │
 *                                          └──────────┴────────┴────────┴─ ─
 * A slab is aligned to its size, so an object's address leads to its slab.
 *
 * Lock order: a class, then the chunks.
 */
#pragma once

#include "base/lock.h"
#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
    CLASS_STEP = 8,
    CLASS_STEP_MAX = 1024, // Up to here classes step by CLASS_STEP.
    CLASSES_STEPPED = CLASS_STEP_MAX / CLASS_STEP,
    CLASS_DIVISION_BITS = 5,
    CLASSES_PER_DOUBLING = 1 << CLASS_DIVISION_BITS,
    CLASSES_OF_SIZE = CLASSES_STEPPED + 4 * CLASSES_PER_DOUBLING,
    CLASSES_PASSING = CLASSES_OF_SIZE,    // Where those of passing memory begin,
    CLASSES_TABLES = 2 * CLASSES_OF_SIZE, // and those of tables, which are small.
    CLASSES = CLASSES_TABLES + CLASSES_STEPPED,
    SLAB_SMALL_SIZE = 64 * 1024,
    SLAB_LARGE_SIZE = 256 * 1024,
    CHUNK_SIZE = POOL_CHUNK_SIZE,
    BATCH_BYTES = 8 * 1024, // What a cache and the depot trade at a time, about.
    BATCH_MAX = 64,
};

struct object {
    struct object *next;
};

/* A list of free objects. */
struct object_list {
    struct object *first;
    uint32_t count;
};

/* A chunk's record stands apart from its memory, which is all slabs, in address order. */
struct chunk {
    char *memory;
    struct chunk *next; // Among the spares, or those lent.
    uint32_t carved;    // Slabs ever handed out: beyond them, memory is as mapped.
    uint32_t used;      // Slabs in a class.
};

struct slab {
    struct slab *next, *prev; // Among its class's slabs with room, or the chunks' free slabs.
    struct chunk *chunk;
    struct object *free; // Objects that came back.
    uint32_t used;       // Objects handed out.
    uint32_t carved;     // Objects ever handed out: beyond them, memory is untouched.
    uint32_t capacity;
    uint32_t class;
    char pad[16];
};

/* Slabs of one class that have room. */
struct slab_class {
    pthread_mutex_t lock;
    struct slab *with_room;
    struct chunk_kind *kind;
    uint32_t size;
    uint32_t batch;
} __attribute__((aligned(64)));

enum {
    SPARE_CHUNKS = 4,        // For some 80,000 inserts of short strings.
    SPARE_CHUNKS_LOW = 2,    // With fewer, memory is short.
    SPARE_CHUNKS_MAX = 16,   // More are a surplus.
    RELEASE_DIVISOR = 8,     // Of those that nobody needed, what a depot_release gives back,
    RELEASE_MIN = 16,        // but as many chunks of a kind.
    RESERVE_CHUNKS = 16,     // For passing memory when the kernel has no more,
    RESERVE_CHUNKS_DATA = 8, // and down to so many for data that a pool_open_reserve allows.
};

/* Chunks that are not cut. */
struct spare_chunks {
    struct chunk *first;
    size_t count;
    size_t unused;    // The smallest count since the last depot_release.
    size_t kept;      // What is left of a surplus.
    bool has_surplus; // There were too many, and some of them are left.
    bool is_huge;     // In huge pages, and some kept touched before they are needed.
};

/* Chunks cut into slabs of one size for one purpose. Tables stand apart: one page of a table,
 * even a free one in a thread's cache, would keep a chunk of entries that were all deleted.
 * So does passing memory: what belongs to requests, replies and connections. */
struct chunk_kind {
    uint32_t slab_size;
    struct spare_chunks *spares; // Where its chunks come from and go to.
    struct slab *free;           // Slabs that came back from a class.
    struct chunk *fresh;         // The newest, from which slabs are carved.
    unsigned empty;              // Chunks whose slabs are all free.
    size_t reserve_kept;         // It may use the reserve until so many chunks are left.
};

struct chunk_store {
    pthread_mutex_t lock;
    struct spare_chunks huge, small;
    struct chunk_kind objects;       // Of up to CLASS_STEP_MAX,
    struct chunk_kind tables;        // the same for pages of hash tables,
    struct chunk_kind passing;       // and for passing memory;
    struct chunk_kind large;         // larger objects,
    struct chunk_kind large_passing; // and of passing memory.
    struct chunk *lent;              // Whole.
    struct spare_chunks reserve;     // Mapped, but not touched.
    size_t chunks;                   // Mapped, without those that were never used.
    _Atomic bool wants_upkeep;       // Spares are missing, or there are too many now.
    bool is_stocked;                 // The last depot_upkeep got enough.
    _Atomic bool is_short;           // It did, and few are left.
    _Atomic bool wants_relief;       // Somebody waits for the end of that.
    struct wait_queue waiting;       // For enough.
};

struct retired {
    struct retired *next;
    void *block;
    size_t size;
    uint64_t epoch; // Free it once everybody has seen a later one.
    enum memory_tag tag;
};

struct depot {
    _Atomic uint64_t epoch;     // Advanced by every pool_retire.
    _Atomic uint32_t recalls;   // Of what the pools cache.
    pthread_mutex_t pools_lock; // Guards the list and the two sums of dead pools.
    struct pool *pools;
    int64_t dead_usage[MEMORY_TAGS];
    struct chunk_store chunks;
    struct slab_class classes[CLASSES];
};

#define EPOCH_OFFLINE UINT64_MAX

struct pool {
    _Atomic uint64_t seen; // The depot's epoch at the last quiescent point, or EPOCH_OFFLINE.
    struct depot *depot;
    struct pool *next_pool;
    struct retired *retired_first, *retired_last; // Oldest first.
    struct retired *spare;                        // Reserved records.
    unsigned spare_count;
    long fail_after;
    uint64_t allocations;
    uint32_t recalls_followed;
    bool may_use_reserve;               // For data, too.
    bool yields;                        // In pool_rest.
    size_t unclocked;                   // Objects since it looked at the clock there,
    uint64_t yielded_ns;                // and when it last let others run.
    _Atomic int64_t usage[MEMORY_TAGS]; // Written by the owner; may be negative by itself.
    struct object_list caches[CLASSES];
} __attribute__((aligned(64)));

/* Whether memory for this is given back when a request, its reply or a connection ends. */
static inline bool tag_is_passing(enum memory_tag tag)
{
    return tag == MEMORY_CLIENT || tag == MEMORY_INPUT || tag == MEMORY_OUTPUT || tag == MEMORY_JOB;
}

/* The class for a size of at most POOL_CLASS_MAX. */
static inline uint32_t class_of(enum memory_tag tag, size_t size)
{
    uint32_t first = tag_is_passing(tag) ? CLASSES_PASSING : 0;
    if (size <= CLASS_STEP_MAX) {
        uint32_t class = (uint32_t)((size + CLASS_STEP - 1) / CLASS_STEP) - 1;
        return class + (tag == MEMORY_TABLE ? CLASSES_TABLES : first);
    }
    uint32_t doubling = 63U - (uint32_t)__builtin_clzl(size - 1); // 10 for 1025..2048
    uint32_t step_bits = doubling - CLASS_DIVISION_BITS;
    uint32_t step = (uint32_t)((size - 1) >> step_bits) - CLASSES_PER_DOUBLING;
    return first + CLASSES_STEPPED + (doubling - 10) * CLASSES_PER_DOUBLING + step;
}

/* chunk.c: no chunks yet. */
void chunks_init(struct chunk_store *store);

/* Unmap all chunks; every slab was returned. */
void chunks_deinit(struct chunk_store *store);

/* A slab of a kind of the store; NULL when out of memory: then the reserve is used down to
 * `reserve_kept` chunks. Only `chunk` is filled in. Waits for the kernel only without a spare
 * chunk, and then holds no lock. */
struct slab *slab_obtain(struct chunk_store *store, struct chunk_kind *kind, size_t reserve_kept);

/* Bring a slab back whose objects are all free. Never waits for the kernel. */
void slab_return(struct chunk_store *store, struct chunk_kind *kind, struct slab *slab);

/* spare.c: none yet. */
void spares_init(struct chunk_store *store);

/* Unmap all spares. */
void spares_deinit(struct chunk_store *store);

/* A chunk from the kernel; NULL when out of memory. Touches a huge page's beginning, for
 * which some machines take ms: for callers without a lock. */
struct chunk *chunk_map(bool is_huge);

/* A spare to be used, the store locked; NULL when there is none. */
struct chunk *spare_take(struct chunk_store *store, struct spare_chunks *spares);

/* A chunk of the reserve, which keeps `kept`, the store locked; NULL when there is none. */
struct chunk *reserve_take(struct chunk_store *store, size_t kept);

/* Add a chunk that was mapped, the store locked. */
void spare_add_mapped(struct chunk_store *store, struct spare_chunks *spares, struct chunk *chunk);

/* Add one that was in use, the store locked until chunks_unlock. Unmapping what is too much
 * would wait for the page faults of other threads: that is for depot_release. */
void spare_return(struct chunk_store *store, struct spare_chunks *spares, struct chunk *chunk);

/* Unlock the store after chunks came back; wakes who waits for memory if that was enough. */
void chunks_unlock(struct chunk_store *store);

/* A chunk's memory on loan, not cleared: a spare one if there is; NULL when out of memory. */
void *chunk_borrow(struct chunk_store *store);

/* The same out of the reserve. */
void *chunk_borrow_reserved(struct chunk_store *store);

/* Give it back. False when it is none of those lent. */
bool chunk_unborrow(struct chunk_store *store, const void *memory);

/* Whole pages, zeroed, that take no memory until they are touched; NULL when out of memory. */
void *pages_map(size_t size);
void pages_unmap(void *memory, size_t size);

void slab_list_push(struct slab **list, struct slab *slab);
void slab_list_remove(struct slab **list, struct slab *slab);

/* slab.c: fill in sizes and locks. */
void slab_init(struct depot *depot);

/* Unmap everything. */
void slab_deinit(struct depot *depot);

/* Fetch up to a batch of objects; an empty list when out of memory. With `may_use_reserve`,
 * data may take some of the reserve. Holds no lock while it waits for the kernel. */
struct object_list slab_take(struct depot *depot, uint32_t class, bool may_use_reserve);

/* Bring objects of one class back. Never waits for the kernel. */
void slab_give(struct depot *depot, uint32_t class, struct object *first);

/* Free what nobody can still read; without `may_wait`, only if the list of pools is
 * not in use just now. */
void reclaim_due(struct pool *pool, bool may_wait);
