#include "base/pool_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE_SIZE_MIN = 4096 };

static_assert(sizeof(struct slab) == 64, "objects begin on a cache line");

/* A chunk's record stands apart from its memory, which is all slabs, in address order. */
struct chunk {
    char *memory;
    uint32_t slabs;
    uint32_t carved; // Slabs ever handed out: beyond them, memory is untouched.
    uint32_t used;   // Slabs in a class.
};

static uint32_t size_of_class(uint32_t class)
{
    if (class < CLASSES_STEPPED) {
        return (class + 1) * CLASS_STEP;
    }
    uint32_t above = class - CLASSES_STEPPED;
    uint32_t doubling = above / CLASSES_PER_DOUBLING;
    uint32_t step = above % CLASSES_PER_DOUBLING;
    uint32_t eighth = ((uint32_t)CLASS_STEP_MAX << doubling) / CLASSES_PER_DOUBLING;
    return eighth * (CLASSES_PER_DOUBLING + step + 1);
}

void slab_init(struct depot *depot)
{
    pthread_mutex_init(&depot->chunks.lock, NULL);
    atomic_init(&depot->chunks.wants_spares, true);
    for (uint32_t class = 0; class < CLASSES; class ++) {
        struct slab_class *c = &depot->classes[class];
        pthread_mutex_init(&c->lock, NULL);
        c->size = size_of_class(class);
        c->slab_size = c->size <= CLASS_STEP_MAX ? SLAB_SMALL_SIZE : SLAB_LARGE_SIZE;
        uint32_t batch = BATCH_BYTES / c->size;
        c->batch = batch < 2 ? 2 : batch > BATCH_MAX ? BATCH_MAX : batch;
    }
}

// ---- chunks ----

static unsigned kind_of(uint32_t slab_size)
{
    return slab_size == SLAB_SMALL_SIZE ? 0 : 1;
}

static void list_push(struct slab **list, struct slab *slab)
{
    slab->prev = NULL;
    slab->next = *list;
    if (*list != NULL) {
        (*list)->prev = slab;
    }
    *list = slab;
}

static void list_remove(struct slab **list, struct slab *slab)
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

// Memory for a chunk; NULL when out of memory. Maps twice the size and cuts off what is
// not aligned.
static char *map_chunk(void)
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
    // A huge page where there is one: random keys then cost fewer TLB misses.
    (void)madvise(memory + before, CHUNK_SIZE, MADV_HUGEPAGE);
    return memory + before;
}

static struct slab *slab_at(const struct chunk *chunk, uint32_t index)
{
    return (struct slab *)(void *)(chunk->memory + (size_t)index * (CHUNK_SIZE / chunk->slabs));
}

// A chunk to carve slabs from: one prepared, or else one that the kernel clears on first use.
static bool chunk_add(struct chunk_store *store, uint32_t slab_size)
{
    struct chunk *chunk = malloc(sizeof(*chunk));
    if (chunk == NULL) {
        return false;
    }
    char *memory = store->spares > 0 ? store->spare[--store->spares] : map_chunk();
    if (store->spares < SPARE_CHUNKS) {
        atomic_store_explicit(&store->wants_spares, true, memory_order_relaxed);
    }
    if (memory == NULL) {
        free(chunk);
        return false;
    }
    *chunk = (struct chunk){.memory = memory, .slabs = CHUNK_SIZE / slab_size};
    store->fresh[kind_of(slab_size)] = chunk;
    store->empty_chunks[kind_of(slab_size)]++;
    store->chunks++;
    return true;
}

// The memory of a chunk without slabs in use: kept for the next, as unmapping and mapping
// wait for other threads' page faults, unless there is much already.
static void chunk_end(struct chunk_store *store, struct chunk *chunk)
{
    if (store->spares < SPARE_CHUNKS_MAX) {
        store->spare[store->spares++] = chunk->memory;
    } else {
        (void)munmap(chunk->memory, CHUNK_SIZE);
    }
    store->chunks--;
    free(chunk);
}

// Take a chunk without slabs in use out of the lists.
static void chunk_forget(struct chunk_store *store, struct chunk *chunk, unsigned kind)
{
    for (uint32_t i = 0; i < chunk->carved; i++) {
        list_remove(&store->free[kind], slab_at(chunk, i));
    }
    if (store->fresh[kind] == chunk) {
        store->fresh[kind] = NULL;
    }
}

static struct slab *slab_obtain(struct depot *depot, uint32_t slab_size)
{
    struct chunk_store *store = &depot->chunks;
    unsigned kind = kind_of(slab_size);
    (void)pthread_mutex_lock(&store->lock);
    struct slab *slab = store->free[kind];
    struct chunk *fresh = store->fresh[kind];
    if (slab != NULL) {
        list_remove(&store->free[kind], slab);
    } else if ((fresh != NULL && fresh->carved < fresh->slabs) || chunk_add(store, slab_size)) {
        fresh = store->fresh[kind];
        slab = slab_at(fresh, fresh->carved++);
        slab->chunk = fresh;
    }
    if (slab != NULL) {
        store->empty_chunks[kind] -= slab->chunk->used == 0;
        slab->chunk->used++;
    }
    (void)pthread_mutex_unlock(&store->lock);
    return slab;
}

// A chunk without slabs in use becomes a spare, but for one kept as a reserve.
static void slab_return(struct depot *depot, struct slab *slab, uint32_t slab_size)
{
    struct chunk_store *store = &depot->chunks;
    unsigned kind = kind_of(slab_size);
    struct chunk *chunk = slab->chunk;
    (void)pthread_mutex_lock(&store->lock);
    list_push(&store->free[kind], slab);
    chunk->used--;
    if (chunk->used == 0 && store->empty_chunks[kind] > 0) {
        chunk_forget(store, chunk, kind);
        chunk_end(store, chunk);
    } else if (chunk->used == 0) {
        store->empty_chunks[kind]++;
    }
    (void)pthread_mutex_unlock(&store->lock);
}

// ---- memory ahead of need ----

bool depot_claim_preparation(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    return UNLIKELY(atomic_load_explicit(&store->wants_spares, memory_order_relaxed)) &&
           atomic_exchange_explicit(&store->wants_spares, false, memory_order_relaxed);
}

static bool has_all_spares(struct chunk_store *store)
{
    (void)pthread_mutex_lock(&store->lock);
    bool has_all = store->spares >= SPARE_CHUNKS;
    (void)pthread_mutex_unlock(&store->lock);
    return has_all;
}

// Keep the memory as a spare chunk, unless there are enough by now.
static void add_spare(struct chunk_store *store, char *memory)
{
    (void)pthread_mutex_lock(&store->lock);
    bool has_room = store->spares < SPARE_CHUNKS;
    if (has_room) {
        store->spare[store->spares++] = memory;
    }
    (void)pthread_mutex_unlock(&store->lock);
    if (!has_room) {
        (void)munmap(memory, CHUNK_SIZE);
    }
}

void depot_prepare(struct depot *depot)
{
    while (!has_all_spares(&depot->chunks)) {
        char *memory = map_chunk();
        if (memory == NULL) {
            return;
        }
        for (size_t at = 0; at < CHUNK_SIZE; at += PAGE_SIZE_MIN) {
            *(volatile char *)(memory + at) = 0;
        }
        add_spare(&depot->chunks, memory);
    }
}

void depot_trim(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    for (;;) {
        (void)pthread_mutex_lock(&store->lock);
        char *memory = store->spares > SPARE_CHUNKS ? store->spare[--store->spares] : NULL;
        (void)pthread_mutex_unlock(&store->lock);
        if (memory == NULL) {
            return;
        }
        (void)munmap(memory, CHUNK_SIZE);
    }
}

uint64_t depot_mapped_bytes(struct depot *depot)
{
    struct chunk_store *store = &depot->chunks;
    (void)pthread_mutex_lock(&store->lock);
    uint64_t bytes = (uint64_t)(store->chunks + store->spares) * CHUNK_SIZE;
    (void)pthread_mutex_unlock(&store->lock);
    return bytes;
}

// ---- classes ----

static struct slab *class_slab(struct depot *depot, uint32_t class)
{
    struct slab_class *c = &depot->classes[class];
    if (c->with_room == NULL) {
        struct slab *slab = slab_obtain(depot, c->slab_size);
        if (slab == NULL) {
            return NULL;
        }
        slab->free = NULL;
        slab->used = 0;
        slab->carved = 0;
        slab->capacity = (uint32_t)((c->slab_size - sizeof(struct slab)) / c->size);
        slab->class = class;
        list_push(&c->with_room, slab);
    }
    return c->with_room;
}

struct object_list slab_take(struct depot *depot, uint32_t class)
{
    struct slab_class *c = &depot->classes[class];
    struct object_list list = {0};
    struct object **tail = &list.first;
    (void)pthread_mutex_lock(&c->lock);
    while (list.count < c->batch) {
        struct slab *slab = class_slab(depot, class);
        if (slab == NULL) {
            break;
        }
        struct object *object = slab->free;
        if (object != NULL) {
            slab->free = object->next;
        } else {
            object = (struct object *)(void *)((char *)(slab + 1) + (size_t)slab->carved * c->size);
            slab->carved++;
        }
        slab->used++;
        *tail = object;
        tail = &object->next;
        list.count++;
        if (slab->used == slab->capacity) {
            list_remove(&c->with_room, slab);
        }
    }
    *tail = NULL;
    (void)pthread_mutex_unlock(&c->lock);
    return list;
}

void slab_give(struct depot *depot, uint32_t class, struct object *first)
{
    struct slab_class *c = &depot->classes[class];
    uintptr_t inside = c->slab_size - 1;
    (void)pthread_mutex_lock(&c->lock);
    while (first != NULL) {
        struct object *object = first;
        first = object->next;
        // The slab begins at the multiple of its size below the object.
        struct slab *slab = (struct slab *)(void *)((char *)object - ((uintptr_t)object & inside));
        if (slab->used == slab->capacity) {
            list_push(&c->with_room, slab);
        }
        object->next = slab->free;
        slab->free = object;
        slab->used--;
        bool is_only = c->with_room == slab && slab->next == NULL;
        if (slab->used == 0 && !is_only) {
            list_remove(&c->with_room, slab);
            slab_return(depot, slab, c->slab_size);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
}

void slab_deinit(struct depot *depot)
{
    // Slabs still in a class: hand them back whatever is in them.
    for (uint32_t class = 0; class < CLASSES; class ++) {
        struct slab_class *c = &depot->classes[class];
        while (c->with_room != NULL) {
            struct slab *slab = c->with_room;
            ASSERT(slab->used == 0); // Else its owner leaked an object.
            list_remove(&c->with_room, slab);
            slab_return(depot, slab, c->slab_size);
        }
        (void)pthread_mutex_destroy(&c->lock);
    }
    for (unsigned kind = 0; kind < CHUNK_KINDS; kind++) {
        while (depot->chunks.free[kind] != NULL) {
            struct chunk *chunk = depot->chunks.free[kind]->chunk;
            chunk_forget(&depot->chunks, chunk, kind);
            chunk_end(&depot->chunks, chunk);
        }
    }
    while (depot->chunks.spares > 0) {
        (void)munmap(depot->chunks.spare[--depot->chunks.spares], CHUNK_SIZE);
    }
    (void)pthread_mutex_destroy(&depot->chunks.lock);
}
