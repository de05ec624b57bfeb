/* heap.c - see heap.h. */
#include "ds/heap.h"

#include <errno.h>
#include <stddef.h>

enum { CHILDREN = 4, CAPACITY_STEP_MIN = 4 };

void heap_init(struct heap *heap)
{
    *heap = (struct heap){0};
}

void heap_deinit(struct heap *heap, struct pool *pool)
{
    pool_free(pool, MEMORY_DEADLINE, heap->nodes, heap->capacity * sizeof(struct heap_node *));
    heap_init(heap);
}

/* Room for `capacity` nodes and what else the pool's size class holds. 0 or -ENOMEM. */
static int set_capacity(struct heap *heap, struct pool *pool, size_t capacity)
{
    const size_t each = sizeof(struct heap_node *);
    capacity = pool_class_size(capacity * each) / each;
    if (capacity >= HEAP_SLOT_NONE) {
        return -ENOMEM;
    }
    struct heap_node **nodes =
        pool_resize(pool, MEMORY_DEADLINE, heap->nodes, heap->capacity * each, capacity * each);
    if (nodes == NULL) {
        return -ENOMEM;
    }
    heap->nodes = nodes;
    heap->capacity = (uint32_t)capacity;
    return 0;
}

static void shrink_if_sparse(struct heap *heap, struct pool *pool)
{
    if (heap->count == 0) {
        heap_deinit(heap, pool);
    } else if (heap->count < heap->capacity / 2 && heap->capacity > CAPACITY_STEP_MIN) {
        // Without memory for the smaller array, the large one stays.
        (void)!set_capacity(heap, pool, heap->count + heap->count / 4 + 1);
    }
}

static void set_node(struct heap *heap, uint32_t slot, struct heap_node *node)
{
    heap->nodes[slot] = node;
    node->slot = slot;
}

/* Put `node` at the hole `slot` or, where it is smaller than those above, higher up. */
static void sift_up(struct heap *heap, uint32_t slot, struct heap_node *node)
{
    while (slot > 0) {
        uint32_t above = (slot - 1) / CHILDREN;
        if (heap->nodes[above]->key <= node->key) {
            break;
        }
        set_node(heap, slot, heap->nodes[above]);
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
            if (heap->nodes[i]->key < heap->nodes[least]->key) {
                least = i;
            }
        }
        if (node->key <= heap->nodes[least]->key) {
            break;
        }
        set_node(heap, slot, heap->nodes[least]);
        slot = (uint32_t)least;
    }
    set_node(heap, slot, node);
}

/* Put `node` at the hole `slot` or where it belongs from there. */
static void settle(struct heap *heap, uint32_t slot, struct heap_node *node)
{
    if (slot > 0 && node->key < heap->nodes[(slot - 1) / CHILDREN]->key) {
        sift_up(heap, slot, node);
    } else {
        sift_down(heap, slot, node);
    }
}

int heap_push(struct heap *heap, struct pool *pool, struct heap_node *node, uint64_t key)
{
    if (heap->count == heap->capacity) {
        size_t step = heap->capacity / 4;
        size_t capacity =
            heap->capacity + (step > CAPACITY_STEP_MIN ? step : (size_t)CAPACITY_STEP_MIN);
        if (set_capacity(heap, pool, capacity) < 0) {
            return -ENOMEM;
        }
    }
    node->key = key;
    sift_up(heap, heap->count++, node);
    return 0;
}

void heap_rekey(struct heap *heap, struct heap_node *node, uint64_t key)
{
    ASSERT(node->slot < heap->count && heap->nodes[node->slot] == node);
    node->key = key;
    settle(heap, node->slot, node);
}

void heap_remove(struct heap *heap, struct pool *pool, struct heap_node *node)
{
    ASSERT(node->slot < heap->count && heap->nodes[node->slot] == node);
    uint32_t hole = node->slot;
    struct heap_node *last = heap->nodes[--heap->count];
    if (last != node) {
        settle(heap, hole, last);
    }
    node->slot = HEAP_SLOT_NONE;
    shrink_if_sparse(heap, pool);
}

void heap_moved(struct heap *heap, struct heap_node *node)
{
    ASSERT(node->slot < heap->count);
    heap->nodes[node->slot] = node;
}

struct heap_node *heap_peek(const struct heap *heap)
{
    return heap->count == 0 ? NULL : heap->nodes[0];
}

void heap_validate(const struct heap *heap)
{
    ASSERT(heap->count <= heap->capacity);
    ASSERT((heap->nodes == NULL) == (heap->capacity == 0));
    for (uint32_t slot = 0; slot < heap->count; slot++) {
        ASSERT(heap->nodes[slot]->slot == slot);
        ASSERT(slot == 0 || heap->nodes[(slot - 1) / CHILDREN]->key <= heap->nodes[slot]->key);
    }
}
