/* Chunks cut into slabs. Where chunks come from and go to is in spare.c. */
#include "base/pool_internal.h"

void chunks_init(struct chunk_store *store)
{
    spares_init(store);
    const struct chunk_kind small = {
        .slab_size = SLAB_SMALL_SIZE, .spares = &store->huge, .reserve_kept = RESERVE_CHUNKS};
    const struct chunk_kind large = {
        .slab_size = SLAB_LARGE_SIZE, .spares = &store->small, .reserve_kept = RESERVE_CHUNKS};
    store->objects = store->tables = store->passing = small;
    store->large = store->large_passing = large;
    store->passing.spares = &store->small; // Mostly little: a huge page would be mostly empty.
    store->passing.reserve_kept = store->large_passing.reserve_kept = 0;
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

// ---- slabs out of chunks ----

static struct slab *slab_at(const struct chunk_kind *kind, const struct chunk *chunk,
                            uint32_t index)
{
    return (struct slab *)(void *)(chunk->memory + (size_t)index * kind->slab_size);
}

// Let a chunk be the one that slabs are carved from.
static void chunk_begin(struct chunk_kind *kind, struct chunk *chunk)
{
    *chunk = (struct chunk){.memory = chunk->memory};
    kind->fresh = chunk;
    kind->empty++;
}

// A chunk without slabs in use becomes a spare.
static void chunk_end(struct chunk_store *store, struct chunk_kind *kind, struct chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->carved; i++) {
        slab_list_remove(&kind->free, slab_at(kind, chunk, i));
    }
    if (kind->fresh == chunk) {
        kind->fresh = NULL;
    }
    spare_return(store, kind->spares, chunk);
}

// A slab out of the chunks that are cut; NULL if none has one.
static struct slab *take_slab(struct chunk_kind *kind)
{
    struct slab *slab = kind->free;
    if (slab != NULL) {
        slab_list_remove(&kind->free, slab);
    } else if (kind->fresh != NULL && kind->fresh->carved < CHUNK_SIZE / kind->slab_size) {
        slab = slab_at(kind, kind->fresh, kind->fresh->carved++);
        slab->chunk = kind->fresh;
    } else {
        return NULL;
    }
    kind->empty -= slab->chunk->used == 0;
    slab->chunk->used++;
    return slab;
}

// The same, after a chunk was cut if need be: a spare one or one of the reserve.
static struct slab *cut_slab(struct chunk_store *store, struct chunk_kind *kind,
                             bool may_use_reserve, size_t reserve_kept)
{
    struct slab *slab = take_slab(kind);
    if (slab != NULL) {
        return slab;
    }
    struct chunk *chunk = spare_take(store, kind->spares);
    if (chunk == NULL && may_use_reserve) {
        chunk = reserve_take(store, reserve_kept);
    }
    if (chunk == NULL) {
        return NULL;
    }
    chunk_begin(kind, chunk);
    return take_slab(kind);
}

struct slab *slab_obtain(struct chunk_store *store, struct chunk_kind *kind, size_t reserve_kept)
{
    struct chunk *mapped = NULL;
    for (bool may_use_reserve = false;; may_use_reserve = mapped == NULL) {
        (void)pthread_mutex_lock(&store->lock);
        if (mapped != NULL) {
            spare_add_mapped(store, kind->spares, mapped);
        }
        struct slab *slab = cut_slab(store, kind, may_use_reserve, reserve_kept);
        (void)pthread_mutex_unlock(&store->lock);
        if (slab != NULL || may_use_reserve) {
            return slab;
        }
        mapped = chunk_map(kind->spares->is_huge);
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
    chunks_unlock(store);
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
    end_empty_chunks(store, &store->passing);
    end_empty_chunks(store, &store->large);
    end_empty_chunks(store, &store->large_passing);
    spares_deinit(store);
}
