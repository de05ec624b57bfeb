/* Before the locks: which command a request is, and which keys it has. */
#include "command/call.h"
#include "store/prefetch.h"

#include <stdlib.h>

enum { INSERTION_SORT_MAX = 16 }; // Shards.

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

// Prepare a run of keys, the first of which is the call's key `at`.
static void prepare_run(const struct call *call, struct key_run run, uint32_t at)
{
    const struct bytes *name = call->argv + run.first;
    struct key *keys = call->keys + at;
    uint32_t *shards = call->shards + at;
    for (uint32_t i = 0; i < run.count; i++, name += run.step) {
        shards[i] = prepare_key(call, &keys[i], *name);
    }
}

// Whatever is not one key at a fixed place.
static __attribute__((noinline)) void prepare_keys(struct call *call, struct call_context *context)
{
    const struct command *command = call->command;
    struct key_runs runs;
    if (UNLIKELY(key_specs_find(command->key_specs, command->spec_count, call->argv, call->argc,
                                &runs) != KEY_FINE)) {
        call->mistake = CALL_WRONG_KEY_COUNT;
        return;
    }
    if (runs.key_count == 0) {
        return;
    }
    if (UNLIKELY(!take_key_space(call, context, runs.key_count))) {
        call->mistake = CALL_OUT_OF_MEMORY;
        return;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < runs.run_count; i++) {
        prepare_run(call, runs.runs[i], at);
        at += runs.runs[i].count;
    }
    call->key_count = at;
    call->shard_count = unique_shards(call->shards, at);
}

// The subcommand that is meant without one; NULL: none.
static const struct command *find_alone(const struct command *container)
{
    for (uint32_t i = 1; i <= container->subcommands; i++) {
        if ((container[i].flags & COMMAND_ALONE) != 0) {
            return &container[i];
        }
    }
    return NULL;
}

/* The arity does not fit: it is a mistake, or a container, of which a subcommand is meant.
 * Whether the call has a command now whose arity it is within. */
static __attribute__((noinline)) bool find_meant(struct call *call,
                                                 const struct call_context *context)
{
    const struct command *command = call->command;
    if (command_is_container(command) && call->argc == 1) {
        command = find_alone(command);
        call->mistake = command == NULL ? CALL_WRONG_ARITY : CALL_FINE;
    } else if (command_is_container(command)) {
        command = command_find_subcommand(context->commands, command, call->argv[1]);
        if (command == NULL) {
            call->mistake = CALL_UNKNOWN_SUBCOMMAND;
        } else if (call->argc < command->argc_min || call->argc > command->argc_max) {
            call->mistake = CALL_WRONG_ARITY;
        }
    } else {
        call->mistake = CALL_WRONG_ARITY;
    }
    if (command != NULL) {
        call->command = command;
    }
    return call->mistake == CALL_FINE;
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
    call->access.now_ms = context->now_ms;
    call->session = session;
    call->context = context;
    call->mistake = CALL_FINE;
    call->is_in_group = false;
    call->is_in_background = false;
    call->is_locked = false;
    call->is_among_many = false;
    call->has_stepped_in = false;
    if (UNLIKELY(command == NULL)) {
        call->mistake = CALL_UNKNOWN;
        return;
    }
    if (UNLIKELY(argc < command->argc_min || argc > command->argc_max)) {
        if (!find_meant(call, context)) {
            return;
        }
        command = call->command;
    }
    if (LIKELY(command->key_at != 0)) { // As nearly all: without loops.
        if (UNLIKELY(!take_key_space(call, context, 1))) {
            call->mistake = CALL_OUT_OF_MEMORY;
            return;
        }
        call->shards[0] = prepare_key(call, call->keys, argv[command->key_at]);
        call->key_count = 1;
        call->shard_count = 1;
    } else if (command->spec_count != 0) {
        prepare_keys(call, context);
    }
}
