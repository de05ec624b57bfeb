#include "base/pool.h"
#include "base/pool_internal.h"
#include "base/random.h"
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static uint64_t usage_of(struct depot *depot, enum memory_tag tag)
{
    uint64_t bytes[MEMORY_TAGS];
    depot_usage(depot, bytes);
    return bytes[tag];
}

TEST(every_size_gets_the_smallest_class_that_holds_it)
{
    uint32_t last_class = 0;
    size_t last_class_size = 0;
    for (size_t size = 1; size <= POOL_CLASS_MAX; size++) {
        uint32_t class = class_of(MEMORY_OTHER, size);
        size_t class_size = pool_class_size(size);
        ck_assert_uint_ge(class_size, size);
        ck_assert_uint_lt(class, CLASSES_OF_SIZE);
        ck_assert_uint_eq(pool_class_size(class_size), class_size);
        ck_assert(class == last_class || class == last_class + 1 || size == 1);
        ck_assert_uint_eq(class != last_class, class_size != last_class_size && size != 1);
        if (size > CLASS_STEP_MAX) {
            ck_assert_uint_le(class_size - size, size / 32);
        }
        last_class = class;
        last_class_size = class_size;
    }
    ck_assert_uint_eq(last_class, CLASSES_OF_SIZE - 1);
}

TEST(blocks_are_aligned_and_keep_their_bytes)
{
    enum { BLOCKS = 3000 };
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    struct random random = {7};
    static unsigned char *blocks[BLOCKS];
    static size_t sizes[BLOCKS];
    for (int round = 0; round < 20 * BLOCKS; round++) {
        size_t i = random_below(&random, BLOCKS);
        if (blocks[i] != NULL) {
            bool kept = true;
            for (size_t at = 0; at < sizes[i]; at++) {
                kept = kept && blocks[i][at] == i % 251;
            }
            ck_assert(kept);
            pool_free(pool, MEMORY_ENTRY, blocks[i], sizes[i]);
        }
        sizes[i] = 1 + random_below(&random, random_below(&random, 8) == 0 ? 20000 : 600);
        blocks[i] = pool_alloc(pool, MEMORY_ENTRY, sizes[i]);
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert_uint_eq(
            (uintptr_t)blocks[i] % (sizes[i] % 64 == 0 && sizes[i] <= POOL_CLASS_MAX ? 64 : 8), 0);
        memset(blocks[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        pool_free(pool, MEMORY_ENTRY, blocks[i], sizes[i]);
        blocks[i] = NULL;
    }
    ck_assert_uint_eq(usage_of(depot, MEMORY_ENTRY), 0);
    pool_destroy(pool);
    depot_destroy(depot); // Asserts that no object is left in any slab.
}

TEST(usage_is_counted_by_tag_and_class)
{
    struct depot *depot = depot_create();
    struct pool *a = pool_create(depot);
    struct pool *b = pool_create(depot);
    void *block = pool_alloc(a, MEMORY_ZSET, 81);
    ck_assert_uint_eq(usage_of(depot, MEMORY_ZSET), 88);
    block = pool_resize(a, MEMORY_ZSET, block, 81, 3000);
    ck_assert_uint_eq(usage_of(depot, MEMORY_ZSET), 3008);
    pool_free(b, MEMORY_ZSET, block, 3000); // By another pool than it came from.
    ck_assert_uint_eq(usage_of(depot, MEMORY_ZSET), 0);
    pool_destroy(a);
    pool_destroy(b);
    ck_assert_uint_eq(usage_of(depot, MEMORY_ZSET), 0);
    depot_destroy(depot);
}

TEST(resizing_keeps_the_bytes_across_classes_and_the_general_allocator)
{
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    static const size_t sizes[] = {1,     8,      100,    1024,  1025, 16384,
                                   16385, 100000, 300000, 20000, 500,  3};
    char *block = NULL;
    size_t size = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        block = pool_resize(pool, MEMORY_STRING, block, size, sizes[i]);
        ck_assert_ptr_nonnull(block);
        size_t kept = size < sizes[i] ? size : sizes[i];
        bool same = true;
        for (size_t at = 0; at < kept; at++) {
            same = same && block[at] == (char)(at % 101);
        }
        ck_assert(same);
        for (size_t at = 0; at < sizes[i]; at++) {
            block[at] = (char)(at % 101);
        }
        size = sizes[i];
    }
    pool_free(pool, MEMORY_STRING, block, size);
    pool_destroy(pool);
    depot_destroy(depot);
}

// As who calls it a few times a second does; more calls than that takes 10 s for 4 GiB.
static void release_surplus(struct depot *depot)
{
    enum { CALLS_MAX = 40 };
    unsigned calls = 0;
    while (depot_has_surplus(depot)) {
        uint64_t before = depot_mapped_bytes(depot);
        depot_release(depot);
        ck_assert(depot_mapped_bytes(depot) < before || !depot_has_surplus(depot));
        ck_assert_uint_lt(calls++, CALLS_MAX);
    }
}

TEST(memory_goes_back_to_the_kernel)
{
    enum { BLOCKS = 1000000 }; // Far more than the spares that are kept.
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    void **blocks = malloc(BLOCKS * sizeof(*blocks));
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = pool_alloc(pool, MEMORY_ENTRY, 96);
    }
#ifndef FASTKV_CHECKED
    ck_assert_uint_ge(depot_mapped_bytes(depot), (uint64_t)BLOCKS * 96);
#endif
    for (size_t i = 0; i < BLOCKS; i++) {
        pool_free(pool, MEMORY_ENTRY, blocks[(i * 7919) % BLOCKS], 96);
    }
    pool_flush(pool);
#ifndef FASTKV_CHECKED
    uint64_t kept = depot_mapped_bytes(depot);
    ck_assert_uint_ge(kept, (uint64_t)BLOCKS * 96); // Little by little, not by the free.
    ck_assert(depot_claim_upkeep(depot));           // For whoever tends it to notice.
    ck_assert(depot_has_surplus(depot));
    depot_release(depot); // Of what nobody needed since there is a surplus.
    ck_assert_uint_lt(depot_mapped_bytes(depot), kept);
    ck_assert_uint_ge(depot_mapped_bytes(depot), kept - (uint64_t)RELEASE_MIN * CHUNK_SIZE);
#endif
    release_surplus(depot);
    ck_assert_uint_le(depot_mapped_bytes(depot), (uint64_t)(2 + SPARE_CHUNKS) * CHUNK_SIZE);
    free(blocks);
    pool_destroy(pool);
    depot_destroy(depot);
}

TEST(a_retired_block_stays_until_every_online_pool_was_quiet)
{
    struct depot *depot = depot_create();
    struct pool *writer = pool_create(depot);
    struct pool *reader = pool_create(depot);
    void *block = pool_alloc(writer, MEMORY_TABLE, 64);
    ck_assert_int_eq(pool_retire_reserve(writer, 1), 0);
    pool_retire(writer, MEMORY_TABLE, block, 64);
    pool_quiesce(writer);
    ck_assert_uint_eq(usage_of(depot, MEMORY_TABLE), 64); // The reader may still look.
    pool_quiesce(reader);
    pool_quiesce(writer);
    ck_assert_uint_eq(usage_of(depot, MEMORY_TABLE), 0);

    block = pool_alloc(writer, MEMORY_TABLE, 64);
    ck_assert_int_eq(pool_retire_reserve(writer, 1), 0);
    pool_retire(writer, MEMORY_TABLE, block, 64);
    pool_offline(reader); // Nobody waits for a sleeper.
    pool_quiesce(writer);
    ck_assert_uint_eq(usage_of(depot, MEMORY_TABLE), 0);
    pool_destroy(reader);
    pool_destroy(writer);
    depot_destroy(depot);
}

TEST(a_block_serves_for_all_sizes_of_its_class)
{
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    static const struct {
        size_t old_size, new_size;
        bool serves;
    } cases[] = {
        {1, 8, true},
        {8, 9, false},
        {24, 17, true},
        {1025, 1056, true},
        {1056, 1057, false},
        {POOL_CLASS_MAX - 1, POOL_CLASS_MAX, true},
        {POOL_CLASS_MAX, POOL_CLASS_MAX + 1, false},
        {POOL_CLASS_MAX + 1, POOL_CLASS_MAX + 1, true}, // From malloc: exact.
        {POOL_CLASS_MAX + 1, POOL_CLASS_MAX + 2, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t size = cases[i].old_size;
        char *block = pool_alloc(pool, MEMORY_OTHER, size);
        ck_assert_int_eq(pool_refit(block, size, cases[i].new_size), cases[i].serves);
        size = cases[i].serves ? cases[i].new_size : size;
        memset(block, 'x', size);
        block = pool_resize(pool, MEMORY_OTHER, block, size, size + 50000);
        ck_assert(block[0] == 'x' && block[size - 1] == 'x');
        pool_free(pool, MEMORY_OTHER, block, size + 50000);
    }
    ck_assert_uint_eq(usage_of(depot, MEMORY_OTHER), 0);
    pool_destroy(pool);
    depot_destroy(depot);
}

#ifdef FASTKV_CHECKED
TEST(the_nth_allocation_fails_once)
{
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    pool_fail_after(pool, 1);
    void *first = pool_alloc(pool, MEMORY_OTHER, 10);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(pool_alloc(pool, MEMORY_OTHER, 10));
    void *third = pool_resize(pool, MEMORY_OTHER, first, 10, 4000);
    ck_assert_ptr_nonnull(third);
    pool_free(pool, MEMORY_OTHER, third, 4000);
    ck_assert_uint_eq(usage_of(depot, MEMORY_OTHER), 0);
    pool_destroy(pool);
    depot_destroy(depot);
}
#endif

// ---- threads: blocks change hands, retired blocks are read without a lock ----

enum { THREADS = 8, ROUNDS = 20000, SLOTS = 64 };

struct exchange {
    struct depot *depot;
    _Atomic(uint64_t *) slots[SLOTS]; // Each points at a block whose words are all equal.
};

static void *swap_blocks(void *context)
{
    struct exchange *exchange = context;
    struct pool *pool = pool_create(exchange->depot);
    struct random random = {(uint64_t)(uintptr_t)&pool};
    for (int round = 0; round < ROUNDS; round++) {
        _Atomic(uint64_t *) *slot = &exchange->slots[random_below(&random, SLOTS)];
        const volatile uint64_t *seen = atomic_load_explicit(slot, memory_order_acquire);
        if (seen != NULL) {
            ck_assert_uint_eq(seen[0], seen[7]);
        }
        if (round % 4 == 0) {
            uint64_t *fresh = pool_alloc(pool, MEMORY_TABLE, 64);
            for (int i = 0; i < 8; i++) {
                fresh[i] = random_next(&random) | 1;
                fresh[i] = fresh[0];
            }
            ck_assert_int_eq(pool_retire_reserve(pool, 1), 0);
            uint64_t *old = atomic_exchange_explicit(slot, fresh, memory_order_acq_rel);
            if (old != NULL) {
                pool_retire(pool, MEMORY_TABLE, old, 64);
            }
        }
        pool_quiesce(pool);
        if (round % 1000 == 999) {
            pool_offline(pool);
            pool_online(pool);
        }
    }
    pool_offline(pool);
    pool_destroy(pool);
    return NULL;
}

TEST(threads_read_blocks_that_others_retire)
{
    struct exchange exchange = {.depot = depot_create()};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, swap_blocks, &exchange), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    struct pool *pool = pool_create(exchange.depot);
    for (int i = 0; i < SLOTS; i++) {
        pool_free(pool, MEMORY_TABLE, atomic_load(&exchange.slots[i]), 64);
    }
    ck_assert_uint_eq(usage_of(exchange.depot, MEMORY_TABLE), 0);
    pool_destroy(pool);
    depot_destroy(exchange.depot);
}

// Pages of tables, in use or in a cache, keep no chunks of the entries they pointed at.
TEST(tables_that_stay_keep_no_chunks_of_entries)
{
    enum { ENTRIES = 500000, PER_PAGE = 10 };
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    void **entries = malloc(ENTRIES * sizeof(*entries));
    void **pages = malloc(ENTRIES / PER_PAGE * sizeof(*pages));
    for (size_t i = 0; i < ENTRIES; i++) {
        entries[i] = pool_alloc(pool, MEMORY_ENTRY, 128);
        if (i % PER_PAGE == 0) {
            pages[i / PER_PAGE] = pool_alloc(pool, MEMORY_TABLE, 128);
        }
    }
    for (size_t i = 0; i < ENTRIES; i++) {
        pool_free(pool, MEMORY_ENTRY, entries[i], 128);
    }
    pool_flush(pool);
    release_surplus(depot);
    uint64_t kept = usage_of(depot, MEMORY_TABLE) + (uint64_t)(SPARE_CHUNKS + 3) * CHUNK_SIZE;
    ck_assert_uint_le(depot_mapped_bytes(depot), kept);
    for (size_t i = 0; i < ENTRIES / PER_PAGE; i++) {
        pool_free(pool, MEMORY_TABLE, pages[i], 128);
    }
    free(pages);
    free(entries);
    pool_destroy(pool);
    depot_destroy(depot);
}

TEST(upkeep_gets_memory_before_it_is_used)
{
    struct depot *depot = depot_create();
    ck_assert(depot_claim_upkeep(depot));
    ck_assert(!depot_claim_upkeep(depot)); // The first who asked sees to it.
    depot_upkeep(depot);
    uint64_t prepared = depot_mapped_bytes(depot);
    ck_assert_uint_eq(prepared, (uint64_t)SPARE_CHUNKS * CHUNK_SIZE);
    depot_upkeep(depot); // Nothing is missing.
    ck_assert_uint_eq(depot_mapped_bytes(depot), prepared);
#ifndef FASTKV_CHECKED
    struct pool *pool = pool_create(depot);
    void *block = pool_alloc(pool, MEMORY_ENTRY, 100);
    ck_assert_uint_eq(depot_mapped_bytes(depot), prepared); // One of the spares is in use.
    ck_assert(depot_claim_upkeep(depot));
    depot_upkeep(depot);
    ck_assert_uint_eq(depot_mapped_bytes(depot), prepared + CHUNK_SIZE);
    pool_free(pool, MEMORY_ENTRY, block, 100);
    pool_destroy(pool);
#endif
    depot_destroy(depot);
}

// A few cached objects from all over the memory keep no chunks once they are recalled.
TEST(recalled_caches_let_their_chunks_go)
{
    enum { BLOCKS = 1000000, KEPT = 64 };
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    struct pool *other = pool_create(depot);
    void **blocks = malloc(BLOCKS * sizeof(*blocks));
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = pool_alloc(pool, MEMORY_ENTRY, 96);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        bool is_spread = i % (BLOCKS / KEPT) == 0;
        pool_free(is_spread ? other : pool, MEMORY_ENTRY, blocks[i], 96);
    }
    pool_flush(pool);
    release_surplus(depot);
    pool_offline(other);
    depot_recall(depot);
    pool_online(other);
    release_surplus(depot);
    ck_assert_uint_le(depot_mapped_bytes(depot), (uint64_t)(2 + SPARE_CHUNKS_MAX) * CHUNK_SIZE);
    free(blocks);
    pool_destroy(other);
    pool_destroy(pool);
    depot_destroy(depot);
}

TEST(a_chunk_is_cleared_counted_and_given_back)
{
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    for (int round = 0; round < 2; round++) {
        char *chunk = pool_alloc_chunk(pool, MEMORY_KEYSPACE);
        ck_assert_uint_eq(usage_of(depot, MEMORY_KEYSPACE), POOL_CHUNK_SIZE);
        bool is_clear = true;
        for (size_t at = 0; at < POOL_CHUNK_SIZE; at++) {
            is_clear = is_clear && chunk[at] == 0;
            chunk[at] = 'x';
        }
        ck_assert(is_clear);
        ck_assert_uint_eq((uintptr_t)chunk % POOL_CHUNK_SIZE, 0);
#ifndef FASTKV_CHECKED
        ck_assert_uint_ge(depot_mapped_bytes(depot), POOL_CHUNK_SIZE);
#endif
        pool_free_chunk(pool, MEMORY_KEYSPACE, chunk);
        ck_assert_uint_eq(usage_of(depot, MEMORY_KEYSPACE), 0);
    }
    pool_destroy(pool);
    depot_destroy(depot);
}

TEST(a_yielding_thread_rests_and_goes_on)
{
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    pool_rest(pool, 1000000); // Not asked to: does nothing.
    ck_assert_uint_eq(pool->yielded_ns, 0);
    pool_set_yielding(pool);
    pool_rest(pool, 1);
    ck_assert_uint_eq(pool->yielded_ns, 0); // Not worth a look at the clock.
    pool_rest(pool, 1000);
    ck_assert_uint_gt(pool->yielded_ns, 0);
    pool_destroy(pool);
    depot_destroy(depot);
}
