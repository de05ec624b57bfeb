/* heap.h - the smallest key, always at hand.
 *
 * A 4-ary min-heap of intrusive nodes, in an array made of chunks. The owner embeds a
 * `struct heap_node` in each element; the heap holds pointers to those nodes
 * and never allocates, frees or copies an element.
 *
 *                  [0] 10
 *         ┌───────┬───┴───┬───────┐       The children of slot i are slots
 *       [1] 12  [2] 31  [3] 15  [4] 40    4i+1 to 4i+4, adjacent in memory.
 *
 * Slot i is slot i % 21 of chunk i / 21. Chunks are all of one size, stay where they
 * are, and come and go one by one: a heap never copies its array to grow, and leaves
 * no free blocks behind that are of the wrong size for others. A slot takes 6 bytes,
 * as addresses have 48 bits.
 *
 * A node remembers its slot, so taking out or re-keying any element (DEL,
 * PERSIST, a new TTL) is O(log n) and needs no search.
 *
 * Invariants: heap_at(heap, n->slot) == n for every linked node n, and
 *             no node has a smaller key than its parent.
 * Ownership:  the heap owns its chunks; elements stay with their owner. An element
 *             that moves in memory tells the heap (heap_moved).
 * Threads:    none inside; the lock of the shard that owns the heap guards it.
 */
#pragma once

#include "base/error.h"
#include "base/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_SLOT_NONE UINT32_MAX

// Packed to 12 bytes, because there is one in every key with a TTL.
struct heap_node {
    uint64_t key;  // Orders the heap; for TTLs, the deadline in milliseconds.
    uint32_t slot; // Where the node sits; HEAP_SLOT_NONE while unlinked.
} __attribute__((packed, aligned(4)));

enum { HEAP_CHUNK = 21 }; // Slots in a chunk.

/* Addresses of nodes, in two parts. */
struct heap_chunk {
    uint32_t low[HEAP_CHUNK];
    uint16_t high[HEAP_CHUNK];
};

static_assert(sizeof(struct heap_chunk) == 128, "two cache lines");

struct heap {
    struct heap_chunk **chunks;
    uint32_t count;
    uint32_t capacity; // Slots in all chunks.
};

/* Make an empty heap. Allocates nothing, so it cannot fail. */
void heap_init(struct heap *heap);

/* Free the chunks. Nodes still linked are left as they are. */
void heap_deinit(struct heap *heap, struct pool *pool);

/* Link `node` under `key`. Returns 0, or -ENOMEM with the heap unchanged. */
NODISCARD int heap_push(struct heap *heap, struct pool *pool, struct heap_node *node, uint64_t key);

/* Give a linked node a new key. Never allocates, so it cannot fail. */
void heap_rekey(struct heap *heap, struct heap_node *node, uint64_t key);

/* Unlink `node`, wherever in the heap it sits. A chunk may be freed. */
void heap_remove(struct heap *heap, struct pool *pool, struct heap_node *node);

/* The linked node that was copied to `node` now lives there. */
void heap_moved(struct heap *heap, struct heap_node *node);

/* Borrow the node with the smallest key, still linked; NULL when empty. */
struct heap_node *heap_peek(const struct heap *heap);

/* Borrow the node at a slot below the count. */
static inline struct heap_node *heap_at(const struct heap *heap, size_t slot)
{
    const struct heap_chunk *chunk = heap->chunks[slot / HEAP_CHUNK];
    size_t i = slot % HEAP_CHUNK;
    uintptr_t bits = (uintptr_t)chunk->low[i] | (uintptr_t)chunk->high[i] << 32;
    return (struct heap_node *)bits; // NOLINT(performance-no-int-to-ptr)
}

static inline bool heap_node_is_linked(const struct heap_node *node)
{
    return node->slot != HEAP_SLOT_NONE;
}

/* Check every invariant, with ASSERT. For tests. */
void heap_validate(const struct heap *heap);
