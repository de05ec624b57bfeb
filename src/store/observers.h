/* observers.h - who listens to what commands change, and how they are told.
 *
 * One word per keyspace, the union of what all listeners want, is loaded once per command when
 * its shards are locked (access->observers). Zero is the common case and costs one branch.
 *
 *   bit              set while
 *   LOG              somebody keeps the effects as commands (log, replicas, replay)
 *   NOTIFICATIONS    somebody is told the events
 *   WATCH            a client watches a key
 *   TRACKING         a client caches keys
 *   BLOCKED          a client waits for a key (store/blocked.h)
 *   SNAPSHOT         a snapshot is written
 *   BARRIER          writers are stopped (store/barrier.h)
 *   MONITOR          a client sees all commands
 *
 * A command tells in two ways:
 *
 *   touch    by the store itself, in each function that changes an entry, and by
 *            keyspace_touch in handlers that change a value in place. Under the shard's lock,
 *            right after the change, one call per key and change. Nothing is kept until the end
 *            of the command: no memory can be short in the middle of it, and no list can
 *            overflow. Nobody else sees the key before the command ends, as its lock is held.
 *            Who wants to act on the finished command (clients that wait for a key) looks at
 *            the command's keys at its end: a key is ready or not, whoever touched it.
 *   effect   by the handler, what it did (store/effects.h).
 *
 * Checked builds compare the two at the end of a command: no touch without an effect and no
 * effect without a touch (access_check_told).
 *
 * The word is loaded with the shards locked: a listener that registers with the lock of a
 * key's shard held misses no later change of that key.
 *
 * Ownership: an observer is its owner's and outlives its registration.
 * Threads:   observers are told by any thread, with the shard of the key locked: they copy or
 *            post what they get, must not block, and must not call the keyspace.
 *            observers_add, _remove, _raise and _lower: any thread, no lock after the shards' held.
 */
#pragma once

#include "base/bytes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum observes {
    OBSERVES_LOG = 1 << 0,
    OBSERVES_NOTIFICATIONS = 1 << 1,
    OBSERVES_WATCH = 1 << 2,
    OBSERVES_TRACKING = 1 << 3,
    OBSERVES_BLOCKED = 1 << 4,
    OBSERVES_SNAPSHOT = 1 << 5,
    OBSERVES_BARRIER = 1 << 6,
    OBSERVES_MONITOR = 1 << 7,
    OBSERVES_BITS = 8,
    OBSERVES_EFFECTS = OBSERVES_LOG | OBSERVES_NOTIFICATIONS,
    OBSERVES_TOUCHES = OBSERVES_WATCH | OBSERVES_TRACKING | OBSERVES_SNAPSHOT,
};

struct access;
struct effect;
struct keyspace;
struct observer;
struct store_thread;

/* What a listener is told; what its bits do not ask for may be NULL. */
struct observer_ops {
    /* OBSERVES_EFFECTS. Those of NOTIFICATIONS alone get all; LOG gets those with a command. */
    void (*effect)(struct observer *observer, const struct effect *effect);
    /* The effects of this thread from `begins` to its end are one unit (EXEC, a script). */
    void (*group)(struct observer *observer, bool begins);
    /* OBSERVES_TOUCHES. `name` is lent for the call. */
    void (*touched)(struct observer *observer, const struct access *access, struct bytes name,
                    uint64_t hash);
    /* OBSERVES_TOUCHES: a whole database was emptied. No lock is held. */
    void (*flushed)(struct observer *observer, uint32_t db);
};

struct observer {
    const struct observer_ops *ops;
    uint32_t interests;              // enum observes
    _Atomic(struct observer *) next; // The keyspace's.
};

/* Register a listener. Commands that have locked their shards before do not tell it: for an
 * exact beginning, hold the barrier around it. */
void observers_add(struct keyspace *keyspace, struct observer *observer);

/* Take it out, and wait until no thread is in one of its functions. For threads that may
 * wait; `thread` is the caller's. */
void observers_remove(struct keyspace *keyspace, struct store_thread *thread,
                      struct observer *observer);

/* Set a bit of the word, counted: it stays until it was lowered as often. Commands that lock a
 * shard afterwards see it. */
void observers_raise(struct keyspace *keyspace, enum observes bit);
void observers_lower(struct keyspace *keyspace, enum observes bit);
