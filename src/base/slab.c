#include "base/pool_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

static_assert(sizeof(struct slab) == 64, "objects begin on a cache line");

/* A chunk's record stands apart from its memory, which is all slabs. */
struct chunk {
    char *memory;
    uint32_t slabs_free;
    uint32_t slabs;
    struct slab *first; // Slabs in address order, slab_size apart.
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

// Map twice the size and cut off what is not aligned.
static char *map_aligned(void)
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
    // Huge pages: a random key then costs one TLB miss instead of several.
    (void)madvise(memory + before, CHUNK_SIZE, MADV_HUGEPAGE);
    return memory + before;
}

static struct slab *slab_at(const struct chunk *chunk, uint32_t index)
{
    return (struct slab *)(void *)(chunk->memory + (size_t)index * (CHUNK_SIZE / chunk->slabs));
}

static bool chunk_add(struct depot *depot, uint32_t slab_size)
{
    struct chunk *chunk = malloc(sizeof(*chunk));
    char *memory = chunk == NULL ? NULL : map_aligned();
    if (memory == NULL) {
        free(chunk);
        return false;
    }
    chunk->memory = memory;
    chunk->slabs = CHUNK_SIZE / slab_size;
    chunk->slabs_free = chunk->slabs;
    for (uint32_t i = chunk->slabs; i-- > 0;) {
        struct slab *slab = slab_at(chunk, i);
        slab->chunk = chunk;
        list_push(&depot->chunks.free[kind_of(slab_size)], slab);
    }
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the slabs point to the record.
    depot->chunks.empty_chunks[kind_of(slab_size)]++;
    atomic_fetch_add_explicit(&depot->mapped, CHUNK_SIZE, memory_order_relaxed);
    return true;
}

static void chunk_unmap(struct depot *depot, struct chunk *chunk)
{
    (void)munmap(chunk->memory, CHUNK_SIZE);
    atomic_fetch_sub_explicit(&depot->mapped, CHUNK_SIZE, memory_order_relaxed);
    free(chunk);
}

static struct slab *slab_obtain(struct depot *depot, uint32_t slab_size)
{
    struct chunk_store *store = &depot->chunks;
    unsigned kind = kind_of(slab_size);
    (void)pthread_mutex_lock(&store->lock);
    struct slab *slab = NULL;
    if (store->free[kind] != NULL || chunk_add(depot, slab_size)) {
        slab = store->free[kind];
        list_remove(&store->free[kind], slab);
        if (slab->chunk->slabs_free == slab->chunk->slabs) {
            store->empty_chunks[kind]--;
        }
        slab->chunk->slabs_free--;
    }
    (void)pthread_mutex_unlock(&store->lock);
    return slab;
}

// A chunk without slabs in use goes back to the kernel, but for one kept as a reserve.
static void slab_return(struct depot *depot, struct slab *slab, uint32_t slab_size)
{
    struct chunk_store *store = &depot->chunks;
    unsigned kind = kind_of(slab_size);
    struct chunk *chunk = slab->chunk;
    (void)pthread_mutex_lock(&store->lock);
    list_push(&store->free[kind], slab);
    chunk->slabs_free++;
    if (chunk->slabs_free == chunk->slabs) {
        if (store->empty_chunks[kind] > 0) {
            for (uint32_t i = 0; i < chunk->slabs; i++) {
                list_remove(&store->free[kind], slab_at(chunk, i));
            }
            chunk_unmap(depot, chunk);
        } else {
            store->empty_chunks[kind]++;
        }
    }
    (void)pthread_mutex_unlock(&store->lock);
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
            for (uint32_t i = 0; i < chunk->slabs; i++) {
                list_remove(&depot->chunks.free[kind], slab_at(chunk, i));
            }
            chunk_unmap(depot, chunk);
        }
    }
    (void)pthread_mutex_destroy(&depot->chunks.lock);
}
