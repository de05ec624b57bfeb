#include "base/pool_internal.h"

#include <assert.h>

static_assert(sizeof(struct slab) == 64, "objects begin on a cache line");

static uint32_t size_of_class(uint32_t class)
{
    class %= CLASSES_OF_SIZE;
    if (class < CLASSES_STEPPED) {
        return (class + 1) * CLASS_STEP;
    }
    uint32_t above = class - CLASSES_STEPPED;
    uint32_t doubling = above / CLASSES_PER_DOUBLING;
    uint32_t step = above % CLASSES_PER_DOUBLING;
    uint32_t part = ((uint32_t)CLASS_STEP_MAX << doubling) / CLASSES_PER_DOUBLING;
    return part * (CLASSES_PER_DOUBLING + step + 1);
}

static struct chunk_kind *kind_of_class(struct chunk_store *store, uint32_t class)
{
    if (class >= CLASSES_TABLES) {
        return &store->tables;
    }
    bool is_large = size_of_class(class) > CLASS_STEP_MAX;
    if (class >= CLASSES_PASSING) {
        return is_large ? &store->large_passing : &store->passing;
    }
    return is_large ? &store->large : &store->objects;
}

void slab_init(struct depot *depot)
{
    chunks_init(&depot->chunks);
    for (uint32_t class = 0; class < CLASSES; class ++) {
        struct slab_class *c = &depot->classes[class];
        pthread_mutex_init(&c->lock, NULL);
        c->size = size_of_class(class);
        c->kind = kind_of_class(&depot->chunks, class);
        uint32_t batch = BATCH_BYTES / c->size;
        c->batch = batch < 2 ? 2 : batch > BATCH_MAX ? BATCH_MAX : batch;
    }
}

static void slab_begin(struct slab *slab, uint32_t class, const struct slab_class *c)
{
    slab->free = NULL;
    slab->used = 0;
    slab->carved = 0;
    slab->capacity = (uint32_t)((c->kind->slab_size - sizeof(struct slab)) / c->size);
    slab->class = class;
}

static struct object *slab_pop(struct slab *slab, uint32_t size)
{
    struct object *object = slab->free;
    if (object != NULL) {
        slab->free = object->next;
    } else {
        object = (struct object *)(void *)((char *)(slab + 1) + (size_t)slab->carved * size);
        slab->carved++;
    }
    slab->used++;
    return object;
}

// What the class's slabs have, up to a batch.
static struct object_list take_batch(struct slab_class *c)
{
    struct object_list list = {0};
    struct object **tail = &list.first;
    while (list.count < c->batch && c->with_room != NULL) {
        struct slab *slab = c->with_room;
        *tail = slab_pop(slab, c->size);
        tail = &(*tail)->next;
        list.count++;
        if (slab->used == slab->capacity) {
            slab_list_remove(&c->with_room, slab);
        }
    }
    *tail = NULL;
    return list;
}

struct object_list slab_take(struct depot *depot, uint32_t class, bool may_use_reserve)
{
    struct slab_class *c = &depot->classes[class];
    (void)pthread_mutex_lock(&c->lock);
    struct object_list list = take_batch(c);
    (void)pthread_mutex_unlock(&c->lock);
    size_t kept = c->kind->reserve_kept;
    if (UNLIKELY(may_use_reserve) && kept > RESERVE_CHUNKS_DATA) {
        kept = RESERVE_CHUNKS_DATA;
    }
    struct slab *slab = list.count == 0 ? slab_obtain(&depot->chunks, c->kind, kept) : NULL;
    if (slab != NULL) {
        slab_begin(slab, class, c);
        (void)pthread_mutex_lock(&c->lock);
        slab_list_push(&c->with_room, slab);
        list = take_batch(c);
        (void)pthread_mutex_unlock(&c->lock);
    }
    return list;
}

void slab_give(struct depot *depot, uint32_t class, struct object *first)
{
    struct slab_class *c = &depot->classes[class];
    uintptr_t inside = c->kind->slab_size - 1;
    (void)pthread_mutex_lock(&c->lock);
    while (first != NULL) {
        struct object *object = first;
        first = object->next;
        // The slab begins at the multiple of its size below the object.
        struct slab *slab = (struct slab *)(void *)((char *)object - ((uintptr_t)object & inside));
        if (slab->used == slab->capacity) {
            slab_list_push(&c->with_room, slab);
        }
        object->next = slab->free;
        slab->free = object;
        slab->used--;
        bool is_only = c->with_room == slab && slab->next == NULL;
        if (slab->used == 0 && !is_only) {
            slab_list_remove(&c->with_room, slab);
            slab_return(&depot->chunks, c->kind, slab);
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
            slab_list_remove(&c->with_room, slab);
            slab_return(&depot->chunks, c->kind, slab);
        }
        (void)pthread_mutex_destroy(&c->lock);
    }
    chunks_deinit(&depot->chunks);
}
