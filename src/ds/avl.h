/* avl.h - elements in order, found by score or by rank.
 *
 *   A T-tree (Lehman, Carey 1986): an AVL tree (Adelson-Velsky, Landis 1962) whose
 *   nodes hold sorted runs of elements instead of one element each.
 *
 *            ┌────── [e90 .. e181] ─────┐          A node's elements stand between
 *      [e0 .. e89]               [e182 .. e250]    those of its left and its right
 *            └── next ──>  ... ── next ──┘         subtree. `low` is its first score.
 *
 *   node, 960 bytes: one cache line that a descent reads, then the slots
 *     left right parent prev next | low | base | before count height shift
 *     slots[112] hint (16 bits) | pointer (48 bits)
 *
 * Order: by score, then by the owner's compare callback. A hint is the element's
 * score, mapped to an integer of the same order, less the node's `base` and shifted
 * right by its `shift`. So a search inside a node reads slots alone, and touches
 * elements only where hints are equal. (A million elements are cold; the seven
 * probes of a binary search through the pointers would cost a memory access each,
 * a full score beside each pointer 10 bytes an element.) A node's hints are
 * widened, exactly and without touching elements, when a score beyond their span
 * comes in, and made anew when too few of them are left in use.
 *
 * `before` counts the elements in the left subtree: rank and select read one line
 * per level, too.
 *
 * Fill: a full node first shares with a neighbour; only when both have no room to
 *       speak of do two nodes become three. A sparse node is merged into one
 *       neighbour or divided among both. Random inserts and removals leave nodes
 *       about 80 % full, appending in order leaves them full: 10 to 11 bytes an
 *       element. Nodes are an odd number of cache lines, so that their first lines
 *       spread over all sets of a cache.
 *
 * Invariants: 1. heights of siblings differ by one at most; 2. every node has an
 *             element; 3. low, before, prev, next agree with the tree; 4. hints
 *             are those of the elements' scores.
 * Ownership:  the tree owns its nodes (MEMORY_ZSET); elements are the caller's.
 * Threads:    the caller's lock guards all; reading an unchanging tree needs none.
 * Limits:     2^32 - 1 elements; scores are never NaN; -0.0 equals 0.0.
 */
#pragma once

#include "base/error.h"
#include "base/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AVL_NODE_SLOTS = 112 };

struct avl_node {
    union {
        struct {
            struct avl_node *left, *right;
        };
        struct avl_node *child[2];
    };
    struct avl_node *parent;
    struct avl_node *prev, *next; // In order.
    double low;                   // Score of the first element.
    uint64_t base;                // What hint 0 stands for.
    uint32_t before;              // Elements in the left subtree.
    uint8_t count;                // Slots in use.
    uint8_t height;               // Of the subtree; 1 for a leaf.
    uint8_t shift;                // Bits of the score that the hints leave out.
    uint64_t slots[AVL_NODE_SLOTS];
};

_Static_assert(offsetof(struct avl_node, slots) == 64, "a descent reads one line per node");
_Static_assert(sizeof(struct avl_node) == 960, "a multiple of 64 aligns it; an odd one, see above");

struct avl_type {
    double (*score)(const void *element);
    /* Order among equal scores: <0, 0, >0 when the element is before, at, after `key`. */
    int (*compare)(const void *element, const void *key);
};

struct avl {
    const struct avl_type *type;
    struct avl_node *root, *first, *last;
    struct avl_node *spare; // See avl_reserve.
    size_t count;           // Elements.
};

/* A place between elements. */
struct avl_bound {
    double score;
    const void *key; // NULL: before (or after) all elements with this score.
    bool after;      // After elements that equal score and key, not before them.
};

/* An element's place; node NULL: beyond the last. */
struct avl_position {
    struct avl_node *node;
    unsigned index;
    size_t rank; // Elements before it.
};

/* An empty tree. Allocates nothing. */
void avl_init(struct avl *avl, const struct avl_type *type);

/* Free the nodes; elements are left as they are. */
void avl_deinit(struct avl *avl, struct pool *pool);

/* Make sure that the next avl_insert has what memory it may need. 0, or -ENOMEM
 * (also at the limit of elements). */
NODISCARD int avl_reserve(struct avl *avl, struct pool *pool);

/* Free what avl_reserve got and no avl_insert used. */
void avl_unreserve(struct avl *avl, struct pool *pool);

/* Add `element` at `bound`, which is its score and key, not there yet. Needs a
 * reservation; cannot fail. O(log n). */
void avl_insert(struct avl *avl, const struct avl_bound *bound, void *element);

/* Find `element` itself, whose score and key are `bound`; it must be there. Reads
 * no elements but those that share its score with it. O(log n). */
struct avl_position avl_find(const struct avl *avl, const struct avl_bound *bound,
                             const void *element);

/* The first element after `bound`. O(log n). */
struct avl_position avl_seek(const struct avl *avl, const struct avl_bound *bound);

/* The element with `rank` others before it. O(log n). */
struct avl_position avl_at(const struct avl *avl, size_t rank);

/* Take out `count` elements from `position` on, all in its node. Other positions
 * are void after that. O(log n). */
void avl_remove(struct avl *avl, struct pool *pool, const struct avl_position *position,
                unsigned count);

/* Put another element with the same score and key in its place. */
void avl_replace(const struct avl_position *position, void *element);

/* Borrow an element of a node. */
static inline void *avl_element(const struct avl_node *node, unsigned index)
{
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the lower 48 bits came from a pointer.
    return (void *)(uintptr_t)(node->slots[index] & ((UINT64_C(1) << 48) - 1));
}

/* Bring a node into the cache: the line that a descent reads, and the slots. */
static PREFETCH_INLINE void avl_prefetch_node(const struct avl_node *node)
{
    for (size_t line = 0; line < sizeof(*node); line += 64) {
        __builtin_prefetch((const char *)node + line);
    }
}

/* Bring into the cache what avl_find and avl_insert read for elements with these scores, at
 * most AVL_PREFETCH_MAX: the descents go down together, so that their memory accesses
 * overlap. */
enum { AVL_PREFETCH_MAX = 64 };
void avl_prefetch(const struct avl *avl, const double *scores, unsigned count);

/* Nodes in the tree. O(nodes). */
size_t avl_nodes(const struct avl *avl);

/* Check every invariant, with ASSERT. For tests. */
void avl_validate(const struct avl *avl);
