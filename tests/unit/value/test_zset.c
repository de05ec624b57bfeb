#include "unit.h"
#include "value/zset/zset.h"
#include "value/zset/zset_element.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct hash_secret secret = {.sip = {1, 2}};

struct fixture {
    struct depot *depot;
    struct pool *pool;
    struct zset *zset;
};

static struct fixture set_up(void)
{
    struct fixture f = {.depot = depot_create()};
    f.pool = pool_create(f.depot);
    f.zset = zset_create(f.pool, &secret);
    ck_assert_ptr_nonnull(f.zset);
    return f;
}

static void tear_down(struct fixture *f)
{
    zset_validate(f->zset);
    zset_destroy(f->zset, f->pool);
    pool_quiesce(f->pool);
    pool_quiesce(f->pool);
    uint64_t usage[MEMORY_TAGS];
    depot_usage(f->depot, usage);
    ck_assert_uint_eq(usage[MEMORY_ZSET] + usage[MEMORY_TABLE], 0);
    pool_destroy(f->pool);
    depot_destroy(f->depot);
}

static enum zset_put put(struct fixture *f, struct bytes member, double score)
{
    enum zset_put done;
    ck_assert_int_eq(zset_put(f->zset, f->pool, member, score, &done), 0);
    return done;
}

/* A member of seven bytes. */
static struct bytes numbered(unsigned number, char *name)
{
    int size = snprintf(name, 8, "%07u", number % 10000000);
    return bytes_make(name, (size_t)size);
}

static void put_numbered(struct fixture *f, unsigned begin, unsigned end)
{
    char name[8];
    for (unsigned i = begin; i < end; i++) {
        ck_assert_int_eq(put(f, numbered(i, name), i), ZSET_ADDED);
    }
}

TEST(an_empty_set_answers)
{
    struct fixture f = set_up();
    double score;
    size_t rank;
    ck_assert_uint_eq(zset_count(f.zset), 0);
    ck_assert(!zset_score(f.zset, BYTES("a"), &score));
    ck_assert(!zset_rank(f.zset, BYTES("a"), &rank, &score));
    ck_assert(!zset_remove(f.zset, f.pool, BYTES("a")));
    struct zset_walk walk;
    struct zset_item item;
    zset_walk_begin(&walk, f.zset, 0, 10, false);
    ck_assert(!zset_walk_next(&walk, &item));
    zset_remove_ranks(f.zset, f.pool, (struct zset_ranks){0, 0});
    tear_down(&f);
}

TEST(put_says_what_it_did)
{
    struct fixture f = set_up();
    ck_assert_int_eq(put(&f, BYTES("a"), 1), ZSET_ADDED);
    ck_assert_int_eq(put(&f, BYTES("a"), 1), ZSET_SAME);
    ck_assert_int_eq(put(&f, BYTES("a"), 2), ZSET_MOVED);
    ck_assert_int_eq(put(&f, BYTES(""), 2), ZSET_ADDED);
    ck_assert_uint_eq(zset_count(f.zset), 2);
    tear_down(&f);
}

static void expect_zero_signs(struct fixture *f)
{
    double score;
    ck_assert_int_eq(put(f, BYTES("zero"), -0.0), ZSET_ADDED);
    ck_assert_int_eq(put(f, BYTES("zero"), 0.0), ZSET_SAME);
    ck_assert(zset_score(f->zset, BYTES("zero"), &score));
    ck_assert(score == 0 && signbit(score));
    struct zset_score_range range = {.min = 0.0, .max = 0.0};
    struct zset_ranks ranks = zset_ranks_by_score(f->zset, &range);
    ck_assert_uint_eq(ranks.end - ranks.begin, 1);
}

TEST(zeros_of_both_signs_are_equal_scores)
{
    struct fixture f = set_up();
    expect_zero_signs(&f);
    zset_remove(f.zset, f.pool, BYTES("zero"));
    put_numbered(&f, 1, 300);
    expect_zero_signs(&f);
    tear_down(&f);
}

TEST(a_set_crosses_at_its_limits)
{
    struct fixture f = set_up();
    char name[8];
    put_numbered(&f, 0, ZSET_PACKED_COUNT_MAX);
    ck_assert_str_eq(zset_encoding_name(f.zset), "listpack");
    put_numbered(&f, ZSET_PACKED_COUNT_MAX, ZSET_PACKED_COUNT_MAX + 1);
    ck_assert_str_eq(zset_encoding_name(f.zset), "skiplist");
    for (unsigned i = ZSET_PACKED_COUNT_MAX; i >= ZSET_PACKED_COUNT_MAX / 2 - 1; i--) {
        ck_assert_str_eq(zset_encoding_name(f.zset), "skiplist");
        ck_assert(zset_remove(f.zset, f.pool, numbered(i, name)));
        zset_validate(f.zset);
    }
    ck_assert_str_eq(zset_encoding_name(f.zset), "listpack");
    tear_down(&f);
}

TEST(a_long_member_keeps_a_set_large)
{
    struct fixture f = set_up();
    char name[ZSET_PACKED_MEMBER_MAX + 1] = {0};
    struct bytes longest = bytes_make(name, ZSET_PACKED_MEMBER_MAX);
    struct bytes too_long = bytes_make(name, sizeof(name));
    put(&f, longest, 1);
    ck_assert_str_eq(zset_encoding_name(f.zset), "listpack");
    put(&f, too_long, 2);
    ck_assert_str_eq(zset_encoding_name(f.zset), "skiplist");
    ck_assert(zset_remove(f.zset, f.pool, longest));
    ck_assert_str_eq(zset_encoding_name(f.zset), "skiplist");
    put(&f, longest, 3);
    ck_assert(zset_remove(f.zset, f.pool, too_long));
    ck_assert_str_eq(zset_encoding_name(f.zset), "listpack");
    tear_down(&f);
}

TEST(members_of_many_bytes_are_kept)
{
    enum { SIZE = 20 * 1024 * 1024 };
    struct fixture f = set_up();
    char *data = calloc(1, SIZE);
    ck_assert_ptr_nonnull(data);
    struct bytes one = bytes_make(data, SIZE);
    struct bytes other = bytes_make(data, SIZE - 1);
    put(&f, one, 1);
    put(&f, other, 1);
    put(&f, one, 0.1);
    put(&f, one, 1);
    size_t rank;
    double score;
    ck_assert(zset_rank(f.zset, one, &rank, &score));
    ck_assert_uint_eq(rank, 1);
    struct zset_walk walk;
    struct zset_item item;
    zset_walk_begin(&walk, f.zset, 1, 1, false);
    ck_assert(zset_walk_next(&walk, &item));
    ck_assert(bytes_equal(item.member, one));
    tear_down(&f);
    free(data);
}

TEST(removing_all_ranks_empties_a_large_set)
{
    struct fixture f = set_up();
    put_numbered(&f, 0, 1000);
    zset_remove_ranks(f.zset, f.pool, (struct zset_ranks){0, 1000});
    ck_assert_uint_eq(zset_count(f.zset), 0);
    ck_assert_str_eq(zset_encoding_name(f.zset), "listpack");
    tear_down(&f);
}

TEST(lex_ranges_follow_bytes)
{
    struct fixture f = set_up();
    for (unsigned large = 0; large < 2; large++) {
        put(&f, BYTES("a"), 0);
        put(&f, BYTES("ab"), 0);
        put(&f, BYTES("b"), 0);
        put(&f, BYTES("\xff"), 0);
        struct zset_lex_range range = {.min = {ZSET_LEX_EXCLUDED, BYTES("a")},
                                       .max = {ZSET_LEX_INCLUDED, BYTES("b")}};
        struct zset_ranks ranks = zset_ranks_by_lex(f.zset, &range);
        ck_assert_uint_eq(ranks.end - ranks.begin, 2);
        range.max.kind = ZSET_LEX_MAX;
        ranks = zset_ranks_by_lex(f.zset, &range);
        ck_assert_uint_eq(ranks.end - ranks.begin, 3);
        range.min.kind = ZSET_LEX_MAX;
        ranks = zset_ranks_by_lex(f.zset, &range);
        ck_assert_uint_eq(ranks.begin, ranks.end);
        char name[8];
        for (unsigned i = 0; i < 500 && large == 0; i++) {
            put(&f, numbered(i, name), 0);
        }
    }
    tear_down(&f);
}

TEST(an_element_is_written_as_drawn)
{
    unsigned char block[16] = {0};
    struct element *element = (struct element *)block;
    element_write(element, BYTES("ab"), 3);
    static const unsigned char expected[] = {0x09, 0x03, 0x00, 0x00, 0x00, 0x61, 0x62};
    ck_assert_mem_eq(block, expected, sizeof(expected));
    ck_assert_uint_eq(element_size(element), 8);
}

TEST(an_element_keeps_its_score_exactly)
{
    static const double scores[] = {
        0.0,      -0.0,         1,        -1,         0.5,
        0.1,      4294967295.0, 1e10,     4294967296, 16777217.5,
        INFINITY, -INFINITY,    0x1p-149, 0x1p-1074,  0x1p127,
        1e300,    -1e300,       1.7e12,   -16777217,  0x1.fffffep127,
    };
    static const size_t sizes[] = {0, 1, 62, 63, 64, 200};
    char member[200];
    memset(member, 'm', sizeof(member));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t j = 0; j < sizeof(scores) / sizeof(scores[0]); j++) {
            size_t size = element_block_size(sizes[i], element_form_of(scores[j]));
            struct element *element = malloc(size);
            element_write(element, bytes_make(member, sizes[i]), scores[j]);
            ck_assert(element_same_bits(element_score(element), scores[j]));
            ck_assert(bytes_equal(element_member(element), bytes_make(member, sizes[i])));
            ck_assert_uint_eq(element_size(element), size);
            free(element);
        }
    }
}

TEST(a_member_of_19_bytes_takes_24_with_a_whole_score)
{
    ck_assert_uint_eq(element_block_size(19, element_form_of(123456)), 24);
    ck_assert_uint_eq(element_block_size(19, element_form_of(0.1)), 32);
}
