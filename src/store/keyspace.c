#include "store/keyspace.h"

#include "store/keyspace_internal.h"

#include <errno.h>
#include <stdlib.h>

static_assert(sizeof(struct shard_deadlines) == 32, "two per cache line");

// ---- life ----

static uint64_t hash_of_entry(const void *element, const void *context)
{
    const struct keyspace *keyspace = context;
    return table_hash(keyspace, entry_hash(element, &keyspace->options.secret));
}

// Memory for `count` objects of `size`, zeroed and aligned to cache lines.
static void *alloc_lines(size_t count, size_t size)
{
    void *lines =
        aligned_alloc(CACHE_LINE, (count * size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (lines != NULL) {
        memset(lines, 0, count * size);
    }
    return lines;
}

struct keyspace *keyspace_create(const struct keyspace_options *options)
{
    struct keyspace *keyspace = alloc_lines(1, sizeof(*keyspace));
    if (keyspace == NULL) {
        return NULL;
    }
    keyspace->options = *options;
    if (keyspace->options.shard_bits == 0) {
        keyspace->options.shard_bits = KEYSPACE_SHARD_BITS_DEFAULT;
    }
    ASSERT(keyspace->options.shard_bits <= 16 && options->databases >= 1 && options->threads >= 1 &&
           options->tenders >= 1);
    keyspace->hash_shift = 64 - keyspace->options.shard_bits;
    keyspace->shards = UINT32_C(1) << keyspace->options.shard_bits;
    keyspace->type = (struct hashtable_type){
        .hash = hash_of_entry, .context = keyspace, .skewed_splits = &keyspace->skewed_splits};
    pthread_mutex_init(&keyspace->threads_lock, NULL);
    pthread_mutex_init(&keyspace->barrier.turn, NULL);
    keyspace->databases = alloc_lines(options->databases, sizeof(*keyspace->databases));
    keyspace->wake_at_ms = alloc_lines(options->tenders, sizeof(*keyspace->wake_at_ms));
    keyspace->threads = calloc(options->threads, sizeof(struct store_thread *));
    keyspace->depot = depot_create();
    keyspace->pool = keyspace->depot == NULL ? NULL : pool_create(keyspace->depot);
    if (keyspace->databases == NULL || keyspace->wake_at_ms == NULL || keyspace->threads == NULL ||
        keyspace->pool == NULL) {
        keyspace_destroy(keyspace);
        return NULL;
    }
    pool_offline(keyspace->pool);
    for (unsigned i = 0; i < options->tenders; i++) {
        atomic_init(&keyspace->wake_at_ms[i], DEADLINE_NONE);
    }
    // The first database is there from the start: no request waits for its memory.
    struct store_thread first = {.keyspace = keyspace, .pool = keyspace->pool};
    struct access access = {.keyspace = keyspace, .thread = &first};
    if (access_ensure_database(&access) < 0) {
        keyspace_destroy(keyspace);
        return NULL;
    }
    return keyspace;
}

void keyspace_destroy(struct keyspace *keyspace)
{
    if (keyspace == NULL) {
        return;
    }
    wait_queue_wake(&keyspace->flushers); // As depot_destroy does.
    struct store_thread last = {.keyspace = keyspace, .pool = keyspace->pool};
    for (unsigned db = 0; keyspace->pool != NULL && db < keyspace->options.databases; db++) {
        struct generation *generation = atomic_load(&keyspace->databases[db]);
        if (generation != NULL) {
            generation_destroy(keyspace, generation, &last);
        }
    }
    struct trash trash;
    while (keyspace_take_trash(&last, &trash)) {
        keyspace_free_trash(keyspace, &last, &trash);
    }
    blocked_table_destroy(atomic_load(&keyspace->blocked), keyspace->pool);
    pool_destroy(keyspace->pool);
    depot_destroy(keyspace->depot);
    (void)pthread_mutex_destroy(&keyspace->threads_lock);
    (void)pthread_mutex_destroy(&keyspace->barrier.turn);
    free(keyspace->threads);
    free(keyspace->wake_at_ms);
    free(keyspace->databases);
    free(keyspace);
}

struct depot *keyspace_depot(struct keyspace *keyspace)
{
    return keyspace->depot;
}

const struct hash_secret *keyspace_secret(const struct keyspace *keyspace)
{
    return &keyspace->options.secret;
}

unsigned keyspace_databases(const struct keyspace *keyspace)
{
    return keyspace->options.databases;
}

// ---- hashes that were chosen ----

uint64_t keyspace_skewed_splits(const struct keyspace *keyspace)
{
    return atomic_load_explicit(&keyspace->skewed_splits, memory_order_relaxed);
}

bool keyspace_tells_of_skew(struct keyspace *keyspace)
{
    // Relaxed: nothing else is read because of it.
    return UNLIKELY(keyspace_skewed_splits(keyspace) > 0) &&
           !atomic_load_explicit(&keyspace->skew_told, memory_order_relaxed) &&
           !atomic_exchange_explicit(&keyspace->skew_told, true, memory_order_relaxed);
}

// ---- threads ----

struct store_thread *keyspace_thread_create(struct keyspace *keyspace)
{
    struct store_thread *thread = alloc_lines(1, sizeof(*thread));
    if (thread == NULL) {
        return NULL;
    }
    thread->keyspace = keyspace;
    thread->pool = pool_create(keyspace->depot);
    if (thread->pool == NULL) {
        free(thread);
        return NULL;
    }
    (void)pthread_mutex_lock(&keyspace->threads_lock);
    unsigned index = 0;
    while (index < keyspace->options.threads && keyspace->threads[index] != NULL) {
        index++;
    }
    bool found = index < keyspace->options.threads;
    if (found) {
        thread->index = index;
        keyspace->threads[index] = thread;
    }
    (void)pthread_mutex_unlock(&keyspace->threads_lock);
    if (!found) {
        pool_destroy(thread->pool);
        free(thread);
        return NULL;
    }
    return thread;
}

void keyspace_thread_destroy(struct keyspace *keyspace, struct store_thread *thread)
{
    if (thread == NULL) {
        return;
    }
    struct trash trash;
    while (keyspace_take_trash(thread, &trash)) {
        keyspace_free_trash(keyspace, thread, &trash);
    }
    (void)pthread_mutex_lock(&keyspace->threads_lock);
    keyspace->threads[thread->index] = NULL;
    (void)pthread_mutex_unlock(&keyspace->threads_lock);
    pool_destroy(thread->pool);
    free(thread);
}

struct store_statistics keyspace_statistics(struct keyspace *keyspace)
{
    struct store_statistics sum = {0};
    (void)pthread_mutex_lock(&keyspace->threads_lock);
    for (unsigned i = 0; i < keyspace->options.threads; i++) {
        struct store_thread *thread = keyspace->threads[i];
        if (thread != NULL) {
            sum.hits += atomic_load_explicit(&thread->hits, memory_order_relaxed);
            sum.misses += atomic_load_explicit(&thread->misses, memory_order_relaxed);
            sum.expired += atomic_load_explicit(&thread->expired, memory_order_relaxed);
        }
    }
    (void)pthread_mutex_unlock(&keyspace->threads_lock);
    return sum;
}

// ---- keys and locks ----

uint64_t keyspace_hash(const struct keyspace *keyspace, struct bytes name)
{
    return hash_bytes(&keyspace->options.secret, name);
}

struct key keyspace_key(const struct keyspace *keyspace, struct bytes name)
{
    return (struct key){.name = name, .hash = keyspace_hash(keyspace, name)};
}

uint32_t keyspace_shard(const struct keyspace *keyspace, uint64_t hash)
{
    return shard_of(keyspace, hash);
}

uint32_t keyspace_shards(const struct keyspace *keyspace)
{
    return keyspace->shards;
}
