/* Reclaim by quiescence (QSBR; McKenney, Slingwine 1998). Every retirement advances
 * the depot's epoch; every pool notes the epoch it saw when it last held no
 * unlocked reference. A block retired at epoch e is free to go when all pools
 * that are online have seen an epoch above e. */
#include "base/pool_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

int pool_retire_reserve(struct pool *pool, unsigned count)
{
    while (pool->spare_count < count) {
#ifdef FASTKV_CHECKED
        if (pool->fail_after == 0) {
            pool->fail_after = -1;
            return -ENOMEM;
        }
        pool->fail_after -= pool->fail_after > 0;
        pool->allocations++;
#endif
        struct retired *record = malloc(sizeof(*record));
        if (record == NULL) {
            return -ENOMEM;
        }
        record->next = pool->spare;
        pool->spare = record;
        pool->spare_count++;
    }
    return 0;
}

void pool_retire(struct pool *pool, enum memory_tag tag, void *block, size_t size)
{
    struct retired *record = pool->spare;
    ASSERT(record != NULL);
    pool->spare = record->next;
    pool->spare_count--;
    // Whoever sees the epoch that this makes also sees the block unlinked.
    uint64_t epoch = atomic_fetch_add_explicit(&pool->depot->epoch, 1, memory_order_seq_cst);
    *record = (struct retired){.block = block, .size = size, .epoch = epoch, .tag = tag};
    if (pool->retired_last != NULL) {
        pool->retired_last->next = record;
    } else {
        pool->retired_first = record;
    }
    pool->retired_last = record;
}

// The oldest epoch that some online pool may still be reading at. pools_lock is held.
static uint64_t oldest_seen(const struct depot *depot, const struct pool *except)
{
    uint64_t oldest = EPOCH_OFFLINE;
    for (const struct pool *pool = depot->pools; pool != NULL; pool = pool->next_pool) {
        // Acquire pairs with the release in pool_quiesce: its reads are over.
        uint64_t seen = atomic_load_explicit(&pool->seen, memory_order_seq_cst);
        if (pool != except && seen < oldest) {
            oldest = seen;
        }
    }
    return oldest;
}

void reclaim_due(struct pool *pool, bool may_wait)
{
    struct depot *depot = pool->depot;
    if (may_wait) {
        (void)pthread_mutex_lock(&depot->pools_lock);
    } else if (pthread_mutex_trylock(&depot->pools_lock) != 0) {
        return; // The next quiescent point will do.
    }
    uint64_t oldest = oldest_seen(depot, NULL);
    (void)pthread_mutex_unlock(&depot->pools_lock);
    while (pool->retired_first != NULL && pool->retired_first->epoch < oldest) {
        struct retired *record = pool->retired_first;
        pool->retired_first = record->next;
        if (pool->retired_first == NULL) {
            pool->retired_last = NULL;
        }
        pool_free(pool, record->tag, record->block, record->size);
        free(record);
    }
}

void pool_quiesce(struct pool *pool)
{
    uint64_t epoch = atomic_load_explicit(&pool->depot->epoch, memory_order_acquire);
    if (atomic_load_explicit(&pool->seen, memory_order_relaxed) != epoch) {
        // Release: the reads before are over. Pairs with oldest_seen.
        atomic_store_explicit(&pool->seen, epoch, memory_order_release);
    }
    if (pool->retired_first != NULL) {
        reclaim_due(pool, false);
    }
}

void pool_offline(struct pool *pool)
{
    atomic_store_explicit(&pool->seen, EPOCH_OFFLINE, memory_order_release);
    if (pool->retired_first != NULL) {
        reclaim_due(pool, false);
    }
}

void pool_online(struct pool *pool)
{
    uint64_t epoch = atomic_load_explicit(&pool->depot->epoch, memory_order_acquire);
    // Sequentially consistent, so that no read that follows is done before others
    // can see this thread online; pairs with pool_retire and oldest_seen.
    atomic_store_explicit(&pool->seen, epoch, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    uint32_t recalls = atomic_load_explicit(&pool->depot->recalls, memory_order_relaxed);
    if (UNLIKELY(pool->recalls_followed != recalls)) {
        pool->recalls_followed = recalls;
        pool_flush(pool);
    }
}

uint64_t depot_epoch(const struct depot *depot)
{
    return atomic_load_explicit(&depot->epoch, memory_order_acquire);
}

uint64_t depot_advance(struct depot *depot)
{
    uint64_t epoch = atomic_fetch_add_explicit(&depot->epoch, 1, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst); // Pairs with pool_online.
    return epoch;
}

bool pool_has_passed(const struct pool *pool, uint64_t epoch)
{
    return atomic_load_explicit(&pool->seen, memory_order_seq_cst) > epoch;
}

void pool_synchronize(struct pool *pool)
{
    struct depot *depot = pool->depot;
    uint64_t epoch = atomic_fetch_add_explicit(&depot->epoch, 1, memory_order_seq_cst);
    bool was_online = atomic_load_explicit(&pool->seen, memory_order_relaxed) != EPOCH_OFFLINE;
    pool_offline(pool);
    for (;;) {
        (void)pthread_mutex_lock(&depot->pools_lock);
        uint64_t oldest = oldest_seen(depot, pool);
        (void)pthread_mutex_unlock(&depot->pools_lock);
        if (oldest > epoch) {
            break;
        }
        struct timespec pause = {.tv_nsec = 200000};
        (void)nanosleep(&pause, NULL);
    }
    if (was_online) {
        pool_online(pool);
    }
}
