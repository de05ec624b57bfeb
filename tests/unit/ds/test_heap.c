#include "ds/heap.h"
#include "unit.h"

#include <stdlib.h>

enum { SIZE = 5000 };

/* A heap with memory of its own, and nodes to link. */
struct fixture {
    struct depot *depot;
    struct pool *pool;
    struct heap heap;
    struct heap_node *nodes;
};

static struct fixture setup(void)
{
    struct fixture f = {.depot = depot_create()};
    f.pool = pool_create(f.depot);
    heap_init(&f.heap);
    f.nodes = calloc(SIZE, sizeof *f.nodes);
    ck_assert_ptr_nonnull(f.nodes);
    for (size_t i = 0; i < SIZE; i++) {
        f.nodes[i].slot = HEAP_SLOT_NONE;
    }
    return f;
}

static void push(struct fixture *f, size_t i, uint64_t key)
{
    ck_assert_int_eq(heap_push(&f->heap, f->pool, &f->nodes[i], key), 0);
}

/* Key i under each node i, pushed in a mixed order. */
static void push_all(struct fixture *f)
{
    for (size_t i = 0; i < SIZE; i++) {
        size_t mixed = i * 1237 % SIZE;
        push(f, mixed, mixed);
    }
}

static uint64_t live_bytes(struct fixture *f)
{
    uint64_t bytes[MEMORY_TAGS];
    depot_usage(f->depot, bytes);
    return bytes[MEMORY_DEADLINE];
}

static void teardown(struct fixture *f)
{
    heap_validate(&f->heap);
    heap_deinit(&f->heap, f->pool);
    ck_assert_uint_eq(live_bytes(f), 0);
    pool_destroy(f->pool);
    depot_destroy(f->depot);
    free(f->nodes);
}

TEST(a_node_takes_twelve_bytes)
{
    ck_assert_uint_eq(sizeof(struct heap_node), 12);
}

TEST(an_empty_heap_has_no_smallest_node_and_takes_no_memory)
{
    struct fixture f = setup();
    ck_assert_ptr_null(heap_peek(&f.heap));
    ck_assert_uint_eq(live_bytes(&f), 0);
    teardown(&f);
}

TEST(nodes_come_out_in_order_of_their_keys)
{
    struct fixture f = setup();
    push_all(&f);
    heap_validate(&f.heap);
    for (size_t i = 0; i < SIZE; i++) {
        ck_assert_ptr_eq(heap_peek(&f.heap), &f.nodes[i]);
        heap_remove(&f.heap, f.pool, &f.nodes[i]);
        ck_assert(!heap_node_is_linked(&f.nodes[i]));
    }
    ck_assert_uint_eq(live_bytes(&f), 0);
    teardown(&f);
}

TEST(any_node_can_be_removed)
{
    struct fixture f = setup();
    push_all(&f);
    for (size_t i = 1; i < SIZE; i += 2) {
        heap_remove(&f.heap, f.pool, &f.nodes[i]);
    }
    heap_validate(&f.heap);
    for (size_t i = 0; i < SIZE; i++) {
        ck_assert(heap_node_is_linked(&f.nodes[i]) == (i % 2 == 0));
    }
    teardown(&f);
}

TEST(a_node_moves_with_its_key)
{
    struct fixture f = setup();
    push_all(&f);
    heap_rekey(&f.heap, &f.nodes[SIZE - 1], 0);
    heap_rekey(&f.heap, &f.nodes[0], UINT64_MAX);
    heap_validate(&f.heap);
    ck_assert_ptr_eq(heap_peek(&f.heap), &f.nodes[SIZE - 1]);
    heap_rekey(&f.heap, &f.nodes[SIZE - 1], 1); // The same as node 1: either may be first.
    heap_validate(&f.heap);
    ck_assert_uint_eq(heap_peek(&f.heap)->key, 1);
    teardown(&f);
}

TEST(an_element_that_moves_in_memory_stays_linked)
{
    struct fixture f = setup();
    for (size_t i = 0; i < 20; i++) {
        push(&f, i, i);
    }
    f.nodes[100] = f.nodes[0];
    heap_moved(&f.heap, &f.nodes[100]);
    heap_validate(&f.heap);
    ck_assert_ptr_eq(heap_peek(&f.heap), &f.nodes[100]);
    teardown(&f);
}

TEST(a_heap_has_little_slack_whatever_its_size)
{
    struct fixture f = setup();
    for (uint32_t i = 0; i < SIZE; i++) {
        push(&f, i, i);
        ck_assert_uint_lt(f.heap.capacity, i + 1 + HEAP_CHUNK);
    }
    for (uint32_t i = SIZE; i > 0; i--) {
        heap_remove(&f.heap, f.pool, &f.nodes[i - 1]);
        ck_assert_uint_lt(f.heap.capacity, i + 2 * HEAP_CHUNK);
    }
    ck_assert_uint_eq(f.heap.capacity, 0);
    teardown(&f);
}
