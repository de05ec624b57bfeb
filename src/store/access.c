/* Opening a database and locking its shards. */
#include "store/access.h"

#include "store/keyspace_internal.h"

#include <errno.h>

void access_open(struct access *access, struct keyspace *keyspace, struct store_thread *thread,
                 uint32_t db, uint64_t now_ms)
{
    access->keyspace = keyspace;
    access->thread = thread;
    access->db = db;
    access->now_ms = now_ms;
    // Acquire pairs with the release that published the generation.
    access->generation = atomic_load_explicit(&keyspace->databases[db], memory_order_acquire);
    access->observers = observers_now(keyspace);
#ifdef FASTKV_CHECKED
    access->touches = access->effects = 0;
#endif
}

void access_observe(struct access *access)
{
    access->observers = observers_now(access->keyspace);
}

int access_ensure_database(struct access *access)
{
    if (LIKELY(access->generation != NULL)) {
        return 0;
    }
    struct keyspace *keyspace = access->keyspace;
    struct generation *fresh = generation_create(keyspace, access->thread->pool, access->db);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    struct generation *existing = NULL;
    // Release: who loads the pointer sees the arrays. Acquire: we see the winner's.
    if (atomic_compare_exchange_strong_explicit(&keyspace->databases[access->db], &existing, fresh,
                                                memory_order_acq_rel, memory_order_acquire)) {
        access->generation = fresh;
    } else {
        generation_free(keyspace, fresh, access->thread->pool);
        access->generation = existing;
    }
    return 0;
}

// ---- locks ----

bool access_has_memory(struct access *access, struct waiter *waiter)
{
    struct depot *depot = access->keyspace->depot;
    if (LIKELY(!depot_is_short(depot))) {
        return true;
    }
    depot_await(depot, waiter);
    return false;
}

bool access_try_lock(struct access *access, uint32_t shard)
{
    if (access->generation == NULL) {
        return true;
    }
    struct lock *lock = &access->generation->tables[shard].lock;
    return LIKELY(lock_try(lock)) || lock_try_spin(lock);
}

void access_park(struct access *access, uint32_t shard, struct waiter *waiter)
{
    struct generation *generation = access->generation;
    lock_park(&generation->tables[shard].lock, &generation->queues[shard], waiter);
}

static __attribute__((noinline)) bool lock_shards(struct access *access, const uint32_t *shards,
                                                  size_t count, struct waiter *waiter)
{
    struct generation *generation = access->generation;
    for (size_t i = 0; generation != NULL && i < count; i++) {
        DEBUG_ASSERT(i == 0 || shards[i] > shards[i - 1]);
        if (UNLIKELY(!access_try_lock(access, shards[i]))) {
            access_unlock(access, shards, i);
            if (waiter != NULL) {
                access_park(access, shards[i], waiter);
            }
            return false;
        }
    }
    access_observe(access);
    return true;
}

// One shard, as for nearly all commands, goes without a loop.
bool access_lock(struct access *access, const uint32_t *shards, size_t count, struct waiter *waiter)
{
    if (LIKELY(count == 1 && access->generation != NULL) &&
        LIKELY(lock_try(&access->generation->tables[*shards].lock))) {
        access->observers = observers_now(access->keyspace);
        return true;
    }
    return lock_shards(access, shards, count, waiter);
}

static inline void unlock(struct generation *generation, uint32_t shard)
{
    lock_release(&generation->tables[shard].lock, &generation->queues[shard]);
}

static __attribute__((noinline)) void unlock_shards(struct generation *generation,
                                                    const uint32_t *shards, size_t count)
{
    for (size_t i = 0; generation != NULL && i < count; i++) {
        unlock(generation, shards[i]);
    }
}

void access_unlock(struct access *access, const uint32_t *shards, size_t count)
{
    if (LIKELY(count == 1 && access->generation != NULL)) {
        unlock(access->generation, *shards);
    } else {
        unlock_shards(access->generation, shards, count);
    }
}

void access_lock_wait(struct access *access, uint32_t shard)
{
    struct generation *generation = access->generation;
    if (generation != NULL) {
        lock_wait(&generation->tables[shard].lock, &generation->queues[shard]);
    }
    access_observe(access);
}

void access_lock_many(struct access *access, const uint32_t *shards, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        DEBUG_ASSERT(i == 0 || shards[i] > shards[i - 1]);
        access_lock_wait(access, shards[i]);
    }
    access_observe(access);
}

void access_enter_many(struct keyspace *keyspace, struct store_thread *thread)
{
    if (lock_try(&keyspace->many_lock)) {
        return;
    }
    pool_offline(thread->pool);
    lock_wait(&keyspace->many_lock, &keyspace->many_queue);
    pool_online(thread->pool);
}

void access_leave_many(struct keyspace *keyspace)
{
    lock_release(&keyspace->many_lock, &keyspace->many_queue);
}
