#include "command/background_call.h"

#include "store/barrier.h"

#include <time.h>

enum { MANY_SHARDS = 32 };

// Sleep until the waiter is woken; what was opened and prefetched is no longer good.
static void sleep_offline(struct call *call, struct sleeper *sleeper)
{
    pool_offline(call->access.thread->pool);
    sleeper_sleep(sleeper);
    pool_online(call->access.thread->pool);
}

static void await_memory(struct call *call)
{
    struct sleeper sleeper;
    sleeper_init(&sleeper);
    while (!access_has_memory(&call->access, &sleeper.waiter)) {
        sleep_offline(call, &sleeper);
    }
}

static void unlock(struct call *call)
{
    if (call->is_locked) {
        access_check_told(&call->access);
        access_unlock(&call->access, call->shards, call->shard_count);
        call->is_locked = false;
    }
    if (call->is_among_many) {
        access_leave_many(call->access.keyspace);
        call->is_among_many = false;
    }
    if (call->has_stepped_in) {
        barrier_stand_aside(call->access.thread);
        call->has_stepped_in = false;
    }
}

// Open the database and lock. 0 or -ENOMEM.
static int lock_once(struct call *call)
{
    struct access *access = &call->access;
    if (call->shard_count > MANY_SHARDS) {
        access_enter_many(access->keyspace, access->thread);
        call->is_among_many = true;
    }
    access_open(access, access->keyspace, access->thread, call->session->db, access->now_ms);
    if ((call->command->flags & COMMAND_NEEDS_MEMORY) != 0) {
        int error = access_ensure_database(access);
        if (error < 0) {
            unlock(call);
            return error;
        }
    }
    access_lock_many(access, call->shards, call->shard_count);
    call->is_locked = true;
    return 0;
}

// The same, not while the barrier is held.
static int lock(struct call *call)
{
    bool writes = (call->command->flags & COMMAND_WRITES) != 0;
    struct sleeper sleeper;
    sleeper_init(&sleeper);
    for (;;) {
        // Not before: what it does until then (MSET makes its entries) holds up no barrier.
        call->has_stepped_in = writes && barrier_step_in(call->access.thread);
        int error = lock_once(call);
        if (error < 0 || (call->access.observers & OBSERVES_BARRIER) == 0 ||
            barrier_pass(&call->access, writes)) {
            return error;
        }
        unlock(call);
        barrier_park(call->access.keyspace, &sleeper.waiter);
        sleep_offline(call, &sleeper);
    }
}

int call_lock(struct call *call)
{
    return call->is_in_background && !call->is_locked ? lock(call) : 0;
}

// Whether the call, if it walks values, may begin to: others may wait to change them first.
static bool may_walk(struct call *call)
{
    if ((call->command->flags & COMMAND_LONG) == 0 || !keyspace_has_walks(call->access.keyspace)) {
        return true;
    }
    call->access.counts_lookups = false;
    for (uint32_t i = 0; i < call->key_count; i++) {
        const struct entry *entry = keyspace_find(&call->access, &call->keys[i]);
        if (entry != NULL && entry_encoding(entry) == ENTRY_VALUE &&
            !keyspace_may_walk(call->access.keyspace, entry_value(entry))) {
            return false;
        }
    }
    return true;
}

// Nobody wakes who waits to walk: look again in a moment. It is never long.
static void doze(struct call *call)
{
    static const struct timespec moment = {.tv_nsec = (long)500 * 1000};
    pool_offline(call->access.thread->pool);
    (void)nanosleep(&moment, NULL);
    pool_online(call->access.thread->pool);
}

void background_call_begin(struct call *call)
{
    call->is_in_background = true;
    if (call_is_mistake(call)) {
        return;
    }
    if ((call->command->flags & COMMAND_NEEDS_MEMORY) != 0) {
        await_memory(call);
    }
    if ((call->command->flags & COMMAND_STAGES) != 0) {
        return;
    }
    struct sleeper sleeper;
    sleeper_init(&sleeper);
    for (;;) {
        if (lock(call) < 0) {
            call->mistake = CALL_OUT_OF_MEMORY;
            return;
        }
        bool may_edit = call_may_edit(call, &sleeper.waiter);
        if (may_edit && may_walk(call)) {
            return;
        }
        unlock(call);
        if (may_edit) {
            doze(call);
        } else {
            sleep_offline(call, &sleeper);
        }
    }
}

void background_call_run(struct call *call, struct reply *reply)
{
    enum call_outcome outcome = call_run(call, reply);
    unlock(call);
    if (outcome == CALL_DEFERRED) {
        struct deferred deferred = {.access = call->access, .reply = reply};
        call->job(&deferred, call->job_state);
        pool_free(call->access.thread->pool, MEMORY_JOB, call_job_block(call),
                  call_job_block_size(call));
    }
}
