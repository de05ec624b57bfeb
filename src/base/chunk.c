#include "base/pool_internal.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE_SIZE_MIN = 4096 };

/* A chunk's record stands apart from its memory, which is all slabs, in address order. */
struct chunk {
    char *memory;
    struct chunk *next; // Among the spares.
    uint32_t carved;    // Slabs ever handed out: beyond them, memory is as mapped.
    uint32_t used;      // Slabs in a class.
};

void chunks_init(struct chunk_store *store)
{
    pthread_mutex_init(&store->lock, NULL);
    atomic_init(&store->wants_upkeep, true);
    atomic_init(&store->is_short, false);
    // Random keys cost fewer TLB misses in huge pages. What is larger is used in order.
    store->huge.is_huge = true;
    store->objects = (struct chunk_kind){.slab_size = SLAB_SMALL_SIZE, .spares = &store->huge};
    store->tables = (struct chunk_kind){.slab_size = SLAB_SMALL_SIZE, .spares = &store->huge};
    store->large = (struct chunk_kind){.slab_size = SLAB_LARGE_SIZE, .spares = &store->small};
}

void slab_list_push(struct slab **list, struct slab *slab)
{
    slab->prev = NULL;
    slab->next = *list;
    if (*list != NULL) {
        (*list)->prev = slab;
    }
    *list = slab;
}

void slab_list_remove(struct slab **list, struct slab *slab)
{
    if (slab->prev != NULL) {
        slab->prev->next = slab->next;
    } else {
        *list = slab->next;
    }
    if (slab->next != NULL) {
        slab->next->prev = slab->prev;
    }
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

// A chunk from the kernel; NULL when out of memory. Touches a huge page's beginning, for
// which some machines take ms: for callers without a lock.
static struct chunk *chunk_map(bool is_huge)
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
    }
    return chunk;
}

// A spare to be used, the store locked; NULL when there is none.
static struct chunk *spare_take(struct chunk_store *store, struct spare_chunks *spares)
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

static void add_mapped(struct chunk_store *store, struct spare_chunks *spares, struct chunk *chunk)
{
    store->chunks++;
    spare_push(spares, chunk);
}

static void touch(struct chunk *chunk)
{
    for (size_t at = 0; at < CHUNK_SIZE; at += PAGE_SIZE_MIN) {
        *(volatile char *)(chunk->memory + at) = 0;
    }
}

// The store is locked; unlocks it and wakes who waits for memory.
static void end_shortage(struct chunk_store *store)
{
    // Sequentially consistent: who begins to wait now sees it, or is woken below.
    bool was_short = atomic_exchange(&store->is_short, false);
    (void)pthread_mutex_unlock(&store->lock);
    if (was_short) {
        wait_queue_wake(&store->waiting);
    }
}

// Add a spare, if any; how many there are now. Enough of them end a shortage.
static size_t stock(struct chunk_store *store, struct chunk *chunk)
{
    (void)pthread_mutex_lock(&store->lock);
    if (chunk != NULL) {
        add_mapped(store, &store->huge, chunk);
    }
    size_t count = store->huge.count;
    if (count < SPARE_CHUNKS_LOW) {
        (void)pthread_mutex_unlock(&store->lock);
    } else {
        store->is_stocked = true;
        end_shortage(store);
    }
    return count;
}

void depot_upkeep(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    struct chunk *chunk = NULL;
    while (stock(store, chunk) < SPARE_CHUNKS) {
        chunk = chunk_map(true);
        if (chunk == NULL) {
            // Nobody can say until when to wait: whoever stores finds out.
            (void)pthread_mutex_lock(&store->lock);
            store->is_stocked = false;
            end_shortage(store);
            return;
        }
        touch(chunk);
    }
}

bool depot_is_short(struct depot *depot)
{
    return UNLIKELY(atomic_load_explicit(&depot->chunks.is_short, memory_order_relaxed));
}

void depot_await(struct depot *depot, struct waiter *waiter)
{
    struct chunk_store *store = &depot->chunks;
    wait_queue_add(&store->waiting, waiter, WAIT_FOR_MEMORY);
    if (!atomic_load(&store->is_short)) {
        wait_queue_wake(&store->waiting);
    }
}

bool depot_claim_upkeep(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    return UNLIKELY(atomic_load_explicit(&store->wants_upkeep, memory_order_relaxed)) &&
           atomic_exchange_explicit(&store->wants_upkeep, false, memory_order_relaxed);
}

// Unmap spares until `keep` are left, `count` at most.
static void unmap_spares(struct chunk_store *store, struct spare_chunks *spares, size_t keep,
                         size_t count)
{
    for (; count > 0; count--) {
        (void)pthread_mutex_lock(&store->lock);
        struct chunk *chunk = spares->count > keep ? spare_pop(spares) : NULL;
        store->chunks -= chunk != NULL;
        (void)pthread_mutex_unlock(&store->lock);
        if (chunk == NULL) {
            return;
        }
        chunk_unmap(chunk);
        (void)sched_yield();
    }
}

static size_t surplus(struct chunk_store *store, const struct spare_chunks *spares)
{
    (void)pthread_mutex_lock(&store->lock);
    size_t count = spares->count;
    (void)pthread_mutex_unlock(&store->lock);
    return count > SPARE_CHUNKS_MAX ? count - SPARE_CHUNKS_MAX : 0;
}

bool depot_has_surplus(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    return surplus(store, &store->huge) > 0 || surplus(store, &store->small) > 0;
}

static void release_spares(struct chunk_store *store, struct spare_chunks *spares)
{
    size_t part = surplus(store, spares) / RELEASE_DIVISOR;
    size_t count = part > RELEASE_MIN ? part : RELEASE_MIN;
    // While memory is short, the caller has something better to do.
    for (; count > 0 && !atomic_load_explicit(&store->is_short, memory_order_relaxed); count--) {
        unmap_spares(store, spares, SPARE_CHUNKS_MAX, 1);
    }
}

void depot_release(struct depot *depot)
{
    release_spares(&depot->chunks, &depot->chunks.huge);
    release_spares(&depot->chunks, &depot->chunks.small);
}

void depot_trim(struct depot *depot)
{
    unmap_spares(&depot->chunks, &depot->chunks.huge, SPARE_CHUNKS, SIZE_MAX);
    unmap_spares(&depot->chunks, &depot->chunks.small, 0, SIZE_MAX);
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

void *chunk_borrow(struct chunk_store *store)
{
    (void)pthread_mutex_lock(&store->lock);
    struct chunk *chunk = spare_take(store, &store->huge);
    (void)pthread_mutex_unlock(&store->lock);
    if (chunk == NULL) {
        chunk = chunk_map(true);
        if (chunk == NULL) {
            return NULL;
        }
        (void)pthread_mutex_lock(&store->lock);
        store->chunks++;
        (void)pthread_mutex_unlock(&store->lock);
    }
    void *memory = chunk->memory;
    free(chunk);
    return memory;
}

void chunk_unborrow(struct chunk_store *store, void *memory)
{
    (void)munmap(memory, CHUNK_SIZE);
    (void)pthread_mutex_lock(&store->lock);
    store->chunks--;
    (void)pthread_mutex_unlock(&store->lock);
}

// ---- slabs out of chunks ----

static struct slab *slab_at(const struct chunk_kind *kind, const struct chunk *chunk,
                            uint32_t index)
{
    return (struct slab *)(void *)(chunk->memory + (size_t)index * kind->slab_size);
}

// Let a spare chunk be the one that slabs are carved from. Whether there was one.
static bool chunk_begin(struct chunk_store *store, struct chunk_kind *kind)
{
    struct chunk *chunk = spare_take(store, kind->spares);
    if (chunk == NULL) {
        return false;
    }
    *chunk = (struct chunk){.memory = chunk->memory};
    kind->fresh = chunk;
    kind->empty++;
    return true;
}

// A chunk without slabs in use becomes a spare. Unmapping what is too much would wait for
// the page faults of other threads: that is for depot_release.
static void chunk_end(struct chunk_store *store, struct chunk_kind *kind, struct chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->carved; i++) {
        slab_list_remove(&kind->free, slab_at(kind, chunk, i));
    }
    if (kind->fresh == chunk) {
        kind->fresh = NULL;
    }
    spare_push(kind->spares, chunk);
    if (kind->spares->count == SPARE_CHUNKS_MAX + 1) {
        want_upkeep(store);
    }
}

// A slab out of the chunks there are; NULL if none has one.
static struct slab *take_slab(struct chunk_store *store, struct chunk_kind *kind)
{
    struct slab *slab = kind->free;
    if (slab != NULL) {
        slab_list_remove(&kind->free, slab);
    } else if ((kind->fresh != NULL && kind->fresh->carved < CHUNK_SIZE / kind->slab_size) ||
               chunk_begin(store, kind)) {
        slab = slab_at(kind, kind->fresh, kind->fresh->carved++);
        slab->chunk = kind->fresh;
    } else {
        return NULL;
    }
    kind->empty -= slab->chunk->used == 0;
    slab->chunk->used++;
    return slab;
}

struct slab *slab_obtain(struct chunk_store *store, struct chunk_kind *kind)
{
    struct chunk *mapped = NULL;
    for (;;) {
        (void)pthread_mutex_lock(&store->lock);
        if (mapped != NULL) {
            add_mapped(store, kind->spares, mapped);
        }
        struct slab *slab = take_slab(store, kind);
        (void)pthread_mutex_unlock(&store->lock);
        if (slab != NULL) {
            return slab;
        }
        mapped = chunk_map(kind->spares->is_huge);
        if (mapped == NULL) {
            return NULL;
        }
    }
}

// One chunk without slabs in use is kept as it is.
void slab_return(struct chunk_store *store, struct chunk_kind *kind, struct slab *slab)
{
    struct chunk *chunk = slab->chunk;
    (void)pthread_mutex_lock(&store->lock);
    slab_list_push(&kind->free, slab);
    chunk->used--;
    if (chunk->used == 0 && kind->empty > 0) {
        chunk_end(store, kind, chunk);
    } else if (chunk->used == 0) {
        kind->empty++;
    }
    (void)pthread_mutex_unlock(&store->lock);
}

static void end_empty_chunks(struct chunk_store *store, struct chunk_kind *kind)
{
    while (kind->free != NULL) {
        chunk_end(store, kind, kind->free->chunk);
    }
}

void chunks_deinit(struct chunk_store *store)
{
    wait_queue_wake(&store->waiting); // Nobody else will: what is left there is freed by it.
    end_empty_chunks(store, &store->objects);
    end_empty_chunks(store, &store->tables);
    end_empty_chunks(store, &store->large);
    unmap_spares(store, &store->huge, 0, SIZE_MAX);
    unmap_spares(store, &store->small, 0, SIZE_MAX);
    (void)pthread_mutex_destroy(&store->lock);
}
