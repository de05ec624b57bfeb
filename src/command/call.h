/* call.h - one execution of a command: what its handler is lent.
 *
 *   call_prepare   find the command, check its arity, hash its keys
 *                  prefetch, over a batch of calls                       keyspace_prefetch_*
 *   call_begin     memory, the shards' locks, values that are walked    may say "wait"
 *   call_run       the handler                                          cannot wait
 *   call_end       tell what was touched, unlock
 *
 * Only call_begin waits: then nothing was answered, changed or locked, and the whole call is
 * executed again when its waiter is woken. Calls that are one unit (EXEC, scripts) begin and
 * end together: command/group.h.
 *
 * A handler reads call->argv, uses call->access on call->keys, and answers through
 * call->reply; it knows no protocol, no socket and no clock. It answers exactly once, or
 * defers: call_defer(call, ...) lets a background thread answer. In a group the deferred work
 * is done at once instead. A handler that finds, before it has answered or changed anything, that
 * the work is long may also move the whole call to the background: call_moves(call).
 *
 * Threads: the worker or background thread that executes it.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "command/command.h"
#include "proto/reply.h"
#include "store/access.h"
#include "store/effects.h"
#include "store/prefetch.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct server;

/* What outlives a call and belongs to the connection. */
struct session {
    uint32_t db;
    enum protocol protocol;
    uint64_t id;
    bool closes;    // QUIT and the like: close once the replies are sent.
    bool refuses;   // MULTI was refused: what follows is, too, up to EXEC or DISCARD.
    bool sent_http; // Closes because of a line of HTTP among its commands.
};

/* What a job of a background thread works with. */
struct deferred {
    struct access access; // Its own thread's; now_ms is when it began.
    struct reply *reply;
    const _Atomic bool *is_cancelled; // NULL: it cannot be.
};

/* Whether nobody waits for the answer any more: then a job may end without one. For jobs that
 * take long to ask between slices. */
static inline bool deferred_is_cancelled(const struct deferred *deferred)
{
    // Relaxed: it is a hint; nothing else is read because of it.
    return deferred->is_cancelled != NULL &&
           atomic_load_explicit(deferred->is_cancelled, memory_order_relaxed);
}

typedef void (*call_job)(struct deferred *deferred, void *state);

enum call_outcome {
    CALL_DONE,
    CALL_WAITS,    // To be executed again when its waiter is woken.
    CALL_DEFERRED, // A background thread is to run call->job, which answers.
    CALL_MOVED,    // A background thread is to execute the whole call.
};

/* What call_prepare found: then call_execute answers an error and runs no handler. */
enum call_mistake {
    CALL_FINE,
    CALL_UNKNOWN,
    CALL_UNKNOWN_SUBCOMMAND, // call->command is the container.
    CALL_WRONG_ARITY,
    CALL_WRONG_KEY_COUNT, // In front of a list of keys.
    CALL_REFUSED,         // By call_begin: it is between MULTI and EXEC.
    CALL_OUT_OF_MEMORY,
};

struct call {
    const struct command *command; // NULL: unknown.
    const struct bytes *argv;
    uint32_t argc;
    uint32_t key_count;
    struct key *keys; // In the order of the arguments.
    uint32_t *shards; // Ascending, without repetition.
    uint32_t shard_count;
    void *allocated; // What keys and shards stand in when the space had no room.
    size_t allocated_size;

    struct access access;
    struct reply *reply;
    struct session *session;
    const struct call_context *context;
    enum call_outcome outcome; // Of the handler.
    call_job job;              // CALL_DEFERRED
    void *job_state;
    size_t job_state_size;
    bool job_is_short;         // At most some ms: does not wait behind those that take longer.
    enum call_mistake mistake; // Of call_prepare.
    bool is_in_group;          // Begins and ends with others (command/group.h).
    bool is_in_background;     // A background thread executes it (command/background_call.h),
    bool is_locked;            // and has its shards,
    bool is_among_many;        // one such thread at a time.
    bool has_stepped_in;       // It writes: its thread does not stand aside (store/barrier.h).
};

/* Room for the keys of calls and for as many shards; call_prepare takes from the front. */
struct key_space {
    struct key *keys;
    uint32_t *shards;
    uint32_t left;
};

/* What a worker lends to all calls of a turn. */
struct call_context {
    const struct command_table *commands;
    struct keyspace *keyspace;
    struct store_thread *thread;
    struct server *server;  // For handlers of admin/; opaque elsewhere, NULL in tests.
    size_t job_header_size; // Room that call_defer leaves before the state, for who runs it.
    uint64_t now_ms;
    struct key_space space; // Lent for as long as the calls are in use.
};

/* Look the command up, check its arity, hash its keys and take the first step of their
 * prefetching (keyspace_prefetch_table). Sets every field that the handler may look at but
 * reply. Never fails: mistakes are answered by call_execute. */
void call_prepare(struct call *call, struct call_context *context, struct session *session,
                  const struct bytes *argv, uint32_t argc);

/* Get what the call needs: memory, the locks of its shards, values that nobody walks if it
 * edits them. Uses the session's database of now, so that a SELECT earlier in the same batch
 * counts. CALL_DONE: call_run and call_end must follow. CALL_WAITS: nothing is held, and
 * `waiter` is woken, once, when it is worth another try; access.now_ms may be brought up to
 * date before. */
enum call_outcome call_begin(struct call *call, struct waiter *waiter);

/* Run the handler, or answer the client's mistake. CALL_DONE, CALL_DEFERRED or CALL_MOVED. */
enum call_outcome call_run(struct call *call, struct reply *reply);

/* Let go of what call_begin took. */
void call_end(struct call *call);

/* Whether the handler is not to be run: the client's mistake, or no memory to begin with. */
static inline bool call_is_mistake(const struct call *call)
{
    return call->mistake != CALL_FINE;
}

/* The same as call_may_edit, looking at each value. */
NODISCARD bool call_may_edit_now(struct call *call, struct waiter *waiter);

/* Whether the values that the call edits, whose shards are locked, may be changed now. If not,
 * `waiter` is woken, once, when it is worth another try. */
static inline bool call_may_edit(struct call *call, struct waiter *waiter)
{
    return LIKELY((call->command->flags & COMMAND_EDITS) == 0 ||
                  !keyspace_has_walks(call->access.keyspace)) ||
           call_may_edit_now(call, waiter);
}

/* Begin, run and end a call by itself. */
enum call_outcome call_execute(struct call *call, struct reply *reply, struct waiter *waiter);

/* Whether the call names an element of its key's value that it looks up. */
static inline bool call_names_element(const struct call *call)
{
    return call->key_count == 1 && call->command->element != 0;
}

/* Whether two such calls do so in the same value. */
bool call_shares_value(const struct call *a, const struct call *b);

/* Bring what calls that share a value are going to read there into the cache, the memory
 * accesses of all overlapping. Holds the shard's lock for some microseconds; does nothing when
 * it is busy. */
enum { CALL_PREFETCH_MAX = 32 };
void call_prefetch_elements(const struct call *const *calls, unsigned count);

/* Free what call_prepare allocated. */
void call_release(struct call *call, const struct call_context *context);

/* ---- for handlers ---- */

/* Answer from a background thread: `job` gets the block of `size` bytes returned
 * here, zeroed, for the handler to fill; it is freed after the job. NULL when out of
 * memory (already answered). */
void *call_defer(struct call *call, call_job job, size_t size);

/* Whether the handler is to leave the call, of which nothing was answered or changed, to a
 * background thread, where this says no; as it does in a group. */
static inline bool call_moves(struct call *call)
{
    if (call->is_in_background || call->is_in_group) {
        return false;
    }
    call->outcome = CALL_MOVED;
    return true;
}

/* The i-th key, in loops over all keys of a call in order. */
static inline struct key *call_key(struct call *call, uint32_t i)
{
    if (UNLIKELY(call->is_in_background)) { // No batch has prefetched them.
        keyspace_prefetch_many(call->access.keyspace, call->access.db, call->keys, call->key_count,
                               i);
    }
    return &call->keys[i];
}

/* Lock the call's shards if that was left to the handler (COMMAND_STAGES). 0 or -ENOMEM. */
NODISCARD int call_lock(struct call *call);

/* The block around a deferred call's state, and its size: from MEMORY_JOB, to be freed by who
 * runs the job. */
static inline void *call_job_block(const struct call *call)
{
    return (char *)call->job_state - call->context->job_header_size;
}

static inline size_t call_job_block_size(const struct call *call)
{
    return call->context->job_header_size + call->job_state_size;
}

/* Whether anybody listens to effects: ask before preparing one. */
static inline bool call_has_listener(const struct call *call)
{
    return UNLIKELY((call->access.observers & OBSERVES_EFFECTS) != 0);
}

/* Tell who listens that this command was done; event.keys says which arguments are keys. */
static inline void call_effect(struct call *call, struct effect_event event,
                               const struct bytes *argv, uint32_t argc)
{
    if (call_has_listener(call)) {
        effects_tell(&call->access, event, argv, argc);
    }
}

/* The value under the call's first key was changed in place: tell who listens. */
static inline void call_touch(struct call *call)
{
    if (UNLIKELY(call->access.observers != 0)) {
        keyspace_touch(&call->access, call->keys);
    }
}

/* Answer "-ERR out of memory". */
void call_out_of_memory(struct call *call);
