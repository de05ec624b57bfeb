#include "value/zset/zset_packed.h"

#include <errno.h>
#include <string.h>

enum { ITEM_OVERHEAD = sizeof(double) + sizeof(uint16_t) };

static size_t ends_offset(const struct packed *packed)
{
    return sizeof(*packed) + packed->room * sizeof(double);
}

static size_t members_offset(const struct packed *packed)
{
    return sizeof(*packed) + (size_t)packed->room * ITEM_OVERHEAD;
}

static const uint16_t *ends_of(const struct packed *packed)
{
    return (const uint16_t *)(const void *)((const char *)packed + ends_offset(packed));
}

static const char *members_of(const struct packed *packed)
{
    return (const char *)packed + members_offset(packed);
}

static uint16_t *ends_to_write(struct packed *packed)
{
    return (uint16_t *)(void *)((char *)packed + ends_offset(packed));
}

static char *members_to_write(struct packed *packed)
{
    return (char *)packed + members_offset(packed);
}

/* Where member `index` begins; for the count, where the last one ends. */
static unsigned begin_of(const struct packed *packed, unsigned index)
{
    return index == 0 ? 0 : ends_of(packed)[index - 1];
}

static size_t block_size(size_t room, size_t bytes)
{
    return pool_class_size(sizeof(struct packed) + room * ITEM_OVERHEAD + bytes);
}

struct packed *packed_create(struct pool *pool, size_t count, size_t bytes)
{
    size_t size = block_size(count, bytes);
    struct packed *packed = pool_alloc(pool, MEMORY_ZSET, size);
    if (packed == NULL) {
        return NULL;
    }
    packed->count = 0;
    packed->room = (uint16_t)count;
    packed->size = (uint32_t)size;
    return packed;
}

void packed_destroy(struct packed *packed, struct pool *pool)
{
    if (packed != NULL) {
        pool_free(pool, MEMORY_ZSET, packed, packed->size);
    }
}

struct zset_item packed_item(const struct packed *packed, unsigned index)
{
    unsigned begin = begin_of(packed, index);
    size_t size = (size_t)ends_of(packed)[index] - begin;
    return (struct zset_item){.member = bytes_make(members_of(packed) + begin, size),
                              .score = packed->scores[index]};
}

static uint64_t load_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

bool packed_find(const struct packed *packed, struct bytes member, unsigned *index_out)
{
    unsigned count = packed_count(packed);
    if (count == 0) {
        return false;
    }
    const uint16_t *ends = ends_of(packed);
    const char *members = members_of(packed);
    // Members of one set often begin alike; their last bytes tell them apart.
    bool has_tail = member.size >= sizeof(uint64_t);
    uint64_t tail = has_tail ? load_word(member.data + member.size - sizeof(tail)) : 0;
    unsigned begin = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned end = ends[i];
        if (end - begin == member.size &&
            (!has_tail || load_word(members + end - sizeof(tail)) == tail) &&
            bytes_equal(bytes_make(members + begin, member.size), member)) {
            *index_out = i;
            return true;
        }
        begin = end;
    }
    return false;
}

static bool is_below(struct zset_item item, const struct avl_bound *bound)
{
    if (item.score != bound->score) {
        return item.score < bound->score;
    }
    if (bound->key == NULL) {
        return bound->after;
    }
    int order = bytes_compare(item.member, *(const struct bytes *)bound->key);
    return order < 0 || (order == 0 && bound->after);
}

unsigned packed_rank(const struct packed *packed, const struct avl_bound *bound)
{
    unsigned begin = 0;
    unsigned end = packed_count(packed);
    while (begin < end) {
        unsigned middle = (begin + end) / 2;
        if (is_below(packed_item(packed, middle), bound)) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

static bool lex_reaches_min(struct bytes member, const struct zset_lex_bound *min)
{
    if (min->kind == ZSET_LEX_MIN || min->kind == ZSET_LEX_MAX) {
        return min->kind == ZSET_LEX_MIN;
    }
    int order = bytes_compare(member, min->member);
    return order > 0 || (order == 0 && min->kind == ZSET_LEX_INCLUDED);
}

static bool lex_exceeds_max(struct bytes member, const struct zset_lex_bound *max)
{
    if (max->kind == ZSET_LEX_MIN || max->kind == ZSET_LEX_MAX) {
        return max->kind == ZSET_LEX_MIN;
    }
    int order = bytes_compare(member, max->member);
    return order > 0 || (order == 0 && max->kind == ZSET_LEX_EXCLUDED);
}

struct zset_ranks packed_ranks_by_lex(const struct packed *packed,
                                      const struct zset_lex_range *range)
{
    unsigned count = packed_count(packed);
    struct zset_ranks ranks = {0};
    while (ranks.begin < count &&
           !lex_reaches_min(packed_item(packed, (unsigned)ranks.begin).member, &range->min)) {
        ranks.begin++;
    }
    ranks.end = ranks.begin;
    while (ranks.end < count &&
           !lex_exceeds_max(packed_item(packed, (unsigned)ranks.end).member, &range->max)) {
        ranks.end++;
    }
    return ranks;
}

/* Open a gap at `index` and fill it; there is room. */
static void place(struct packed *packed, unsigned index, struct zset_item item)
{
    unsigned count = packed->count;
    unsigned size = (unsigned)item.member.size;
    unsigned begin = begin_of(packed, index);
    unsigned used = begin_of(packed, count);
    uint16_t *ends = ends_to_write(packed);
    char *members = members_to_write(packed);
    memmove(packed->scores + index + 1, packed->scores + index,
            (count - index) * sizeof(packed->scores[0]));
    memmove(members + begin + size, members + begin, used - begin);
    for (unsigned i = count; i > index; i--) {
        ends[i] = (uint16_t)(ends[i - 1] + size);
    }
    packed->scores[index] = item.score;
    ends[index] = (uint16_t)(begin + size);
    if (size > 0) {
        memcpy(members + begin, item.member.data, size);
    }
    packed->count++;
}

/* Close the gap that items from `index` on leave. */
static void cut(struct packed *packed, unsigned index, unsigned cut_count)
{
    unsigned count = packed->count;
    unsigned begin = begin_of(packed, index);
    unsigned end = begin_of(packed, index + cut_count);
    unsigned used = begin_of(packed, count);
    uint16_t *ends = ends_to_write(packed);
    char *members = members_to_write(packed);
    memmove(packed->scores + index, packed->scores + index + cut_count,
            (count - index - cut_count) * sizeof(packed->scores[0]));
    memmove(members + begin, members + end, used - end);
    for (unsigned i = index; i + cut_count < count; i++) {
        ends[i] = (uint16_t)(ends[i + cut_count] - (end - begin));
    }
    packed->count = (uint16_t)(count - cut_count);
}

static size_t members_room(const struct packed *packed)
{
    return packed->size - members_offset(packed);
}

/* Move to a block for `count` members of `bytes` bytes. 0 or -ENOMEM. */
static int resize(struct packed **packed, struct pool *pool, size_t count, size_t bytes)
{
    struct packed *old = *packed;
    struct packed *grown = packed_create(pool, count, bytes);
    if (grown == NULL) {
        return -ENOMEM;
    }
    if (old != NULL) {
        memcpy(grown->scores, old->scores, old->count * sizeof(old->scores[0]));
        memcpy(ends_to_write(grown), ends_of(old), old->count * sizeof(uint16_t));
        memcpy(members_to_write(grown), members_of(old), begin_of(old, old->count));
        grown->count = old->count;
        packed_destroy(old, pool);
    }
    *packed = grown;
    return 0;
}

void packed_append(struct packed *packed, struct zset_item item)
{
    ASSERT(packed->count < packed->room);
    ASSERT(begin_of(packed, packed->count) + item.member.size <= members_room(packed));
    place(packed, packed->count, item);
}

int packed_insert(struct packed **packed, struct pool *pool, struct zset_item item)
{
    unsigned count = packed_count(*packed);
    ASSERT(packed_holds(count + 1, item.member));
    size_t bytes = item.member.size + (count == 0 ? 0 : begin_of(*packed, count));
    if (*packed == NULL || count == (*packed)->room || bytes > members_room(*packed)) {
        // An eighth more than asked, so that growing copies each byte few times.
        int error = resize(packed, pool, count + 1 + count / 8, bytes + bytes / 8);
        if (error < 0) {
            return error;
        }
    }
    struct avl_bound bound = {.score = item.score, .key = &item.member};
    place(*packed, packed_rank(*packed, &bound), item);
    return 0;
}

void packed_move(struct packed *packed, unsigned index, double score)
{
    struct zset_item item = packed_item(packed, index);
    char copy[ZSET_PACKED_MEMBER_MAX];
    ASSERT(item.member.size <= sizeof(copy));
    memcpy(copy, item.member.data, item.member.size);
    item.member.data = copy;
    item.score = score;
    cut(packed, index, 1);
    struct avl_bound bound = {.score = score, .key = &item.member};
    place(packed, packed_rank(packed, &bound), item);
}

void packed_remove(struct packed **packed, struct pool *pool, unsigned index, unsigned count)
{
    cut(*packed, index, count);
    unsigned left = (*packed)->count;
    size_t bytes = begin_of(*packed, left);
    if (left == 0) {
        packed_destroy(*packed, pool);
        *packed = NULL;
    } else if (block_size(left, bytes) < (*packed)->size / 2) {
        // Without memory for the smaller block the larger one stays.
        (void)resize(packed, pool, left, bytes);
    }
}

void packed_validate(const struct packed *packed)
{
    if (packed == NULL) {
        return;
    }
    ASSERT(packed->count > 0 && packed->count <= packed->room);
    ASSERT(packed->count <= ZSET_PACKED_COUNT_MAX);
    ASSERT(packed->size == pool_class_size(packed->size));
    ASSERT(begin_of(packed, packed->count) <= members_room(packed));
    for (unsigned i = 0; i < packed->count; i++) {
        struct zset_item item = packed_item(packed, i);
        ASSERT(begin_of(packed, i) <= begin_of(packed, i + 1));
        ASSERT(item.member.size <= ZSET_PACKED_MEMBER_MAX);
        struct avl_bound bound = {.score = item.score, .key = &item.member};
        ASSERT(packed_rank(packed, &bound) == i);
    }
}
