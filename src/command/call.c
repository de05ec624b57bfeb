#include "command/call.h"

#include "base/number.h"
#include "command/handler.h"
#include "proto/http.h"
#include "store/barrier.h"

#include <stdio.h>
#include <string.h>

enum { UNKNOWN_SHOWN_MAX = 128 }; // Bytes of an unknown command and of its arguments in errors.

// ---- execution ----

static int shown(struct bytes text, size_t room)
{
    return (int)(text.size < room ? text.size : room);
}

static void reply_unknown_command(struct call *call)
{
    // Each argument costs its own bytes, two quotes and a blank.
    char args[UNKNOWN_SHOWN_MAX + 4];
    size_t used = 0;
    for (uint32_t i = 1; i < call->argc && used < UNKNOWN_SHOWN_MAX; i++) {
        // As in Redis, an argument is shown up to its first NUL.
        int size = (int)strnlen(call->argv[i].data,
                                (size_t)shown(call->argv[i], UNKNOWN_SHOWN_MAX - used));
        args[used++] = '\'';
        memcpy(args + used, call->argv[i].data, (size_t)size);
        used += (size_t)size;
        args[used++] = '\'';
        args[used++] = ' ';
    }
    reply_error(call->reply, "ERR unknown command '%.*s', with args beginning with: %.*s",
                shown(call->argv[0], UNKNOWN_SHOWN_MAX), call->argv[0].data, (int)used, args);
}

static void reply_unknown_subcommand(struct call *call)
{
    struct command_name name;
    reply_error(call->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.",
                shown(call->argv[1], UNKNOWN_SHOWN_MAX), call->argv[1].data,
                command_upper_name(call->command, &name));
}

static void reply_wrong_key_count(struct call *call)
{
    const struct command *command = call->command;
    struct key_runs runs;
    enum key_mistake mistake =
        key_specs_find(command->key_specs, command->spec_count, call->argv, call->argc, &runs);
    const char *text = key_mistake_text(command->key_specs[runs.run_count].count_kind, mistake);
    if (text == NULL) {
        reply_error(call->reply, "ERR at least 1 input key is needed for '%s' command",
                    command->name);
    } else {
        reply_error(call->reply, "%s", text);
    }
}

static enum call_outcome answer_mistake(struct call *call)
{
    switch (call->mistake) {
    case CALL_UNKNOWN:
        if (http_is_command(call->argv[0])) {
            call->session->closes = call->session->sent_http = true;
            break;
        }
        reply_unknown_command(call);
        break;
    case CALL_UNKNOWN_SUBCOMMAND:
        reply_unknown_subcommand(call);
        break;
    case CALL_WRONG_ARITY:
        reply_wrong_arity(call->reply, call->command);
        break;
    case CALL_WRONG_KEY_COUNT:
        reply_wrong_key_count(call);
        break;
    case CALL_REFUSED:
        reply_error(call->reply, "ERR not executed, as the MULTI before it was refused");
        break;
    case CALL_OUT_OF_MEMORY:
        call_out_of_memory(call);
        break;
    case CALL_FINE:
        ASSERT(false);
    }
    return CALL_DONE;
}

bool call_may_edit_now(struct call *call, struct waiter *waiter)
{
    call->access.counts_lookups = false;
    for (uint32_t i = 0; i < call->key_count; i++) {
        if (!keyspace_may_change(&call->access, &call->keys[i], waiter)) {
            return false;
        }
    }
    return true;
}

// The same, or between MULTI and EXEC: then it becomes one.
static bool is_refused(struct call *call)
{
    if (call->mistake == CALL_FINE && call->session->refuses &&
        (call->command->flags & COMMAND_UNQUEUED) == 0) {
        call->mistake = CALL_REFUSED;
    }
    return call_is_mistake(call);
}

// Memory for what stores, and room for what was flushed. False: wait; or a mistake is set.
static inline bool has_room(struct call *call, struct waiter *waiter)
{
    struct access *access = &call->access;
    if ((call->command->flags & COMMAND_FLUSHES) != 0) {
        return keyspace_may_flush(access, waiter);
    }
    if (UNLIKELY(!access_has_memory(access, waiter))) {
        return false;
    }
    if (UNLIKELY(access_ensure_database(access) < 0)) {
        call->mistake = CALL_OUT_OF_MEMORY;
    }
    return true;
}

// Begin a call without a mistake.
static inline enum call_outcome begin(struct call *call, struct waiter *waiter)
{
    const struct command *command = call->command;
    struct access *access = &call->access;
    access_open(access, access->keyspace, access->thread, call->session->db, access->now_ms);
    if ((command->flags & (COMMAND_NEEDS_MEMORY | COMMAND_FLUSHES)) != 0) {
        if (UNLIKELY(!has_room(call, waiter))) {
            return CALL_WAITS;
        }
        if (UNLIKELY(call_is_mistake(call))) {
            return CALL_DONE;
        }
    }
    if (UNLIKELY(!access_lock(access, call->shards, call->shard_count, waiter))) {
        return CALL_WAITS;
    }
    bool writes = (command->flags & COMMAND_WRITES) != 0;
    if (UNLIKELY((access->observers & OBSERVES_BARRIER) != 0) && !barrier_pass(access, writes)) {
        access_unlock(access, call->shards, call->shard_count);
        barrier_park(access->keyspace, waiter);
        return CALL_WAITS;
    }
    if (UNLIKELY(!call_may_edit(call, waiter))) {
        access_unlock(access, call->shards, call->shard_count);
        return CALL_WAITS;
    }
    return CALL_DONE;
}

// Whether the handler is not to be run. One branch for all that is not as usual.
static inline bool is_unusual(struct call *call)
{
    return UNLIKELY(((uint32_t)call->mistake | call->session->refuses) != 0) && is_refused(call);
}

enum call_outcome call_begin(struct call *call, struct waiter *waiter)
{
    return is_unusual(call) ? CALL_DONE : begin(call, waiter);
}

// In a group, do now what a handler left to the background.
static void run_deferred_now(struct call *call)
{
    struct deferred deferred = {.access = call->access, .reply = call->reply};
    call->job(&deferred, call->job_state);
    pool_free(call->access.thread->pool, MEMORY_JOB, call_job_block(call),
              call_job_block_size(call));
    call->outcome = CALL_DONE;
}

// Run the handler of a call without a mistake.
static inline enum call_outcome run(struct call *call, struct reply *reply)
{
    call->reply = reply;
    call->outcome = CALL_DONE;
    call->access.counts_lookups = (call->command->flags & COMMAND_READS) != 0;
    call->command->handler(call);
    if (UNLIKELY(call->outcome == CALL_DEFERRED && call->is_in_group)) {
        run_deferred_now(call);
    }
    return call->outcome;
}

enum call_outcome call_run(struct call *call, struct reply *reply)
{
    if (call_is_mistake(call)) {
        call->reply = reply;
        return answer_mistake(call);
    }
    return run(call, reply);
}

static inline void end(struct call *call)
{
    access_check_told(&call->access);
    access_unlock(&call->access, call->shards, call->shard_count);
}

void call_end(struct call *call)
{
    if (!call_is_mistake(call)) {
        end(call);
    }
}

enum call_outcome call_execute(struct call *call, struct reply *reply, struct waiter *waiter)
{
    if (!is_unusual(call)) {
        if (UNLIKELY(begin(call, waiter) == CALL_WAITS)) {
            return CALL_WAITS;
        }
        if (LIKELY(!call_is_mistake(call))) {
            enum call_outcome outcome = run(call, reply);
            end(call);
            return outcome;
        }
    }
    call->reply = reply;
    return answer_mistake(call);
}

void call_release(struct call *call, const struct call_context *context)
{
    if (UNLIKELY(call->allocated != NULL)) {
        pool_free(context->thread->pool, MEMORY_JOB, call->allocated, call->allocated_size);
        call->allocated = NULL;
    }
}

// ---- for handlers ----

void *call_defer(struct call *call, call_job job, size_t size)
{
    size_t header = call->context->job_header_size;
    char *block = pool_alloc(call->access.thread->pool, MEMORY_JOB, header + size);
    if (block == NULL) {
        call_out_of_memory(call);
        return NULL;
    }
    void *state = block + header;
    memset(state, 0, size);
    call->job = job;
    call->job_is_short = false;
    call->job_state = state;
    call->job_state_size = size;
    call->outcome = CALL_DEFERRED;
    return state;
}

void call_out_of_memory(struct call *call)
{
    reply_error(call->reply, "ERR out of memory");
}

void reply_syntax_error(struct reply *reply)
{
    reply_error(reply, "ERR syntax error");
}

void reply_wrong_type(struct reply *reply)
{
    reply_error(reply, "WRONGTYPE Operation against a key holding the wrong kind of value");
}

const char *command_upper_name(const struct command *command, struct command_name *name)
{
    size_t size = 0;
    for (const char *c = command->name; *c != '\0'; c++) {
        ASSERT(size + 1 < sizeof(name->text));
        bool is_letter = *c >= 'a' && *c <= 'z';
        name->text[size++] = (char)(is_letter ? *c - 'a' + 'A' : *c == '|' ? ' ' : *c);
    }
    name->text[size] = '\0';
    return name->text;
}

void reply_wrong_arity(struct reply *reply, const struct command *command)
{
    reply_error(reply, "ERR wrong number of arguments for '%s' command", command->name);
}

void reply_invalid_expiry(struct call *call)
{
    reply_error(call->reply, "ERR invalid expire time in '%s' command", call->command->name);
}

bool call_integer(struct call *call, uint32_t index, int64_t *value_out)
{
    if (number_parse_integer(call->argv[index], value_out)) {
        return true;
    }
    reply_error(call->reply, "ERR value is not an integer or out of range");
    return false;
}

bool call_find(struct call *call, enum value_type type, struct entry **entry_out)
{
    struct entry *entry = keyspace_find(&call->access, call->keys);
    *entry_out = entry;
    if (entry != NULL && UNLIKELY(entry_type(entry) != type)) {
        reply_wrong_type(call->reply);
        return false;
    }
    return true;
}

void reply_string(struct call *call, const struct entry *entry)
{
    struct entry_scratch scratch;
    struct bytes string = entry_string(entry, &scratch);
    if (LIKELY(entry_encoding(entry) != ENTRY_VALUE)) {
        reply_value(call->reply, string);
        return;
    }
    struct value *value = entry_value(entry);
    keyspace_hold(call->access.thread, value);
    reply_string_held(call, string, value);
}

void reply_string_held(struct call *call, struct bytes string, struct value *value)
{
    if (!reply_value_lent(call->reply, string, value)) {
        keyspace_drop(call->access.thread, value);
    }
}
