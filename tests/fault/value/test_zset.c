/* Each allocation of each operation on a sorted set fails in turn. */
#include "unit.h"
#include "value/zset/zset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ITEMS_MAX = 1000, NAME_SIZE = 70 };

static const struct hash_secret secret = {.sip = {3, 4}};

struct item {
    char name[NAME_SIZE + 1];
    size_t size;
    double score;
};

struct fixture {
    struct depot *depot;
    struct pool *pool;
    struct zset *zset;
    struct item kept[ITEMS_MAX]; // What the set held before.
    size_t kept_count;
};

static struct fixture *set_up(void)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->depot = depot_create();
    f->pool = pool_create(f->depot);
    return f;
}

static void tear_down(struct fixture *f)
{
    zset_destroy(f->zset, f->pool);
    pool_quiesce(f->pool);
    pool_quiesce(f->pool);
    uint64_t usage[MEMORY_TAGS];
    depot_usage(f->depot, usage);
    ck_assert_uint_eq(usage[MEMORY_ZSET] + usage[MEMORY_TABLE], 0);
    pool_destroy(f->pool);
    depot_destroy(f->depot);
    free(f);
}

static struct bytes numbered(unsigned number, char *name)
{
    return bytes_make(name, (size_t)snprintf(name, 12, "%011u", number));
}

/* A set with the members 0 to count - 1. */
static void fill(struct fixture *f, unsigned count, unsigned stride)
{
    char name[12];
    enum zset_put done;
    f->zset = zset_create(f->pool, &secret);
    for (unsigned i = 0; i < count; i++) {
        unsigned number = i * stride % count;
        ck_assert_int_eq(zset_put(f->zset, f->pool, numbered(number, name), number, &done), 0);
    }
}

static void keep(struct fixture *f)
{
    struct zset_walk walk;
    struct zset_item item;
    f->kept_count = 0;
    zset_walk_begin(&walk, f->zset, 0, SIZE_MAX, false);
    while (zset_walk_next(&walk, &item)) {
        struct item *kept = &f->kept[f->kept_count++];
        kept->size = item.member.size;
        kept->score = item.score;
        memcpy(kept->name, item.member.data, item.member.size);
    }
}

static void expect_kept(struct fixture *f, const char *encoding)
{
    struct zset_walk walk;
    struct zset_item item;
    zset_validate(f->zset);
    ck_assert_str_eq(zset_encoding_name(f->zset), encoding);
    ck_assert_uint_eq(zset_count(f->zset), f->kept_count);
    zset_walk_begin(&walk, f->zset, 0, SIZE_MAX, false);
    for (size_t i = 0; zset_walk_next(&walk, &item); i++) {
        ck_assert(item.score == f->kept[i].score);
        ck_assert(bytes_equal(item.member, bytes_make(f->kept[i].name, f->kept[i].size)));
    }
}

/* Put an item, its n-th allocation failing, for n from 0 until none fails. Returns
 * how many failed. */
static long put_failing(struct fixture *f, struct bytes member, double score)
{
    const char *encoding = zset_encoding_name(f->zset);
    keep(f);
    for (long n = 0;; n++) {
        enum zset_put done;
        pool_fail_after(f->pool, n);
        int error = zset_put(f->zset, f->pool, member, score, &done);
        pool_fail_after(f->pool, -1);
        zset_validate(f->zset);
        double stored;
        if (error == 0) {
            ck_assert(zset_score(f->zset, member, &stored) && stored == score);
            return n;
        }
        ck_assert_int_eq(error, -ENOMEM);
        expect_kept(f, encoding);
    }
}

static void expect_failures(long failures)
{
#ifdef FASTKV_CHECKED
    ck_assert_int_gt(failures, 0);
#else
    ck_assert_int_eq(failures, 0);
#endif
}

TEST(create_without_memory)
{
    struct fixture *f = set_up();
    pool_fail_after(f->pool, 0);
    f->zset = zset_create(f->pool, &secret);
#ifdef FASTKV_CHECKED
    ck_assert_ptr_null(f->zset);
    f->zset = zset_create(f->pool, &secret);
#endif
    pool_fail_after(f->pool, -1);
    tear_down(f);
}

TEST(put_without_memory_leaves_a_packed_set_unchanged)
{
    struct fixture *f = set_up();
    f->zset = zset_create(f->pool, &secret);
    char name[12];
    long failures = 0;
    for (unsigned i = 0; i < ZSET_PACKED_COUNT_MAX; i++) {
        failures += put_failing(f, numbered(i * 37 % 128, name), i);
        put_failing(f, numbered(i * 37 % 128, name), i + 50.5);
    }
    expect_failures(failures);
    tear_down(f);
}

TEST(crossing_to_large_without_memory_leaves_the_packed_set)
{
    struct fixture *f = set_up();
    fill(f, ZSET_PACKED_COUNT_MAX, 1);
    expect_failures(put_failing(f, BYTES("one more"), 1.5));
    ck_assert_str_eq(zset_encoding_name(f->zset), "skiplist");
    tear_down(f);
}

TEST(a_long_member_without_memory_leaves_the_packed_set)
{
    struct fixture *f = set_up();
    fill(f, 5, 1);
    char name[NAME_SIZE] = {0};
    expect_failures(put_failing(f, bytes_make(name, sizeof(name)), 1.5));
    ck_assert_str_eq(zset_encoding_name(f->zset), "skiplist");
    tear_down(f);
}

TEST(put_without_memory_leaves_a_large_set_unchanged)
{
    struct fixture *f = set_up();
    fill(f, 200, 7);
    char name[12];
    long failures = 0;
    for (unsigned i = 200; i < 500; i++) {
        failures += put_failing(f, numbered(i, name), i * 31 % 200);
        pool_quiesce(f->pool);
    }
    expect_failures(failures);
    tear_down(f);
}

TEST(a_move_without_memory_leaves_a_large_set_unchanged)
{
    struct fixture *f = set_up();
    fill(f, 500, 7);
    char name[12];
    long failures = 0;
    for (unsigned i = 0; i < 500; i += 3) {
        failures += put_failing(f, numbered(i, name), 250 + i / 1000.0);
        failures += put_failing(f, numbered(i, name), i * 77 % 500);
    }
    expect_failures(failures);
    tear_down(f);
}

TEST(removals_need_no_memory)
{
    struct fixture *f = set_up();
    fill(f, 300, 7);
    char name[12];
    for (unsigned i = 0; i < 300; i++) {
        // A set that finds no memory for its packed form stays large.
        pool_fail_after(f->pool, i % 3);
        ck_assert(zset_remove(f->zset, f->pool, numbered(i, name)));
        pool_fail_after(f->pool, -1);
        zset_validate(f->zset);
        ck_assert_uint_eq(zset_count(f->zset), 299 - i);
        pool_quiesce(f->pool);
    }
    tear_down(f);
}

TEST(removing_ranks_needs_no_memory)
{
    struct fixture *f = set_up();
    for (long n = 0; n < 4; n++) {
        fill(f, 500, 7);
        pool_fail_after(f->pool, n);
        zset_remove_ranks(f->zset, f->pool, (struct zset_ranks){20, 480});
        pool_fail_after(f->pool, -1);
        zset_validate(f->zset);
        ck_assert_uint_eq(zset_count(f->zset), 40);
        if (n < 3) {
            zset_destroy(f->zset, f->pool);
        }
    }
    tear_down(f);
}
