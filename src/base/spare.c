/* Chunks that nobody uses: from the kernel ahead of need, and back to it. */
#include "base/pool_internal.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE_SIZE_MIN = 4096 };

void spares_init(struct chunk_store *store)
{
    pthread_mutex_init(&store->lock, NULL);
    atomic_init(&store->wants_upkeep, true);
    atomic_init(&store->is_short, false);
    // Random keys cost fewer TLB misses in huge pages. What is larger is used in order.
    store->huge = (struct spare_chunks){.is_huge = true, .kept = SPARE_CHUNKS};
    store->small = (struct spare_chunks){.kept = 0};
}

// ---- from the kernel and back ----

// Memory for a chunk; NULL when out of memory. Maps twice the size and cuts off what is
// not aligned.
static char *map_memory(bool is_huge)
{
    char *memory = mmap(NULL, 2 * (size_t)CHUNK_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    size_t before = (CHUNK_SIZE - (uintptr_t)memory % CHUNK_SIZE) % CHUNK_SIZE;
    if (before > 0) {
        (void)munmap(memory, before);
    }
    (void)munmap(memory + before + CHUNK_SIZE, CHUNK_SIZE - before);
    if (is_huge) {
        (void)madvise(memory + before, CHUNK_SIZE, MADV_HUGEPAGE);
    }
    return memory + before;
}

struct chunk *chunk_map(bool is_huge)
{
    struct chunk *chunk = malloc(sizeof(*chunk));
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (struct chunk){.memory = map_memory(is_huge)};
    if (chunk->memory == NULL) {
        free(chunk);
        return NULL;
    }
    if (is_huge) {
        *(volatile char *)chunk->memory = 0;
    }
    return chunk;
}

static void chunk_unmap(struct chunk *chunk)
{
    (void)munmap(chunk->memory, CHUNK_SIZE);
    free(chunk);
}

static void touch(struct chunk *chunk)
{
    for (size_t at = 0; at < CHUNK_SIZE; at += PAGE_SIZE_MIN) {
        *(volatile char *)(chunk->memory + at) = 0;
    }
}

void *pages_map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(memory, size, MADV_NOHUGEPAGE); // Nor as a part of a neighbour's.
    return memory;
}

void pages_unmap(void *memory, size_t size)
{
    (void)munmap(memory, size);
}

// ---- spares ----

static void want_upkeep(struct chunk_store *store)
{
    atomic_store_explicit(&store->wants_upkeep, true, memory_order_relaxed);
}

static void spare_push(struct spare_chunks *spares, struct chunk *chunk)
{
    chunk->next = spares->first;
    spares->first = chunk;
    spares->count++;
}

static struct chunk *spare_pop(struct spare_chunks *spares)
{
    struct chunk *chunk = spares->first;
    if (chunk != NULL) {
        spares->first = chunk->next;
        spares->count--;
        spares->unused = spares->count < spares->unused ? spares->count : spares->unused;
    }
    return chunk;
}

struct chunk *spare_take(struct chunk_store *store, struct spare_chunks *spares)
{
    struct chunk *chunk = spare_pop(spares);
    if (spares->is_huge && spares->count < SPARE_CHUNKS) {
        want_upkeep(store);
    }
    if (spares->is_huge && spares->count < SPARE_CHUNKS_LOW && store->is_stocked) {
        // Release pairs with the load in depot_await: upkeep was asked for before.
        atomic_store_explicit(&store->is_short, true, memory_order_release);
    }
    return chunk;
}

void spare_add_mapped(struct chunk_store *store, struct spare_chunks *spares, struct chunk *chunk)
{
    store->chunks++;
    spare_push(spares, chunk);
}

struct chunk *reserve_take(struct chunk_store *store, size_t kept)
{
    struct chunk *chunk = store->reserve.count > kept ? spare_pop(&store->reserve) : NULL;
    store->chunks += chunk != NULL;
    want_upkeep(store);
    return chunk;
}

void spare_return(struct chunk_store *store, struct spare_chunks *spares, struct chunk *chunk)
{
    if (UNLIKELY(store->reserve.count < store->reserve.kept)) {
        store->chunks--;
        spare_push(&store->reserve, chunk);
        return;
    }
    spare_push(spares, chunk);
    bool has_many = spares->count > SPARE_CHUNKS_MAX;
    if (has_many && !spares->has_surplus) {
        spares->has_surplus = true;
        spares->unused = spares->count;
        want_upkeep(store);
    }
}

void chunks_unlock(struct chunk_store *store)
{
    // Sequentially consistent: who begins to wait now sees it, or is woken below.
    bool ends = store->huge.count >= SPARE_CHUNKS_LOW &&
                atomic_load_explicit(&store->is_short, memory_order_relaxed) &&
                atomic_exchange(&store->is_short, false);
    (void)pthread_mutex_unlock(&store->lock);
    if (UNLIKELY(ends)) {
        wait_queue_wake(&store->waiting);
    }
}

// ---- upkeep ----

// Add a spare, if any; how many there are now. Enough of them end a shortage.
static size_t stock(struct chunk_store *store, struct chunk *chunk)
{
    (void)pthread_mutex_lock(&store->lock);
    if (chunk != NULL) {
        spare_add_mapped(store, &store->huge, chunk);
    }
    size_t count = store->huge.count;
    store->is_stocked = store->is_stocked || count >= SPARE_CHUNKS_LOW;
    chunks_unlock(store);
    return count;
}

// Nobody can say until when to wait: whoever stores finds out that there is no memory.
static void give_up(struct chunk_store *store)
{
    (void)pthread_mutex_lock(&store->lock);
    store->is_stocked = false;
    bool was_short = atomic_exchange(&store->is_short, false);
    (void)pthread_mutex_unlock(&store->lock);
    if (was_short) {
        wait_queue_wake(&store->waiting);
    }
}

// Fill the reserve up; it needs no memory until it is used.
static void fill_reserve(struct chunk_store *store)
{
    struct chunk *chunk = NULL;
    do {
        (void)pthread_mutex_lock(&store->lock);
        if (chunk != NULL) {
            spare_push(&store->reserve, chunk);
        }
        store->reserve.kept = RESERVE_CHUNKS;
        bool is_full = store->reserve.count >= RESERVE_CHUNKS;
        (void)pthread_mutex_unlock(&store->lock);
        chunk = is_full ? NULL : chunk_map(false);
    } while (chunk != NULL);
}

void depot_upkeep(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    fill_reserve(store);
    struct chunk *chunk = NULL;
    while (stock(store, chunk) < SPARE_CHUNKS) {
        chunk = chunk_map(true);
        if (chunk == NULL) {
            give_up(store);
            return;
        }
        touch(chunk);
    }
}

void depot_relieve(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    struct chunk *chunk = NULL;
    // The other thread that calls depot_upkeep gets the rest.
    while (stock(store, chunk) < SPARE_CHUNKS_LOW) {
        chunk = chunk_map(true);
        if (chunk == NULL) {
            give_up(store);
            return;
        }
        (void)sched_yield(); // Clearing it may have taken a worker's time.
    }
}

bool depot_claim_relief(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    return UNLIKELY(atomic_load_explicit(&store->wants_relief, memory_order_relaxed)) &&
           atomic_exchange_explicit(&store->wants_relief, false, memory_order_relaxed);
}

bool depot_is_short(struct depot *depot)
{
    return UNLIKELY(atomic_load_explicit(&depot->chunks.is_short, memory_order_relaxed));
}

void depot_await(struct depot *depot, struct waiter *waiter)
{
    struct chunk_store *store = &depot->chunks;
    wait_queue_add(&store->waiting, waiter, WAIT_FOR_MEMORY);
    atomic_store_explicit(&store->wants_relief, true, memory_order_relaxed);
    // Release: who claims the upkeep sees that there is somebody to relieve.
    atomic_store_explicit(&store->wants_upkeep, true, memory_order_release);
    if (!atomic_load(&store->is_short)) {
        wait_queue_wake(&store->waiting);
    }
}

bool depot_claim_upkeep(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    return UNLIKELY(atomic_load_explicit(&store->wants_upkeep, memory_order_relaxed)) &&
           atomic_exchange_explicit(&store->wants_upkeep, false, memory_order_acquire);
}

// ---- the surplus ----

// Unmap up to `count` spares, but leave `kept`.
static void unmap_spares(struct chunk_store *store, struct spare_chunks *spares, size_t kept,
                         size_t count)
{
    for (; count > 0; count--) {
        (void)pthread_mutex_lock(&store->lock);
        struct chunk *chunk = spares->count > kept ? spare_pop(spares) : NULL;
        store->chunks -= chunk != NULL;
        (void)pthread_mutex_unlock(&store->lock);
        if (chunk == NULL) {
            return;
        }
        chunk_unmap(chunk);
        (void)sched_yield();
    }
}

bool depot_has_surplus(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    (void)pthread_mutex_lock(&store->lock);
    bool has_surplus = store->huge.has_surplus || store->small.has_surplus;
    (void)pthread_mutex_unlock(&store->lock);
    return has_surplus;
}

// How many spares nobody needed since the last call; begins to count anew.
static size_t take_unused(struct chunk_store *store, struct spare_chunks *spares)
{
    (void)pthread_mutex_lock(&store->lock);
    size_t unused = spares->unused > spares->kept ? spares->unused - spares->kept : 0;
    size_t count = unused / RELEASE_DIVISOR > RELEASE_MIN ? unused / RELEASE_DIVISOR : RELEASE_MIN;
    count = count < unused ? count : unused;
    count = spares->has_surplus ? count : 0;
    spares->has_surplus = spares->has_surplus && spares->count > spares->kept + count;
    spares->unused = spares->count;
    (void)pthread_mutex_unlock(&store->lock);
    return count;
}

static void release_spares(struct chunk_store *store, struct spare_chunks *spares)
{
    size_t count = take_unused(store, spares);
    // While memory is short, the caller has something better to do.
    for (; count > 0 && !atomic_load_explicit(&store->is_short, memory_order_relaxed); count--) {
        unmap_spares(store, spares, spares->kept, 1);
    }
}

void depot_release(struct depot *depot)
{
    release_spares(&depot->chunks, &depot->chunks.huge);
    release_spares(&depot->chunks, &depot->chunks.small);
}

void spares_deinit(struct chunk_store *store)
{
    unmap_spares(store, &store->huge, 0, SIZE_MAX);
    unmap_spares(store, &store->small, 0, SIZE_MAX);
    store->chunks += store->reserve.count;
    unmap_spares(store, &store->reserve, 0, SIZE_MAX);
    (void)pthread_mutex_destroy(&store->lock);
}

uint64_t depot_mapped_bytes(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    (void)pthread_mutex_lock(&store->lock);
    uint64_t bytes = (uint64_t)store->chunks * CHUNK_SIZE;
    (void)pthread_mutex_unlock(&store->lock);
    return bytes;
}

// ---- whole chunks ----

static void *lend(struct chunk_store *store, struct chunk *chunk)
{
    if (chunk == NULL) {
        return NULL;
    }
    chunk->next = store->lent;
    store->lent = chunk;
    return chunk->memory;
}

void *chunk_borrow(struct chunk_store *store)
{
    (void)pthread_mutex_lock(&store->lock);
    void *memory = lend(store, spare_take(store, &store->huge));
    (void)pthread_mutex_unlock(&store->lock);
    struct chunk *chunk = memory == NULL ? chunk_map(true) : NULL;
    if (chunk != NULL) {
        (void)pthread_mutex_lock(&store->lock);
        store->chunks++;
        memory = lend(store, chunk);
        (void)pthread_mutex_unlock(&store->lock);
    }
    return memory;
}

void *chunk_borrow_reserved(struct chunk_store *store)
{
    (void)pthread_mutex_lock(&store->lock);
    void *memory = lend(store, reserve_take(store, 0));
    (void)pthread_mutex_unlock(&store->lock);
    return memory;
}

bool chunk_unborrow(struct chunk_store *store, const void *memory)
{
    (void)pthread_mutex_lock(&store->lock);
    struct chunk **at = &store->lent;
    while (*at != NULL && (*at)->memory != memory) {
        at = &(*at)->next;
    }
    struct chunk *chunk = *at;
    if (chunk != NULL) {
        *at = chunk->next;
        *chunk = (struct chunk){.memory = chunk->memory};
        spare_return(store, &store->huge, chunk);
    }
    chunks_unlock(store);
    return chunk != NULL;
}
