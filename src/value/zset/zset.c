#include "value/zset/zset.h"

#include "base/number.h"
#include "value/zset/zset_large.h"
#include "value/zset/zset_packed.h"

#include <errno.h>
#include <math.h>

enum { WALK_AHEAD = 16 }; // Items between the prefetch and its use.

struct zset {
    struct value value;
    const struct hash_secret *secret;
    union {
        struct packed *packed; // NULL: empty.
        struct large *large;
    };
    bool is_large;
};

struct zset *zset_create(struct pool *pool, const struct hash_secret *secret)
{
    struct zset *zset = pool_alloc(pool, MEMORY_ZSET, sizeof(*zset));
    if (zset == NULL) {
        return NULL;
    }
    *zset = (struct zset){.secret = secret};
    value_init(&zset->value, VALUE_ZSET);
    return zset;
}

void zset_destroy(struct zset *zset, struct pool *pool)
{
    if (zset->is_large) {
        large_destroy(zset->large, pool);
    } else {
        packed_destroy(zset->packed, pool);
    }
    pool_free(pool, MEMORY_ZSET, zset, sizeof(*zset));
}

struct value *zset_value(struct zset *zset)
{
    return &zset->value;
}

struct zset *zset_of_value(struct value *value)
{
    ASSERT(value->type == VALUE_ZSET);
    return (struct zset *)value;
}

size_t zset_count(const struct zset *zset)
{
    return zset->is_large ? large_count(zset->large) : packed_count(zset->packed);
}

const char *zset_encoding_name(const struct zset *zset)
{
    return zset->is_large ? "skiplist" : "listpack";
}

bool zset_score(const struct zset *zset, struct bytes member, double *score_out)
{
    if (zset->is_large) {
        const struct element *element = large_find(zset->large, member);
        if (element == NULL) {
            return false;
        }
        *score_out = element_score(element);
        return true;
    }
    unsigned index;
    if (!packed_find(zset->packed, member, &index)) {
        return false;
    }
    *score_out = zset->packed->scores[index];
    return true;
}

// ---- crossing between the encodings ----

/* Become large, with one more item that is not in the set yet. */
static int cross_to_large(struct zset *zset, struct pool *pool, struct zset_item item)
{
    struct large *large = large_create(pool, zset->secret);
    if (large == NULL) {
        return -ENOMEM;
    }
    enum zset_put put;
    int error = large_put(large, pool, item, &put);
    for (unsigned i = 0; error == 0 && i < packed_count(zset->packed); i++) {
        error = large_put(large, pool, packed_item(zset->packed, i), &put);
    }
    if (error < 0) {
        large_destroy(large, pool);
        return error;
    }
    packed_destroy(zset->packed, pool);
    zset->large = large;
    zset->is_large = true;
    return 0;
}

/* Become packed if the set is small enough for it; without memory it stays large. */
static void cross_to_packed(struct zset *zset, struct pool *pool)
{
    struct large *large = zset->large;
    size_t count = large_count(large);
    if (count >= ZSET_PACKED_COUNT_MAX / 2 || large->long_members > 0) {
        return;
    }
    struct packed *packed = NULL;
    if (count > 0) {
        size_t bytes = 0;
        for (const struct avl_node *node = large->tree.first; node != NULL; node = node->next) {
            for (unsigned i = 0; i < node->count; i++) {
                bytes += element_member(avl_element(node, i)).size;
            }
        }
        packed = packed_create(pool, count, bytes);
        if (packed == NULL) {
            return;
        }
        for (const struct avl_node *node = large->tree.first; node != NULL; node = node->next) {
            for (unsigned i = 0; i < node->count; i++) {
                packed_append(packed, large_item(avl_element(node, i)));
            }
        }
    }
    large_destroy(large, pool);
    zset->packed = packed;
    zset->is_large = false;
}

// ---- changing ----

static int put_packed(struct zset *zset, struct pool *pool, struct zset_item item,
                      enum zset_put *put_out)
{
    unsigned index;
    if (packed_find(zset->packed, item.member, &index)) {
        bool is_same = zset->packed->scores[index] == item.score;
        if (!is_same) {
            packed_move(zset->packed, index, item.score);
        }
        *put_out = is_same ? ZSET_SAME : ZSET_MOVED;
        return 0;
    }
    int error = packed_holds(packed_count(zset->packed) + (size_t)1, item.member)
                    ? packed_insert(&zset->packed, pool, item)
                    : cross_to_large(zset, pool, item);
    if (error == 0) {
        *put_out = ZSET_ADDED;
    }
    return error;
}

int zset_put(struct zset *zset, struct pool *pool, struct bytes member, double score,
             enum zset_put *put_out)
{
    struct zset_item item = {.member = member, .score = score};
    return zset->is_large ? large_put(zset->large, pool, item, put_out)
                          : put_packed(zset, pool, item, put_out);
}

bool zset_remove(struct zset *zset, struct pool *pool, struct bytes member)
{
    if (zset->is_large) {
        if (!large_remove(zset->large, pool, member)) {
            return false;
        }
        cross_to_packed(zset, pool);
        return true;
    }
    unsigned index;
    if (!packed_find(zset->packed, member, &index)) {
        return false;
    }
    packed_remove(&zset->packed, pool, index, 1);
    return true;
}

void zset_remove_ranks(struct zset *zset, struct pool *pool, struct zset_ranks ranks)
{
    ASSERT(ranks.begin <= ranks.end && ranks.end <= zset_count(zset));
    if (ranks.begin == ranks.end) {
        return;
    }
    if (!zset->is_large) {
        packed_remove(&zset->packed, pool, (unsigned)ranks.begin,
                      (unsigned)(ranks.end - ranks.begin));
    } else if (ranks.end - ranks.begin == large_count(zset->large)) {
        large_destroy(zset->large, pool);
        zset->packed = NULL;
        zset->is_large = false;
    } else {
        large_remove_ranks(zset->large, pool, ranks);
        cross_to_packed(zset, pool);
    }
}

// ---- ranks ----

bool zset_rank(const struct zset *zset, struct bytes member, size_t *rank_out, double *score_out)
{
    if (zset->is_large) {
        return large_rank(zset->large, member, rank_out, score_out);
    }
    unsigned index;
    if (!packed_find(zset->packed, member, &index)) {
        return false;
    }
    *rank_out = index;
    *score_out = zset->packed->scores[index];
    return true;
}

/* How many items are below the bound. */
static size_t rank_of_bound(const struct zset *zset, const struct avl_bound *bound)
{
    return zset->is_large ? avl_seek(&zset->large->tree, bound).rank
                          : packed_rank(zset->packed, bound);
}

static struct zset_ranks ranks_between(size_t begin, size_t end)
{
    return (struct zset_ranks){.begin = begin, .end = begin < end ? end : begin};
}

struct zset_ranks zset_ranks_by_score(const struct zset *zset, const struct zset_score_range *range)
{
    struct avl_bound min = {.score = range->min, .after = range->min_excluded};
    struct avl_bound max = {.score = range->max, .after = !range->max_excluded};
    return ranks_between(rank_of_bound(zset, &min), rank_of_bound(zset, &max));
}

/* How many members of a large set with equal scores are below the bound. */
static size_t rank_of_lex(const struct zset *zset, const struct zset_lex_bound *bound, bool after)
{
    if (bound->kind == ZSET_LEX_MIN) {
        return 0;
    }
    if (bound->kind == ZSET_LEX_MAX) {
        return zset_count(zset);
    }
    const struct element *first = avl_element(zset->large->tree.first, 0);
    struct avl_bound place = {.score = element_score(first), .key = &bound->member, .after = after};
    return rank_of_bound(zset, &place);
}

struct zset_ranks zset_ranks_by_lex(const struct zset *zset, const struct zset_lex_range *range)
{
    if (!zset->is_large) {
        return packed_ranks_by_lex(zset->packed, range);
    }
    size_t begin = rank_of_lex(zset, &range->min, range->min.kind == ZSET_LEX_EXCLUDED);
    size_t end = rank_of_lex(zset, &range->max, range->max.kind == ZSET_LEX_INCLUDED);
    return ranks_between(begin, end);
}

// ---- walking ----

static PREFETCH_INLINE void prefetch_ahead(const struct avl_node *node, unsigned index,
                                           bool backwards)
{
    // Beyond the node's end it is the neighbour's turn, whose lines are here by then.
    if (backwards) {
        if (index >= WALK_AHEAD) {
            __builtin_prefetch(avl_element(node, index - WALK_AHEAD));
        } else if (node->prev != NULL && node->prev->count + index >= WALK_AHEAD) {
            __builtin_prefetch(avl_element(node->prev, node->prev->count + index - WALK_AHEAD));
        }
        return;
    }
    unsigned ahead = index + WALK_AHEAD;
    if (ahead < node->count) {
        __builtin_prefetch(avl_element(node, ahead));
    } else if (node->next != NULL && ahead - node->count < node->next->count) {
        __builtin_prefetch(avl_element(node->next, ahead - node->count));
    }
}

static PREFETCH_INLINE void prefetch_neighbour(const struct avl_node *node, bool backwards)
{
    const struct avl_node *neighbour = backwards ? node->prev : node->next;
    if (neighbour != NULL) {
        avl_prefetch_node(neighbour);
    }
}

void zset_walk_begin(struct zset_walk *walk, const struct zset *zset, size_t rank, size_t count,
                     bool backwards)
{
    size_t total = zset_count(zset);
    size_t there = 0; // Items from `rank` to the end of the walk's direction.
    if (rank < total) {
        there = backwards ? rank + 1 : total - rank;
    }
    *walk = (struct zset_walk){.zset = zset,
                               .index = (uint32_t)rank,
                               .backwards = backwards,
                               .left = count < there ? count : there};
    if (!zset->is_large || walk->left == 0) {
        return;
    }
    struct avl_position position = avl_at(&zset->large->tree, rank);
    walk->node = position.node;
    walk->index = position.index;
    prefetch_neighbour(position.node, backwards);
    unsigned first = backwards ? 0 : position.index;
    unsigned last = backwards ? position.index : position.node->count - 1U;
    size_t reach = walk->left < WALK_AHEAD ? walk->left : WALK_AHEAD;
    if (last - first >= reach) {
        first = backwards ? last + 1 - (unsigned)reach : first;
        last = first + (unsigned)reach - 1;
    }
    for (unsigned i = first; i <= last; i++) {
        __builtin_prefetch(avl_element(position.node, i));
    }
}

/* Step to the next element of a large set; there is one. */
static void step(struct zset_walk *walk)
{
    struct avl_node *node = walk->node;
    if (walk->backwards && walk->index > 0) {
        walk->index--;
    } else if (walk->backwards) {
        walk->node = node->prev;
        walk->index = node->prev->count - 1U;
        prefetch_neighbour(node->prev, true);
    } else if (walk->index + 1 < node->count) {
        walk->index++;
    } else {
        walk->node = node->next;
        walk->index = 0;
        prefetch_neighbour(node->next, false);
    }
}

bool zset_walk_next(struct zset_walk *walk, struct zset_item *item_out)
{
    if (walk->left == 0) {
        return false;
    }
    walk->left--;
    if (!walk->zset->is_large) {
        *item_out = packed_item(walk->zset->packed, walk->index);
        walk->index += walk->backwards ? -1U : 1U;
        return true;
    }
    *item_out = large_item(avl_element(walk->node, walk->index));
    if (walk->left > WALK_AHEAD) {
        prefetch_ahead(walk->node, walk->index, walk->backwards);
    }
    if (walk->left > 0) {
        step(walk);
    }
    return true;
}

void zset_prefetch(const struct zset *zset, const struct zset_item *items, unsigned count)
{
    if (zset->is_large) {
        large_prefetch(zset->large, items, count);
    }
}

void zset_validate(const struct zset *zset)
{
    if (zset->is_large) {
        ASSERT(large_count(zset->large) > 0);
        large_validate(zset->large);
    } else {
        packed_validate(zset->packed);
    }
}

// ---- as a value ----

static const struct zset *zset_at(const struct value *value)
{
    return (const struct zset *)(const void *)value;
}

static const char *encoding(const struct value *value)
{
    return zset_encoding_name(zset_at(value));
}

static size_t free_effort(const struct value *value)
{
    const struct zset *zset = zset_at(value);
    // Beside the elements there are far fewer blocks, of the table and of the tree.
    return zset->is_large ? large_count(zset->large) : 2;
}

static void free_value(struct value *value, struct pool *pool)
{
    zset_destroy(zset_of_value(value), pool);
}

static void prefetch(const struct value *value, const struct value_element *elements,
                     unsigned count)
{
    const struct zset *zset = zset_at(value);
    struct zset_item items[ZSET_PREFETCH_MAX];
    ASSERT(count <= ZSET_PREFETCH_MAX);
    if (!zset->is_large) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        items[i].member = elements[i].name;
        if (elements[i].with.size == 0 || !number_parse_double(elements[i].with, &items[i].score)) {
            items[i].score = NAN;
        }
    }
    large_prefetch(zset->large, items, count);
}

static void validate(const struct value *value)
{
    ASSERT(zset_count(zset_at(value)) > 0); // An empty one has no key.
    zset_validate(zset_at(value));
}

const struct value_ops zset_ops = {
    .name = "zset",
    .encoding = encoding,
    .free_effort = free_effort,
    .free = free_value,
    .prefetch = prefetch,
    .validate = validate,
};
