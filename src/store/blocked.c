#include "store/blocked.h"

#include "store/keyspace_internal.h"

#include <errno.h>

enum { STRIPES = 64 };

struct blocked_queue {
    struct blocked_node *first, *last;
    uint64_t hash; // Of key and database.
    uint32_t db;
    uint32_t name_size;
    char name[];
};

/* The queues of some of the keys. */
struct stripe {
    struct hashtable table; // With its lock.
    struct wait_queue queue;
} __attribute__((aligned(CACHE_LINE)));

struct blocked_table {
    struct stripe stripes[STRIPES];
};

static_assert(sizeof(struct blocked_table) <= POOL_CLASS_MAX, "aligned to cache lines");

// ---- queues ----

static uint64_t queue_hash(const struct key *key, uint32_t db)
{
    return key->hash ^ (uint64_t)db * UINT64_C(0x9E3779B97F4A7C15);
}

static uint32_t stripe_of(uint64_t hash)
{
    return (uint32_t)(hash % STRIPES); // The table in it uses the upper bits.
}

static uint64_t hash_of_queue(const void *element, const void *context)
{
    (void)context;
    return ((const struct blocked_queue *)element)->hash;
}

static const struct hashtable_type queue_type = {.hash = hash_of_queue};

struct sought {
    struct bytes name;
    uint32_t db;
};

static bool is_sought(const void *element, const void *context)
{
    const struct blocked_queue *queue = element;
    const struct sought *sought = context;
    return queue->db == sought->db &&
           bytes_equal(bytes_make(queue->name, queue->name_size), sought->name);
}

static void lock_stripe(struct stripe *stripe)
{
    lock_wait(&stripe->table.lock, &stripe->queue);
}

static void unlock_stripe(struct stripe *stripe)
{
    lock_release(&stripe->table.lock, &stripe->queue);
}

static struct blocked_queue *find_queue(const struct stripe *stripe, const struct key *key,
                                        uint32_t db)
{
    const struct sought sought = {.name = key->name, .db = db};
    return hashtable_find(&stripe->table, queue_hash(key, db), is_sought, &sought);
}

static size_t queue_size(size_t name_size)
{
    return sizeof(struct blocked_queue) + name_size;
}

// A new queue in its stripe, which is locked; NULL when out of memory.
static struct blocked_queue *add_queue(struct stripe *stripe, struct pool *pool,
                                       const struct key *key, uint32_t db)
{
    struct blocked_queue *queue = pool_alloc(pool, MEMORY_CLIENT, queue_size(key->name.size));
    if (queue == NULL) {
        return NULL;
    }
    *queue = (struct blocked_queue){
        .hash = queue_hash(key, db), .db = db, .name_size = (uint32_t)key->name.size};
    if (key->name.size > 0) {
        memcpy(queue->name, key->name.data, key->name.size);
    }
    if (hashtable_insert(&stripe->table, pool, &queue_type, queue->hash, queue) < 0) {
        pool_free(pool, MEMORY_CLIENT, queue, queue_size(key->name.size));
        return NULL;
    }
    return queue;
}

static void push(struct blocked_queue *queue, struct blocked_node *node)
{
    node->queue = queue;
    node->next = NULL;
    node->prev = queue->last;
    if (queue->last != NULL) {
        queue->last->next = node;
    } else {
        queue->first = node;
    }
    queue->last = node;
}

// Take a node out, and drop a queue that is empty then. The stripe is locked.
static void leave_queue(struct stripe *stripe, struct pool *pool, struct blocked_node *node)
{
    struct blocked_queue *queue = node->queue;
    *(node->prev != NULL ? &node->prev->next : &queue->first) = node->next;
    *(node->next != NULL ? &node->next->prev : &queue->last) = node->prev;
    node->queue = NULL;
    if (queue->first == NULL) {
        hashtable_remove(&stripe->table, pool, queue->hash, queue);
        pool_free(pool, MEMORY_CLIENT, queue, queue_size(queue->name_size));
    }
}

// ---- the table ----

// Made when somebody waits for the first time; NULL when out of memory.
static struct blocked_table *ensure_table(struct keyspace *keyspace, struct pool *pool)
{
    // Acquire pairs with the release below.
    struct blocked_table *table = atomic_load_explicit(&keyspace->blocked, memory_order_acquire);
    if (LIKELY(table != NULL)) {
        return table;
    }
    struct blocked_table *fresh = pool_alloc_zeroed(pool, MEMORY_CLIENT, sizeof(*fresh));
    if (fresh == NULL ||
        atomic_compare_exchange_strong_explicit(&keyspace->blocked, &table, fresh,
                                                memory_order_acq_rel, memory_order_acquire)) {
        return fresh;
    }
    pool_free(pool, MEMORY_CLIENT, fresh, sizeof(*fresh));
    return table;
}

void blocked_table_destroy(struct blocked_table *table, struct pool *pool)
{
    if (table == NULL) {
        return;
    }
    for (unsigned i = 0; i < STRIPES; i++) {
        ASSERT(hashtable_count(&table->stripes[i].table) == 0); // All have stopped waiting.
        hashtable_deinit(&table->stripes[i].table, pool);
    }
    pool_free(pool, MEMORY_CLIENT, table, sizeof(*table));
}

static struct blocked_table *table_of(struct keyspace *keyspace)
{
    return atomic_load_explicit(&keyspace->blocked, memory_order_acquire);
}

// ---- waiting ----

static bool enter_queue(struct access *access, struct blocked_table *table, const struct key *key,
                        struct blocked_node *node)
{
    struct stripe *stripe = &table->stripes[node->stripe];
    lock_stripe(stripe);
    struct blocked_queue *queue = find_queue(stripe, key, access->db);
    if (queue == NULL) {
        queue = add_queue(stripe, access->thread->pool, key, access->db);
    }
    if (queue != NULL) {
        push(queue, node);
    }
    unlock_stripe(stripe);
    return queue != NULL;
}

// Leave all queues. Nobody claims the waiter any more.
static void leave_all(struct keyspace *keyspace, struct pool *pool, struct blocked_waiter *waiter)
{
    struct blocked_table *table = table_of(keyspace);
    for (uint32_t i = 0; i < waiter->count; i++) {
        struct blocked_node *node = &waiter->nodes[i];
        struct stripe *stripe = &table->stripes[node->stripe];
        lock_stripe(stripe);
        if (node->queue != NULL) {
            leave_queue(stripe, pool, node);
        }
        unlock_stripe(stripe);
    }
    waiter->count = 0;
    observers_lower(keyspace, OBSERVES_BLOCKED);
}

int blocked_add(struct access *access, struct blocked_waiter *waiter, const struct key *keys,
                struct blocked_node *nodes, uint32_t count)
{
    struct keyspace *keyspace = access->keyspace;
    ASSERT(access->generation != NULL && waiter->count == 0 && count > 0);
    struct blocked_table *table = ensure_table(keyspace, access->thread->pool);
    if (table == NULL) {
        return -ENOMEM;
    }
    observers_raise(keyspace, OBSERVES_BLOCKED);
    waiter->nodes = nodes;
    waiter->count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = queue_hash(&keys[i], access->db);
        nodes[i] = (struct blocked_node){.waiter = waiter, .stripe = stripe_of(hash)};
    }
    // Relaxed: the stripes' locks publish it.
    atomic_store_explicit(&waiter->state, BLOCKED_WAITING, memory_order_relaxed);
    bool fits = true;
    for (uint32_t i = 0; i < count && fits; i++) {
        fits = enter_queue(access, table, &keys[i], &nodes[i]);
    }
    // Sequentially consistent, as are the bit and the exchange of a flush: a command on the new
    // content sees the bit, or we see that there is new content.
    bool is_current = atomic_load(&keyspace->databases[access->db]) == access->generation;
    if (UNLIKELY(!fits || !is_current) && blocked_withdraw(keyspace, access->thread, waiter)) {
        return fits ? -EAGAIN : -ENOMEM;
    }
    return 0;
}

bool blocked_withdraw(struct keyspace *keyspace, struct store_thread *thread,
                      struct blocked_waiter *waiter)
{
    int state = BLOCKED_WAITING;
    // Decides between the owner and who claims. Relaxed: neither reads what the other wrote.
    if (!atomic_compare_exchange_strong_explicit(&waiter->state, &state, BLOCKED_IDLE,
                                                 memory_order_relaxed, memory_order_relaxed)) {
        return false;
    }
    leave_all(keyspace, thread->pool, waiter);
    return true;
}

void blocked_end(struct keyspace *keyspace, struct store_thread *thread,
                 struct blocked_waiter *waiter)
{
    ASSERT(atomic_load_explicit(&waiter->state, memory_order_relaxed) == BLOCKED_CLAIMED);
    leave_all(keyspace, thread->pool, waiter);
    atomic_store_explicit(&waiter->state, BLOCKED_IDLE, memory_order_relaxed);
}

// ---- serving ----

static bool claim(struct blocked_waiter *waiter)
{
    int state = BLOCKED_WAITING;
    return atomic_compare_exchange_strong_explicit(&waiter->state, &state, BLOCKED_CLAIMED,
                                                   memory_order_relaxed, memory_order_relaxed);
}

struct blocked_waiter *blocked_claim(struct access *access, const struct key *key,
                                     blocked_wants wants, const void *context)
{
    struct keyspace *keyspace = access->keyspace;
    struct blocked_table *table = table_of(keyspace);
    if (table == NULL || atomic_load(&keyspace->databases[access->db]) != access->generation) {
        return NULL;
    }
    struct stripe *stripe = &table->stripes[stripe_of(queue_hash(key, access->db))];
    struct blocked_waiter *claimed = NULL;
    lock_stripe(stripe);
    struct blocked_queue *queue = find_queue(stripe, key, access->db);
    struct blocked_node *node = queue == NULL ? NULL : queue->first;
    while (node != NULL &&
           !((wants == NULL || wants(node->waiter, context)) && claim(node->waiter))) {
        node = node->next;
    }
    if (node != NULL) {
        claimed = node->waiter;
        leave_queue(stripe, access->thread->pool, node);
    }
    unlock_stripe(stripe);
    return claimed;
}

void blocked_deliver(struct blocked_waiter *waiter)
{
    waiter->waiter.reason = WAIT_FOR_KEY;
    waiter->waiter.wake(&waiter->waiter);
}

uint64_t blocked_keys(struct keyspace *keyspace)
{
    struct blocked_table *table = table_of(keyspace);
    uint64_t count = 0;
    for (unsigned i = 0; table != NULL && i < STRIPES; i++) {
        struct stripe *stripe = &table->stripes[i];
        lock_stripe(stripe);
        count += hashtable_count(&stripe->table);
        unlock_stripe(stripe);
    }
    return count;
}
