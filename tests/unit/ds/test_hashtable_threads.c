/* One thread changes a table, others prefetch from it without its lock. Says
 * something when run under a thread or address sanitizer. */
#include "ds/hashtable.h"
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>

enum { READERS = 2, SIZE = 6000, ROUNDS = 4, BATCH = 16 };

struct shared {
    struct depot *depot;
    struct hashtable table;
    pthread_mutex_t lock;
    _Atomic bool is_over;
    uint64_t hashes[SIZE];
};

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

/* The steps of a batch without the lock, then the lookups with it. */
static void *read_in_batches(void *context)
{
    struct shared *shared = context;
    struct pool *pool = pool_create(shared->depot);
    struct random random = {(uintptr_t)&random};
    size_t found = 0;
    while (!atomic_load(&shared->is_over)) {
        uint64_t *elements[BATCH];
        uint64_t places[BATCH];
        for (size_t i = 0; i < BATCH; i++) {
            elements[i] = &shared->hashes[random_below(&random, SIZE)];
            hashtable_prefetch_pages(&shared->table, *elements[i]);
        }
        for (size_t i = 0; i < BATCH; i++) {
            places[i] = hashtable_prefetch_bucket(&shared->table, *elements[i]);
        }
        for (size_t i = 0; i < BATCH; i++) {
            if (hashtable_prefetch_elements(&shared->table, *elements[i], places[i])) {
                hashtable_prefetch_overflow(&shared->table, *elements[i]);
            }
        }
        (void)pthread_mutex_lock(&shared->lock);
        for (size_t i = 0; i < BATCH; i++) {
            found += hashtable_find(&shared->table, *elements[i], is_same, elements[i]) != NULL;
        }
        (void)pthread_mutex_unlock(&shared->lock);
        pool_quiesce(pool);
        if (found % 64 == 0) { // Now and then as if it slept.
            pool_offline(pool);
            pool_online(pool);
        }
    }
    pool_destroy(pool);
    return NULL;
}

static void insert(struct shared *shared, struct pool *pool, uint64_t *element)
{
    (void)pthread_mutex_lock(&shared->lock);
    int error = hashtable_insert(&shared->table, pool, &type, *element, element);
    ASSERT(error == 0);
    (void)pthread_mutex_unlock(&shared->lock);
    pool_quiesce(pool);
}

static void take_out(struct shared *shared, struct pool *pool, uint64_t *element)
{
    (void)pthread_mutex_lock(&shared->lock);
    hashtable_remove(&shared->table, pool, *element, element);
    (void)pthread_mutex_unlock(&shared->lock);
    pool_quiesce(pool);
}

TEST(others_may_prefetch_while_a_table_changes)
{
    struct shared *shared = calloc(1, sizeof *shared);
    ck_assert_ptr_nonnull(shared);
    shared->depot = depot_create();
    struct pool *pool = pool_create(shared->depot);
    ck_assert_int_eq(pthread_mutex_init(&shared->lock, NULL), 0);
    struct random random = {1};
    for (size_t i = 0; i < SIZE; i++) {
        shared->hashes[i] = random_next(&random);
    }
    pthread_t readers[READERS];
    for (int i = 0; i < READERS; i++) {
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_in_batches, shared), 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < SIZE; i++) {
            insert(shared, pool, &shared->hashes[i]);
        }
        for (size_t i = 0; i < SIZE; i++) {
            take_out(shared, pool, &shared->hashes[i]);
        }
    }
    atomic_store(&shared->is_over, true);
    for (int i = 0; i < READERS; i++) {
        ck_assert_int_eq(pthread_join(readers[i], NULL), 0);
    }
    ck_assert_uint_eq(hashtable_memory(&shared->table), 0);
    (void)pthread_mutex_destroy(&shared->lock);
    pool_destroy(pool);
    depot_destroy(shared->depot);
    free(shared);
}
