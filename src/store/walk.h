/* walk.h - the whole keyspace: counts, walks, a random key.
 *
 * These lock shard after shard themselves, and so see each key as it was at some moment, not
 * all keys at one moment.
 *
 * Threads: any, no shard locked; an access is its thread's own.
 */
#pragma once

#include "base/lock.h"
#include "base/random.h"
#include "store/access.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys in a database, those past their deadline but not yet removed included. */
uint64_t keyspace_count(struct keyspace *keyspace, uint32_t db);
uint64_t keyspace_count_volatile(struct keyspace *keyspace, uint32_t db);

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

/* Visit one live entry, chosen at random (see RANDOMKEY). False when there is none. Never
 * waits: busy shards are passed over. */
bool keyspace_random(struct access *access, struct random *random, keyspace_visit visit,
                     void *context);
