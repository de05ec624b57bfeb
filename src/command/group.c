#include "command/group.h"

#include "store/barrier.h"

#include <stdlib.h>

// ---- the union of locks ----

static int compare_locks(const void *a, const void *b)
{
    const struct group_lock *left = a;
    const struct group_lock *right = b;
    if (left->db != right->db) {
        return left->db < right->db ? -1 : 1;
    }
    return (left->shard > right->shard) - (left->shard < right->shard);
}

static struct pool *pool_of(const struct call_group *group)
{
    return group->calls[0].access.thread->pool;
}

// Room for all calls' shards; false when out of memory.
static bool take_room(struct call_group *group)
{
    size_t count = 0;
    for (uint32_t i = 0; i < group->count; i++) {
        count += group->calls[i].shard_count;
    }
    group->locks = group->inline_locks;
    group->locks_size = 0;
    if (count > GROUP_LOCKS_INLINE) {
        group->locks_size = count * sizeof(struct group_lock);
        group->locks = pool_alloc(pool_of(group), MEMORY_JOB, group->locks_size);
    }
    return group->locks != NULL;
}

static void free_room(struct call_group *group)
{
    if (group->locks_size > 0 && group->locks != NULL) {
        pool_free(pool_of(group), MEMORY_JOB, group->locks, group->locks_size);
    }
    group->locks = NULL;
    group->lock_count = 0;
}

// All shards of all calls, ascending by database and shard, each once.
static void collect_locks(struct call_group *group)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < group->count; i++) {
        const struct call *call = &group->calls[i];
        for (uint32_t j = 0; j < call->shard_count; j++) {
            group->locks[count++] =
                (struct group_lock){.db = call->access.db, .shard = call->shards[j]};
        }
    }
    if (count > 1) {
        qsort(group->locks, count, sizeof(*group->locks), compare_locks);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || compare_locks(&group->locks[kept - 1], &group->locks[i]) != 0) {
            group->locks[kept++] = group->locks[i];
        }
    }
    group->lock_count = kept;
}

// The place of the first lock of a database; lock_count when it has none.
static uint32_t first_lock_of(const struct call_group *group, uint32_t db)
{
    uint32_t low = 0;
    uint32_t high = group->lock_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (group->locks[middle].db < db) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// ---- databases ----

static void open_call(struct call *call)
{
    struct access *access = &call->access;
    access_open(access, access->keyspace, access->thread, access->db, access->now_ms);
    access->counts_lookups = false;
}

// Make the databases usable that calls may store into. False when out of memory.
static bool ensure_databases(struct call_group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        struct call *call = &group->calls[i];
        open_call(call);
        if ((call->command->flags & COMMAND_NEEDS_MEMORY) != 0 &&
            access_ensure_database(&call->access) < 0) {
            return false;
        }
    }
    return true;
}

/* Give all locks, and all calls, of a database the same generation. False when a flush of
 * several databases came between them: then try again. */
static bool open_databases(struct call_group *group)
{
    struct keyspace *keyspace = group->calls[0].access.keyspace;
    uint64_t flushes = keyspace_flushes(keyspace);
    if (flushes % 2 != 0) {
        return false;
    }
    group->flushes = flushes;
    struct access access = group->calls[0].access;
    for (uint32_t i = 0; i < group->lock_count; i++) {
        struct group_lock *lock = &group->locks[i];
        if (i == 0 || lock->db != group->locks[i - 1].db) {
            access_open(&access, keyspace, access.thread, lock->db, access.now_ms);
        }
        lock->generation = access.generation;
    }
    for (uint32_t i = 0; i < group->count; i++) {
        struct call *call = &group->calls[i];
        if (call->shard_count > 0) {
            call->access.generation =
                group->locks[first_lock_of(group, call->access.db)].generation;
            // A flush since ensure_databases: what the call stores needs a new one.
            if (call->access.generation == NULL &&
                (call->command->flags & COMMAND_NEEDS_MEMORY) != 0) {
                return false;
            }
        }
    }
    return keyspace_flushes(keyspace) == flushes;
}

// ---- locking ----

static void unlock_first(struct call_group *group, uint32_t count)
{
    struct access access = group->calls[0].access;
    for (uint32_t i = 0; i < count; i++) {
        access.generation = group->locks[i].generation;
        access_unlock(&access, &group->locks[i].shard, 1);
    }
}

// All or none, unless the group may sleep. False: `waiter` is woken.
static bool lock_all(struct call_group *group, struct waiter *waiter)
{
    struct access access = group->calls[0].access;
    for (uint32_t i = 0; i < group->lock_count; i++) {
        const struct group_lock *lock = &group->locks[i];
        access.generation = lock->generation;
        if (group->may_sleep) {
            access_lock_wait(&access, lock->shard);
        } else if (!access_try_lock(&access, lock->shard)) {
            unlock_first(group, i);
            access_park(&access, lock->shard, waiter);
            return false;
        }
    }
    return true;
}

/* Whether the databases that were unused, and so had nothing to lock, are so still, and were all
 * the time (a flush empties one again): else a group that stored into one of them may be seen in
 * part. */
static bool unused_are_unused(const struct call_group *group)
{
    struct access access = group->calls[0].access;
    for (uint32_t i = 0; i < group->lock_count; i++) {
        const struct group_lock *lock = &group->locks[i];
        if (lock->generation == NULL && (i == 0 || lock->db != group->locks[i - 1].db)) {
            access_open(&access, access.keyspace, access.thread, lock->db, access.now_ms);
            if (access.generation != NULL || keyspace_flushes(access.keyspace) != group->flushes) {
                return false;
            }
        }
    }
    return true;
}

// ---- begin and end ----

static enum call_outcome wait_with_nothing(struct call_group *group)
{
    free_room(group);
    return CALL_WAITS;
}

// Something changed while the group began: it is worth another try at once.
static enum call_outcome try_again(struct call_group *group, struct waiter *waiter)
{
    free_room(group);
    waiter->wake(waiter);
    return CALL_WAITS;
}

static bool needs_memory(const struct call_group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        ASSERT((group->calls[i].command->flags & COMMAND_LOCKS_ITSELF) == 0);
        if ((group->calls[i].command->flags & COMMAND_NEEDS_MEMORY) != 0) {
            return true;
        }
    }
    return false;
}

static void fail_all(struct call_group *group)
{
    group->out_of_memory = true;
    for (uint32_t i = 0; i < group->count; i++) {
        group->calls[i].mistake = CALL_OUT_OF_MEMORY;
    }
    free_room(group);
}

// All is locked: let the calls see who listens now. False when that is the barrier.
static bool passes_barrier(struct call_group *group)
{
    bool writes = false;
    access_observe(&group->calls[0].access);
    uint32_t observers = group->calls[0].access.observers;
    for (uint32_t i = 0; i < group->count; i++) {
        group->calls[i].access.observers = observers;
        writes |= (group->calls[i].command->flags & COMMAND_WRITES) != 0;
    }
    return LIKELY((observers & OBSERVES_BARRIER) == 0) ||
           barrier_pass(&group->calls[0].access, writes);
}

enum call_outcome group_begin(struct call_group *group, struct call *calls, uint32_t count,
                              struct waiter *waiter)
{
    group->calls = calls;
    group->count = count;
    group->lock_count = 0;
    group->locks = NULL;
    group->locks_size = 0;
    group->out_of_memory = false;
    if (count == 0) {
        return CALL_DONE;
    }
    for (uint32_t i = 0; i < count; i++) {
        calls[i].is_in_group = true;
    }
    if (needs_memory(group) && !access_has_memory(&calls[0].access, waiter)) {
        return CALL_WAITS;
    }
    if (!ensure_databases(group) || !take_room(group)) {
        fail_all(group);
        return CALL_DONE;
    }
    collect_locks(group);
    if (!open_databases(group)) {
        return try_again(group, waiter);
    }
    if (!lock_all(group, waiter)) {
        return wait_with_nothing(group);
    }
    if (!unused_are_unused(group)) {
        unlock_first(group, group->lock_count);
        return try_again(group, waiter);
    }
    if (!passes_barrier(group)) {
        unlock_first(group, group->lock_count);
        barrier_park(calls[0].access.keyspace, waiter);
        return wait_with_nothing(group);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!call_may_edit(&calls[i], waiter)) {
            unlock_first(group, group->lock_count);
            return wait_with_nothing(group);
        }
    }
    effects_group_begin(&calls[0].access);
    return CALL_DONE;
}

void group_end(struct call_group *group)
{
    if (group->count > 0 && !group->out_of_memory) {
        for (uint32_t i = 0; i < group->count; i++) {
            access_check_told(&group->calls[i].access);
        }
        effects_group_end(&group->calls[0].access);
        unlock_first(group, group->lock_count);
        free_room(group);
    }
}
