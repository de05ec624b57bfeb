/* Random operations on a heap, beside a plain array of keys. */
#include "ds/heap.h"
#include "seed.h"
#include "unit.h"

enum { SIZE = 700, PHASES = 12, STEPS = 4000 };

struct model {
    struct depot *depot;
    struct pool *pool;
    struct heap heap;
    struct random random;
    struct heap_node nodes[SIZE];
    uint64_t keys[SIZE]; // Of the linked nodes.
    bool is_linked[SIZE];
    uint32_t linked;
};

static void do_step(struct model *m, uint64_t keys, unsigned growth)
{
    size_t i = random_below(&m->random, SIZE);
    uint64_t key = random_below(&m->random, keys);
    if (!m->is_linked[i]) {
        if (random_below(&m->random, 16) < growth) {
            int error = heap_push(&m->heap, m->pool, &m->nodes[i], key);
            ASSERT(error == 0);
            m->is_linked[i] = true;
            m->keys[i] = key;
            m->linked++;
        }
    } else if (random_below(&m->random, 4) == 0) {
        heap_rekey(&m->heap, &m->nodes[i], key);
        m->keys[i] = key;
    } else if (random_below(&m->random, 16) >= growth) {
        heap_remove(&m->heap, m->pool, &m->nodes[i]);
        m->is_linked[i] = false;
        m->linked--;
    }
}

static void check(const struct model *m)
{
    heap_validate(&m->heap);
    ASSERT(m->heap.count == m->linked);
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < SIZE; i++) {
        ASSERT(heap_node_is_linked(&m->nodes[i]) == m->is_linked[i]);
        if (m->is_linked[i]) {
            ASSERT(m->nodes[i].key == m->keys[i]);
            least = m->keys[i] < least ? m->keys[i] : least;
        }
    }
    const struct heap_node *first = heap_peek(&m->heap);
    ASSERT((first == NULL) == (m->linked == 0));
    ASSERT(first == NULL || first->key == least);
}

/* `keys`: how many different keys there are. */
static void run(uint64_t keys, const char *name)
{
    static const unsigned growths[] = {15, 8, 1, 12, 4, 0};
    static struct model m; // Too large for the stack; each test has a process of its own.
    m = (struct model){.depot = depot_create(), .random = seed_random(name)};
    m.pool = pool_create(m.depot);
    for (size_t i = 0; i < SIZE; i++) {
        m.nodes[i].slot = HEAP_SLOT_NONE;
    }
    for (size_t phase = 0; phase < PHASES; phase++) {
        for (size_t i = 0; i < STEPS; i++) {
            do_step(&m, keys, growths[phase % (sizeof growths / sizeof growths[0])]);
            check(&m);
        }
    }
    heap_deinit(&m.heap, m.pool);
    pool_destroy(m.pool);
    depot_destroy(m.depot);
}

TEST(a_heap_agrees_with_its_model)
{
    run(UINT32_MAX, "many keys");
}

TEST(a_heap_of_equal_keys_agrees_with_its_model)
{
    run(3, "few keys");
}
