#include "command/call.h"

#include "base/number.h"
#include "command/handler.h"
#include "proto/http.h"
#include "store/prefetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INSERTION_SORT_MAX = 16, // Shards.
    UNKNOWN_SHOWN_MAX = 128, // Bytes of an unknown command and of its arguments in the error.
};

// ---- before the locks ----

static int compare_shards(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void sort_shards(uint32_t *shards, uint32_t count)
{
    if (count > INSERTION_SORT_MAX) {
        qsort(shards, count, sizeof(*shards), compare_shards);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        uint32_t shard = shards[i];
        uint32_t at = i;
        for (; at > 0 && shards[at - 1] > shard; at--) {
            shards[at] = shards[at - 1];
        }
        shards[at] = shard;
    }
}

// Sort and drop repetitions; how many are left.
static uint32_t unique_shards(uint32_t *shards, uint32_t count)
{
    sort_shards(shards, count);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++) {
        if (shards[i] != shards[kept - 1]) {
            shards[kept++] = shards[i];
        }
    }
    return kept;
}

// From the context's space while there is enough, else allocated. False when out of memory.
static bool take_key_space(struct call *call, struct call_context *context, uint32_t count)
{
    struct key_space *space = &context->space;
    call->keys = space->keys;
    call->shards = space->shards;
    if (LIKELY(count <= space->left)) {
        space->keys += count;
        space->shards += count;
        space->left -= count;
        return true;
    }
    call->allocated_size = count * (sizeof(struct key) + sizeof(uint32_t));
    call->allocated = pool_alloc(context->thread->pool, MEMORY_JOB, call->allocated_size);
    if (call->allocated == NULL) {
        return false;
    }
    call->keys = call->allocated;
    call->shards = (uint32_t *)(void *)(call->keys + count);
    return true;
}

// Hash a key and begin to prefetch what is stored under it; its shard.
static inline uint32_t prepare_key(const struct call *call, struct key *key, struct bytes name)
{
    const struct keyspace *keyspace = call->access.keyspace;
    // Field by field: the hash of a whole struct that is copied is read before it has arrived.
    key->name = name;
    key->hash = keyspace_hash(keyspace, name);
    keyspace_prefetch_table(keyspace, call->session->db, key);
    return keyspace_shard(keyspace, key->hash);
}

static void prepare_keys(struct call *call, const struct command *command, uint32_t count)
{
    const struct bytes *name = call->argv + command->key_first;
    for (uint32_t i = 0; i < count; i++, name += command->key_step) {
        call->shards[i] = prepare_key(call, &call->keys[i], *name);
    }
    call->key_count = count;
    call->shard_count = unique_shards(call->shards, count);
}

void call_prepare(struct call *call, struct call_context *context, struct session *session,
                  const struct bytes *argv, uint32_t argc)
{
    const struct command *command = command_find(context->commands, argv[0]);
    call->command = command;
    call->argv = argv;
    call->argc = argc;
    call->key_count = 0;
    call->shard_count = 0;
    call->allocated = NULL;
    call->access.keyspace = context->keyspace;
    call->access.thread = context->thread;
    call->access.effects = context->effects;
    call->access.now_ms = context->now_ms;
    call->session = session;
    call->context = context;
    call->out_of_memory = false;
    call->wrong_arity = false;
    call->is_in_group = false;
    if (UNLIKELY(command == NULL)) {
        return;
    }
    if (UNLIKELY(argc < command->argc_min || argc > command->argc_max)) {
        call->wrong_arity = true;
        return;
    }
    if (command->key_first == 0) {
        return;
    }
    bool has_one = command->key_first == command->key_last; // As nearly all: without loops.
    uint32_t count = LIKELY(has_one) ? 1 : command_key_count(command, argc);
    if (UNLIKELY(!take_key_space(call, context, count))) {
        call->out_of_memory = true;
    } else if (LIKELY(has_one)) {
        call->shards[0] = prepare_key(call, call->keys, argv[command->key_first]);
        call->key_count = 1;
        call->shard_count = 1;
    } else {
        prepare_keys(call, command, count);
    }
}

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

static enum call_outcome answer_mistake(struct call *call)
{
    if (call->out_of_memory) {
        call_out_of_memory(call);
    } else if (call->command == NULL && http_is_command(call->argv[0])) {
        call->session->closes = call->session->sent_http = true;
    } else if (call->command == NULL) {
        reply_unknown_command(call);
    } else {
        reply_wrong_arity(call->reply, call->command);
    }
    return CALL_DONE;
}

// Whether the handler is not to be run: the client's mistake, or no memory to begin with.
static inline bool is_mistake(const struct call *call)
{
    return call->command == NULL || call->wrong_arity || call->out_of_memory;
}

bool call_may_edit(struct call *call, struct waiter *waiter)
{
    if (LIKELY((call->command->flags & COMMAND_EDITS) == 0 ||
               !keyspace_has_walks(call->access.keyspace))) {
        return true;
    }
    call->access.counts_lookups = false;
    for (uint32_t i = 0; i < call->key_count; i++) {
        if (!keyspace_may_change(&call->access, &call->keys[i], waiter)) {
            return false;
        }
    }
    return true;
}

enum call_outcome call_begin(struct call *call, struct waiter *waiter)
{
    if (UNLIKELY(is_mistake(call))) {
        return CALL_DONE;
    }
    const struct command *command = call->command;
    struct access *access = &call->access;
    access_open(access, access->keyspace, access->thread, call->session->db, access->now_ms);
    if ((command->flags & COMMAND_NEEDS_MEMORY) != 0) {
        if (UNLIKELY(!access_has_memory(access, waiter))) {
            return CALL_WAITS;
        }
        if (UNLIKELY(access_ensure_database(access) < 0)) {
            call->out_of_memory = true;
            return CALL_DONE;
        }
    }
    if (UNLIKELY(!access_lock(access, call->shards, call->shard_count, waiter))) {
        return CALL_WAITS;
    }
    if (UNLIKELY(!call_may_edit(call, waiter))) {
        access_unlock(access, call->shards, call->shard_count);
        return CALL_WAITS;
    }
    return CALL_DONE;
}

// In a group, do now what a handler left to the background.
static void run_deferred_now(struct call *call)
{
    struct deferred deferred = {.access = call->access, .reply = call->reply};
    call->job(&deferred, call->job_state);
    pool_free(call->access.thread->pool, MEMORY_JOB, call->job_state, call->job_state_size);
    call->outcome = CALL_DONE;
}

enum call_outcome call_run(struct call *call, struct reply *reply)
{
    call->reply = reply;
    call->outcome = CALL_DONE;
    if (UNLIKELY(is_mistake(call))) {
        return answer_mistake(call);
    }
    call->access.counts_lookups = (call->command->flags & COMMAND_READS) != 0;
    call->command->handler(call);
    if (UNLIKELY(call->outcome == CALL_DEFERRED && call->is_in_group)) {
        run_deferred_now(call);
    }
    return call->outcome;
}

void call_end(struct call *call)
{
    if (LIKELY(!is_mistake(call))) {
        access_unlock(&call->access, call->shards, call->shard_count);
    }
}

enum call_outcome call_execute(struct call *call, struct reply *reply, struct waiter *waiter)
{
    if (UNLIKELY(call_begin(call, waiter) == CALL_WAITS)) {
        return CALL_WAITS;
    }
    enum call_outcome outcome = call_run(call, reply);
    call_end(call);
    return outcome;
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
    void *state = pool_alloc(call->access.thread->pool, MEMORY_JOB, size);
    if (state == NULL) {
        call_out_of_memory(call);
        return NULL;
    }
    memset(state, 0, size);
    call->job = job;
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

const char *command_lower_name(const struct command *command, struct command_name *name)
{
    size_t size = 0;
    for (; command->name[size] != '\0' && size + 1 < sizeof(name->text); size++) {
        name->text[size] = (char)(command->name[size] | 0x20); // Names are letters.
    }
    name->text[size] = '\0';
    return name->text;
}

void reply_wrong_arity(struct reply *reply, const struct command *command)
{
    struct command_name name;
    reply_error(reply, "ERR wrong number of arguments for '%s' command",
                command_lower_name(command, &name));
}

void reply_invalid_expiry(struct call *call)
{
    struct command_name name;
    reply_error(call->reply, "ERR invalid expire time in '%s' command",
                command_lower_name(call->command, &name));
}

void reply_unknown_subcommand(struct call *call)
{
    reply_error(call->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.",
                shown(call->argv[1], UNKNOWN_SHOWN_MAX), call->argv[1].data, call->command->name);
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
    value_hold(value);
    reply_string_held(call, string, value);
}

void reply_string_held(struct call *call, struct bytes string, struct value *value)
{
    if (!reply_value_lent(call->reply, string, value)) {
        keyspace_drop_lent(call->access.thread, value);
    }
}
