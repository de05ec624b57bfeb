/* access.h - what a command does with the keyspace: open, lock, find, put, remove.
 *
 *   keyspace_key       hash the keys; with prefetch.h bring what they have into the cache
 *   access_open        the content that the database has now
 *   access_lock        the shards of all keys
 *   keyspace_...       find, put, remove
 *   access_unlock
 *
 * A key whose deadline has come is invisible from that millisecond on.
 *
 * Ownership: keys and values are copied in; what is lent out is valid until the
 *            shard's lock is let go or the key is changed.
 * Threads:   each has its own struct access and struct store_thread; functions that take an
 *            access need the shard's lock unless they say otherwise.
 * Time:      callers set access->now_ms.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "base/lock.h"
#include "store/entry.h"
#include "store/keyspace.h"
#include "store/observers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct generation;
struct hashtable;
struct string;

/* ---- keys ---- */

struct key {
    struct bytes name;
    uint64_t hash;
    const struct hashtable *table; // For prefetching: where it has come to.
    uint64_t prefetch_cursor;
};

uint64_t keyspace_hash(const struct keyspace *keyspace, struct bytes name);
struct key keyspace_key(const struct keyspace *keyspace, struct bytes name);
uint32_t keyspace_shard(const struct keyspace *keyspace, uint64_t hash);
uint32_t keyspace_shards(const struct keyspace *keyspace);

/* ---- opening and locking ---- */

struct access {
    struct keyspace *keyspace;
    struct store_thread *thread;
    struct generation *generation;
    uint64_t now_ms;
    uint32_t db;
    uint32_t observers;  // enum observes: who listens, as of when the shards were locked.
    bool counts_lookups; // keyspace_find counts hits and misses (commands that read).
#ifdef FASTKV_CHECKED
    uint32_t touches, effects; // Since access_open, without those of expiry.
#endif
};

/* Fill an access to what the database contains now, once per command, no lock held. It is
 * good until the thread's next quiescent point. */
void access_open(struct access *access, struct keyspace *keyspace, struct store_thread *thread,
                 uint32_t db, uint64_t now_ms);

/* Make an unused database usable: before any function that stores something, no lock
 * held. 0 or -ENOMEM. */
NODISCARD int access_ensure_database(struct access *access);

/* Whether there is memory for storing something without waiting for the kernel. If not,
 * `waiter` is woken, once, when it is worth another try. No lock held. */
NODISCARD bool access_has_memory(struct access *access, struct waiter *waiter);

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

/* Load who listens, once all shards are locked: access_lock and access_lock_wait do so
 * themselves. */
void access_observe(struct access *access);

/* Lock one shard, sleeping if need be: for background threads only. */
void access_lock_wait(struct access *access, uint32_t shard);

/* For background threads that lock many shards: one such at a time in a keyspace, so that
 * they do not take turns shard by shard. Enter before access_open: while it waits, the thread
 * is offline, and what it has prefetched or opened is no longer good. Leave when the shards are
 * unlocked. */
void access_enter_many(struct keyspace *keyspace, struct store_thread *thread);
void access_leave_many(struct keyspace *keyspace);

/* Lock `count` shards, ascending, sleeping for busy ones and keeping those had. */
void access_lock_many(struct access *access, const uint32_t *shards, size_t count);

/* ---- one key ---- */

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

/* The same for several keys, all or none: keys[i] gets values[2 * i], as in MSET. Of a
 * repeated key the last value stays. In two steps: the entries are made, for which no lock is
 * needed, and then put. */
struct staged {
    struct entry **entries; // NULL where one was put.
    size_t count;
    struct put_options options;
};

/* Stage values for staged->count keys, with its options; its entries are set here. 0, or
 * -ENOMEM with nothing staged. */
NODISCARD int keyspace_stage_strings(struct access *access, const struct key *keys,
                                     const struct bytes *values, struct staged *staged);

/* 0, or -ENOMEM with nothing changed. */
NODISCARD int keyspace_put_staged(struct access *access, struct key *keys, struct staged *staged);

/* Free what was not put. */
void keyspace_free_staged(struct access *access, struct staged *staged);

NODISCARD int keyspace_put_integer(struct access *access, const struct key *key, int64_t value,
                                   const struct put_options *options);

/* The same for a long string that is a block already, which is taken over and not copied. On
 * -ENOMEM it stays the caller's. */
NODISCARD int keyspace_put_long_string(struct access *access, const struct key *key,
                                       struct string *string, const struct put_options *options);

/* A string lent for changing: write to data[0] to data[size - 1]. Valid until the key's shard
 * is unlocked or the key is changed otherwise. */
struct string_edit {
    char *data;
    size_t size;
    size_t old_size; // Bytes from here on are new, and zero.
};

/* Make the string at `key` at least `size_min` bytes long, creating it if it is absent, and
 * lend it for changing, however it was stored: it counts as changed. The entry, if any, is a string. 0, or -ENOMEM
 * with nothing changed. To read one there is entry_string. */
NODISCARD int keyspace_edit_string(struct access *access, const struct key *key, size_t size_min,
                                   struct string_edit *edit_out);

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

/* The value under `key` was changed in place: tell who listens. The functions above tell it
 * themselves. */
void keyspace_touch(struct access *access, const struct key *key);

/* At the end of a command, before it unlocks: in checked builds ASSERT that one that changed
 * something has told an effect, and the other way round, if somebody listens. */
void access_check_told(const struct access *access);

/* ---- values that outlive the lock: a reply that is being sent, a walk ---- */

/* Hold a value for reading it without its shard's lock, which the caller has now. Until
 * keyspace_drop nobody changes what it has now (bytes may come behind those of a string). */
void keyspace_hold(struct store_thread *thread, struct value *value);

/* Let a held value go: wakes who waits to change it, and frees it if that was the last
 * reference (big ones through the thread's trash). On any thread, which need not be the one
 * that held it; with or without shards locked. */
void keyspace_drop(struct store_thread *thread, struct value *value);

/* Whether any value is held that is not copied by who wants to change it: false is certain
 * for values whose shards the caller has locked. */
bool keyspace_has_walks(const struct keyspace *keyspace);

/* Whether a walk of a value, whose shard is locked, may begin now: not before those who wait to
 * change it. */
bool keyspace_may_walk(struct keyspace *keyspace, const struct value *value);

/* Whether the value under `key`, if there is one, may be changed now (long strings: always;
 * they are copied if need be). If not, `waiter` is woken when it is worth another try. */
bool keyspace_may_change(struct access *access, const struct key *key, struct waiter *waiter);
