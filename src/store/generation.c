#include "store/keyspace_internal.h"

#include <errno.h>
#include <stdlib.h>

// A generation's arrays stand in one block.
static size_t arrays_size(const struct keyspace *keyspace)
{
    return keyspace->shards * (sizeof(struct hashtable) + sizeof(struct shard_deadlines) +
                               sizeof(struct wait_queue)) +
           CACHE_LINE;
}

void generation_free(const struct keyspace *keyspace, struct generation *generation,
                     struct pool *pool)
{
    if (generation->is_in_chunk) {
        pool_free_chunk(pool, MEMORY_KEYSPACE, generation->block);
    } else {
        pool_free(pool, MEMORY_KEYSPACE, generation->block, arrays_size(keyspace));
    }
    free(generation->tenders);
    free(generation->counts);
    free(generation);
}

static void place_arrays(const struct keyspace *keyspace, struct generation *generation)
{
    char *at = generation->block + -(uintptr_t)generation->block % CACHE_LINE;
    generation->tables = (struct hashtable *)(void *)at;
    at += keyspace->shards * sizeof(struct hashtable);
    generation->deadlines = (struct shard_deadlines *)(void *)at;
    at += keyspace->shards * sizeof(struct shard_deadlines);
    generation->queues = (struct wait_queue *)(void *)at;
}

// The first database is the one that all use: its arrays take a chunk. The others have
// memory only where they have keys.
struct generation *generation_create(const struct keyspace *keyspace, struct pool *pool,
                                     uint32_t db)
{
    struct generation *generation = calloc(1, sizeof(*generation));
    if (generation == NULL) {
        return NULL;
    }
    size_t tenders_size = keyspace->options.tenders * sizeof(struct tender);
    size_t counts_size = keyspace->options.threads * sizeof(struct thread_counts);
    generation->is_in_chunk = db == 0 && arrays_size(keyspace) <= POOL_CHUNK_SIZE;
    generation->block = generation->is_in_chunk
                            ? pool_alloc_chunk(pool, MEMORY_KEYSPACE)
                            : pool_alloc_zeroed(pool, MEMORY_KEYSPACE, arrays_size(keyspace));
    generation->tenders = aligned_alloc(CACHE_LINE, tenders_size);
    generation->counts = aligned_alloc(CACHE_LINE, counts_size);
    if (generation->block == NULL || generation->tenders == NULL || generation->counts == NULL) {
        generation_free(keyspace, generation, pool);
        return NULL;
    }
    place_arrays(keyspace, generation);
    memset(generation->tenders, 0, tenders_size);
    memset(generation->counts, 0, counts_size);
    return generation;
}

// ---- the end of a generation ----

struct entry_freeing {
    struct keyspace *keyspace;
    struct store_thread *thread;
};

static void free_entry(void *element, void *context)
{
    struct entry_freeing *freeing = context;
    struct entry *entry = element;
    if (entry_encoding(entry) == ENTRY_VALUE) {
        value_drop(freeing->keyspace, freeing->thread, entry_value(entry));
    }
    entry_free(entry, freeing->thread->pool);
    pool_rest(freeing->thread->pool, 1);
}

// The values that were in there, now in the thread's trash.
static void free_values(struct store_thread *thread)
{
    while (thread->trash != NULL) {
        struct value *value = thread->trash;
        thread->trash = value->next;
        value_free(value, thread->pool);
    }
}

void generation_destroy(struct keyspace *keyspace, struct generation *generation,
                        struct store_thread *thread)
{
    struct entry_freeing freeing = {.keyspace = keyspace, .thread = thread};
    for (uint32_t shard = 0; shard < keyspace->shards; shard++) {
        hashtable_drain(&generation->tables[shard], thread->pool, free_entry, &freeing);
        if (generation->deadlines[shard].heap.capacity > 0) {
            heap_deinit(&generation->deadlines[shard].heap, thread->pool);
        }
        free_values(thread);
        pool_quiesce(thread->pool);
    }
    for (unsigned i = 0; i < keyspace->options.tenders; i++) {
        heap_deinit(&generation->tenders[i].heap, thread->pool);
    }
    generation_free(keyspace, generation, thread->pool);
}

// ---- flushing and trash ----

void keyspace_flush(struct access *access, int64_t db)
{
    struct keyspace *keyspace = access->keyspace;
    uint32_t first = db == KEYSPACE_ALL ? 0 : (uint32_t)db;
    uint32_t last = db == KEYSPACE_ALL ? keyspace->options.databases - 1 : (uint32_t)db;
    lock_wait(&keyspace->flush_lock, &keyspace->flush_queue); // For well under a millisecond.
    atomic_fetch_add(&keyspace->flushes, 1);
    for (uint32_t i = first; i <= last; i++) {
        // Who loads the pointer from here on begins with an empty database. Who has
        // loaded it before finishes its command on the old content, as if earlier.
        struct generation *old =
            atomic_exchange_explicit(&keyspace->databases[i], NULL, memory_order_acq_rel);
        if (old != NULL) {
            old->next = access->thread->trash_generations;
            access->thread->trash_generations = old;
        }
    }
    atomic_fetch_add(&keyspace->flushes, 1);
    lock_release(&keyspace->flush_lock, &keyspace->flush_queue);
    access->generation = NULL;
}

uint64_t keyspace_flushes(const struct keyspace *keyspace)
{
    // Sequentially consistent, as are its changes and the exchanges between them.
    return atomic_load(&keyspace->flushes);
}

bool keyspace_take_trash(struct store_thread *thread, struct trash *trash_out)
{
    if (LIKELY(thread->trash == NULL && thread->trash_generations == NULL)) {
        return false;
    }
    *trash_out = (struct trash){.values = thread->trash, .generations = thread->trash_generations};
    thread->trash = NULL;
    thread->trash_generations = NULL;
    return true;
}

void keyspace_free_trash(struct keyspace *keyspace, struct store_thread *thread,
                         const struct trash *trash)
{
    struct value *value = trash->values;
    while (value != NULL) {
        struct value *next = value->next;
        value_free(value, thread->pool);
        pool_quiesce(thread->pool);
        value = next;
    }
    struct generation *generation = trash->generations;
    if (generation != NULL) {
        depot_recall(keyspace->depot);
        pool_synchronize(thread->pool); // Until no command works on them any more.
    }
    while (generation != NULL) {
        struct generation *next = generation->next;
        generation_destroy(keyspace, generation, thread);
        generation = next;
    }
    pool_flush(thread->pool);
    if (trash->generations != NULL) {
        depot_trim(keyspace->depot);
    }
}

// ---- values ----

// Leave a value without holders to the thread's trash.
static void discard(struct store_thread *thread, struct value *value)
{
    value->next = thread->trash;
    thread->trash = value;
}

/* Let one reference to a value go that others may share, and take who waits to change it:
 * in one step for those who look whether it is shared, so that nobody waits in vain.
 * Whether it was the last. */
static bool release_shared(struct keyspace *keyspace, struct value *value,
                           struct waiter **waiters_out)
{
    lock_wait(&keyspace->waiters_lock, &keyspace->waiters_queue);
    *waiters_out = value->waiters;
    value->waiters = NULL;
    bool is_last = value_release(value);
    lock_release(&keyspace->waiters_lock, &keyspace->waiters_queue);
    return is_last;
}

void value_drop(struct keyspace *keyspace, struct store_thread *thread, struct value *value)
{
    struct waiter *waiters = NULL;
    bool is_last = true; // Without others, nobody waits, and nobody can come.
    if (UNLIKELY(value_is_shared(value))) {
        is_last = release_shared(keyspace, value, &waiters);
    }
    if (is_last && value_free_effort(value) > VALUE_FREE_INLINE_MAX) {
        discard(thread, value);
    } else if (is_last) {
        value_free(value, thread->pool);
    }
    waiters_wake(waiters);
}

void keyspace_drop_lent(struct store_thread *thread, struct value *value)
{
    DEBUG_ASSERT(value_ops(value)->is_copied_on_change); // Nobody waits to change it.
    if (value_release(value)) {
        discard(thread, value);
    }
}

void keyspace_unhold(struct keyspace *keyspace, struct store_thread *thread, struct value *value)
{
    struct waiter *waiters;
    bool is_last = release_shared(keyspace, value, &waiters);
    // Release: our reads are over. Pairs with keyspace_has_walks.
    atomic_fetch_sub_explicit(&keyspace->walks, 1, memory_order_release);
    if (is_last) {
        discard(thread, value);
    }
    waiters_wake(waiters);
}

void keyspace_hold(struct keyspace *keyspace, struct value *value)
{
    // Relaxed: who must see it locks the same shard after us.
    atomic_fetch_add_explicit(&keyspace->walks, 1, memory_order_relaxed);
    value_hold(value);
}

bool keyspace_has_walks(const struct keyspace *keyspace)
{
    // Acquire pairs with keyspace_unhold: who sees no walk changes what was walked.
    return atomic_load_explicit(&keyspace->walks, memory_order_acquire) != 0;
}

bool keyspace_may_change(struct access *access, const struct key *key, struct waiter *waiter)
{
    const struct entry *entry = keyspace_find(access, key);
    if (entry == NULL || entry_encoding(entry) != ENTRY_VALUE) {
        return true;
    }
    struct value *value = entry_value(entry);
    if (value_ops(value)->is_copied_on_change || !value_is_shared(value)) {
        return true;
    }
    struct keyspace *keyspace = access->keyspace;
    lock_wait(&keyspace->waiters_lock, &keyspace->waiters_queue);
    bool is_shared = value_is_shared(value);
    if (is_shared && waiter != NULL) {
        waiter->reason = WAIT_FOR_LOCK;
        waiter->next = value->waiters;
        value->waiters = waiter;
    }
    lock_release(&keyspace->waiters_lock, &keyspace->waiters_queue);
    return !is_shared;
}
