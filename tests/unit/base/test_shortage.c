/* When what was got from the kernel ahead of need is used up. */
#include "base/pool_internal.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

struct test_sleeper {
    struct waiter waiter;
    _Atomic unsigned woken;
};

static void wake(struct waiter *waiter)
{
    struct test_sleeper *sleeper = (struct test_sleeper *)waiter;
    atomic_fetch_add(&sleeper->woken, 1);
}

// Use chunks up until memory is short; how many.
static unsigned use_up(struct depot *depot, void *chunks_out[SPARE_CHUNKS])
{
    unsigned count = 0;
    while (!depot_is_short(depot)) {
        ck_assert_uint_lt(count, SPARE_CHUNKS);
        chunks_out[count] = chunk_borrow(&depot->chunks);
        ck_assert_ptr_nonnull(chunks_out[count]);
        count++;
    }
    return count;
}

static void give_back(struct depot *depot, void *chunks[], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ck_assert(chunk_unborrow(&depot->chunks, chunks[i]));
    }
}

TEST(memory_is_short_until_upkeep)
{
    struct depot *depot = depot_create();
    struct test_sleeper first = {.waiter = {.wake = wake}};
    struct test_sleeper second = {.waiter = {.wake = wake}};
    void *chunks[SPARE_CHUNKS];
    depot_upkeep(depot);
    ck_assert(depot_claim_upkeep(depot));
    unsigned count = use_up(depot, chunks);
    ck_assert_uint_eq(count, SPARE_CHUNKS - SPARE_CHUNKS_LOW + 1);
    ck_assert(depot_claim_upkeep(depot));
    depot_await(depot, &first.waiter);
    depot_await(depot, &second.waiter);
    ck_assert_uint_eq(first.woken + second.woken, 0);
    depot_upkeep(depot);
    ck_assert(!depot_is_short(depot));
    ck_assert_uint_eq(first.woken, 1);
    ck_assert_uint_eq(second.woken, 1);
    depot_await(depot, &first.waiter); // Just after the end.
    ck_assert_uint_eq(first.woken, 2);
    depot_upkeep(depot);
    ck_assert_uint_eq(first.woken, 2);
    give_back(depot, chunks, count);
    depot_destroy(depot);
}

TEST(without_upkeep_memory_is_never_short)
{
    enum { CHUNKS = 10 };
    struct depot *depot = depot_create();
    struct pool *pool = pool_create(depot);
    void *chunks[CHUNKS];
    for (unsigned i = 0; i < CHUNKS; i++) {
        chunks[i] = chunk_borrow(&depot->chunks);
        ck_assert(!depot_is_short(depot));
    }
    void *block = pool_alloc(pool, MEMORY_ENTRY, 100);
    ck_assert(!depot_is_short(depot));
    pool_free(pool, MEMORY_ENTRY, block, 100);
    give_back(depot, chunks, CHUNKS);
    pool_destroy(pool);
    depot_destroy(depot);
}

// Out of memory nobody waits: who allocates finds out, and upkeep is tried again.
TEST(without_memory_nobody_waits_for_it)
{
    struct depot *depot = depot_create();
    struct test_sleeper sleeper = {.waiter = {.wake = wake}};
    void *chunks[SPARE_CHUNKS];
    depot_upkeep(depot);
    unsigned count = use_up(depot, chunks);
    depot_await(depot, &sleeper.waiter);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
    depot_upkeep(depot);
    bool is_short = depot_is_short(depot);
    unsigned woken = sleeper.woken;
    chunks[count] = chunk_borrow(&depot->chunks); // The last spare.
    bool is_short_after = depot_is_short(depot);
    bool tries_again = depot_claim_upkeep(depot);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    ck_assert(!is_short && !is_short_after && tries_again);
    ck_assert_uint_eq(woken, 1);
    depot_upkeep(depot);
    give_back(depot, chunks, count + 1);
    depot_destroy(depot);
}

TEST(who_waits_is_relieved)
{
    struct depot *depot = depot_create();
    struct test_sleeper sleeper = {.waiter = {.wake = wake}};
    void *chunks[SPARE_CHUNKS];
    depot_upkeep(depot);
    unsigned count = use_up(depot, chunks);
    ck_assert(!depot_claim_relief(depot)); // Nobody waits.
    depot_await(depot, &sleeper.waiter);
    ck_assert(depot_claim_upkeep(depot));
    ck_assert(depot_claim_relief(depot));
    ck_assert(!depot_claim_relief(depot));
    depot_relieve(depot);
    ck_assert(!depot_is_short(depot));
    ck_assert_uint_eq(sleeper.woken, 1);
    depot_relieve(depot); // Nothing is missing.
    ck_assert_uint_eq(depot->chunks.huge.count, SPARE_CHUNKS_LOW);
    give_back(depot, chunks, count);
    depot_destroy(depot);
}

TEST(what_comes_back_ends_a_shortage)
{
    struct depot *depot = depot_create();
    struct test_sleeper sleeper = {.waiter = {.wake = wake}};
    void *chunks[SPARE_CHUNKS];
    depot_upkeep(depot);
    unsigned count = use_up(depot, chunks);
    depot_await(depot, &sleeper.waiter);
    ck_assert_uint_eq(sleeper.woken, 0);
    give_back(depot, chunks, count);
    ck_assert(!depot_is_short(depot));
    ck_assert_uint_eq(sleeper.woken, 1);
    depot_destroy(depot);
}

// ---- threads: everybody who waits is woken, once ----

enum { USERS = 3, ROUNDS = 40 };

struct crew {
    struct depot *depot;
    _Atomic unsigned working;
};

struct user {
    void *chunks[ROUNDS];
    struct crew *crew;
    pthread_t thread;
    struct test_sleeper sleepers[ROUNDS];
    bool slept[ROUNDS];
};

static void *use_chunks(void *context)
{
    struct user *user = context;
    struct depot *depot = user->crew->depot;
    for (unsigned round = 0; round < ROUNDS; round++) {
        user->chunks[round] = chunk_borrow(&depot->chunks);
        ck_assert_ptr_nonnull(user->chunks[round]);
        struct test_sleeper *sleeper = &user->sleepers[round];
        sleeper->waiter.wake = wake;
        user->slept[round] = depot_is_short(depot);
        if (user->slept[round]) {
            depot_await(depot, &sleeper->waiter);
        }
        while (user->slept[round] && atomic_load(&sleeper->woken) == 0) {
            (void)sched_yield();
        }
    }
    atomic_fetch_sub(&user->crew->working, 1);
    return NULL;
}

TEST(all_who_wait_for_memory_are_woken_once)
{
    struct crew crew = {.depot = depot_create(), .working = USERS};
    static struct user users[USERS];
    depot_upkeep(crew.depot);
    for (int i = 0; i < USERS; i++) {
        users[i].crew = &crew;
        ck_assert_int_eq(pthread_create(&users[i].thread, NULL, use_chunks, &users[i]), 0);
    }
    while (atomic_load(&crew.working) > 0) {
        if (depot_claim_upkeep(crew.depot)) {
            depot_upkeep(crew.depot);
        }
        (void)sched_yield();
    }
    for (int i = 0; i < USERS; i++) {
        (void)pthread_join(users[i].thread, NULL);
        give_back(crew.depot, users[i].chunks, ROUNDS);
    }
    unsigned slept = 0;
    for (int i = 0; i < USERS * ROUNDS; i++) {
        const struct user *user = &users[i / ROUNDS];
        slept += user->slept[i % ROUNDS];
        ck_assert_uint_eq(user->sleepers[i % ROUNDS].woken, user->slept[i % ROUNDS]);
    }
    ck_assert_uint_gt(slept, 0);
    depot_destroy(crew.depot);
}
