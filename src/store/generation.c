#include "store/keyspace_internal.h"

#include <errno.h>

/* Where the parts of a generation stand in its memory. */
struct layout {
    size_t tables, deadlines, queues, tenders, counts;
    size_t size;
};

static size_t place_lines(size_t *at, size_t size)
{
    size_t place = *at;
    *at += (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    return place;
}

static struct layout layout_of(const struct keyspace *keyspace)
{
    struct layout layout;
    size_t at = 0;
    (void)place_lines(&at, sizeof(struct generation));
    layout.tables = place_lines(&at, keyspace->shards * sizeof(struct hashtable));
    layout.deadlines = place_lines(&at, keyspace->shards * sizeof(struct shard_deadlines));
    layout.queues = place_lines(&at, keyspace->shards * sizeof(struct wait_queue));
    layout.tenders = place_lines(&at, keyspace->options.tenders * sizeof(struct tender));
    layout.counts = place_lines(&at, keyspace->options.threads * sizeof(struct thread_counts));
    layout.size = at;
    return layout;
}

void generation_free(const struct keyspace *keyspace, struct generation *generation,
                     struct pool *pool)
{
    if (generation->is_in_chunk) {
        pool_free_chunk(pool, MEMORY_KEYSPACE, generation);
    } else {
        pool_unmap(pool, MEMORY_KEYSPACE, generation, layout_of(keyspace).size);
    }
}

/* The first database is the one that all use: it takes a chunk. The others have memory only
 * where they have keys. */
struct generation *generation_create(const struct keyspace *keyspace, struct pool *pool,
                                     uint32_t db)
{
    struct layout layout = layout_of(keyspace);
    bool is_in_chunk = db == 0 && layout.size <= POOL_CHUNK_SIZE;
    char *memory = is_in_chunk ? pool_alloc_chunk(pool, MEMORY_KEYSPACE)
                               : pool_map(pool, MEMORY_KEYSPACE, layout.size);
    if (memory == NULL) {
        return NULL;
    }
    struct generation *generation = (struct generation *)(void *)memory;
    *generation = (struct generation){
        .is_in_chunk = is_in_chunk,
        .tables = (struct hashtable *)(void *)(memory + layout.tables),
        .deadlines = (struct shard_deadlines *)(void *)(memory + layout.deadlines),
        .queues = (struct wait_queue *)(void *)(memory + layout.queues),
        .tenders = (struct tender *)(void *)(memory + layout.tenders),
        .counts = (struct thread_counts *)(void *)(memory + layout.counts),
    };
    return generation;
}

// ---- the end of a generation ----

static void free_entry(void *element, void *context)
{
    struct store_thread *thread = context;
    struct entry *entry = element;
    if (entry_encoding(entry) == ENTRY_VALUE) {
        keyspace_drop_own(thread, entry_value(entry));
    }
    entry_free(entry, thread->pool);
    pool_rest(thread->pool, 1);
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
    for (uint32_t shard = 0; shard < keyspace->shards; shard++) {
        hashtable_drain(&generation->tables[shard], thread->pool, free_entry, thread);
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

// Bytes of all that is stored.
static uint64_t stored_bytes(const struct keyspace *keyspace)
{
    uint64_t bytes[MEMORY_TAGS];
    depot_usage(keyspace->depot, bytes);
    return bytes[MEMORY_ENTRY] + bytes[MEMORY_TABLE] + bytes[MEMORY_DEADLINE] +
           bytes[MEMORY_STRING] + bytes[MEMORY_ZSET];
}

static bool has_keys(const struct keyspace *keyspace, const struct generation *generation)
{
    int64_t keys = 0;
    for (unsigned i = 0; i < keyspace->options.threads; i++) {
        keys += atomic_load_explicit(&generation->counts[i].keys, memory_order_relaxed);
    }
    return keys > 0;
}

/* Leave generations to the thread's trash, weighed. With keys, one weighs as much as all that
 * is stored: which part of it is this generation's is not known. */
static void discard_generations(struct access *access, struct generation *generations)
{
    struct keyspace *keyspace = access->keyspace;
    uint64_t arrays = layout_of(keyspace).size;
    uint64_t stored = generations == NULL ? 0 : stored_bytes(keyspace);
    while (generations != NULL) {
        struct generation *generation = generations;
        generations = generation->next;
        generation->weight = arrays;
        if (has_keys(keyspace, generation)) {
            generation->weight += stored;
            stored = 0; // Of those flushed together, once.
        }
        atomic_fetch_add(&keyspace->discarded, generation->weight);
        generation->next = access->thread->trash_generations;
        access->thread->trash_generations = generation;
    }
}

bool keyspace_may_flush(struct access *access, struct waiter *waiter)
{
    struct keyspace *keyspace = access->keyspace;
    if (atomic_load_explicit(&keyspace->discarded, memory_order_relaxed) <= DISCARDED_MAX) {
        return true;
    }
    wait_queue_add(&keyspace->flushers, waiter, WAIT_FOR_MEMORY);
    // Sequentially consistent, as what settle_discarded does: one of the two sees the other.
    if (atomic_load(&keyspace->discarded) <= DISCARDED_MAX) {
        wait_queue_wake(&keyspace->flushers);
    }
    return false;
}

void keyspace_flush(struct access *access, int64_t db)
{
    struct keyspace *keyspace = access->keyspace;
    uint32_t first = db == KEYSPACE_ALL ? 0 : (uint32_t)db;
    uint32_t last = db == KEYSPACE_ALL ? keyspace->options.databases - 1 : (uint32_t)db;
    struct generation *discarded = NULL;
    lock_wait(&keyspace->flush_lock, &keyspace->flush_queue); // For well under a millisecond.
    atomic_fetch_add(&keyspace->flushes, 1);
    for (uint32_t i = first; i <= last; i++) {
        // Who loads the pointer from here on begins with an empty database. Who has
        // loaded it before finishes its command on the old content, as if earlier.
        struct generation *old =
            atomic_exchange_explicit(&keyspace->databases[i], NULL, memory_order_acq_rel);
        if (old != NULL) {
            old->next = discarded;
            discarded = old;
        }
    }
    atomic_fetch_add(&keyspace->flushes, 1);
    lock_release(&keyspace->flush_lock, &keyspace->flush_queue);
    discard_generations(access, discarded);
    access->generation = NULL;
    if (UNLIKELY((observers_now(keyspace) & OBSERVES_TOUCHES) != 0)) {
        for (uint32_t i = first; i <= last; i++) {
            observers_flushed(keyspace, i);
        }
    }
}

// A discarded generation of that weight is freed.
static void settle_discarded(struct keyspace *keyspace, uint64_t weight)
{
    if (atomic_fetch_sub(&keyspace->discarded, weight) - weight <= DISCARDED_MAX) {
        wait_queue_wake(&keyspace->flushers);
    }
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
        uint64_t weight = generation->weight;
        generation_destroy(keyspace, generation, thread);
        settle_discarded(keyspace, weight);
        generation = next;
    }
    pool_flush(thread->pool);
}
