#include "ds/avl.h"

#include "base/random.h"
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 5000 };

struct element {
    double score;
    int key;
};

static unsigned compares; // Calls of compare_key, per test process.

static double score_of(const void *element)
{
    return ((const struct element *)element)->score;
}

static int compare_key(const void *element, const void *key)
{
    compares++;
    int a = ((const struct element *)element)->key;
    int b = *(const int *)key;
    return (a > b) - (a < b);
}

static const struct avl_type type = {.score = score_of, .compare = compare_key};

struct fixture {
    struct depot *depot;
    struct pool *pool;
    struct avl tree;
    struct element elements[MANY];
};

static struct fixture *set_up(void)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->depot = depot_create();
    f->pool = pool_create(f->depot);
    avl_init(&f->tree, &type);
    return f;
}

static void tear_down(struct fixture *f)
{
    avl_deinit(&f->tree, f->pool);
    uint64_t usage[MEMORY_TAGS];
    depot_usage(f->depot, usage);
    ck_assert_uint_eq(usage[MEMORY_ZSET], 0);
    pool_destroy(f->pool);
    depot_destroy(f->depot);
    free(f);
}

static struct avl_bound bound_of(const struct element *element)
{
    return (struct avl_bound){.score = element->score, .key = &element->key};
}

static void add(struct fixture *f, int key, double score)
{
    struct element *element = &f->elements[key];
    *element = (struct element){.score = score, .key = key};
    struct avl_bound bound = bound_of(element);
    ck_assert_int_eq(avl_reserve(&f->tree, f->pool), 0);
    avl_insert(&f->tree, &bound, element);
    avl_unreserve(&f->tree, f->pool);
}

static void take_out(struct fixture *f, int key)
{
    struct avl_bound bound = bound_of(&f->elements[key]);
    struct avl_position position = avl_find(&f->tree, &bound, &f->elements[key]);
    ck_assert_ptr_eq(avl_element(position.node, position.index), &f->elements[key]);
    avl_remove(&f->tree, f->pool, &position, 1);
}

static size_t rank_of(struct fixture *f, int key)
{
    struct avl_bound bound = bound_of(&f->elements[key]);
    return avl_find(&f->tree, &bound, &f->elements[key]).rank;
}

/* The key of the first element at or (`after`) beyond a score; -1 at the end. */
static int key_from(struct fixture *f, double score, bool after)
{
    struct avl_bound bound = {.score = score, .after = after};
    struct avl_position position = avl_seek(&f->tree, &bound);
    if (position.node == NULL) {
        ck_assert_uint_eq(position.rank, f->tree.count);
        return -1;
    }
    const struct element *element = avl_element(position.node, position.index);
    ck_assert_uint_eq(rank_of(f, element->key), position.rank);
    return element->key;
}

TEST(an_empty_tree_has_no_positions)
{
    struct fixture *f = set_up();
    avl_validate(&f->tree);
    struct avl_bound bound = {.score = 0};
    ck_assert_ptr_null(avl_seek(&f->tree, &bound).node);
    ck_assert_uint_eq(avl_seek(&f->tree, &bound).rank, 0);
    ck_assert_ptr_null(avl_at(&f->tree, 0).node);
    tear_down(f);
}

TEST(elements_come_in_order_of_score_and_key)
{
    struct fixture *f = set_up();
    add(f, 4, 1);
    add(f, 1, 2);
    add(f, 2, 1);
    add(f, 3, INFINITY);
    add(f, 0, -INFINITY);
    static const int order[] = {0, 2, 4, 1, 3};
    for (size_t rank = 0; rank < 5; rank++) {
        struct avl_position position = avl_at(&f->tree, rank);
        const struct element *element = avl_element(position.node, position.index);
        ck_assert_int_eq(element->key, order[rank]);
        ck_assert_uint_eq(rank_of(f, order[rank]), rank);
    }
    ck_assert_ptr_null(avl_at(&f->tree, 5).node);
    avl_validate(&f->tree);
    tear_down(f);
}

TEST(a_bound_stands_before_or_after_equal_scores)
{
    struct fixture *f = set_up();
    add(f, 0, -1);
    add(f, 1, 0.0);
    add(f, 2, -0.0);
    add(f, 3, 1);
    ck_assert_int_eq(key_from(f, 0.0, false), 1);
    ck_assert_int_eq(key_from(f, -0.0, false), 1);
    ck_assert_int_eq(key_from(f, 0.0, true), 3);
    ck_assert_int_eq(key_from(f, -0.0, true), 3);
    ck_assert_int_eq(key_from(f, -INFINITY, false), 0);
    ck_assert_int_eq(key_from(f, 1, true), -1);
    tear_down(f);
}

TEST(a_bound_with_a_key_stands_before_or_after_that_element)
{
    struct fixture *f = set_up();
    for (int key = 0; key < 500; key += 2) {
        add(f, key, 7);
    }
    for (int key = 0; key < 498; key++) {
        struct avl_bound bound = {.score = 7, .key = &key};
        ck_assert_uint_eq(avl_seek(&f->tree, &bound).rank, (size_t)(key + 1) / 2);
        bound.after = true;
        ck_assert_uint_eq(avl_seek(&f->tree, &bound).rank, (size_t)key / 2 + 1);
    }
    avl_validate(&f->tree);
    tear_down(f);
}

TEST(appending_in_order_fills_nodes)
{
    struct fixture *f = set_up();
    for (int key = 0; key < MANY; key++) {
        add(f, key, key);
    }
    avl_validate(&f->tree);
    ck_assert_uint_eq(avl_nodes(&f->tree), (MANY + AVL_NODE_SLOTS - 1) / AVL_NODE_SLOTS);
    tear_down(f);
}

TEST(prepending_in_order_fills_nodes)
{
    struct fixture *f = set_up();
    for (int key = MANY - 1; key >= 0; key--) {
        add(f, key, key);
    }
    avl_validate(&f->tree);
    ck_assert_uint_eq(avl_nodes(&f->tree), (MANY + AVL_NODE_SLOTS - 1) / AVL_NODE_SLOTS);
    tear_down(f);
}

TEST(nodes_stay_three_quarters_full_under_random_moves)
{
    struct fixture *f = set_up();
    struct random random = {1};
    for (int key = 0; key < MANY; key++) {
        add(f, key, (double)random_next(&random));
    }
    for (unsigned i = 0; i < 10 * MANY; i++) {
        int key = (int)random_below(&random, MANY);
        take_out(f, key);
        add(f, key, (double)random_next(&random));
    }
    avl_validate(&f->tree);
    ck_assert_uint_ge((size_t)4 * MANY, 3 * avl_nodes(&f->tree) * AVL_NODE_SLOTS);
    tear_down(f);
}

TEST(removals_give_nodes_back)
{
    struct fixture *f = set_up();
    for (int key = 0; key < MANY; key++) {
        add(f, key, key % 50);
    }
    struct random random = {2};
    for (int left = MANY; left > 0; left--) {
        struct avl_position position = avl_at(&f->tree, random_below(&random, (uint64_t)left));
        avl_remove(&f->tree, f->pool, &position, 1);
        if (left % 500 == 0) {
            avl_validate(&f->tree);
            // Half full is the least that merging leaves.
            ck_assert_uint_le(avl_nodes(&f->tree), (size_t)left * 2 / AVL_NODE_SLOTS + 1);
        }
    }
    ck_assert_ptr_null(f->tree.root);
    tear_down(f);
}

TEST(different_scores_are_found_without_comparing_keys)
{
    struct fixture *f = set_up();
    for (int key = 0; key < MANY; key++) {
        // Milliseconds: what tells them apart are the last of 53 bits.
        add(f, key * 7919 % MANY, 1.7e12 + key);
    }
    avl_validate(&f->tree);
    compares = 0;
    for (int key = 0; key < MANY; key++) {
        struct avl_bound bound = {.score = 1.7e12 + key};
        ck_assert_uint_eq(avl_seek(&f->tree, &bound).rank, (size_t)key);
    }
    ck_assert_uint_eq(compares, 0);
    tear_down(f);
}

TEST(prefetching_reads_no_elements)
{
    struct fixture *f = set_up();
    double scores[AVL_PREFETCH_MAX];
    for (unsigned i = 0; i < AVL_PREFETCH_MAX; i++) {
        scores[i] = (double)i * MANY / 20 - 100; // Also below and above all.
    }
    scores[3] = INFINITY;
    scores[5] = -INFINITY;
    avl_prefetch(&f->tree, scores, AVL_PREFETCH_MAX);
    for (int key = 0; key < MANY; key++) {
        add(f, key, key * 7919 % MANY);
    }
    // Readable by nobody.
    size_t size = sizeof(f->elements);
    struct element *kept = malloc(size);
    memcpy(kept, f->elements, size);
    memset(f->elements, 0xff, size);
    compares = 0;
    for (unsigned count = 0; count <= AVL_PREFETCH_MAX; count++) {
        avl_prefetch(&f->tree, scores, count);
    }
    ck_assert_uint_eq(compares, 0);
    memcpy(f->elements, kept, size);
    free(kept);
    avl_validate(&f->tree);
    tear_down(f);
}

TEST(an_element_can_be_replaced_by_an_equal_one)
{
    struct fixture *f = set_up();
    add(f, 1, 5);
    add(f, 2, 5);
    struct element twin = f->elements[2];
    struct avl_bound bound = bound_of(&twin);
    struct avl_position position = avl_find(&f->tree, &bound, &f->elements[2]);
    avl_replace(&position, &twin);
    ck_assert_uint_eq(avl_find(&f->tree, &bound, &twin).rank, 1);
    avl_validate(&f->tree);
    tear_down(f);
}

TEST(a_run_of_elements_is_removed_at_once)
{
    struct fixture *f = set_up();
    for (int key = 0; key < 1000; key++) {
        add(f, key, key);
    }
    while (f->tree.count > 100) {
        struct avl_position position = avl_at(&f->tree, 50);
        size_t beyond = f->tree.count - 100;
        unsigned count = position.node->count - position.index;
        avl_remove(&f->tree, f->pool, &position, count < beyond ? count : (unsigned)beyond);
        avl_validate(&f->tree);
    }
    ck_assert_uint_eq(rank_of(f, 49), 49);
    ck_assert_uint_eq(rank_of(f, 950), 50);
    tear_down(f);
}
