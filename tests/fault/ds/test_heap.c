/* Every allocation of a heap fails in turn; it stays as it was. */
#include "ds/heap.h"
#include "unit.h"

#include <errno.h>

enum { SIZE = 500 };

#ifdef FASTKV_CHECKED
enum { IS_CHECKED = 1 };
#else
enum { IS_CHECKED = 0 };
#endif

static struct heap_node nodes[SIZE];

TEST(a_heap_is_unchanged_when_it_cannot_grow)
{
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    struct heap heap;
    heap_init(&heap);
    int failures = 0;
    for (uint32_t i = 0; i < SIZE; i++) {
        nodes[i].slot = HEAP_SLOT_NONE;
        bool is_full = heap.count == heap.capacity;
        pool_fail_after(pool, 0);
        int error = heap_push(&heap, pool, &nodes[i], SIZE - i);
        if (IS_CHECKED && is_full) {
            ck_assert_int_eq(error, -ENOMEM);
            ck_assert(!heap_node_is_linked(&nodes[i]));
            ck_assert_uint_eq(heap.count, i);
            heap_validate(&heap);
            failures++;
            error = heap_push(&heap, pool, &nodes[i], SIZE - i);
        }
        ck_assert_int_eq(error, 0);
        heap_validate(&heap);
    }
    ck_assert_int_eq(failures > 0, IS_CHECKED);
    // Removing cannot fail: without memory the array stays large.
    for (uint32_t i = 0; i < SIZE; i++) {
        pool_fail_after(pool, 0);
        heap_remove(&heap, pool, heap_peek(&heap));
        heap_validate(&heap);
        ck_assert_uint_eq(heap.count, SIZE - i - 1);
    }
    heap_deinit(&heap, pool);
    pool_destroy(pool);
    depot_destroy(depot);
}
