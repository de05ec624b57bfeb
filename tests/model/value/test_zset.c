/* Random operations on a sorted set, beside a sorted array of the same items. */
#include "seed.h"
#include "unit.h"
#include "value/zset/zset.h"

#include <math.h>

enum { NAME_MAX_SIZE = 100 };

enum scores {
    SCORES_UNIFORM,
    SCORES_WHOLE,    // Whole numbers, many of them equal.
    SCORES_EQUAL,    // One score: members decide.
    SCORES_INFINITE, // Infinities, zeros of both signs, and a few others.
    SCORES_RISING,   // Always beyond the highest.
    SCORES_FALLING,
    SCORES_NEAR,   // Next to each other as doubles.
    SCORES_SPREAD, // All magnitudes and signs.
    SCORES_KINDS,
};

struct item {
    uint32_t id;
    double score;
};

struct model {
    struct depot *depot;
    struct pool *pool;
    struct zset *zset;
    struct hash_secret secret;
    struct random random;
    enum scores scores;
    uint32_t size;   // Different members there are.
    bool long_names; // Some members too long to be packed.
    double last;     // Of rising and falling scores.
    uint32_t count;
    struct item *items; // In order.
};

/* The member with number `id`, written to `name`. */
static struct bytes member_of(const struct model *m, uint32_t id, char *name)
{
    struct random random = {.state = id};
    uint64_t r = random_next(&random);
    size_t size = r % 4 == 0 ? r / 4 % 4 : r / 4 % 30;
    if (m->long_names && r % 64 == 1) {
        size = 55 + r / 64 % 40;
    }
    for (size_t i = 0; i < size; i++) {
        name[i] = (char)("\x00\x7f\x80\xff"
                         "ab"[random_below(&random, 6)]);
    }
    // The number makes it unique; the random bytes before it make the order random.
    memcpy(name + size, &id, sizeof(id));
    return bytes_make(name, size + sizeof(id));
}

static double make_score(struct model *m)
{
    static const double special[] = {-INFINITY, INFINITY, 0.0, -0.0, 1.0, 0x1p-1074, 0x1.fp1023};
    uint64_t r = random_next(&m->random);
    double score;
    switch (m->scores) {
    case SCORES_WHOLE:
        return (double)(r % (m->size / 4 + 2)) - 3;
    case SCORES_EQUAL:
        return 7;
    case SCORES_INFINITE:
        return special[r % (sizeof(special) / sizeof(special[0]))];
    case SCORES_RISING:
        m->last += (double)(r % 1000);
        return m->last;
    case SCORES_FALLING:
        m->last -= (double)(r % 1000) / 7;
        return m->last;
    case SCORES_NEAR:
        return 1.7e12 + (double)(r % 512) * 0x1p-12;
    case SCORES_SPREAD:
        memcpy(&score, &r, sizeof(score));
        return isnan(score) ? 0 : score;
    default:
        return (double)(r >> 11) * 0x1p-53;
    }
}

static int compare(const struct model *m, struct item a, double score, struct bytes member)
{
    char name[NAME_MAX_SIZE];
    if (a.score != score) {
        return a.score < score ? -1 : 1;
    }
    return bytes_compare(member_of(m, a.id, name), member);
}

/* How many items are below; with `after`, at or below. */
static uint32_t model_rank(const struct model *m, double score, struct bytes member, bool after)
{
    uint32_t begin = 0;
    uint32_t end = m->count;
    while (begin < end) {
        uint32_t middle = (begin + end) / 2;
        int order = compare(m, m->items[middle], score, member);
        if (order < 0 || (order == 0 && after)) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

static uint32_t model_find(const struct model *m, uint32_t id)
{
    uint32_t i = 0;
    while (i < m->count && m->items[i].id != id) {
        i++;
    }
    return i;
}

static void model_cut(struct model *m, uint32_t begin, uint32_t end)
{
    memmove(m->items + begin, m->items + end, (m->count - end) * sizeof(*m->items));
    m->count -= end - begin;
}

static void put(struct model *m, uint32_t id, double score)
{
    char name[NAME_MAX_SIZE];
    struct bytes member = member_of(m, id, name);
    uint32_t at = model_find(m, id);
    enum zset_put expected = ZSET_ADDED;
    if (at < m->count) {
        expected = m->items[at].score == score ? ZSET_SAME : ZSET_MOVED;
    }
    if (expected == ZSET_MOVED) {
        model_cut(m, at, at + 1);
    }
    if (expected != ZSET_SAME) {
        uint32_t to = model_rank(m, score, member, false);
        memmove(m->items + to + 1, m->items + to, (m->count - to) * sizeof(*m->items));
        m->items[to] = (struct item){.id = id, .score = score};
        m->count++;
    }
    enum zset_put done;
    ck_assert_int_eq(zset_put(m->zset, m->pool, member, score, &done), 0);
    ck_assert_int_eq(done, expected);
}

static void take_out(struct model *m, uint32_t id)
{
    char name[NAME_MAX_SIZE];
    uint32_t at = model_find(m, id);
    bool is_there = at < m->count;
    if (is_there) {
        model_cut(m, at, at + 1);
    }
    ck_assert(zset_remove(m->zset, m->pool, member_of(m, id, name)) == is_there);
}

static bool same_bits(double a, double b)
{
    return a == b && signbit(a) == signbit(b);
}

static void check_member(const struct model *m, uint32_t id)
{
    char name[NAME_MAX_SIZE];
    struct bytes member = member_of(m, id, name);
    uint32_t at = model_find(m, id);
    bool is_there = at < m->count;
    double score = 0;
    size_t rank = 0;
    ck_assert(zset_score(m->zset, member, &score) == is_there);
    if (is_there) {
        ck_assert(same_bits(score, m->items[at].score));
        ck_assert(zset_rank(m->zset, member, &rank, &score));
        ck_assert_uint_eq(rank, at);
        ck_assert(same_bits(score, m->items[at].score));
    } else {
        ck_assert(!zset_rank(m->zset, member, &rank, &score));
    }
}

static void check_walk(const struct model *m, size_t rank, size_t count, bool backwards)
{
    struct zset_walk walk;
    zset_walk_begin(&walk, m->zset, rank, count, backwards);
    size_t there = 0;
    if (rank < m->count) {
        there = backwards ? rank + 1 : m->count - rank;
    }
    ck_assert_uint_eq(walk.left, count < there ? count : there);
    struct zset_item item;
    for (size_t at = rank; zset_walk_next(&walk, &item); at += backwards ? SIZE_MAX : 1) {
        char name[NAME_MAX_SIZE];
        ck_assert(at < m->count);
        ck_assert(same_bits(item.score, m->items[at].score));
        ck_assert(bytes_equal(item.member, member_of(m, m->items[at].id, name)));
        there--;
        count--;
    }
    ck_assert(there == 0 || count == 0);
}

static uint32_t count_below(const struct model *m, double score, bool equal_too)
{
    uint32_t count = 0;
    while (count < m->count &&
           (m->items[count].score < score || (equal_too && m->items[count].score == score))) {
        count++;
    }
    return count;
}

static void check_score_range(struct model *m)
{
    uint64_t r = random_next(&m->random);
    struct zset_score_range range = {.min_excluded = r & 1, .max_excluded = r & 2};
    range.min = r & 4 || m->count == 0 ? make_score(m) : m->items[r % m->count].score;
    range.max = r & 8 || m->count == 0 ? make_score(m) : m->items[(r >> 32) % m->count].score;
    size_t begin = count_below(m, range.min, range.min_excluded);
    size_t end = count_below(m, range.max, !range.max_excluded);
    struct zset_ranks ranks = zset_ranks_by_score(m->zset, &range);
    if (begin < end) {
        ck_assert_uint_eq(ranks.begin, begin);
        ck_assert_uint_eq(ranks.end, end);
    } else {
        ck_assert_uint_eq(ranks.begin, ranks.end);
    }
}

static void check_lex_range(struct model *m)
{
    char min[NAME_MAX_SIZE];
    char max[NAME_MAX_SIZE];
    struct zset_lex_range range = {
        .min = {.kind = (enum zset_lex_kind)random_below(&m->random, 4),
                .member = member_of(m, (uint32_t)random_below(&m->random, m->size), min)},
        .max = {.kind = (enum zset_lex_kind)random_below(&m->random, 4),
                .member = member_of(m, (uint32_t)random_below(&m->random, m->size), max)},
    };
    size_t ends[4] = {[ZSET_LEX_MIN] = 0, [ZSET_LEX_MAX] = m->count};
    ends[ZSET_LEX_INCLUDED] = model_rank(m, 7, range.min.member, false);
    ends[ZSET_LEX_EXCLUDED] = model_rank(m, 7, range.min.member, true);
    size_t begin = ends[range.min.kind];
    ends[ZSET_LEX_INCLUDED] = model_rank(m, 7, range.max.member, true);
    ends[ZSET_LEX_EXCLUDED] = model_rank(m, 7, range.max.member, false);
    size_t end = ends[range.max.kind];
    struct zset_ranks ranks = zset_ranks_by_lex(m->zset, &range);
    if (begin < end) {
        ck_assert_uint_eq(ranks.begin, begin);
        ck_assert_uint_eq(ranks.end, end);
    } else {
        ck_assert_uint_eq(ranks.begin, ranks.end);
    }
}

static void remove_ranks(struct model *m, uint32_t most)
{
    struct zset_ranks ranks;
    ranks.begin = random_below(&m->random, m->count + (uint64_t)1);
    size_t end = ranks.begin + random_below(&m->random, most + (uint64_t)1);
    ranks.end = end < m->count ? end : m->count;
    zset_remove_ranks(m->zset, m->pool, ranks);
    model_cut(m, (uint32_t)ranks.begin, (uint32_t)ranks.end);
}

static void check_all(struct model *m)
{
    ck_assert_uint_eq(zset_count(m->zset), m->count);
    zset_validate(m->zset);
    check_walk(m, 0, SIZE_MAX, false);
    if (m->count > 0) {
        check_walk(m, m->count - 1, SIZE_MAX, true);
    }
}

/* Prefetch for members and scores of which some are there. Nothing may come of it. */
static void prefetch_some(struct model *m)
{
    char names[ZSET_PREFETCH_MAX][NAME_MAX_SIZE];
    struct zset_item items[ZSET_PREFETCH_MAX];
    unsigned count = (unsigned)random_below(&m->random, ZSET_PREFETCH_MAX + 1);
    for (unsigned i = 0; i < count; i++) {
        uint32_t id = (uint32_t)random_below(&m->random, m->size);
        items[i].member = member_of(m, id, names[i]);
        items[i].score = random_below(&m->random, 2) == 0 ? NAN : make_score(m);
    }
    zset_prefetch(m->zset, items, count);
}

/* One operation; of puts and removals `puts` in 16 are puts. */
static void step(struct model *m, unsigned puts)
{
    uint32_t id = (uint32_t)random_below(&m->random, m->size);
    uint64_t dice = random_below(&m->random, 32);
    if (dice < 16) {
        if (dice < puts) {
            put(m, id, make_score(m));
        } else {
            take_out(m, id);
        }
    } else if (dice < 22) {
        prefetch_some(m);
        check_member(m, id);
    } else if (dice < 25) {
        check_score_range(m);
    } else if (dice < 28) {
        size_t rank = random_below(&m->random, m->count + (uint64_t)2);
        check_walk(m, rank, random_below(&m->random, 200), dice & 1);
    } else if (m->scores == SCORES_EQUAL) {
        check_lex_range(m);
    } else if (dice == 28) {
        remove_ranks(m, 3);
    }
    ck_assert_uint_eq(zset_count(m->zset), m->count);
}

static uint64_t live_bytes(struct depot *depot)
{
    uint64_t usage[MEMORY_TAGS];
    uint64_t sum = 0;
    depot_usage(depot, usage);
    for (unsigned tag = 0; tag < MEMORY_TAGS; tag++) {
        sum += usage[tag];
    }
    return sum;
}

static void model_init(struct model *m, enum scores scores, uint32_t size, bool long_names)
{
    *m = (struct model){.scores = scores, .size = size, .long_names = long_names};
    m->random = seed_random(long_names ? "zset, long names" : "zset");
    m->secret = seed_secret(&m->random);
    m->depot = depot_create();
    m->pool = pool_create(m->depot);
    m->zset = zset_create(m->pool, &m->secret);
    m->items = calloc(size, sizeof(*m->items));
    ck_assert(m->zset != NULL && m->items != NULL);
}

static void model_deinit(struct model *m)
{
    ck_assert(!value_is_shared(zset_value(m->zset)));
    zset_destroy(m->zset, m->pool);
    pool_quiesce(m->pool); // Replaced segments of tables may go now.
    pool_quiesce(m->pool);
    ck_assert_uint_eq(live_bytes(m->depot), 0);
    pool_destroy(m->pool);
    depot_destroy(m->depot);
    free(m->items);
}

/* Grow and shrink in turns, so that the set crosses between its encodings. */
static void run(enum scores scores, uint32_t size, bool long_names, unsigned steps)
{
    struct model m;
    model_init(&m, scores, size, long_names);
    unsigned turn = size * 2;
    for (unsigned i = 0; i < steps; i++) {
        step(&m, i / turn % 2 == 0 ? 13 : 3);
        pool_quiesce(m.pool);
        if (i % (size / 4 + 1) == 0) {
            check_all(&m);
        }
        if (i % (turn * 2) == turn) {
            remove_ranks(&m, size / 4);
            check_all(&m);
        }
    }
    model_deinit(&m);
}

TEST(a_packed_set_agrees_with_a_sorted_array)
{
    for (enum scores scores = 0; scores < SCORES_KINDS; scores++) {
        run(scores, 90, false, 3000);
    }
}

TEST(a_set_that_crosses_agrees_with_a_sorted_array)
{
    for (enum scores scores = 0; scores < SCORES_KINDS; scores++) {
        run(scores, 220, false, 6000);
    }
}

TEST(a_set_with_long_members_agrees_with_a_sorted_array)
{
    for (enum scores scores = 0; scores < SCORES_KINDS; scores++) {
        run(scores, 250, true, 4000);
    }
}

TEST(a_large_set_agrees_with_a_sorted_array)
{
    for (enum scores scores = 0; scores < SCORES_KINDS; scores++) {
        run(scores, 4000, true, 15000);
    }
}
