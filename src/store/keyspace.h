/* keyspace.h - all keys of all databases, in shards, each behind its own lock.
 *
 *   hash of the key: │ shard │ position in the shard's table ...
 *
 *   keyspace ── databases ── generation ─┬─ tables     one hash table per shard, its lock
 *                (NULL: unused)          │             in the same cache line
 *                                        ├─ deadlines  one heap per shard
 *                                        └─ counters   one set per thread
 *
 * This header is about its life and its threads. A command works through access.h; prefetch.h,
 * walk.h and expiry.h are for those who read ahead, walk everything, remove what is due.
 *
 * FLUSHALL replaces a database's generation with one atomic exchange; commands
 * that have opened an access before finish on the old one and count as earlier. It is freed in
 * the background once every thread has passed a quiescent point.
 *
 * Lock order: shards ascending; then a tender's lock or that of the waiters for values.
 * Threads:    each has its own struct store_thread, made here.
 */
#pragma once

#include "base/hash.h"
#include "base/pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { KEYSPACE_SHARD_BITS_DEFAULT = 14, KEYSPACE_DATABASES_MAX = 65536 };

struct access;
struct generation;
struct keyspace;
struct value;

struct keyspace_options {
    unsigned shard_bits; // 0: the default.
    unsigned databases;
    unsigned threads; // store_threads there may be, at most.
    unsigned tenders; // Workers that remove due keys; each calls keyspace_expire_due.
    struct hash_secret secret;
    // Called by any thread, a shard locked, when `tender` must wake earlier than it knows.
    void (*wake)(void *context, unsigned tender);
    void *context;
};

/* NULL when out of memory. */
struct keyspace *keyspace_create(const struct keyspace_options *options);

/* Frees everything at once; all threads have ended. NULL is fine. */
void keyspace_destroy(struct keyspace *keyspace);

struct depot *keyspace_depot(struct keyspace *keyspace);
const struct hash_secret *keyspace_secret(const struct keyspace *keyspace);
unsigned keyspace_databases(const struct keyspace *keyspace);

/* ---- threads ---- */

struct store_statistics {
    uint64_t hits, misses, expired;
};

/* What one thread brings along. */
struct store_thread {
    struct keyspace *keyspace;
    struct pool *pool;
    unsigned index;
    _Atomic uint64_t hits, misses, expired; // Written by this thread, read by all.
    struct value *trash;                    // Big values to free in the background.
    struct generation *trash_generations;
    bool holds_barrier;
    _Atomic uint64_t passed; // See barrier.h: no command began before this epoch is under way.
};

/* NULL when out of memory or when there are options.threads already. */
struct store_thread *keyspace_thread_create(struct keyspace *keyspace);
void keyspace_thread_destroy(struct keyspace *keyspace, struct store_thread *thread);

/* Summed over all threads. */
struct store_statistics keyspace_statistics(struct keyspace *keyspace);

/* What was unlinked but not freed yet, moved from `thread` (its owner calls) to
 * *trash_out; false when there is none. */
struct trash {
    struct value *values;
    struct generation *generations;
};
bool keyspace_take_trash(struct store_thread *thread, struct trash *trash_out);

/* Free it; may take long. For background threads: waits until all threads have
 * passed a quiescent point, and calls pool_quiesce on the way. No lock held. */
void keyspace_free_trash(struct keyspace *keyspace, struct store_thread *thread,
                         const struct trash *trash);

/* ---- flushing ---- */

/* Whether the memory of what was flushed before is freed, but for a bounded rest. If not,
 * `waiter` is woken, once, when it is worth another try. */
NODISCARD bool keyspace_may_flush(struct access *access, struct waiter *waiter);

/* Empty a database, or all of them with db == KEYSPACE_ALL: O(1) per database; the
 * old content goes to the thread's trash. Needs no lock; cannot fail. */
enum { KEYSPACE_ALL = -1 };
void keyspace_flush(struct access *access, int64_t db);

/* Twice the number of flushes, plus one while one is under way. Who opens several databases
 * and sees the same even number before and after has opened them at one moment. */
uint64_t keyspace_flushes(const struct keyspace *keyspace);

/* ---- hashes that were chosen ---- */

/* How many splits of the keyspace's tables parted nothing, all keys having the next bit of their
 * hashes alike. 0 but for who knows the secret: see hashtable_type. From any thread. */
uint64_t keyspace_skewed_splits(const struct keyspace *keyspace);

/* Whether there are any, told once, for one line in the log. From any thread; a load when there
 * are none. */
bool keyspace_tells_of_skew(struct keyspace *keyspace);

/* ---- tests ---- */

/* Check every invariant of every shard, with ASSERT. No other thread is active. */
void keyspace_validate(struct keyspace *keyspace);
