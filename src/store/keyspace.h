/* keyspace.h - all keys of all databases, in shards, each behind its own lock.
 *
 *   hash of the key: │ shard │ position in the shard's table ...
 *
 *   keyspace ── databases ── generation ─┬─ tables     one hash table per shard, its lock
 *                (NULL: unused)          │             in the same cache line
 *                                        ├─ deadlines  one heap per shard
 *                                        └─ counters   one set per thread
 *
 * Life of a command: hash its keys (keyspace_key), prefetch, open an access, lock the
 * keys' shards (access_lock), call the functions below, unlock.
 *
 * FLUSHALL replaces a database's generation with one atomic exchange; commands
 * that have opened an access before finish on the old one and count as earlier. It is freed in
 * the background once every thread has passed a quiescent point.
 *
 * Expiry: a key whose deadline has come is invisible from that millisecond on.
 * Each shard is tended by one worker ("tender"), which removes due keys at their
 * deadline: keyspace_next_deadline says how long it may sleep, and `wake` tells
 * it when somebody sets an earlier deadline.
 *
 * Lock order: shards ascending; then a tender's lock or that of the waiters for values.
 * Ownership:  keys and values are copied in; what is lent out is valid until the
 *             shard's lock is let go or the key is changed.
 * Threads:    each has its own struct store_thread; functions that take an access
 *             need the shard's lock unless they say otherwise.
 * Time:       callers pass now_ms.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/pool.h"
#include "base/random.h"
#include "store/effects.h"
#include "store/entry.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEYSPACE_SHARD_BITS_DEFAULT = 14, KEYSPACE_DATABASES_MAX = 65536 };

struct keyspace;
struct generation;

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
    struct pool *pool;
    unsigned index;
    _Atomic uint64_t hits, misses, expired; // Written by this thread, read by all.
    struct value *trash;                    // Big values to free in the background.
    struct generation *trash_generations;
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

/* ---- keys and locks ---- */

struct key {
    struct bytes name;
    uint64_t hash;
    const struct hashtable *table; // For prefetching: where it has come to.
    uint64_t place;
};

uint64_t keyspace_hash(const struct keyspace *keyspace, struct bytes name);
struct key keyspace_key(const struct keyspace *keyspace, struct bytes name);
uint32_t keyspace_shard(const struct keyspace *keyspace, uint64_t hash);
uint32_t keyspace_shards(const struct keyspace *keyspace);

/* What is stored under a batch of keys is brought into the cache in five steps, each some 100 ns
 * after the one before: the shard's table and lock; the table's page array (which small tables
 * have inside); the bucket; the entry; for one key in ten the entry by way of the next buckets.
 * The first is keyspace_prefetch_table, for all keys of the batch. The others are taken a few
 * keys at a time, so that fewer lines are on their way than a core has room for (some 24).
 * keyspace_prefetch_first begins; keyspace_prefetch_next is for calling when keys[i] is
 * about to be used, for each in turn. No lock needed; the thread's pool is online throughout. */
void keyspace_prefetch_table(const struct keyspace *keyspace, uint32_t db, struct key *key);
void keyspace_prefetch_first(const struct keyspace *keyspace, struct key *keys, size_t count);
void keyspace_prefetch_next(const struct keyspace *keyspace, struct key *keys, size_t count,
                            size_t i);

/* ---- one key ---- */

struct access {
    struct keyspace *keyspace;
    struct store_thread *thread;
    struct effects *effects; // NULL: nobody listens.
    struct generation *generation;
    uint64_t now_ms;
    uint32_t db;
    bool counts_lookups; // keyspace_find counts hits and misses (commands that read).
};

/* Fill an access to what the database contains now, once per command, no lock held. It is
 * good until the thread's next quiescent point. */
void access_open(struct access *access, struct keyspace *keyspace, struct store_thread *thread,
                 uint32_t db, uint64_t now_ms);

/* Make an unused database usable: before any function that stores something, no lock
 * held. 0 or -ENOMEM. */
NODISCARD int access_open_for_writing(struct access *access);

/* Whether there is memory for storing something without waiting for the kernel. If not,
 * `waiter` is woken, once, when it is worth another try. No lock held. */
NODISCARD bool access_may_store(struct access *access, struct waiter *waiter);

/* Lock `count` shards, given ascending and without repetition (an unused database has
 * none: always true). False when one stays busy: then none is locked and `waiter` is woken,
 * once, when it is worth another try with a new access (waiter NULL: not told). */
NODISCARD bool access_lock(struct access *access, const uint32_t *shards, size_t count,
                           struct waiter *waiter);
void access_unlock(struct access *access, const uint32_t *shards, size_t count);

/* The two halves of it, for one shard: take it or not; and, when it was not to be had, be
 * woken once, when it is worth another try. */
NODISCARD bool access_try_lock(struct access *access, uint32_t shard);
void access_park(struct access *access, uint32_t shard, struct waiter *waiter);

/* Lock one shard, sleeping if need be: for background threads only. */
void access_lock_wait(struct access *access, uint32_t shard);

/* Borrow the live entry under `key`; NULL if absent or past its deadline. */
struct entry *keyspace_find(struct access *access, const struct key *key);

struct put_options {
    uint64_t deadline_ms; // 0: never expires. Not above INT64_MAX.
    bool keeps_deadline;  // Keep the old entry's deadline instead (KEEPTTL).
};

/* Store a copy of `value` as a string (as an integer where it is one in canonical
 * form). 0, or -ENOMEM: then the old entry, if any, stays. Reports no effect: the
 * handler does. The same for all below. */
NODISCARD int keyspace_put_string(struct access *access, const struct key *key, struct bytes value,
                                  const struct put_options *options);

/* The same for several keys, without deadlines, all or none: keys[i] gets values[2 * i], as
 * in MSET. Of a repeated key the last value stays. */
NODISCARD int keyspace_put_strings(struct access *access, const struct key *keys, size_t count,
                                   const struct bytes *values);

NODISCARD int keyspace_put_integer(struct access *access, const struct key *key, int64_t value,
                                   const struct put_options *options);

/* Append to the string at `key`, or create it; *size_out is its new size. The
 * entry, if any, is a string. */
NODISCARD int keyspace_append(struct access *access, const struct key *key, struct bytes tail,
                              size_t *size_out);

/* Store a value block, taking it over, without deadline. On -ENOMEM it stays the
 * caller's. */
NODISCARD int keyspace_put_value(struct access *access, const struct key *key, struct value *value);

/* Unlink and free the live entry; false if there is none. */
bool keyspace_remove(struct access *access, const struct key *key);

/* Give the live entry under `key` a deadline, or with 0 none. `key` is present.
 * 0 or -ENOMEM. */
NODISCARD int keyspace_set_deadline(struct access *access, const struct key *key,
                                    uint64_t deadline_ms);

/* ---- values that are being walked ---- */

/* Hold a value for walking it without its shard's lock, which the caller has now. Until
 * keyspace_unhold nobody changes it. */
void keyspace_hold(struct keyspace *keyspace, struct value *value);

/* Whether any value is held so: false is certain for values whose shards the caller has
 * locked. */
bool keyspace_has_walks(const struct keyspace *keyspace);

/* Whether the value under `key`, if there is one, may be changed now (long strings: always;
 * they are copied if need be). If not, `waiter` is woken when it is worth another try. */
bool keyspace_may_change(struct access *access, const struct key *key, struct waiter *waiter);

/* Let go of a value that a reply was lent (a string): frees it if that was the last
 * reference. From any thread, locks or not. */
void keyspace_drop_lent(struct store_thread *thread, struct value *value);

/* Let a held value go, from a background thread, no lock held: wakes who waits to change
 * it. Leaves it to the thread's trash if it was the last. */
void keyspace_unhold(struct keyspace *keyspace, struct store_thread *thread, struct value *value);

/* ---- the whole keyspace: these lock shard after shard themselves ---- */

/* Keys in a database, those past their deadline but not yet removed included. */
uint64_t keyspace_count(struct keyspace *keyspace, uint32_t db);
uint64_t keyspace_count_volatile(struct keyspace *keyspace, uint32_t db);

/* The mean time to live, in milliseconds, of the keys that have a deadline; of up to 16
 * keys in each of up to 64 shards per tender. 0 without any. Leaves busy shards out. */
uint64_t keyspace_mean_ttl_ms(struct keyspace *keyspace, uint32_t db, uint64_t now_ms);

/* Whether a database was ever written to since it was last flushed. */
bool keyspace_is_used(const struct keyspace *keyspace, uint32_t db);

typedef void (*keyspace_visit)(const struct entry *entry, void *context);

/* What a whole-keyspace walk needs. */
struct keyspace_walk {
    uint64_t cursor;     // 0 to begin.
    size_t elements_min; // Stop after at least so many elements,
    uint32_t shards_max; // or after so many shards.
    bool may_wait;       // Background threads: sleep for busy shards. Workers: end there.
};

/* Visit live entries from walk->cursor on, each shard under its lock, and move the
 * cursor: 0 at the end. False when a shard stayed busy (nothing of it was visited). */
bool keyspace_scan(struct access *access, struct keyspace_walk *walk, keyspace_visit visit,
                   void *context);

/* Copy a random live key to buffer (see RANDOMKEY): visits one entry. False when
 * there is none. Workers: never waits (busy shards are passed over). */
bool keyspace_random(struct access *access, struct random *random, keyspace_visit visit,
                     void *context);

/* Empty a database, or all of them with db == KEYSPACE_ALL: O(1) per database; the
 * old content goes to the thread's trash. Needs no lock; cannot fail. */
enum { KEYSPACE_ALL = -1 };
void keyspace_flush(struct access *access, int64_t db);

/* Twice the number of flushes, plus one while one is under way. Who opens several databases
 * and sees the same even number before and after has opened them at one moment. */
uint64_t keyspace_flushes(const struct keyspace *keyspace);

/* ---- expiry ---- */

/* When `tender` has to call keyspace_expire_due next; 0: no deadline at all. From
 * the return on, the tender is woken for anything earlier. */
uint64_t keyspace_next_deadline(struct keyspace *keyspace, unsigned tender);

/* Remove up to `entries_max` keys of the tender's shards that are due, announcing
 * each ("DEL k") to `effects`. Returns how many. Locks for itself, passes over
 * busy shards (they are due again at once). */
size_t keyspace_expire_due(struct access *access, unsigned tender, size_t entries_max);

/* ---- tests ---- */

/* Check every invariant of every shard, with ASSERT. No other thread is active. */
void keyspace_validate(struct keyspace *keyspace);
