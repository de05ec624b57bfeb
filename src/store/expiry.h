/* expiry.h - keys are removed at their deadline.
 *
 * Each shard is tended by one worker (its "tender"), which removes due keys:
 * keyspace_next_deadline says how long it may sleep, and the keyspace's `wake` tells it when
 * somebody sets an earlier deadline. There is no sampling and no tick.
 *
 * Threads: keyspace_next_deadline and keyspace_expire_due are called by the tender alone.
 */
#pragma once

#include "store/access.h"

#include <stddef.h>
#include <stdint.h>

/* When `tender` has to call keyspace_expire_due next; 0: no deadline at all. From
 * the return on, the tender is woken for anything earlier. */
uint64_t keyspace_next_deadline(struct keyspace *keyspace, unsigned tender);

/* Remove up to `entries_max` keys of the tender's shards that are due, announcing
 * each ("DEL k") to `effects`. Returns how many. Locks for itself, passes over
 * busy shards (they are due again at once). */
size_t keyspace_expire_due(struct access *access, unsigned tender, size_t entries_max);

/* The mean time to live, in milliseconds, of the keys that have a deadline; of up to 16
 * keys in each of up to 64 shards per tender. 0 without any. Leaves busy shards out. */
uint64_t keyspace_mean_ttl_ms(struct keyspace *keyspace, uint32_t db, uint64_t now_ms);
