/* group.h - several calls as one unit: EXEC, scripts.
 *
 *   group_begin   memory and databases of all calls; the union of their shards' locks,
 *                 ascending, each once, all or none          may say "wait"
 *   call_run      for each call, in order                    cannot wait; what it would defer is
 *                                                            done at once
 *   group_end     unlock
 *
 * Between begin and end nobody sees some of the calls done and others not: each shard that any
 * of them needs stays locked. Calls may name several databases; their contents are those of
 * one moment, also beside FLUSHALL.
 *
 * Ownership: the calls stay the caller's; the group owns its list of locks.
 * Threads:   one at a time for a group: a worker, or a background thread with `may_sleep`.
 * Limits:    none of the calls has COMMAND_LOCKS_ITSELF.
 */
#pragma once

#include "base/error.h"
#include "command/call.h"

#include <stdbool.h>
#include <stdint.h>

enum { GROUP_LOCKS_INLINE = 32 };

/* A shard of one database. */
struct group_lock {
    struct generation *generation; // NULL: the database is unused, there is nothing to lock.
    uint32_t db;
    uint32_t shard;
};

struct call_group {
    struct call *calls;
    uint32_t count;
    uint32_t lock_count;
    struct group_lock *locks; // Ascending by (db, shard), without repetition.
    size_t locks_size;        // Bytes allocated; 0: inline_locks.
    uint64_t flushes;         // keyspace_flushes as the databases were opened.
    struct group_lock inline_locks[GROUP_LOCKS_INLINE];
    bool out_of_memory; // group_begin had no memory: each call answers so.
    bool may_sleep;     // Set by background threads: sleep for busy shards, keeping those had.
};

/* Get what the calls need. Each was prepared (call_prepare) and its database is that of its
 * access (access.db), not the session's. CALL_DONE: call_run for each, then group_end, must follow.
 * CALL_WAITS: nothing is held, and `waiter` is woken, once, when it is worth another try. */
enum call_outcome group_begin(struct call_group *group, struct call *calls, uint32_t count,
                              struct waiter *waiter);

/* Let go of what group_begin took. */
void group_end(struct call_group *group);
