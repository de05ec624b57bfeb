/* Waiting for keys: order of arrival, withdrawals, flushes; and many threads at once. */
#include "base/container.h"
#include "base/random.h"
#include "store/blocked.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARD_BITS = 3, KEYS = 6, KEYS_OF_ONE_MAX = 3 };

static void no_wake(void *context, unsigned tender)
{
    (void)context;
    (void)tender;
}

struct world {
    struct keyspace *keyspace;
    struct store_thread *thread;
    struct key keys[KEYS];
    char names[KEYS][8];
};

static void world_open(struct world *world)
{
    const struct keyspace_options options = {
        .shard_bits = SHARD_BITS,
        .databases = 2,
        .threads = 16,
        .tenders = 1,
        .secret = {.sip = {1, 2}},
        .wake = no_wake,
    };
    world->keyspace = keyspace_create(&options);
    ck_assert_ptr_nonnull(world->keyspace);
    world->thread = keyspace_thread_create(world->keyspace);
    ck_assert_ptr_nonnull(world->thread);
    for (unsigned i = 0; i < KEYS; i++) {
        int size = snprintf(world->names[i], sizeof(world->names[i]), "key%u", i);
        world->keys[i] = keyspace_key(world->keyspace, bytes_make(world->names[i], (size_t)size));
    }
}

static void world_close(struct world *world)
{
    keyspace_thread_destroy(world->keyspace, world->thread);
    keyspace_destroy(world->keyspace);
}

struct client {
    struct blocked_waiter waiter;
    struct blocked_node nodes[KEYS_OF_ONE_MAX];
    _Atomic int woken;
    int wants; // A type.
    uint64_t got;
    uint64_t tickets[KEYS];
};

static void wake_client(struct waiter *waiter)
{
    struct client *client = CONTAINER_OF(waiter, struct client, waiter.waiter);
    atomic_fetch_add(&client->woken, 1);
}

#define CLIENT()                                                                                   \
    {                                                                                              \
        .waiter = {.waiter = {.wake = wake_client} }                                               \
    }

static struct client *client_of(struct blocked_waiter *waiter)
{
    return waiter == NULL ? NULL : CONTAINER_OF(waiter, struct client, waiter);
}

static void open_access(struct world *world, struct access *access, uint32_t db)
{
    access_open(access, world->keyspace, world->thread, db, 1000);
    ck_assert_int_eq(access_ensure_database(access), 0);
}

// ---- one thread: as its shards' locks see to ----

TEST(who_came_first_is_served_first)
{
    struct world world;
    struct access access = {0};
    struct client a = CLIENT(), b = CLIENT(), c = CLIENT();
    world_open(&world);
    open_access(&world, &access, 0);
    ck_assert_ptr_null(blocked_claim(&access, &world.keys[0], NULL, NULL));
    ck_assert_int_eq(blocked_add(&access, &a.waiter, world.keys, a.nodes, 1), 0);
    ck_assert_int_eq(blocked_add(&access, &b.waiter, world.keys, b.nodes, 1), 0);
    ck_assert_int_eq(blocked_add(&access, &c.waiter, world.keys, c.nodes, 1), 0);
    open_access(&world, &access, 0);
    ck_assert_uint_eq(access.observers, OBSERVES_BLOCKED);
    ck_assert_uint_eq(blocked_keys(world.keyspace), 1);
    ck_assert_ptr_null(blocked_claim(&access, &world.keys[1], NULL, NULL));
    ck_assert_ptr_eq(client_of(blocked_claim(&access, &world.keys[0], NULL, NULL)), &a);
    ck_assert(blocked_withdraw(world.keyspace, world.thread, &b.waiter));
    ck_assert_ptr_eq(client_of(blocked_claim(&access, &world.keys[0], NULL, NULL)), &c);
    ck_assert_ptr_null(blocked_claim(&access, &world.keys[0], NULL, NULL));
    ck_assert(!blocked_withdraw(world.keyspace, world.thread, &a.waiter)); // Too late.
    blocked_deliver(&a.waiter);
    blocked_deliver(&c.waiter);
    ck_assert_int_eq(a.woken, 1);
    ck_assert_int_eq(b.woken, 0);
    blocked_end(world.keyspace, world.thread, &a.waiter);
    blocked_end(world.keyspace, world.thread, &c.waiter);
    open_access(&world, &access, 0);
    ck_assert_uint_eq(access.observers, 0);
    ck_assert_uint_eq(blocked_keys(world.keyspace), 0);
    world_close(&world);
}

TEST(who_waits_for_several_keys_is_served_once)
{
    struct world world;
    struct access access = {0};
    struct client a = CLIENT(), b = CLIENT();
    world_open(&world);
    open_access(&world, &access, 0);
    const struct key twice[] = {world.keys[0], world.keys[1], world.keys[0]};
    ck_assert_int_eq(blocked_add(&access, &a.waiter, twice, a.nodes, 3), 0);
    ck_assert_int_eq(blocked_add(&access, &b.waiter, &world.keys[1], b.nodes, 1), 0);
    ck_assert_uint_eq(blocked_keys(world.keyspace), 2);
    ck_assert_ptr_eq(client_of(blocked_claim(&access, &world.keys[0], NULL, NULL)), &a);
    ck_assert_ptr_null(blocked_claim(&access, &world.keys[0], NULL, NULL));
    ck_assert_ptr_eq(client_of(blocked_claim(&access, &world.keys[1], NULL, NULL)), &b);
    blocked_deliver(&a.waiter);
    blocked_end(world.keyspace, world.thread, &a.waiter);
    blocked_deliver(&b.waiter);
    blocked_end(world.keyspace, world.thread, &b.waiter);
    ck_assert_uint_eq(blocked_keys(world.keyspace), 0);
    world_close(&world);
}

static bool wants_type(const struct blocked_waiter *waiter, const void *context)
{
    return ((const struct client *)(const void *)waiter)->wants == *(const int *)context;
}

TEST(who_wants_another_type_stays)
{
    struct world world;
    struct access access = {0};
    struct client a = CLIENT(), b = CLIENT();
    const int type = 2;
    world_open(&world);
    open_access(&world, &access, 0);
    a.wants = 1;
    b.wants = 2;
    ck_assert_int_eq(blocked_add(&access, &a.waiter, world.keys, a.nodes, 1), 0);
    ck_assert_int_eq(blocked_add(&access, &b.waiter, world.keys, b.nodes, 1), 0);
    ck_assert_ptr_eq(client_of(blocked_claim(&access, world.keys, wants_type, &type)), &b);
    ck_assert_ptr_null(blocked_claim(&access, world.keys, wants_type, &type));
    blocked_deliver(&b.waiter);
    blocked_end(world.keyspace, world.thread, &b.waiter);
    ck_assert(blocked_withdraw(world.keyspace, world.thread, &a.waiter));
    world_close(&world);
}

TEST(waiters_belong_to_the_number_of_a_database)
{
    struct world world;
    struct access before = {0}, other = {0}, after = {0};
    struct client a = CLIENT(), late = CLIENT();
    world_open(&world);
    open_access(&world, &before, 0);
    ck_assert_int_eq(blocked_add(&before, &a.waiter, world.keys, a.nodes, 1), 0);
    open_access(&world, &other, 1);
    ck_assert_ptr_null(blocked_claim(&other, world.keys, NULL, NULL));
    struct access flushing = before;
    keyspace_flush(&flushing, KEYSPACE_ALL);
    // What was flushed serves nobody, and nobody waits on it.
    ck_assert_ptr_null(blocked_claim(&before, world.keys, NULL, NULL));
    ck_assert_int_eq(blocked_add(&before, &late.waiter, world.keys, late.nodes, 1), -EAGAIN);
    open_access(&world, &after, 0);
    ck_assert_ptr_eq(client_of(blocked_claim(&after, world.keys, NULL, NULL)), &a);
    ck_assert_ptr_null(blocked_claim(&after, world.keys, NULL, NULL));
    blocked_deliver(&a.waiter);
    blocked_end(world.keyspace, world.thread, &a.waiter);
    world_close(&world);
}

#ifdef FASTKV_CHECKED
TEST(without_memory_nobody_waits)
{
    struct world world;
    struct access access = {0};
    struct client a = CLIENT();
    world_open(&world);
    open_access(&world, &access, 0);
    int error = -ENOMEM;
    for (long n = 0; error != 0; n++) {
        pool_fail_after(world.thread->pool, n);
        error = blocked_add(&access, &a.waiter, world.keys, a.nodes, 3);
        pool_fail_after(world.thread->pool, -1);
        ck_assert(error == 0 || error == -ENOMEM);
        ck_assert_uint_eq(blocked_keys(world.keyspace), error == 0 ? 3 : 0);
        ck_assert(n > 0 || error != 0);
    }
    ck_assert(blocked_withdraw(world.keyspace, world.thread, &a.waiter));
    world_close(&world);
}
#endif

// ---- many threads ----

enum { PUSHERS = 3, POPPERS = 5, PUSHES = 6000, CLIENTS = 4, AHEAD = 8 };

// What a key has: guarded by the lock of its shard, as the tickets are.
struct list {
    uint64_t elements[PUSHERS * PUSHES];
    size_t first, end;
    uint64_t next_ticket, last_served;
};

struct shared {
    struct world world;
    struct list *lists; // One per key.
    _Atomic uint32_t received[PUSHERS * PUSHES];
    _Atomic uint32_t received_count, pushed;
    _Atomic bool is_over;
    _Atomic uint32_t served, withdrawn, too_late;
};

struct runner {
    struct shared *shared;
    struct store_thread *thread;
    struct random random;
    unsigned number;
    struct client clients[CLIENTS];
    pthread_t id;
};

static void receive(struct shared *shared, uint64_t element)
{
    ck_assert_uint_eq(atomic_fetch_add(&shared->received[element], 1), 0); // By nobody else.
    atomic_fetch_add(&shared->received_count, 1);
}

// As commands do: lock, and if a shard is busy try again.
static void lock_shards(struct runner *runner, struct access *access, const uint32_t *shards,
                        uint32_t count)
{
    struct keyspace *keyspace = runner->shared->world.keyspace;
    access_open(access, keyspace, runner->thread, 0, 1000);
    while (!access_lock(access, shards, count, NULL)) {
        (void)sched_yield();
    }
}

// The key's shard is locked: hand what it has to those who wait, the first first.
static void serve(struct runner *runner, struct access *access, unsigned key)
{
    struct shared *shared = runner->shared;
    struct list *list = &shared->lists[key];
    while (list->first < list->end) {
        struct blocked_waiter *waiter = blocked_claim(access, &shared->world.keys[key], NULL, NULL);
        if (waiter == NULL) {
            return;
        }
        struct client *client = client_of(waiter);
        ck_assert_uint_gt(client->tickets[key], list->last_served);
        list->last_served = client->tickets[key];
        client->got = list->elements[list->first++];
        atomic_fetch_add(&shared->served, 1);
        blocked_deliver(waiter);
    }
}

static void *push_much(void *context)
{
    struct runner *runner = context;
    struct shared *shared = runner->shared;
    pool_online(runner->thread->pool);
    for (unsigned i = 0; i < PUSHES; i++) {
        unsigned key = (unsigned)random_below(&runner->random, KEYS);
        struct list *list = &shared->lists[key];
        struct access access = {0};
        uint32_t shard = keyspace_shard(shared->world.keyspace, shared->world.keys[key].hash);
        lock_shards(runner, &access, &shard, 1);
        list->elements[list->end++] = (uint64_t)runner->number * PUSHES + i;
        if ((access.observers & OBSERVES_BLOCKED) != 0) {
            serve(runner, &access, key);
        }
        access_unlock(&access, &shard, 1);
        pool_quiesce(runner->thread->pool);
        uint32_t pushed = atomic_fetch_add(&shared->pushed, 1) + 1;
        while (pushed > atomic_load(&shared->received_count) + AHEAD) {
            (void)sched_yield(); // Else all is there before anybody waits.
        }
    }
    pool_offline(runner->thread->pool);
    return NULL;
}

static uint32_t add_shard(uint32_t *shards, uint32_t count, uint32_t shard)
{
    uint32_t at = count;
    for (uint32_t i = 0; i < count; i++) {
        if (shards[i] == shard) {
            return count;
        }
    }
    for (; at > 0 && shards[at - 1] > shard; at--) {
        shards[at] = shards[at - 1];
    }
    shards[at] = shard;
    return count + 1;
}

// A client takes what is there, or waits for some of the keys.
static void pop_or_wait(struct runner *runner, struct client *client)
{
    struct shared *shared = runner->shared;
    unsigned first = (unsigned)random_below(&runner->random, KEYS);
    uint32_t count = 1 + (uint32_t)random_below(&runner->random, KEYS_OF_ONE_MAX);
    uint32_t shards[KEYS_OF_ONE_MAX];
    uint32_t shard_count = 0;
    struct key keys[KEYS_OF_ONE_MAX];
    struct access access = {0};
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = shared->world.keys[(first + i) % KEYS];
        shard_count =
            add_shard(shards, shard_count, keyspace_shard(shared->world.keyspace, keys[i].hash));
    }
    lock_shards(runner, &access, shards, shard_count);
    bool waits = true;
    for (uint32_t i = 0; i < count && waits; i++) {
        struct list *list = &shared->lists[(first + i) % KEYS];
        if (list->first < list->end) {
            receive(shared, list->elements[list->first++]);
            waits = false;
        }
    }
    if (waits) {
        for (uint32_t i = 0; i < count; i++) {
            struct list *list = &shared->lists[(first + i) % KEYS];
            client->tickets[(first + i) % KEYS] = ++list->next_ticket;
        }
        atomic_store(&client->woken, 0);
        ck_assert_int_eq(blocked_add(&access, &client->waiter, keys, client->nodes, count), 0);
    }
    access_unlock(&access, shards, shard_count);
}

static void finish(struct runner *runner, struct client *client)
{
    struct shared *shared = runner->shared;
    ck_assert_int_eq(atomic_load(&client->woken), 1);
    receive(shared, client->got);
    blocked_end(shared->world.keyspace, runner->thread, &client->waiter);
}

static void withdraw(struct runner *runner, struct client *client)
{
    struct shared *shared = runner->shared;
    if (blocked_withdraw(shared->world.keyspace, runner->thread, &client->waiter)) {
        atomic_fetch_add(&shared->withdrawn, 1);
        return;
    }
    atomic_fetch_add(&shared->too_late, 1);
    while (atomic_load(&client->woken) == 0) {
        (void)sched_yield();
    }
    finish(runner, client);
}

static void *pop_much(void *context)
{
    struct runner *runner = context;
    struct shared *shared = runner->shared;
    pool_online(runner->thread->pool);
    while (!atomic_load(&shared->is_over)) {
        for (unsigned i = 0; i < CLIENTS; i++) {
            struct client *client = &runner->clients[i];
            if (client->waiter.count == 0) {
                pop_or_wait(runner, client);
            } else if (atomic_load(&client->woken) != 0) {
                finish(runner, client);
            } else if (random_below(&runner->random, 4) == 0) {
                withdraw(runner, client);
            }
        }
        pool_quiesce(runner->thread->pool);
        (void)sched_yield();
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (runner->clients[i].waiter.count > 0) {
            withdraw(runner, &runner->clients[i]);
        }
    }
    pool_offline(runner->thread->pool);
    return NULL;
}

static void start(struct runner *runner, struct shared *shared, unsigned number,
                  void *(*run)(void *))
{
    runner->shared = shared;
    runner->number = number;
    runner->random.state = number + 1;
    runner->thread = keyspace_thread_create(shared->world.keyspace);
    ck_assert_ptr_nonnull(runner->thread);
    pool_offline(runner->thread->pool);
    for (unsigned i = 0; i < CLIENTS; i++) {
        runner->clients[i].waiter.waiter.wake = wake_client;
    }
    ck_assert_int_eq(pthread_create(&runner->id, NULL, run, runner), 0);
}

TEST(each_element_comes_to_exactly_one_in_the_order_of_arrival)
{
    struct shared *shared = calloc(1, sizeof(*shared));
    struct runner *runners = calloc(PUSHERS + POPPERS, sizeof(*runners));
    ck_assert(shared != NULL && runners != NULL);
    world_open(&shared->world);
    shared->lists = calloc(KEYS, sizeof(struct list));
    ck_assert_ptr_nonnull(shared->lists);
    pool_offline(shared->world.thread->pool);
    for (unsigned i = 0; i < PUSHERS + POPPERS; i++) {
        start(&runners[i], shared, i, i < PUSHERS ? push_much : pop_much);
    }
    for (unsigned i = 0; i < PUSHERS; i++) {
        ck_assert_int_eq(pthread_join(runners[i].id, NULL), 0);
    }
    while (atomic_load(&shared->received_count) < PUSHERS * PUSHES) {
        (void)sched_yield();
    }
    atomic_store(&shared->is_over, true);
    for (unsigned i = 0; i < PUSHERS + POPPERS; i++) {
        if (i >= PUSHERS) {
            ck_assert_int_eq(pthread_join(runners[i].id, NULL), 0);
        }
        keyspace_thread_destroy(shared->world.keyspace, runners[i].thread);
    }
    printf("# %u served, %u withdrawn, %u too late\n", shared->served, shared->withdrawn,
           shared->too_late);
    ck_assert_uint_eq(shared->received_count, (uint64_t)PUSHERS * PUSHES);
    ck_assert_uint_gt(shared->served, 0);
    ck_assert_uint_eq(blocked_keys(shared->world.keyspace), 0);
    world_close(&shared->world);
    free(shared->lists);
    free(runners);
    free(shared);
}
