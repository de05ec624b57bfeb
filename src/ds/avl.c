#include "ds/avl_internal.h"

#include <errno.h>

enum {
    // A full node shares with a neighbour that has so much room; less is not worth the move.
    SHARE_ROOM_MIN = AVL_NODE_SLOTS / 8,
    // Below this count a node looks at its neighbours,
    SPARSE = AVL_NODE_SLOTS * 3 / 4,
    // and two or three merge into one or two that are no fuller than this on average.
    MERGED_MAX = AVL_NODE_SLOTS * 7 / 8,
    // Hints are made anew when they span less than this and could span more.
    HINT_SPAN_MIN = 1 << 9,
};

// ---- hints ----

/* Lay out the hints of an empty node for keys from `low` to `high`, with room on
 * both sides. */
static void choose_span(struct avl_node *node, uint64_t low, uint64_t high)
{
    uint8_t shift = 0;
    while ((high - low) >> (HINT_BITS - 1 + shift) != 0) {
        shift++;
    }
    node->shift = shift;
    node->base =
        low - (UINT64_C(1) << (HINT_BITS - 2 + shift)); // May wrap: only differences count.
}

/* Change base and shift. `base` differs from the old one by a multiple of what a
 * hint stands for, so the new hints follow from the old ones. */
static void rescale(struct avl_node *node, uint64_t base, uint8_t shift)
{
    uint64_t offset = (uint64_t)((int64_t)(node->base - base) >> node->shift);
    unsigned narrower = shift - (unsigned)node->shift;
    for (unsigned i = 0; i < node->count; i++) {
        uint64_t hint = (hint_at(node, i) + offset) >> narrower;
        node->slots[i] = slot_make(hint, avl_element(node, i));
    }
    node->base = base;
    node->shift = shift;
}

/* Let the hints of a node with elements span `key`, with room to spare. */
static void widen(struct avl_node *node, uint64_t key)
{
    if (LIKELY(spans(node, key))) {
        return;
    }
    uint8_t shift = node->shift;
    if ((int64_t)(key - node->base) < 0) {
        uint64_t end = node->base + ((hint_at(node, node->count - 1) + 1) << shift);
        while ((end - key) >> (HINT_BITS - 1 + shift) != 0) {
            shift++;
        }
        rescale(node, end - (UINT64_C(1) << (HINT_BITS + shift)), shift);
    } else {
        uint64_t base = node->base + (hint_at(node, 0) << shift);
        while ((key - base) >> (HINT_BITS - 1 + shift) != 0) {
            shift++;
        }
        rescale(node, base, shift);
    }
}

static double score_at(const struct avl *avl, const struct avl_node *node, unsigned index)
{
    return avl->type->score(avl_element(node, index));
}

static PREFETCH_INLINE void prefetch_elements(const struct avl_node *node, unsigned begin,
                                              unsigned end)
{
    for (unsigned i = begin; i < end; i++) {
        __builtin_prefetch(avl_element(node, i));
    }
}

/* Make the hints anew from the scores, if they have grown too coarse. */
static void sharpen(const struct avl *avl, struct avl_node *node)
{
    if (node->count == 0 || node->shift == 0 ||
        hint_at(node, node->count - 1) - hint_at(node, 0) >= HINT_SPAN_MIN) {
        return;
    }
    prefetch_elements(node, 0, node->count);
    choose_span(node, key_of(node->low), key_of(score_at(avl, node, node->count - 1U)));
    for (unsigned i = 0; i < node->count; i++) {
        uint64_t hint = hint_of(node, key_of(score_at(avl, node, i)));
        node->slots[i] = slot_make(hint, avl_element(node, i));
    }
}

// ---- searching ----

static bool tie_is_below(const struct avl *avl, const void *element, const struct avl_bound *bound)
{
    if (bound->key == NULL) {
        return bound->after;
    }
    int order = avl->type->compare(element, bound->key);
    return order < 0 || (order == 0 && bound->after);
}

static bool is_below(const struct avl *avl, const void *element, const struct avl_bound *bound)
{
    double score = avl->type->score(element);
    return score == bound->score ? tie_is_below(avl, element, bound) : score < bound->score;
}

/* How many slots are less than `limit`. */
static unsigned slots_below(const struct avl_node *node, uint64_t limit)
{
    const uint64_t *at = node->slots;
    unsigned left = node->count;
    while (left > 1) {
        unsigned half = left / 2;
        size_t mask = -(size_t)(at[half - 1] < limit); // A branch could not be predicted.
        at += half & mask;
        left -= half;
    }
    return (unsigned)(at - node->slots) + (left == 1 && *at < limit);
}

/* How many of the node's elements are below the bound. */
static unsigned search(const struct avl *avl, const struct avl_node *node,
                       const struct avl_bound *bound)
{
    uint64_t key = key_of(bound->score);
    if (!spans(node, key)) {
        return (int64_t)(key - node->base) < 0 ? 0 : node->count;
    }
    uint64_t hint = hint_of(node, key);
    unsigned begin = slots_below(node, hint << POINTER_BITS);
    if (begin == node->count || hint_at(node, begin) != hint) {
        return begin;
    }
    unsigned end = slots_below(node, slot_make(hint, NULL) | ((UINT64_C(1) << POINTER_BITS) - 1));
    while (begin < end) {
        unsigned middle = (begin + end) / 2;
        if (is_below(avl, avl_element(node, middle), bound)) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

/* The last node that begins below the bound, or else the first; NULL when there is
 * none. *rank_out counts the elements before it. */
static struct avl_node *descend(const struct avl *avl, const struct avl_bound *bound,
                                size_t *rank_out)
{
    // Where the way went left and right for the last time. Without branches, as in slots_below.
    struct avl_node *last[2] = {NULL, avl->first};
    size_t rank = 0;
    size_t passed = 0;
    for (struct avl_node *node = avl->root; node != NULL;) {
        bool below = node->low < bound->score;
        if (UNLIKELY(node->low == bound->score)) {
            below = tie_is_below(avl, avl_element(node, 0), bound);
        }
        size_t mask = -(size_t)below;
        size_t before = passed + node->before;
        last[below] = node;
        rank = (rank & ~mask) | (before & mask);
        passed = (passed & ~mask) | ((before + node->count) & mask);
        node = node->child[below];
    }
    *rank_out = rank;
    if (LIKELY(last[1] != NULL)) {
        avl_prefetch_node(last[1]);
    }
    return last[1];
}

struct avl_position avl_seek(const struct avl *avl, const struct avl_bound *bound)
{
    struct avl_position position = {0};
    position.node = descend(avl, bound, &position.rank);
    if (position.node == NULL) {
        return position;
    }
    position.index = search(avl, position.node, bound);
    position.rank += position.index;
    if (position.index == position.node->count) {
        position.node = position.node->next;
        position.index = 0;
    }
    return position;
}

struct avl_position avl_find(const struct avl *avl, const struct avl_bound *bound,
                             const void *element)
{
    struct avl_bound beyond = {.score = bound->score, .key = bound->key, .after = true};
    struct avl_position position = {0};
    position.node = descend(avl, &beyond, &position.rank);
    ASSERT(position.node != NULL);
    uint64_t slot = slot_make(hint_of(position.node, key_of(bound->score)), element);
    // Among equal hints the slots are not in order of their pointers.
    position.index = slots_below(position.node, slot >> POINTER_BITS << POINTER_BITS);
    while (position.index < position.node->count && position.node->slots[position.index] != slot) {
        position.index++;
    }
    ASSERT(position.index < position.node->count);
    position.rank += position.index;
    return position;
}

struct avl_position avl_at(const struct avl *avl, size_t rank)
{
    struct avl_position position = {.rank = rank};
    size_t left = rank;
    for (struct avl_node *node = avl->root; node != NULL;) {
        if (left < node->before) {
            node = node->left;
        } else if (left - node->before < node->count) {
            position.node = node;
            position.index = (unsigned)(left - node->before);
            avl_prefetch_node(node);
            break;
        } else {
            left -= (size_t)node->before + node->count;
            node = node->right;
        }
    }
    return position;
}

// ---- the tree of nodes ----

static unsigned height_of(const struct avl_node *node)
{
    return node == NULL ? 0 : node->height;
}

static void update_height(struct avl_node *node)
{
    unsigned left = height_of(node->left);
    unsigned right = height_of(node->right);
    node->height = (uint8_t)(1 + (left > right ? left : right));
}

/* `node` has got `delta` elements more (modulo 2^32: less). */
static void adjust(const struct avl_node *node, uint32_t delta)
{
    for (struct avl_node *parent = node->parent; parent != NULL; parent = parent->parent) {
        if (parent->left == node) {
            parent->before += delta;
        }
        node = parent;
    }
}

static void replace_child(struct avl *avl, struct avl_node *parent, const struct avl_node *old,
                          struct avl_node *new_child)
{
    if (parent == NULL) {
        avl->root = new_child;
    } else if (parent->left == old) {
        parent->left = new_child;
    } else {
        parent->right = new_child;
    }
    if (new_child != NULL) {
        new_child->parent = parent;
    }
}

static struct avl_node *rotate_left(struct avl *avl, struct avl_node *node)
{
    struct avl_node *top = node->right;
    replace_child(avl, node->parent, node, top);
    node->right = top->left;
    if (node->right != NULL) {
        node->right->parent = node;
    }
    top->left = node;
    node->parent = top;
    top->before += node->before + node->count;
    update_height(node);
    update_height(top);
    return top;
}

static struct avl_node *rotate_right(struct avl *avl, struct avl_node *node)
{
    struct avl_node *top = node->left;
    replace_child(avl, node->parent, node, top);
    node->left = top->right;
    if (node->left != NULL) {
        node->left->parent = node;
    }
    top->right = node;
    node->parent = top;
    node->before -= top->before + top->count;
    update_height(node);
    update_height(top);
    return top;
}

static struct avl_node *balance(struct avl *avl, struct avl_node *node)
{
    unsigned left = height_of(node->left);
    unsigned right = height_of(node->right);
    if (left > right + 1) {
        if (height_of(node->left->left) < height_of(node->left->right)) {
            rotate_left(avl, node->left);
        }
        return rotate_right(avl, node);
    }
    if (right > left + 1) {
        if (height_of(node->right->right) < height_of(node->right->left)) {
            rotate_right(avl, node->right);
        }
        return rotate_left(avl, node);
    }
    update_height(node);
    return node;
}

/* Balance from `node` upwards, until a subtree keeps its height. */
static void rebalance(struct avl *avl, struct avl_node *node)
{
    while (node != NULL) {
        unsigned old_height = node->height;
        node = balance(avl, node);
        if (node->height == old_height) {
            return;
        }
        node = node->parent;
    }
}

/* Link the spare node, empty, right after `node`, or as the first with NULL. */
static struct avl_node *link_after(struct avl *avl, struct avl_node *node)
{
    struct avl_node *added = avl->spare;
    ASSERT(added != NULL);
    avl->spare = NULL;
    struct avl_node *next = node == NULL ? avl->first : node->next;
    *added = (struct avl_node){.prev = node, .next = next, .height = 1};
    *(node == NULL ? &avl->first : &node->next) = added;
    *(next == NULL ? &avl->last : &next->prev) = added;
    // Of two neighbours one has no child on the side of the other.
    if (node != NULL && node->right == NULL) {
        node->right = added;
        added->parent = node;
    } else if (next != NULL) {
        DEBUG_ASSERT(next->left == NULL);
        next->left = added;
        added->parent = next;
    } else {
        avl->root = added;
    }
    rebalance(avl, added->parent);
    return added;
}

/* Take an empty node out of the tree and free it (or, with two children, the next
 * one after moving its elements here). */
static void unlink_empty(struct avl *avl, struct pool *pool, struct avl_node *node)
{
    DEBUG_ASSERT(node->count == 0);
    if (node->left != NULL && node->right != NULL) {
        struct avl_node *next = node->next;
        adjust(next, -(uint32_t)next->count);
        adjust(node, next->count);
        memcpy(node->slots, next->slots, next->count * sizeof(node->slots[0]));
        node->count = next->count;
        node->low = next->low;
        node->base = next->base;
        node->shift = next->shift;
        next->count = 0;
        node = next;
    }
    *(node->prev == NULL ? &avl->first : &node->prev->next) = node->next;
    *(node->next == NULL ? &avl->last : &node->next->prev) = node->prev;
    struct avl_node *parent = node->parent;
    replace_child(avl, parent, node, node->left != NULL ? node->left : node->right);
    rebalance(avl, parent);
    pool_free(pool, MEMORY_ZSET, node, sizeof(*node));
}

// ---- moving elements between neighbours ----

/* Move the last `count` elements of `from` to its next node, or the first to its
 * previous one. */
static void transfer(struct avl *avl, struct avl_node *from, struct avl_node *to, unsigned count)
{
    if (count == 0) {
        return;
    }
    bool forwards = to == from->next;
    unsigned source = forwards ? from->count - count : 0;
    unsigned target = forwards ? 0 : to->count;
    DEBUG_ASSERT(count <= from->count && to->count + count <= AVL_NODE_SLOTS);
    prefetch_elements(from, source, source + count);
    double low = score_at(avl, from, source);
    double high = score_at(avl, from, source + count - 1);
    if (to->count == 0) {
        choose_span(to, key_of(low), key_of(high));
    } else {
        widen(to, key_of(low));
        widen(to, key_of(high));
    }
    if (target == 0) {
        memmove(to->slots + count, to->slots, to->count * sizeof(to->slots[0]));
        to->low = low;
    }
    for (unsigned i = 0; i < count; i++) {
        void *element = avl_element(from, source + i);
        uint64_t hint = hint_of(to, key_of(avl->type->score(element)));
        to->slots[target + i] = slot_make(hint, element);
    }
    to->count = (uint8_t)(to->count + count);
    from->count = (uint8_t)(from->count - count);
    if (!forwards && from->count > 0) {
        memmove(from->slots, from->slots + count, from->count * sizeof(from->slots[0]));
        from->low = score_at(avl, from, 0);
    }
    adjust(from, -count);
    adjust(to, count);
    sharpen(avl, from);
    sharpen(avl, to);
}

/* Where an element is about to go. */
struct place {
    struct avl_node *node;
    unsigned index;
};

static unsigned room_of(const struct avl_node *node)
{
    return node == NULL ? 0 : AVL_NODE_SLOTS - node->count;
}

/* Of two or one full nodes make three or two, alike in fullness. */
static struct place split(struct avl *avl, struct place place)
{
    struct avl_node *node = place.node;
    struct avl_node *next = node->next;
    struct avl_node *prev = node->prev;
    if (next == NULL && prev != NULL) {
        struct avl_node *added = link_after(avl, prev);
        unsigned third = ((unsigned)prev->count + AVL_NODE_SLOTS) / 3;
        unsigned given = AVL_NODE_SLOTS - third;
        transfer(avl, prev, added, prev->count - third);
        unsigned lead = added->count;
        transfer(avl, node, added, given);
        return place.index <= given ? (struct place){added, lead + place.index}
                                    : (struct place){node, place.index - given};
    }
    struct avl_node *added = link_after(avl, node);
    unsigned kept = AVL_NODE_SLOTS / 2;
    if (next != NULL) {
        kept = ((unsigned)next->count + AVL_NODE_SLOTS) / 3;
        transfer(avl, next, added, next->count - kept);
    }
    transfer(avl, node, added, AVL_NODE_SLOTS - kept);
    return place.index <= kept ? place : (struct place){added, place.index - kept};
}

/* Make room in or beside a full node; returns where the element goes now. */
static struct place make_room(struct avl *avl, struct place place)
{
    struct avl_node *node = place.node;
    // Appending (or prepending) in order starts a new node and leaves a full one.
    if (place.index == AVL_NODE_SLOTS && node->next == NULL) {
        return (struct place){link_after(avl, node), 0};
    }
    if (place.index == 0 && node->prev == NULL) {
        return (struct place){link_after(avl, NULL), 0};
    }
    unsigned room_next = room_of(node->next);
    unsigned room_prev = room_of(node->prev);
    unsigned given = ((room_next > room_prev ? room_next : room_prev) + 1) / 2;
    if (room_next >= room_prev && room_next >= SHARE_ROOM_MIN) {
        transfer(avl, node, node->next, given);
        unsigned kept = node->count;
        return place.index <= kept ? place : (struct place){node->next, place.index - kept};
    }
    if (room_prev >= SHARE_ROOM_MIN) {
        unsigned lead = node->prev->count;
        transfer(avl, node, node->prev, given);
        return place.index <= given ? (struct place){node->prev, lead + place.index}
                                    : (struct place){node, place.index - given};
    }
    return split(avl, place);
}

void avl_insert(struct avl *avl, const struct avl_bound *bound, void *element)
{
    ASSERT(avl->spare != NULL);
    uint64_t key = key_of(bound->score);
    size_t rank;
    struct place place = {.node = descend(avl, bound, &rank)};
    if (UNLIKELY(place.node == NULL)) {
        place.node = link_after(avl, NULL);
    } else {
        place.index = search(avl, place.node, bound);
        if (place.node->count == AVL_NODE_SLOTS) {
            place = make_room(avl, place);
        }
    }
    struct avl_node *node = place.node;
    if (node->count == 0) {
        choose_span(node, key, key);
    } else {
        widen(node, key);
    }
    uint64_t *slot = node->slots + place.index;
    memmove(slot + 1, slot, (node->count - place.index) * sizeof(*slot));
    *slot = slot_make(hint_of(node, key), element);
    node->count++;
    if (place.index == 0) {
        node->low = bound->score;
    }
    adjust(node, 1);
    avl->count++;
}

/* After a removal: merge or refill the node if that saves one. */
static void tidy(struct avl *avl, struct pool *pool, struct avl_node *node)
{
    struct avl_node *next = node->next;
    struct avl_node *prev = node->prev;
    if (node->count == 0) {
        unlink_empty(avl, pool, node);
        return;
    }
    // Every fourth time is enough, and spares the others reading the neighbours.
    if (node->count >= SPARSE || node->count % 4 != 0) {
        return;
    }
    unsigned with_next = next == NULL ? UINT32_MAX : (unsigned)node->count + next->count;
    unsigned with_prev = prev == NULL ? UINT32_MAX : (unsigned)node->count + prev->count;
    if (with_next <= MERGED_MAX) {
        transfer(avl, node, next, node->count);
        unlink_empty(avl, pool, node);
    } else if (with_prev <= MERGED_MAX) {
        transfer(avl, node, prev, node->count);
        unlink_empty(avl, pool, node);
    } else if (next != NULL && prev != NULL && with_next + prev->count <= 2 * MERGED_MAX) {
        unsigned half = (with_next + prev->count) / 2;
        unsigned down = half > prev->count ? half - prev->count : 0;
        down = down < node->count ? down : node->count;
        transfer(avl, node, prev, down);
        transfer(avl, node, next, node->count);
        unlink_empty(avl, pool, node);
    }
}

void avl_remove(struct avl *avl, struct pool *pool, const struct avl_position *position,
                unsigned count)
{
    struct avl_node *node = position->node;
    unsigned end = position->index + count;
    ASSERT(count > 0 && end <= node->count);
    memmove(node->slots + position->index, node->slots + end,
            (node->count - end) * sizeof(node->slots[0]));
    node->count = (uint8_t)(node->count - count);
    avl->count -= count;
    adjust(node, -count);
    if (position->index == 0 && node->count > 0) {
        node->low = score_at(avl, node, 0);
    }
    tidy(avl, pool, node);
}

void avl_replace(const struct avl_position *position, void *element)
{
    struct avl_node *node = position->node;
    node->slots[position->index] = slot_make(hint_at(node, position->index), element);
}

// ---- life ----

void avl_init(struct avl *avl, const struct avl_type *type)
{
    *avl = (struct avl){.type = type};
}

void avl_deinit(struct avl *avl, struct pool *pool)
{
    struct avl_node *node = avl->first;
    while (node != NULL) {
        struct avl_node *next = node->next;
        pool_free(pool, MEMORY_ZSET, node, sizeof(*node));
        pool_rest(pool, 1);
        node = next;
    }
    avl_unreserve(avl, pool);
    avl_init(avl, avl->type);
}

int avl_reserve(struct avl *avl, struct pool *pool)
{
    if (avl->count == UINT32_MAX) {
        return -ENOMEM;
    }
    if (avl->spare == NULL) {
        avl->spare = pool_alloc(pool, MEMORY_ZSET, sizeof(*avl->spare));
    }
    return avl->spare == NULL ? -ENOMEM : 0;
}

void avl_unreserve(struct avl *avl, struct pool *pool)
{
    if (avl->spare != NULL) {
        pool_free(pool, MEMORY_ZSET, avl->spare, sizeof(*avl->spare));
        avl->spare = NULL;
    }
}

size_t avl_nodes(const struct avl *avl)
{
    size_t nodes = 0;
    for (const struct avl_node *node = avl->first; node != NULL; node = node->next) {
        nodes++;
    }
    return nodes;
}

// ---- validation ----

static void validate_elements(const struct avl *avl, const struct avl_node *node)
{
    ASSERT(node->count > 0 && node->count <= AVL_NODE_SLOTS);
    ASSERT(key_of(node->low) == key_of(score_at(avl, node, 0)));
    for (unsigned i = 0; i < node->count; i++) {
        uint64_t key = key_of(score_at(avl, node, i));
        ASSERT(spans(node, key));
        ASSERT(hint_of(node, key) == hint_at(node, i));
        ASSERT(i == 0 || score_at(avl, node, i - 1) <= score_at(avl, node, i));
    }
}

static void validate_links(const struct avl *avl, const struct avl_node *node)
{
    const struct avl_node *before = node->left;
    if (before != NULL) {
        ASSERT(before->parent == node);
        while (before->right != NULL) {
            before = before->right;
        }
        ASSERT(before == node->prev);
    }
    const struct avl_node *after = node->right;
    if (after != NULL) {
        ASSERT(after->parent == node);
        while (after->left != NULL) {
            after = after->left;
        }
        ASSERT(after == node->next);
    }
    ASSERT(node->prev == NULL ? avl->first == node : node->prev->next == node);
    ASSERT(node->next == NULL ? avl->last == node : node->next->prev == node);
    ASSERT(node->parent != NULL || avl->root == node);
    ASSERT(node->next == NULL || node->low <= node->next->low);
}

static void validate_height(const struct avl_node *node)
{
    unsigned left = height_of(node->left);
    unsigned right = height_of(node->right);
    ASSERT(left <= right + 1 && right <= left + 1);
    ASSERT(node->height == 1 + (left > right ? left : right));
}

void avl_validate(const struct avl *avl)
{
    size_t rank = 0;
    for (const struct avl_node *node = avl->first; node != NULL; node = node->next) {
        validate_elements(avl, node);
        validate_links(avl, node);
        validate_height(node);
        // Select finds the node by the counts on its path; that checks `before`.
        struct avl_position position = avl_at(avl, rank);
        ASSERT(position.node == node && position.index == 0);
        position = avl_at(avl, rank + node->count - 1);
        ASSERT(position.node == node && position.index == node->count - 1U);
        rank += node->count;
    }
    ASSERT(rank == avl->count);
    ASSERT((avl->root == NULL) == (avl->count == 0) && (avl->last == NULL) == (avl->count == 0));
}
