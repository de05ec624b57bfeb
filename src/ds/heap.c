/* heap.c - see heap.h. */
#include "ds/heap.h"

#include <errno.h>

enum {
    CHILDREN = 4,
    SPARE = 4, // Slots free beside a whole chunk before that is freed: no chunk comes and goes.
};

void heap_init(struct heap *heap)
{
    *heap = (struct heap){0};
}

/* Bytes of the array that points to the chunks. Few different sizes, so that it seldom moves. */
static size_t index_size(uint32_t chunks)
{
    enum { CHUNKS_MIN = 4 };
    size_t size = chunks;
    if (chunks > CHUNKS_MIN) {
        size = (size_t)1 << (32 - __builtin_clz(chunks - 1));
    } else if (chunks > 1) {
        size = CHUNKS_MIN;
    }
    return size * sizeof(struct heap_chunk *);
}

void heap_deinit(struct heap *heap, struct pool *pool)
{
    for (uint32_t i = 0; i < heap->capacity / HEAP_CHUNK; i++) {
        pool_free(pool, MEMORY_DEADLINE, heap->chunks[i], sizeof(struct heap_chunk));
    }
    pool_free(pool, MEMORY_DEADLINE, heap->chunks, index_size(heap->capacity / HEAP_CHUNK));
    heap_init(heap);
}

/* One more chunk. 0, or -ENOMEM with nothing changed. */
static int add_chunk(struct heap *heap, struct pool *pool)
{
    uint32_t chunks = heap->capacity / HEAP_CHUNK;
    if (heap->capacity > HEAP_SLOT_NONE - HEAP_CHUNK) {
        return -ENOMEM;
    }
    struct heap_chunk *chunk = pool_alloc(pool, MEMORY_DEADLINE, sizeof(struct heap_chunk));
    if (chunk == NULL) {
        return -ENOMEM;
    }
    if (index_size(chunks + 1) != index_size(chunks)) {
        struct heap_chunk **moved = pool_resize(pool, MEMORY_DEADLINE, heap->chunks,
                                                index_size(chunks), index_size(chunks + 1));
        if (moved == NULL) {
            pool_free(pool, MEMORY_DEADLINE, chunk, sizeof(struct heap_chunk));
            return -ENOMEM;
        }
        heap->chunks = moved;
    }
    heap->chunks[chunks] = chunk;
    heap->capacity += HEAP_CHUNK;
    return 0;
}

/* Free the last chunk; stays when its index cannot be made smaller. */
static void drop_chunk(struct heap *heap, struct pool *pool)
{
    uint32_t chunks = heap->capacity / HEAP_CHUNK - 1;
    struct heap_chunk *chunk = heap->chunks[chunks];
    if (index_size(chunks + 1) != index_size(chunks)) {
        struct heap_chunk **moved = pool_resize(pool, MEMORY_DEADLINE, heap->chunks,
                                                index_size(chunks + 1), index_size(chunks));
        if (moved == NULL) {
            return;
        }
        heap->chunks = moved;
    }
    pool_free(pool, MEMORY_DEADLINE, chunk, sizeof(struct heap_chunk));
    heap->capacity -= HEAP_CHUNK;
}

static void shrink_if_sparse(struct heap *heap, struct pool *pool)
{
    if (heap->count == 0) {
        heap_deinit(heap, pool);
    } else if (heap->capacity - heap->count >= HEAP_CHUNK + SPARE) {
        drop_chunk(heap, pool);
    }
}

static void put_at(struct heap *heap, uint32_t slot, const struct heap_node *node)
{
    uintptr_t bits = (uintptr_t)node;
    DEBUG_ASSERT(bits >> 48 == 0);
    struct heap_chunk *chunk = heap->chunks[slot / HEAP_CHUNK];
    chunk->low[slot % HEAP_CHUNK] = (uint32_t)bits;
    chunk->high[slot % HEAP_CHUNK] = (uint16_t)(bits >> 32);
}

static void set_node(struct heap *heap, uint32_t slot, struct heap_node *node)
{
    put_at(heap, slot, node);
    node->slot = slot;
}

/* Put `node` at the hole `slot` or, where it is smaller than those above, higher up. */
static void sift_up(struct heap *heap, uint32_t slot, struct heap_node *node)
{
    while (slot > 0) {
        uint32_t above = (slot - 1) / CHILDREN;
        if (heap_at(heap, above)->key <= node->key) {
            break;
        }
        set_node(heap, slot, heap_at(heap, above));
        slot = above;
    }
    set_node(heap, slot, node);
}

/* Put `node` at the hole `slot` or, where it is greater than those below, further down. */
static void sift_down(struct heap *heap, uint32_t slot, struct heap_node *node)
{
    // 64 bits: four times a slot may pass 2^32.
    for (uint64_t first = 1 + (uint64_t)slot * CHILDREN; first < heap->count;
         first = 1 + (uint64_t)slot * CHILDREN) {
        uint64_t end = first + CHILDREN < heap->count ? first + CHILDREN : heap->count;
        uint64_t least = first;
        for (uint64_t i = first + 1; i < end; i++) {
            if (heap_at(heap, i)->key < heap_at(heap, least)->key) {
                least = i;
            }
        }
        if (node->key <= heap_at(heap, least)->key) {
            break;
        }
        set_node(heap, slot, heap_at(heap, least));
        slot = (uint32_t)least;
    }
    set_node(heap, slot, node);
}

/* Put `node` at the hole `slot` or where it belongs from there. */
static void settle(struct heap *heap, uint32_t slot, struct heap_node *node)
{
    if (slot > 0 && node->key < heap_at(heap, (slot - 1) / CHILDREN)->key) {
        sift_up(heap, slot, node);
    } else {
        sift_down(heap, slot, node);
    }
}

int heap_push(struct heap *heap, struct pool *pool, struct heap_node *node, uint64_t key)
{
    if (heap->count == heap->capacity && add_chunk(heap, pool) < 0) {
        return -ENOMEM;
    }
    node->key = key;
    sift_up(heap, heap->count++, node);
    return 0;
}

void heap_rekey(struct heap *heap, struct heap_node *node, uint64_t key)
{
    ASSERT(node->slot < heap->count && heap_at(heap, node->slot) == node);
    node->key = key;
    settle(heap, node->slot, node);
}

void heap_remove(struct heap *heap, struct pool *pool, struct heap_node *node)
{
    ASSERT(node->slot < heap->count && heap_at(heap, node->slot) == node);
    uint32_t hole = node->slot;
    struct heap_node *last = heap_at(heap, --heap->count);
    if (last != node) {
        settle(heap, hole, last);
    }
    node->slot = HEAP_SLOT_NONE;
    shrink_if_sparse(heap, pool);
}

void heap_moved(struct heap *heap, struct heap_node *node)
{
    ASSERT(node->slot < heap->count);
    put_at(heap, node->slot, node);
}

struct heap_node *heap_peek(const struct heap *heap)
{
    return heap->count == 0 ? NULL : heap_at(heap, 0);
}

void heap_validate(const struct heap *heap)
{
    ASSERT(heap->count <= heap->capacity && heap->capacity % HEAP_CHUNK == 0);
    ASSERT((heap->chunks == NULL) == (heap->capacity == 0));
    for (uint32_t slot = 0; slot < heap->count; slot++) {
        ASSERT(heap_at(heap, slot)->slot == slot);
        ASSERT(slot == 0 || heap_at(heap, (slot - 1) / CHILDREN)->key <= heap_at(heap, slot)->key);
    }
}
