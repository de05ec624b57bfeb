/* Removing keys at their deadline. Each shard with deadlines is a node in the heap
 * of the worker that tends it; a node's key is never later than the shard's first
 * deadline, but may be earlier (the first key was deleted or given more time):
 * then the tender looks, finds nothing due and sets it right.
 *
 *   wake_at_ms[tender] says when the tender means to look next. Who adds an earlier
 *   deadline lowers it and wakes the tender. */
#include "store/expiry.h"

#include "store/keyspace_internal.h"
#include "store/walk.h"

#include <errno.h>

enum {
    SAMPLE_SHARDS = 64, // Of each tender's.
    SAMPLE_KEYS = 16,   // Of each such shard's.
};

static unsigned tender_of(const struct keyspace *keyspace, uint32_t shard)
{
    return shard % keyspace->options.tenders;
}

static void lower_plan(struct keyspace *keyspace, unsigned tender, uint64_t deadline_ms)
{
    _Atomic uint64_t *wake_at_ms = &keyspace->wake_at_ms[tender];
    uint64_t plan = atomic_load_explicit(wake_at_ms, memory_order_seq_cst);
    while (deadline_ms < plan) {
        if (atomic_compare_exchange_weak_explicit(wake_at_ms, &plan, deadline_ms,
                                                  memory_order_seq_cst, memory_order_seq_cst)) {
            if (keyspace->options.wake != NULL) {
                keyspace->options.wake(keyspace->options.context, tender);
            }
            return;
        }
    }
}

int expiry_arm(struct access *access, struct generation *generation, uint32_t shard,
               uint64_t deadline_ms)
{
    struct shard_deadlines *deadlines = &generation->deadlines[shard];
    // Read without the tender's lock: both fields change only while we, who hold the
    // shard's lock, or the tender, who takes it too, change them.
    if (LIKELY(deadlines->linked && deadlines->node.key <= deadline_ms)) {
        return 0;
    }
    unsigned index = tender_of(access->keyspace, shard);
    struct tender *tender = &generation->tenders[index];
    int error = 0;
    lock_wait(&tender->lock, &tender->queue);
    if (deadlines->linked) {
        heap_rekey(&tender->heap, &deadlines->node, deadline_ms);
    } else {
        error = heap_push(&tender->heap, access->thread->pool, &deadlines->node, deadline_ms);
        deadlines->linked = error == 0;
    }
    lock_release(&tender->lock, &tender->queue);
    if (error == 0) {
        lower_plan(access->keyspace, index, deadline_ms);
    }
    return error;
}

uint64_t keyspace_next_deadline(struct keyspace *keyspace, unsigned tender)
{
    if (UNLIKELY(barrier_puts_off_expiry(keyspace))) {
        return 0; // We are woken when it is left.
    }
    // While we look, every new deadline wakes us.
    atomic_store_explicit(&keyspace->wake_at_ms[tender], DEADLINE_NONE, memory_order_seq_cst);
    uint64_t next = DEADLINE_NONE;
    for (unsigned db = 0; db < keyspace->options.databases; db++) {
        struct generation *generation =
            atomic_load_explicit(&keyspace->databases[db], memory_order_seq_cst);
        if (generation == NULL) {
            continue;
        }
        struct tender *t = &generation->tenders[tender];
        lock_wait(&t->lock, &t->queue);
        const struct heap_node *first = heap_peek(&t->heap);
        if (first != NULL && first->key < next) {
            next = first->key;
        }
        lock_release(&t->lock, &t->queue);
    }
    uint64_t plan = DEADLINE_NONE;
    if (!atomic_compare_exchange_strong_explicit(&keyspace->wake_at_ms[tender], &plan, next,
                                                 memory_order_seq_cst, memory_order_seq_cst) &&
        plan < next) {
        next = plan; // Somebody lowered it meanwhile.
    }
    return next == DEADLINE_NONE ? 0 : next;
}

static uint32_t shard_of_node(const struct generation *generation, const struct heap_node *node)
{
    size_t offset = (size_t)((const char *)node - (const char *)generation->deadlines);
    return (uint32_t)(offset / sizeof(struct shard_deadlines));
}

// The tender's shard that is due first; false when none is.
static bool first_due_shard(struct generation *generation, unsigned tender, uint64_t now_ms,
                            uint32_t *shard_out)
{
    struct tender *t = &generation->tenders[tender];
    bool is_due = false;
    lock_wait(&t->lock, &t->queue);
    const struct heap_node *first = heap_peek(&t->heap);
    if (first != NULL && first->key <= now_ms) {
        *shard_out = shard_of_node(generation, first);
        is_due = true;
    }
    lock_release(&t->lock, &t->queue);
    return is_due;
}

// Set a shard's place by what is left in its heap. The shard is locked.
static void rearm(struct generation *generation, unsigned tender, uint32_t shard, struct pool *pool)
{
    struct shard_deadlines *deadlines = &generation->deadlines[shard];
    struct tender *t = &generation->tenders[tender];
    const struct heap_node *first = heap_peek(&deadlines->heap);
    lock_wait(&t->lock, &t->queue);
    if (first != NULL) {
        heap_rekey(&t->heap, &deadlines->node, first->key);
    } else {
        heap_remove(&t->heap, pool, &deadlines->node);
        deadlines->linked = false;
    }
    lock_release(&t->lock, &t->queue);
}

// Remove what is due in one shard, which is locked.
static size_t expire_shard(struct access *access, uint32_t shard, size_t entries_max)
{
    struct heap *heap = &access->generation->deadlines[shard].heap;
    size_t removed = 0;
    while (removed < entries_max) {
        struct heap_node *node = heap_peek(heap);
        if (node == NULL || node->key > access->now_ms) {
            break;
        }
        struct entry *entry = entry_of_node(node);
        keyspace_expire_entry(access, entry_hash(entry, keyspace_secret(access->keyspace)), entry);
        removed++;
    }
    return removed;
}

size_t keyspace_expire_due(struct access *access, unsigned tender, size_t entries_max)
{
    struct keyspace *keyspace = access->keyspace;
    size_t removed = 0;
    for (uint32_t db = 0; db < keyspace->options.databases && removed < entries_max; db++) {
        if (!keyspace_is_used(keyspace, db)) {
            continue;
        }
        access_open(access, keyspace, access->thread, db, access->now_ms);
        uint32_t shard;
        while (access->generation != NULL && removed < entries_max &&
               first_due_shard(access->generation, tender, access->now_ms, &shard)) {
            if (!access_lock(access, &shard, 1, NULL)) {
                break; // Still due: the next turn comes back to it.
            }
            bool may_expire = access_may_expire(access);
            if (LIKELY(may_expire)) {
                removed += expire_shard(access, shard, entries_max - removed);
                rearm(access->generation, tender, shard, access->thread->pool);
            }
            access_unlock(access, &shard, 1);
            if (UNLIKELY(!may_expire)) {
                return removed; // keyspace_next_deadline sees the barrier, too, or its end.
            }
        }
    }
    return removed;
}

// ---- the mean ----

/* Up to SAMPLE_SHARDS of a tender's shards, spread over its heap. */
static unsigned sample_shards(struct generation *generation, unsigned tender,
                              uint32_t shards[SAMPLE_SHARDS])
{
    struct tender *t = &generation->tenders[tender];
    lock_wait(&t->lock, &t->queue);
    uint64_t linked = t->heap.count;
    unsigned count = linked < SAMPLE_SHARDS ? (unsigned)linked : SAMPLE_SHARDS;
    for (unsigned i = 0; i < count; i++) {
        shards[i] = shard_of_node(generation, heap_at(&t->heap, linked * i / count));
    }
    lock_release(&t->lock, &t->queue);
    return count;
}

/* The mean of up to SAMPLE_KEYS of a shard's keys, spread over its heap. */
static double mean_of_heap(const struct heap *heap, uint64_t now_ms)
{
    uint64_t keys = heap->count;
    unsigned count = keys < SAMPLE_KEYS ? (unsigned)keys : SAMPLE_KEYS;
    double sum_ms = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t deadline_ms = heap_at(heap, keys * i / count)->key;
        sum_ms += deadline_ms > now_ms ? (double)(deadline_ms - now_ms) : 0;
    }
    return count > 0 ? sum_ms / count : 0;
}

uint64_t keyspace_mean_ttl_ms(struct keyspace *keyspace, uint32_t db, uint64_t now_ms)
{
    struct access access = {0};
    access_open(&access, keyspace, NULL, db, now_ms);
    struct generation *generation = access.generation;
    double sum_ms = 0;
    double keys = 0;
    for (unsigned i = 0; generation != NULL && i < keyspace->options.tenders; i++) {
        uint32_t shards[SAMPLE_SHARDS];
        unsigned count = sample_shards(generation, i, shards);
        for (unsigned j = 0; j < count; j++) {
            if (!access_lock(&access, &shards[j], 1, NULL)) {
                continue; // Busy: the others are as good.
            }
            const struct heap *heap = &generation->deadlines[shards[j]].heap;
            sum_ms += mean_of_heap(heap, now_ms) * heap->count;
            keys += heap->count;
            access_unlock(&access, &shards[j], 1);
        }
    }
    return keys > 0 ? (uint64_t)(sum_ms / keys) : 0;
}
