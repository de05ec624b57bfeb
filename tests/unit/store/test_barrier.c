/* The barrier: no write happens while it is held, whoever reads goes on, nobody is forgotten. */
#include "base/clock.h"
#include "base/container.h"
#include "store/access.h"
#include "store/barrier.h"
#include "store/expiry.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 4, HOLDERS = 2, HOLDS = 300, YIELDS = 20, KEYS = 64, SHARD_BITS = 3 };

static void no_wake(void *context, unsigned tender)
{
    if (context != NULL) {
        ((unsigned *)context)[tender]++;
    }
}

// NOLINTNEXTLINE(readability-non-const-parameter): it is counted in.
static struct keyspace *create(unsigned *wakes)
{
    const struct keyspace_options options = {
        .shard_bits = SHARD_BITS,
        .databases = 2,
        .threads = 16,
        .tenders = 1,
        .secret = {.sip = {1, 2}},
        .wake = no_wake,
        .context = wakes,
    };
    struct keyspace *keyspace = keyspace_create(&options);
    ck_assert_ptr_nonnull(keyspace);
    return keyspace;
}

// ---- one thread at a time ----

struct counted {
    struct waiter waiter;
    _Atomic int woken;
};

static void count_wake(struct waiter *waiter)
{
    atomic_fetch_add(&CONTAINER_OF(waiter, struct counted, waiter)->woken, 1);
}

static void lock_key(struct access *access, struct keyspace *keyspace, struct store_thread *thread,
                     const struct key *key)
{
    access_open(access, keyspace, thread, 0, 1000);
    uint32_t shard = keyspace_shard(keyspace, key->hash);
    ck_assert(access_lock(access, &shard, 1, NULL));
}

static void unlock_key(struct access *access, const struct key *key)
{
    uint32_t shard = keyspace_shard(access->keyspace, key->hash);
    access_unlock(access, &shard, 1);
}

TEST(writers_park_and_are_woken_once_readers_go_on)
{
    struct keyspace *keyspace = create(NULL);
    struct store_thread *holder = keyspace_thread_create(keyspace);
    struct store_thread *worker = keyspace_thread_create(keyspace);
    struct key key = keyspace_key(keyspace, BYTES("k"));
    struct access access = {0};
    struct counted counted = {.waiter.wake = count_wake};
    pool_offline(worker->pool); // It sleeps, and so holds nobody up.
    barrier_enter(keyspace, holder);
    pool_online(worker->pool);
    lock_key(&access, keyspace, worker, &key);
    ck_assert_uint_ne(access.observers & OBSERVES_BARRIER, 0);
    ck_assert(barrier_pass(&access, false));
    ck_assert(!barrier_pass(&access, true));
    unlock_key(&access, &key);
    barrier_park(keyspace, &counted.waiter);
    ck_assert_int_eq(counted.woken, 0);
    barrier_leave(keyspace, holder);
    ck_assert_int_eq(counted.woken, 1);
    lock_key(&access, keyspace, worker, &key);
    ck_assert_uint_eq(access.observers, 0);
    unlock_key(&access, &key);
    barrier_park(keyspace, &counted.waiter); // It came too late: at once.
    ck_assert_int_eq(counted.woken, 2);
    pool_offline(holder->pool);
    keyspace_thread_destroy(keyspace, worker);
    keyspace_thread_destroy(keyspace, holder);
    keyspace_destroy(keyspace);
}

TEST(expired_keys_are_invisible_and_stay_until_it_is_left)
{
    unsigned wakes[1] = {0};
    struct keyspace *keyspace = create(wakes);
    struct store_thread *holder = keyspace_thread_create(keyspace);
    struct store_thread *worker = keyspace_thread_create(keyspace);
    struct key key = keyspace_key(keyspace, BYTES("k"));
    struct access access = {0};
    const struct put_options options = {.deadline_ms = 1500};
    lock_key(&access, keyspace, worker, &key);
    ck_assert_int_eq(keyspace_put_string(&access, &key, BYTES("v"), &options), 0);
    unlock_key(&access, &key);
    ck_assert_uint_eq(keyspace_next_deadline(keyspace, 0), 1500);
    pool_offline(worker->pool);
    barrier_enter(keyspace, holder);
    pool_online(worker->pool);
    lock_key(&access, keyspace, worker, &key);
    access.now_ms = 2000;
    ck_assert_ptr_null(keyspace_find(&access, &key));
    unlock_key(&access, &key);
    ck_assert_uint_eq(keyspace_expire_due(&access, 0, 100), 0);
    ck_assert_uint_eq(keyspace_next_deadline(keyspace, 0), 0); // Sleep: you are woken.
    ck_assert_uint_eq(keyspace_statistics(keyspace).expired, 0);
    wakes[0] = 0;
    barrier_leave(keyspace, holder);
    ck_assert_uint_eq(wakes[0], 1);
    ck_assert_uint_eq(keyspace_expire_due(&access, 0, 100), 1);
    ck_assert_uint_eq(keyspace_statistics(keyspace).expired, 1);
    pool_offline(holder->pool);
    keyspace_thread_destroy(keyspace, worker);
    keyspace_thread_destroy(keyspace, holder);
    keyspace_destroy(keyspace);
}

// ---- many threads ----

struct shared {
    struct keyspace *keyspace;
    _Atomic bool held;
    _Atomic uint64_t writes, waits, reads_while_held;
    _Atomic bool is_over;
};

struct runner {
    struct shared *shared;
    struct store_thread *thread;
    unsigned number;
    struct counted counted;
    uint64_t longest_enter_ns, longest_hold_ns;
    pthread_t id;
};

static void wait_until_woken(struct runner *runner)
{
    pool_offline(runner->thread->pool);
    while (atomic_load(&runner->counted.woken) == 0) {
        (void)sched_yield();
    }
    pool_online(runner->thread->pool);
    ck_assert_int_eq(atomic_load(&runner->counted.woken), 1); // Once.
}

// One command, as call_begin does it. False when it has to be tried again.
static bool try_command(struct runner *runner, const struct key *key, bool writes, int i)
{
    struct shared *shared = runner->shared;
    struct keyspace *keyspace = shared->keyspace;
    struct access access = {0};
    uint32_t shard = keyspace_shard(keyspace, key->hash);
    atomic_store(&runner->counted.woken, 0);
    access_open(&access, keyspace, runner->thread, 0, 1000);
    if (!access_lock(&access, &shard, 1, &runner->counted.waiter)) {
        wait_until_woken(runner);
        return false;
    }
    if ((access.observers & OBSERVES_BARRIER) != 0 && !barrier_pass(&access, writes)) {
        access_unlock(&access, &shard, 1);
        barrier_park(keyspace, &runner->counted.waiter);
        wait_until_woken(runner);
        atomic_fetch_add(&shared->waits, 1);
        return false;
    }
    if (writes) {
        char digits[16];
        int size = snprintf(digits, sizeof(digits), "v%d", i);
        const struct put_options options = {0};
        ck_assert(!atomic_load(&shared->held));
        if (i % 32 == 0) {
            (void)sched_yield(); // Whoever enters now has to wait for us.
        }
        ck_assert_int_eq(
            keyspace_put_string(&access, key, bytes_make(digits, (size_t)size), &options), 0);
        ck_assert(!atomic_load(&shared->held));
        atomic_fetch_add(&shared->writes, 1);
    } else {
        (void)keyspace_find(&access, key);
        atomic_fetch_add(&shared->reads_while_held, atomic_load(&shared->held));
    }
    access_unlock(&access, &shard, 1);
    return true;
}

static void *write_and_sleep(void *context)
{
    struct runner *runner = context;
    pool_online(runner->thread->pool);
    for (int i = 0; !atomic_load(&runner->shared->is_over); i++) {
        char name[16];
        int size = snprintf(name, sizeof(name), "k%d", (i * 7 + (int)runner->number) % KEYS);
        struct key key = keyspace_key(runner->shared->keyspace, bytes_make(name, (size_t)size));
        while (!try_command(runner, &key, i % 3 != 0, i)) {
        }
        if (i % 64 == 0) { // The end of a turn.
            pool_offline(runner->thread->pool);
            (void)sched_yield();
            pool_online(runner->thread->pool);
        }
    }
    pool_offline(runner->thread->pool);
    return NULL;
}

static void *hold_often(void *context)
{
    struct runner *runner = context;
    struct shared *shared = runner->shared;
    for (int i = 0; i < HOLDS; i++) {
        pool_online(runner->thread->pool);
        uint64_t before_ns = clock_monotonic_ns();
        barrier_enter(shared->keyspace, runner->thread);
        uint64_t entered_ns = clock_monotonic_ns();
        ck_assert(!atomic_exchange(&shared->held, true)); // One at a time.
        uint64_t writes = atomic_load(&shared->writes);
        (void)sched_yield();
        ck_assert_uint_eq(atomic_load(&shared->writes), writes);
        atomic_store(&shared->held, false);
        barrier_leave(shared->keyspace, runner->thread);
        uint64_t left_ns = clock_monotonic_ns();
        uint64_t enter_ns = entered_ns - before_ns;
        uint64_t hold_ns = left_ns - entered_ns;
        runner->longest_enter_ns =
            enter_ns > runner->longest_enter_ns ? enter_ns : runner->longest_enter_ns;
        runner->longest_hold_ns =
            hold_ns > runner->longest_hold_ns ? hold_ns : runner->longest_hold_ns;
        pool_offline(runner->thread->pool);
        for (int j = 0; j < YIELDS; j++) {
            (void)sched_yield(); // The writers' turn.
        }
    }
    return NULL;
}

static void start(struct runner *runner, struct shared *shared, unsigned number,
                  void *(*run)(void *))
{
    runner->shared = shared;
    runner->number = number;
    runner->counted.waiter.wake = count_wake;
    runner->thread = keyspace_thread_create(shared->keyspace);
    ck_assert_ptr_nonnull(runner->thread);
    pool_offline(runner->thread->pool);
    ck_assert_int_eq(pthread_create(&runner->id, NULL, run, runner), 0);
}

TEST(no_write_happens_while_it_is_held)
{
    struct shared shared = {.keyspace = create(NULL)};
    struct runner writers[WRITERS] = {0};
    struct runner holders[HOLDERS] = {0};
    struct store_thread *idle = keyspace_thread_create(shared.keyspace); // Stands aside for good,
    barrier_stand_aside(idle);                                           // though it is online.
    for (unsigned i = 0; i < WRITERS; i++) {
        start(&writers[i], &shared, i, write_and_sleep);
    }
    for (unsigned i = 0; i < HOLDERS; i++) {
        start(&holders[i], &shared, i, hold_often);
    }
    uint64_t enter_ns = 0;
    uint64_t hold_ns = 0;
    for (unsigned i = 0; i < HOLDERS; i++) {
        ck_assert_int_eq(pthread_join(holders[i].id, NULL), 0);
        enter_ns = holders[i].longest_enter_ns > enter_ns ? holders[i].longest_enter_ns : enter_ns;
        hold_ns = holders[i].longest_hold_ns > hold_ns ? holders[i].longest_hold_ns : hold_ns;
    }
    pool_offline(idle->pool);
    atomic_store(&shared.is_over, true);
    for (unsigned i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_join(writers[i].id, NULL), 0);
        keyspace_thread_destroy(shared.keyspace, writers[i].thread);
    }
    printf("# %lu writes, %lu waits, %lu reads while it was held; entered in %lu us at most, held "
           "for %lu us at most\n",
           (unsigned long)shared.writes, (unsigned long)shared.waits,
           (unsigned long)shared.reads_while_held, (unsigned long)(enter_ns / 1000),
           (unsigned long)(hold_ns / 1000));
    for (unsigned i = 0; i < HOLDERS; i++) {
        keyspace_thread_destroy(shared.keyspace, holders[i].thread);
    }
    ck_assert(barrier_step_in(idle));
    ck_assert(!barrier_step_in(idle));
    keyspace_thread_destroy(shared.keyspace, idle);
    keyspace_validate(shared.keyspace);
    keyspace_destroy(shared.keyspace);
}
