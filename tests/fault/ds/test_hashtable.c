/* Every allocation of a table fails in turn; it stays as it was. */
#include "ds/hashtable.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

enum { SIZE = 6000, ALLOCATIONS_MAX = 32 };

#ifdef FASTKV_CHECKED
enum { IS_CHECKED = 1 };
#else
enum { IS_CHECKED = 0 };
#endif

static uint64_t element_hash(const void *element, const void *context)
{
    (void)context;
    return *(const uint64_t *)element;
}

static bool is_same(const void *element, const void *sought)
{
    return element == sought;
}

static const struct hashtable_type type = {.hash = element_hash};

/* A table of the first `count` elements; each hash is its own element. */
struct fixture {
    struct depot *depot;
    struct pool *pool;
    struct hashtable table;
    uint64_t hashes[SIZE];
    size_t count;
    int failures;
};

static struct fixture *setup(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    ck_assert_ptr_nonnull(f);
    f->depot = depot_create();
    f->pool = pool_create(f->depot);
    struct random random = {5};
    for (size_t i = 0; i < SIZE; i++) {
        f->hashes[i] = random_next(&random);
    }
    return f;
}

static void teardown(struct fixture *f)
{
    pool_fail_after(f->pool, -1);
    hashtable_deinit(&f->table, f->pool);
    pool_quiesce(f->pool);
    uint64_t bytes[MEMORY_TAGS];
    depot_usage(f->depot, bytes);
    ck_assert_uint_eq(bytes[MEMORY_TABLE], 0);
    pool_destroy(f->pool);
    depot_destroy(f->depot);
    free(f);
}

/* ASSERT and not ck_assert, which writes to a pipe each time. */
static void check_holds(const struct fixture *f, size_t begin, size_t end)
{
    hashtable_validate(&f->table, &type);
    ASSERT(hashtable_count(&f->table) == end - begin);
    for (size_t i = 0; i < SIZE; i++) {
        const void *found = hashtable_find(&f->table, f->hashes[i], is_same, &f->hashes[i]);
        ASSERT(found == (i >= begin && i < end ? &f->hashes[i] : NULL));
    }
}

/* Insert element f->count, the n-th allocation from now failing; false: it was refused. */
static bool insert(struct fixture *f, long n)
{
    uint64_t *element = &f->hashes[f->count];
    pool_fail_after(f->pool, n);
    int error = hashtable_insert(&f->table, f->pool, &type, *element, element);
    pool_quiesce(f->pool);
    if (error < 0) {
        ASSERT(error == -ENOMEM && IS_CHECKED);
        f->failures++;
        check_holds(f, 0, f->count);
        return false;
    }
    f->count++;
    return true;
}

TEST(inserting_needs_memory_only_when_there_is_no_place)
{
    struct fixture *f = setup();
    while (f->count < SIZE) {
        // Nothing can be allocated: all places there are get used.
        while (f->count < SIZE && insert(f, 0)) {
        }
        // Then each allocation of the growth or split that follows fails in turn.
        for (long n = 1; f->count < SIZE && !insert(f, n); n++) {
            ASSERT(n < ALLOCATIONS_MAX);
        }
    }
    check_holds(f, 0, SIZE);
    ck_assert_int_eq(f->failures > 0, IS_CHECKED);
    teardown(f);
}

TEST(growing_may_fail_at_any_allocation)
{
    struct fixture *f = setup();
    for (long n = 0; f->count < SIZE; n = (n + 1) % ALLOCATIONS_MAX) {
        (void)insert(f, n);
        if (f->count % 256 == 0) {
            check_holds(f, 0, f->count);
        }
    }
    check_holds(f, 0, SIZE);
    teardown(f);
}

/* Empty the table, the n-th allocation of each removal failing. */
static void remove_all(struct fixture *f, long n)
{
    for (size_t i = 0; i < SIZE; i++) {
        pool_fail_after(f->pool, n);
        hashtable_remove(&f->table, f->pool, f->hashes[i], &f->hashes[i]);
        pool_quiesce(f->pool);
        if (i % 256 == 0 || i + 32 > SIZE) {
            check_holds(f, i + 1, SIZE);
        }
    }
}

TEST(removing_works_without_memory)
{
    for (long n = 0; n < ALLOCATIONS_MAX; n++) {
        struct fixture *f = setup();
        while (f->count < SIZE) {
            ASSERT(insert(f, -1));
        }
        remove_all(f, n);
        // And it can be filled again, whatever it could not give back.
        f->count = 0;
        while (f->count < SIZE) {
            ASSERT(insert(f, -1));
        }
        check_holds(f, 0, SIZE);
        teardown(f);
    }
}

TEST(a_chain_grows_or_stays_as_it_was)
{
    struct fixture *f = setup();
    for (size_t i = 0; i < SIZE; i++) {
        f->hashes[i] = UINT64_C(0x1234567890abcdef);
    }
    for (long n = 0; f->count < SIZE; n = (n + 1) % ALLOCATIONS_MAX) {
        uint64_t *element = &f->hashes[f->count];
        pool_fail_after(f->pool, n);
        int error = hashtable_insert(&f->table, f->pool, &type, *element, element);
        pool_quiesce(f->pool);
        ASSERT(error == 0 || (error == -ENOMEM && IS_CHECKED));
        f->failures += error < 0;
        f->count += error == 0;
        if (f->count % 1024 == 1) {
            check_holds(f, 0, f->count);
        }
    }
    ck_assert_int_eq(f->failures > 0, IS_CHECKED);
    remove_all(f, 0);
    teardown(f);
}
