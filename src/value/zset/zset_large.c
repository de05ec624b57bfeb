#include "value/zset/zset_large.h"

#include <assert.h>
#include <errno.h>

static double score_of(const void *element)
{
    return element_score(element);
}

static int compare_member(const void *element, const void *key)
{
    return bytes_compare(element_member(element), *(const struct bytes *)key);
}

static const struct avl_type tree_type = {.score = score_of, .compare = compare_member};

static uint64_t hash_of(const void *element, const void *secret)
{
    return hash_bytes(secret, element_member(element));
}

static bool has_member(const void *element, const void *sought)
{
    return bytes_equal(element_member(element), *(const struct bytes *)sought);
}

struct large *large_create(struct pool *pool, const struct hash_secret *secret)
{
    struct large *large = pool_alloc(pool, MEMORY_ZSET, sizeof(*large));
    if (large == NULL) {
        return NULL;
    }
    hashtable_init(&large->table);
    avl_init(&large->tree, &tree_type);
    large->secret = secret;
    large->long_members = 0;
    return large;
}

static void free_element(struct pool *pool, struct element *element)
{
    pool_free(pool, MEMORY_ZSET, element, element_size(element));
}

/* Ask for elements that are about to be freed, which writes to them. */
static PREFETCH_INLINE void prefetch_to_free(const struct avl_node *node, unsigned begin,
                                             unsigned end)
{
    for (unsigned i = begin; i < end; i++) {
        __builtin_prefetch(avl_element(node, i), 1);
    }
}

void large_destroy(struct large *large, struct pool *pool)
{
    if (large == NULL) {
        return;
    }
    for (const struct avl_node *node = large->tree.first; node != NULL; node = node->next) {
        if (node->next != NULL) {
            avl_prefetch_node(node->next);
        }
        prefetch_to_free(node, 0, node->count);
        for (unsigned i = 0; i < node->count; i++) {
            free_element(pool, avl_element(node, i));
        }
        pool_rest(pool, node->count);
    }
    avl_deinit(&large->tree, pool);
    hashtable_deinit(&large->table, pool);
    pool_free(pool, MEMORY_ZSET, large, sizeof(*large));
}

struct element *large_find(const struct large *large, struct bytes member)
{
    return hashtable_find(&large->table, hash_bytes(large->secret, member), has_member, &member);
}

static_assert(2 * (int)ZSET_PREFETCH_MAX <= (int)AVL_PREFETCH_MAX,
              "a score to find and one to give");

void large_prefetch(const struct large *large, const struct zset_item *items, unsigned count)
{
    const struct hashtable *table = &large->table;
    uint64_t hashes[ZSET_PREFETCH_MAX];
    uint64_t places[ZSET_PREFETCH_MAX];
    double scores[2 * ZSET_PREFETCH_MAX];
    unsigned known = 0;
    ASSERT(count <= ZSET_PREFETCH_MAX);
    for (unsigned i = 0; i < count; i++) {
        hashes[i] = hash_bytes(large->secret, items[i].member);
        hashtable_prefetch_pages(table, hashes[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        places[i] = hashtable_prefetch_bucket(table, hashes[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        if (!hashtable_prefetch_elements(table, hashes[i], places[i])) {
            places[i] = 0;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (places[i] != 0) {
            hashtable_prefetch_overflow(table, hashes[i]);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        const struct element *element =
            hashtable_find(table, hashes[i], has_member, &items[i].member);
        if (element != NULL) {
            scores[known++] = element_score(element);
        }
        if (!isnan(items[i].score)) {
            scores[known++] = items[i].score;
        }
    }
    avl_prefetch(&large->tree, scores, known);
}

static int add(struct large *large, struct pool *pool, struct zset_item item, uint64_t hash)
{
    size_t size = element_block_size(item.member.size, element_form_of(item.score));
    struct element *element = pool_alloc(pool, MEMORY_ZSET, size);
    if (element == NULL) {
        return -ENOMEM;
    }
    element_write(element, item.member, item.score);
    struct hashtable_type type = {.hash = hash_of, .context = large->secret};
    int error = avl_reserve(&large->tree, pool);
    if (error == 0) {
        error = hashtable_insert(&large->table, pool, &type, hash, element);
    }
    if (error == 0) {
        struct avl_bound bound = {.score = item.score, .key = &item.member};
        avl_insert(&large->tree, &bound, element);
        large->long_members += item.member.size > ZSET_PACKED_MEMBER_MAX;
    } else {
        pool_free(pool, MEMORY_ZSET, element, size);
    }
    avl_unreserve(&large->tree, pool);
    return error;
}

/* Give `element` the item's score; its member is the item's. */
static int move(struct large *large, struct pool *pool, struct element *element,
                struct zset_item item, uint64_t hash)
{
    size_t old_size = element_size(element);
    size_t size = element_block_size(item.member.size, element_form_of(item.score));
    struct element *moved = element;
    if (size != old_size) {
        moved = pool_alloc(pool, MEMORY_ZSET, size);
    }
    if (moved == NULL || avl_reserve(&large->tree, pool) < 0) {
        if (moved != element) {
            pool_free(pool, MEMORY_ZSET, moved, size);
        }
        return -ENOMEM;
    }
    struct avl_bound bound = {.score = element_score(element), .key = &item.member};
    struct avl_position position = avl_find(&large->tree, &bound, element);
    avl_remove(&large->tree, pool, &position, 1);
    element_write(moved, element_member(element), item.score);
    if (moved != element) {
        hashtable_replace(&large->table, hash, element, moved);
        pool_free(pool, MEMORY_ZSET, element, old_size);
    }
    bound.score = item.score;
    avl_insert(&large->tree, &bound, moved);
    avl_unreserve(&large->tree, pool);
    return 0;
}

int large_put(struct large *large, struct pool *pool, struct zset_item item, enum zset_put *put_out)
{
    uint64_t hash = hash_bytes(large->secret, item.member);
    struct element *element = hashtable_find(&large->table, hash, has_member, &item.member);
    enum zset_put put = ZSET_ADDED;
    int error = 0;
    if (element == NULL) {
        error = add(large, pool, item, hash);
    } else if (element_score(element) == item.score) {
        put = ZSET_SAME;
    } else {
        put = ZSET_MOVED;
        error = move(large, pool, element, item, hash);
    }
    if (error == 0) {
        *put_out = put;
    }
    return error;
}

/* Take the elements at `position` out of the tree, the table and memory. */
static void remove_run(struct large *large, struct pool *pool, const struct avl_position *position,
                       unsigned count)
{
    struct element *elements[AVL_NODE_SLOTS];
    uint64_t hashes[AVL_NODE_SLOTS];
    prefetch_to_free(position->node, position->index, position->index + count);
    for (unsigned i = 0; i < count; i++) {
        elements[i] = avl_element(position->node, position->index + i);
        hashes[i] = hash_of(elements[i], large->secret);
        hashtable_prefetch_bucket(&large->table, hashes[i]);
    }
    avl_remove(&large->tree, pool, position, count);
    for (unsigned i = 0; i < count; i++) {
        hashtable_remove(&large->table, pool, hashes[i], elements[i]);
        large->long_members -= element_member(elements[i]).size > ZSET_PACKED_MEMBER_MAX;
        free_element(pool, elements[i]);
    }
}

bool large_remove(struct large *large, struct pool *pool, struct bytes member)
{
    const struct element *element = large_find(large, member);
    if (element == NULL) {
        return false;
    }
    struct avl_bound bound = {.score = element_score(element), .key = &member};
    struct avl_position position = avl_find(&large->tree, &bound, element);
    remove_run(large, pool, &position, 1);
    return true;
}

void large_remove_ranks(struct large *large, struct pool *pool, struct zset_ranks ranks)
{
    size_t left = ranks.end - ranks.begin;
    while (left > 0) {
        struct avl_position position = avl_at(&large->tree, ranks.begin);
        ASSERT(position.node != NULL);
        unsigned count = position.node->count - position.index;
        count = count < left ? count : (unsigned)left;
        if (position.node->next != NULL) {
            avl_prefetch_node(position.node->next);
        }
        remove_run(large, pool, &position, count);
        left -= count;
    }
}

bool large_rank(const struct large *large, struct bytes member, size_t *rank_out, double *score_out)
{
    const struct element *element = large_find(large, member);
    if (element == NULL) {
        return false;
    }
    struct avl_bound bound = {.score = element_score(element), .key = &member};
    *rank_out = avl_find(&large->tree, &bound, element).rank;
    *score_out = bound.score;
    return true;
}

static void validate_order(struct zset_item before, struct zset_item item)
{
    ASSERT(before.score <= item.score);
    ASSERT(before.score < item.score || bytes_compare(before.member, item.member) < 0);
}

void large_validate(const struct large *large)
{
    struct hashtable_type type = {.hash = hash_of, .context = large->secret};
    avl_validate(&large->tree);
    hashtable_validate(&large->table, &type);
    ASSERT(hashtable_count(&large->table) == large->tree.count);
    ASSERT(large->tree.spare == NULL);
    const struct element *before = NULL;
    size_t long_members = 0;
    for (const struct avl_node *node = large->tree.first; node != NULL; node = node->next) {
        for (unsigned i = 0; i < node->count; i++) {
            const struct element *element = avl_element(node, i);
            struct zset_item item = large_item(element);
            ASSERT(large_find(large, item.member) == element);
            long_members += item.member.size > ZSET_PACKED_MEMBER_MAX;
            if (before != NULL) {
                validate_order(large_item(before), item);
            }
            before = element;
        }
    }
    ASSERT(large->long_members == long_members);
}
