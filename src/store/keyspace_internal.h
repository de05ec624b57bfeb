/* keyspace_internal.h - what the files of store/ share.
 *
 * Threads: as keyspace.h says of the function that uses it.
 */
#pragma once

#include "ds/hashtable.h"
#include "store/access.h"
#include "store/effects.h"
#include "store/entry_internal.h"
#include "store/keyspace.h"
#include "store/observers.h"

#include <pthread.h>

enum { CACHE_LINE = 64 };
#define DEADLINE_NONE UINT64_MAX

// A shard's keys with a deadline, and its place among the tender's shards.
struct shard_deadlines {
    struct heap heap;      // Of entries' nodes, by deadline.
    struct heap_node node; // In the tender's heap; its key is at or before heap's first.
    uint32_t linked;       // Whether node is in the tender's heap. Guarded by its lock.
};

// The shards that one worker tends, by their first deadline. Lock order: after shards.
struct tender {
    struct lock lock;
    struct wait_queue queue;
    struct heap heap;
} __attribute__((aligned(CACHE_LINE)));

// Written by one thread, read by all.
struct thread_counts {
    _Atomic int64_t keys;
    _Atomic int64_t with_deadline;
} __attribute__((aligned(CACHE_LINE)));

/* One database's content between two flushes. It stands at the beginning of its own memory,
 * before its arrays. */
struct generation {
    bool is_in_chunk;
    uint64_t weight; // Of one that is discarded: bytes that wait for it to be freed, about.
    struct hashtable *tables;          // One per shard, with its lock, in a cache line each.
    struct wait_queue *queues;         // One per shard.
    struct shard_deadlines *deadlines; // One per shard.
    struct tender *tenders;
    struct thread_counts *counts; // One per store_thread.
    struct generation *next;      // Links those that wait to be freed.
    _Atomic uint64_t number;      // See effects.h; 0: it has told none.
};

// What guards the list of listeners and the counts of the word's bits.
struct observing {
    struct lock lock;
    struct wait_queue queue;
    uint32_t counts[OBSERVES_BITS]; // How often each bit was raised.
} __attribute__((aligned(CACHE_LINE)));

struct barrier {
    pthread_mutex_t turn; // Held by the holder from enter to leave.
    struct wait_queue parked;
    _Atomic bool expiry_waits; // A tender has put its work off: wake all at the end.
};

/* With so many bytes in discarded generations, who flushes waits until some are freed. */
enum { DISCARDED_MAX = 32 * 1024 * 1024 };

/* A value that nobody may begin to walk for now; it may be gone already. */
struct reservation {
    const struct value *value;
    uint64_t until_ns;
};

enum { RESERVED_MAX = 16 };

struct keyspace {
    struct keyspace_options options;
    unsigned hash_shift; // hash >> hash_shift is the shard.
    uint32_t shards;
    struct hashtable_type type;
    _Atomic uint64_t skewed_splits; // See keyspace_skewed_splits. Counted by the tables.
    atomic_bool skew_told;
    _Atomic(struct generation *) *databases;
    _Atomic uint64_t *wake_at_ms; // Per tender: when it means to wake; DEADLINE_NONE: never.
    _Atomic uint32_t observers;   // enum observes: who listens. Loaded by every command.
    _Atomic(struct observer *) listeners; // Those that are told, linked by next.
    struct depot *depot;
    struct pool *pool; // For what lives as long as the keyspace. Guarded by threads_lock.
    _Atomic uint64_t last_number; // Of generations and flushes that were told.
    struct observing observing;
    struct barrier barrier;
    _Atomic(struct blocked_table *) blocked; // NULL: nobody has waited for a key yet.
    _Atomic uint64_t discarded;              // Bytes in generations that wait to be freed, about.
    struct wait_queue flushers;              // Who waits for them.
    _Atomic uint64_t flushes; // See keyspace_flushes. Raised by whoever holds flush_lock.
    struct lock many_lock;    // Held by a background thread that locks many shards.
    struct wait_queue many_queue;
    struct lock flush_lock;
    struct wait_queue flush_queue;
    _Atomic uint32_t walks;   // Values held for walking (keyspace_hold).
    struct lock waiters_lock; // Guards value->waiters while the value is shared.
    struct wait_queue waiters_queue;
    struct reservation reserved[RESERVED_MAX]; // By waiters_lock, too.
    unsigned reserved_count;
    pthread_mutex_t threads_lock; // Guards threads.
    struct store_thread **threads;
};

static inline uint32_t shard_of(const struct keyspace *keyspace, uint64_t hash)
{
    return (uint32_t)(hash >> keyspace->hash_shift);
}

/* The part of a key's hash that its shard's table sees. */
static inline uint64_t table_hash(const struct keyspace *keyspace, uint64_t hash)
{
    return hash << keyspace->options.shard_bits;
}

/* A database's content without keys; NULL when out of memory. */
struct generation *generation_create(const struct keyspace *keyspace, struct pool *pool,
                                     uint32_t db);

/* Free a generation that has no keys and that nobody knows. */
void generation_free(const struct keyspace *keyspace, struct generation *generation,
                     struct pool *pool);

/* Free a generation that nobody can reach any more, with all that is in it. */
void generation_destroy(struct keyspace *keyspace, struct generation *generation,
                        struct store_thread *thread);

/* Unlink an entry from its table and heap, count it out and free it. */
void keyspace_drop_entry(struct access *access, uint64_t hash, struct entry *entry);

/* The same for an entry that is past its deadline, telling who listens. */
void keyspace_expire_entry(struct access *access, uint64_t hash, struct entry *entry);

/* As keyspace_drop, for the reference that a key has. Its shard is locked, or nobody else can
 * reach the key any more. */
void keyspace_drop_own(struct store_thread *thread, struct value *value);

/* As keyspace_find, uncounted. */
struct entry *keyspace_find_live(struct access *access, const struct key *key);

/* Give `key` this payload and deadline. `old` is its live entry (NULL: none), whose value
 * block, if any, is dropped unless it is the payload's own. Takes payload->value over. The
 * entry that the key has now, or NULL: out of memory, nothing was changed. */
struct entry *keyspace_put_payload(struct access *access, const struct key *key, struct entry *old,
                                   const struct payload *payload, uint64_t deadline_ms);

/* A deadline is about to enter a shard's heap: see to it that the tender looks at the
 * shard by then. 0 or -ENOMEM. */
NODISCARD int expiry_arm(struct access *access, struct generation *generation, uint32_t shard,
                         uint64_t deadline_ms);

/* Who listens now. Sequentially consistent: pairs with observers_raise and barrier_enter. With a
 * shard's lock held, it sees what was raised under that lock before. */
static inline uint32_t observers_now(const struct keyspace *keyspace)
{
    return atomic_load_explicit(&keyspace->observers, memory_order_seq_cst);
}

/* Tell who listens that a key was changed. */
void observers_touch(struct access *access, struct bytes name, uint64_t hash);

/* Tell who listens that a database was emptied. */
void observers_flushed(struct keyspace *keyspace, uint32_t db);

/* Free the queues of who waits for keys; nobody does any more. NULL is fine. */
void blocked_table_destroy(struct blocked_table *table, struct pool *pool);

/* Whether the barrier is held; then the calling tender is woken when it is left. */
bool barrier_puts_off_expiry(struct keyspace *keyspace);

#define PASSED_ALL UINT64_MAX // Of store_thread.passed: it stands aside.

static inline bool thread_stands_aside(const struct store_thread *thread)
{
    return atomic_load_explicit(&thread->passed, memory_order_relaxed) == PASSED_ALL;
}

/* Whether keys past their deadline may be removed: while the barrier is held, by its holder
 * alone. */
static inline bool access_may_expire(const struct access *access)
{
    return access->thread->holds_barrier ||
           ((access->observers & OBSERVES_BARRIER) == 0 && !thread_stands_aside(access->thread));
}

static inline void access_count_effect(struct access *access, uint32_t count)
{
#ifdef FASTKV_CHECKED
    access->effects += count;
#else
    (void)access;
    (void)count;
#endif
}

/* An entry was changed: one branch when nobody listens. */
static inline void access_touch(struct access *access, struct bytes name, uint64_t hash)
{
#ifdef FASTKV_CHECKED
    access->touches++;
#endif
    if (UNLIKELY((access->observers & OBSERVES_TOUCHES) != 0)) {
        observers_touch(access, name, hash);
    }
}

static inline void count_add(_Atomic int64_t *count, int64_t n)
{
    int64_t old = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, old + n, memory_order_relaxed);
}

static inline bool entry_is_due(const struct entry *entry, uint64_t now_ms)
{
    return entry_has_deadline(entry) && entry_deadline_ms(entry) <= now_ms;
}
