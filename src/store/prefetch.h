/* prefetch.h - what a batch of keys is going to read, brought into the cache.
 *
 * A lookup costs one cache miss for the table and its lock, one for the bucket and one for the
 * entry. Of a batch of keys these misses overlap: each step is taken some keys before it is
 * needed. ARCHITECTURE.md, section 3, says why not for all keys at once.
 *
 * Threads: any; no lock needed, the thread's pool online throughout. What is read without
 *          the lock is a hint and changes nothing but the cache.
 */
#pragma once

#include "store/access.h"

#include <stddef.h>
#include <stdint.h>

/* What is stored under a batch of keys is brought into the cache in five steps, each some 100 ns
 * after the one before: the shard's table and lock; the table's page array (which small tables
 * have inside); the bucket; the entry; for one key in ten the entry by way of the next buckets.
 * The first is keyspace_prefetch_table, for all keys of the batch. The others are taken a few
 * keys at a time, so that fewer lines are on their way than a core has room for (some 24).
 * keyspace_prefetch_first begins; keyspace_prefetch_next is for calling when keys[i] is
 * about to be used, for each in turn. */
void keyspace_prefetch_table(const struct keyspace *keyspace, uint32_t db, struct key *key);
void keyspace_prefetch_first(const struct keyspace *keyspace, struct key *keys, size_t count);
void keyspace_prefetch_next(const struct keyspace *keyspace, struct key *keys, size_t count,
                            size_t i);

/* All steps, for loops over many keys that no batch has prefetched: call it with i = 0, 1, 2
 * ... as keys[i] is about to be used. */
void keyspace_prefetch_many(const struct keyspace *keyspace, uint32_t db, struct key *keys,
                            size_t count, size_t i);
