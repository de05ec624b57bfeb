#include "base/pool_internal.h"

#include "base/clock.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1 // clang's word for it.
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN 1 // gcc's.
#endif
#if defined(FASTKV_CHECKED) && defined(HAS_ASAN)
#include <sanitizer/asan_interface.h>
#endif

const char *memory_tag_name(enum memory_tag tag)
{
    static const char *const names[MEMORY_TAGS] = {
        [MEMORY_KEYSPACE] = "keyspace", [MEMORY_ENTRY] = "entry",   [MEMORY_TABLE] = "table",
        [MEMORY_DEADLINE] = "deadline", [MEMORY_STRING] = "string", [MEMORY_ZSET] = "zset",
        [MEMORY_CLIENT] = "client",     [MEMORY_INPUT] = "input",   [MEMORY_OUTPUT] = "output",
        [MEMORY_JOB] = "job",           [MEMORY_OTHER] = "other",
    };
    return names[tag];
}

// Reading the clock costs as much as a third of an object, yielding as much as ten.
enum { OBJECTS_PER_CLOCK = 8, YIELD_NS = 25000 };

// ---- depots ----

struct depot *depot_create(void)
{
    struct depot *depot = aligned_alloc(64, (sizeof(*depot) + 63) / 64 * 64);
    if (depot == NULL) {
        return NULL;
    }
    memset(depot, 0, sizeof(*depot));
    atomic_init(&depot->epoch, 1);
    pthread_mutex_init(&depot->pools_lock, NULL);
    slab_init(depot);
    return depot;
}

void depot_destroy(struct depot *depot)
{
    if (depot == NULL) {
        return;
    }
    ASSERT(depot->pools == NULL);
    slab_deinit(depot);
    (void)pthread_mutex_destroy(&depot->pools_lock);
    free(depot);
}

void depot_usage(struct depot *depot, uint64_t bytes_out[MEMORY_TAGS])
{
    (void)pthread_mutex_lock(&depot->pools_lock);
    for (int tag = 0; tag < MEMORY_TAGS; tag++) {
        int64_t sum = depot->dead_usage[tag];
        for (struct pool *pool = depot->pools; pool != NULL; pool = pool->next_pool) {
            sum += atomic_load_explicit(&pool->usage[tag], memory_order_relaxed);
        }
        bytes_out[tag] = sum < 0 ? 0 : (uint64_t)sum;
    }
    (void)pthread_mutex_unlock(&depot->pools_lock);
}

// ---- pools ----

struct pool *pool_create(struct depot *depot)
{
    struct pool *pool = aligned_alloc(64, sizeof(*pool));
    if (pool == NULL) {
        return NULL;
    }
    memset(pool, 0, sizeof(*pool));
    pool->depot = depot;
    pool->fail_after = -1;
    atomic_init(&pool->seen, EPOCH_OFFLINE);
    pool_online(pool);
    (void)pthread_mutex_lock(&depot->pools_lock);
    pool->next_pool = depot->pools;
    depot->pools = pool;
    (void)pthread_mutex_unlock(&depot->pools_lock);
    return pool;
}

void depot_recall(struct depot *depot)
{
    atomic_fetch_add_explicit(&depot->recalls, 1, memory_order_relaxed);
}

void pool_set_yielding(struct pool *pool)
{
    pool->yields = true;
}

void pool_rest(struct pool *pool, size_t objects)
{
    if (!pool->yields) {
        return;
    }
    pool->unclocked += objects;
    if (pool->unclocked < OBJECTS_PER_CLOCK) {
        return;
    }
    pool->unclocked = 0;
    if (clock_monotonic_ns() - pool->yielded_ns >= YIELD_NS) {
        (void)sched_yield();
        pool->yielded_ns = clock_monotonic_ns();
    }
}

static void unlist(struct pool *pool)
{
    struct depot *depot = pool->depot;
    (void)pthread_mutex_lock(&depot->pools_lock);
    struct pool **at = &depot->pools;
    while (*at != pool) {
        at = &(*at)->next_pool;
    }
    *at = pool->next_pool;
    for (int tag = 0; tag < MEMORY_TAGS; tag++) {
        depot->dead_usage[tag] += atomic_load_explicit(&pool->usage[tag], memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&depot->pools_lock);
}

void pool_destroy(struct pool *pool)
{
    if (pool == NULL) {
        return;
    }
    if (pool->retired_first != NULL) {
        pool_synchronize(pool);
        pool_offline(pool);
        reclaim_due(pool, true);
        ASSERT(pool->retired_first == NULL);
    }
    pool_flush(pool);
    while (pool->spare != NULL) {
        struct retired *record = pool->spare;
        pool->spare = record->next;
        free(record);
    }
    unlist(pool);
    free(pool);
}

void pool_open_reserve(struct pool *pool)
{
    pool->may_use_reserve = true;
}

void pool_close_reserve(struct pool *pool)
{
    pool->may_use_reserve = false;
}

// ---- blocks ----

// Only the owner writes, so a load and a store do; readers sum without the owner's lock.
static void account(struct pool *pool, enum memory_tag tag, int64_t bytes)
{
    int64_t usage = atomic_load_explicit(&pool->usage[tag], memory_order_relaxed);
    atomic_store_explicit(&pool->usage[tag], usage + bytes, memory_order_relaxed);
}

size_t pool_class_size(size_t size)
{
    if (size > POOL_CLASS_MAX) {
        return (size + 15) & ~(size_t)15;
    }
    if (size <= CLASS_STEP_MAX) {
        return (size + CLASS_STEP - 1) & ~(size_t)(CLASS_STEP - 1);
    }
    unsigned step_bits = 63U - CLASS_DIVISION_BITS - (unsigned)__builtin_clzl(size - 1);
    return (((size - 1) >> step_bits) + 1) << step_bits;
}

// Bytes of the block that serves for `size`.
static size_t block_room(size_t size)
{
    return size > POOL_CLASS_MAX ? size : pool_class_size(size);
}

#ifdef FASTKV_CHECKED

static bool is_lent_chunk(enum memory_tag tag, const void *block)
{
    (void)tag;
    (void)block;
    return false;
}

// Whether this allocation is the one that is to fail.
static bool is_refused(struct pool *pool)
{
    pool->allocations++;
    bool refused = pool->fail_after == 0;
    pool->fail_after -= pool->fail_after >= 0;
    return refused;
}

// What of a block is beyond the `size` bytes that were asked for: sanitizers report it.
static void mark_rest(void *block, size_t size)
{
#ifdef HAS_ASAN
    size_t room = block_room(size);
    ASAN_UNPOISON_MEMORY_REGION(block, room);
    ASAN_POISON_MEMORY_REGION((char *)block + size, room - size);
#else
    (void)block;
    (void)size;
#endif
}

static void *obtain(struct pool *pool, enum memory_tag tag, size_t size)
{
    (void)tag;
    if (is_refused(pool)) {
        return NULL;
    }
    bool in_lines = size <= POOL_CLASS_MAX && size % 64 == 0;
    void *block = in_lines ? aligned_alloc(64, block_room(size)) : malloc(block_room(size));
    if (block != NULL) {
        mark_rest(block, size);
    }
    return block;
}

static void release(struct pool *pool, enum memory_tag tag, void *block, size_t size)
{
    (void)pool;
    (void)tag;
    (void)size;
    free(block);
}

void pool_flush(struct pool *pool)
{
    (void)pool;
}

#else

static bool is_refused(struct pool *pool)
{
    (void)pool;
    return false;
}

static void mark_rest(void *block, size_t size)
{
    (void)block;
    (void)size;
}

static bool is_lent_chunk(enum memory_tag tag, const void *block)
{
    // Blocks of malloc are seldom aligned so, but may be.
    return tag_is_passing(tag) && (uintptr_t)block % CHUNK_SIZE == 0;
}

// Passing memory of up to a chunk may come from the reserve, in a chunk of its own.
static __attribute__((noinline)) void *obtain_large(struct pool *pool, enum memory_tag tag,
                                                    size_t size)
{
    void *block = malloc(size);
    if (UNLIKELY(block == NULL) && tag_is_passing(tag) && size <= CHUNK_SIZE) {
        // cppcheck-suppress memleak ; block is NULL here
        block = chunk_borrow_reserved(&pool->depot->chunks);
    }
    return block;
}

static __attribute__((noinline)) void release_large(struct pool *pool, enum memory_tag tag,
                                                    void *block)
{
    if (!is_lent_chunk(tag, block) || !chunk_unborrow(&pool->depot->chunks, block)) {
        free(block);
    }
}

static void *obtain(struct pool *pool, enum memory_tag tag, size_t size)
{
    if (UNLIKELY(size > POOL_CLASS_MAX)) {
        return obtain_large(pool, tag, size);
    }
    uint32_t class = class_of(tag, size);
    struct object_list *cache = &pool->caches[class];
    if (UNLIKELY(cache->first == NULL)) {
        *cache = slab_take(pool->depot, class, pool->may_use_reserve);
        if (cache->first == NULL) {
            return NULL;
        }
    }
    struct object *object = cache->first;
    cache->first = object->next;
    cache->count--;
    return object;
}

// Keep the younger half, which is still in the processor's cache.
static void give_back_half(struct pool *pool, uint32_t class)
{
    struct object_list *cache = &pool->caches[class];
    uint32_t keep = cache->count / 2;
    struct object *last = cache->first;
    for (uint32_t i = 1; i < keep; i++) {
        last = last->next;
    }
    struct object *rest = last->next;
    last->next = NULL;
    cache->count = keep;
    slab_give(pool->depot, class, rest);
}

static void release(struct pool *pool, enum memory_tag tag, void *block, size_t size)
{
    if (UNLIKELY(size > POOL_CLASS_MAX)) {
        release_large(pool, tag, block);
        return;
    }
    uint32_t class = class_of(tag, size);
    struct object_list *cache = &pool->caches[class];
    struct object *object = block;
    object->next = cache->first;
    cache->first = object;
    cache->count++;
    if (UNLIKELY(cache->count >= 2 * pool->depot->classes[class].batch)) {
        give_back_half(pool, class);
    }
}

void pool_flush(struct pool *pool)
{
    for (uint32_t class = 0; class < CLASSES; class ++) {
        struct object_list *cache = &pool->caches[class];
        if (cache->first != NULL) {
            slab_give(pool->depot, class, cache->first);
            *cache = (struct object_list){0};
        }
    }
}

#endif

void *pool_alloc(struct pool *pool, enum memory_tag tag, size_t size)
{
    void *block = obtain(pool, tag, size);
    if (LIKELY(block != NULL)) {
        account(pool, tag, (int64_t)pool_class_size(size));
    }
    return block;
}

void *pool_alloc_zeroed(struct pool *pool, enum memory_tag tag, size_t size)
{
    if (size > POOL_CLASS_MAX) {
        void *block = is_refused(pool) ? NULL : calloc(1, size);
        if (block != NULL) {
            account(pool, tag, (int64_t)pool_class_size(size));
        }
        return block;
    }
    void *block = pool_alloc(pool, tag, size);
    if (block != NULL) {
        memset(block, 0, size);
    }
    return block;
}

void pool_free(struct pool *pool, enum memory_tag tag, void *block, size_t size)
{
    if (block == NULL) {
        return;
    }
    account(pool, tag, -(int64_t)pool_class_size(size));
    release(pool, tag, block, size);
}

bool pool_refit(void *block, size_t old_size, size_t new_size)
{
    if (block_room(old_size) != block_room(new_size)) {
        return false;
    }
    mark_rest(block, new_size);
    return true;
}

void *pool_resize(struct pool *pool, enum memory_tag tag, void *block, size_t old_size,
                  size_t new_size)
{
    if (block == NULL) {
        return pool_alloc(pool, tag, new_size);
    }
    if (pool_refit(block, old_size, new_size)) {
        return block;
    }
    void *moved = NULL;
    if (old_size > POOL_CLASS_MAX && new_size > POOL_CLASS_MAX && !is_lent_chunk(tag, block)) {
        if (is_refused(pool)) {
            return NULL;
        }
        moved = realloc(block, new_size);
    }
    if (moved != NULL) {
        account(pool, tag, (int64_t)pool_class_size(new_size) - (int64_t)pool_class_size(old_size));
        return moved;
    }
    moved = pool_alloc(pool, tag, new_size);
    if (moved != NULL) {
        memcpy(moved, block, old_size < new_size ? old_size : new_size);
        pool_free(pool, tag, block, old_size);
    }
    return moved;
}

#ifdef FASTKV_CHECKED

void *pool_alloc_chunk(struct pool *pool, enum memory_tag tag)
{
    void *memory = is_refused(pool) ? NULL : aligned_alloc(POOL_CHUNK_SIZE, POOL_CHUNK_SIZE);
    if (memory != NULL) {
        memset(memory, 0, POOL_CHUNK_SIZE);
        account(pool, tag, POOL_CHUNK_SIZE);
    }
    return memory;
}

void pool_free_chunk(struct pool *pool, enum memory_tag tag, void *memory)
{
    pool_free(pool, tag, memory, POOL_CHUNK_SIZE);
}

#else

void *pool_alloc_chunk(struct pool *pool, enum memory_tag tag)
{
    void *memory = chunk_borrow(&pool->depot->chunks);
    if (memory != NULL) {
        memset(memory, 0, POOL_CHUNK_SIZE);
        account(pool, tag, POOL_CHUNK_SIZE);
    }
    return memory;
}

void pool_free_chunk(struct pool *pool, enum memory_tag tag, void *memory)
{
    if (memory != NULL) {
        account(pool, tag, -(int64_t)POOL_CHUNK_SIZE);
        (void)chunk_unborrow(&pool->depot->chunks, memory);
    }
}

#endif

void *pool_map(struct pool *pool, enum memory_tag tag, size_t size)
{
#ifdef FASTKV_CHECKED
    return pool_alloc_zeroed(pool, tag, size);
#else
    void *memory = pages_map(size);
    if (memory != NULL) {
        account(pool, tag, (int64_t)pool_class_size(size));
    }
    return memory;
#endif
}

void pool_unmap(struct pool *pool, enum memory_tag tag, void *memory, size_t size)
{
#ifdef FASTKV_CHECKED
    pool_free(pool, tag, memory, size);
#else
    if (memory != NULL) {
        account(pool, tag, -(int64_t)pool_class_size(size));
        pages_unmap(memory, size);
    }
#endif
}

void pool_fail_after(struct pool *pool, long n)
{
    pool->fail_after = n;
}

uint64_t pool_allocations(const struct pool *pool)
{
    return pool->allocations;
}
