/* Commands on strings. */
#include "base/number.h"
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/option_internal.h"
#include "proto/request.h"
#include "value/string/string_value.h"

#include <string.h>

// ---- reading ----

void handle_get(struct call *call)
{
    struct entry *entry;
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    if (entry == NULL) {
        reply_nil(call->reply);
        return;
    }
    reply_string(call, entry);
}

void handle_mget(struct call *call)
{
    reply_array(call->reply, call->key_count);
    for (uint32_t i = 0; i < call->key_count; i++) {
        const struct entry *entry = keyspace_find(&call->access, call_key(call, i));
        if (entry != NULL && entry_type(entry) == VALUE_STRING) {
            reply_string(call, entry);
        } else {
            reply_nil(call->reply);
        }
    }
}

void handle_strlen(struct call *call)
{
    struct entry *entry;
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    struct entry_scratch scratch;
    reply_integer(call->reply, entry == NULL ? 0 : (int64_t)entry_string(entry, &scratch).size);
}

void handle_getdel(struct call *call)
{
    struct entry *entry;
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    if (entry == NULL) {
        reply_nil(call->reply);
        return;
    }
    reply_string(call, entry);
    (void)keyspace_remove(&call->access, call->keys);
    effect_delete(call, call->keys);
}

// Let the call's key expire at a time, or never (0). False: no memory, nothing is changed.
static bool change_deadline(struct call *call, uint64_t deadline_ms)
{
    if (keyspace_set_deadline(&call->access, call->keys, deadline_ms) < 0) {
        call_out_of_memory(call);
        return false;
    }
    if (deadline_ms != 0) {
        effect_deadline(call, call->keys, deadline_ms);
        return true;
    }
    const struct bytes effect[] = {BYTES("PERSIST"), call->keys->name};
    call_effect(call, (struct effect_event){"persist", EFFECT_GENERIC, EFFECT_ONE_KEY}, effect, 2);
    return true;
}

void handle_getex(struct call *call)
{
    enum { PERSIST = 1 << EXPIRY_UNITS };
    static const struct args_option table[] = {
        {"PERSIST", .flag = PERSIST, .excludes = OPTION_EXPIRY},
        EXPIRY_OPTIONS(PERSIST),
    };
    struct args args = args_from(call, 2);
    struct args_found found;
    struct entry *entry;
    uint64_t deadline_ms = 0;
    if (!args_options(&args, table, sizeof(table) / sizeof(table[0]), &found) || !args_end(&args) ||
        !call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    if (entry == NULL) {
        reply_nil(call->reply);
        return;
    }
    if (!expiry_of_options(call, &found, &deadline_ms)) {
        return;
    }
    if (deadline_ms != 0 && deadline_ms <= call->access.now_ms) {
        reply_string(call, entry);
        (void)keyspace_remove(&call->access, call->keys);
        effect_delete(call, call->keys);
        return;
    }
    bool persists = (found.flags & PERSIST) != 0 && entry_deadline_ms(entry) != 0;
    if ((deadline_ms != 0 || persists) && !change_deadline(call, deadline_ms)) {
        return;
    }
    reply_string(call, keyspace_find(&call->access, call->keys)); // It may have moved.
}

// ---- SET ----

enum set_option {
    SET_NX = 1 << EXPIRY_UNITS,
    SET_XX = SET_NX << 1,
    SET_GET = SET_NX << 2,
    SET_KEEPTTL = SET_NX << 3,
};

static const struct args_option set_options[] = {
    {"NX", .flag = SET_NX, .excludes = SET_XX},
    {"XX", .flag = SET_XX, .excludes = SET_NX},
    {"GET", .flag = SET_GET},
    {"KEEPTTL", .flag = SET_KEEPTTL, .excludes = OPTION_EXPIRY},
    EXPIRY_OPTIONS(SET_KEEPTTL),
};
enum { SET_OPTIONS = sizeof(set_options) / sizeof(set_options[0]) };

/* The old string that SET ... GET answers, kept while the key is overwritten. */
struct old_string {
    bool present;
    struct value *held; // A long one; NULL: a copy.
    struct bytes bytes;
    char copy[STRING_EMBEDDED_MAX];
};

static void old_string_keep(struct old_string *old, const struct entry *entry,
                            struct store_thread *thread)
{
    old->present = entry != NULL;
    old->held = NULL;
    if (entry == NULL) {
        return;
    }
    struct entry_scratch scratch;
    old->bytes = entry_string(entry, &scratch);
    if (entry_encoding(entry) == ENTRY_VALUE) {
        old->held = entry_value(entry);
        keyspace_hold(thread, old->held);
        return;
    }
    ASSERT(old->bytes.size <= sizeof(old->copy));
    if (old->bytes.size > 0) {
        memcpy(old->copy, old->bytes.data, old->bytes.size);
    }
    old->bytes.data = old->copy;
}

static void old_string_drop(const struct old_string *old, struct call *call)
{
    if (old->held != NULL) {
        keyspace_drop(call->access.thread, old->held);
    }
}

static void old_string_answer(const struct old_string *old, struct call *call)
{
    if (!old->present) {
        reply_nil(call->reply);
    } else if (old->held != NULL) {
        reply_string_held(call, old->bytes, old->held);
    } else {
        reply_value(call->reply, old->bytes);
    }
}

// Put the value, or delete the key when its deadline has passed already. False: no memory.
static bool set_value(struct call *call, const struct put_options *put)
{
    if (put->deadline_ms != 0 && put->deadline_ms <= call->access.now_ms) {
        if (keyspace_remove(&call->access, call->keys)) {
            effect_delete(call, call->keys);
        }
        return true;
    }
    if (keyspace_put_string(&call->access, call->keys, call->argv[2], put) < 0) {
        call_out_of_memory(call);
        return false;
    }
    effect_set(call, call->keys, "set");
    if (put->deadline_ms != 0) {
        effect_event(call, call->keys, "expire", EFFECT_GENERIC);
    }
    return true;
}

// SET that depends on what is there.
static void set_conditionally(struct call *call, uint32_t options, const struct put_options *put)
{
    const struct entry *entry = keyspace_find(&call->access, call->keys);
    bool skips = (options & (entry != NULL ? SET_NX : SET_XX)) != 0;
    if ((options & SET_GET) == 0) {
        if (skips) {
            reply_nil(call->reply);
        } else if (set_value(call, put)) {
            reply_ok(call->reply);
        }
        return;
    }
    if (entry != NULL && entry_type(entry) != VALUE_STRING) {
        reply_wrong_type(call->reply);
        return;
    }
    struct old_string old;
    old_string_keep(&old, entry, call->access.thread);
    if (skips || set_value(call, put)) {
        old_string_answer(&old, call);
    } else {
        old_string_drop(&old, call);
    }
}

void handle_set(struct call *call)
{
    struct put_options put = {0};
    if (UNLIKELY(call->argc > 3)) {
        struct args args = args_from(call, 3);
        struct args_found found;
        if (!args_options(&args, set_options, SET_OPTIONS, &found) || !args_end(&args) ||
            !expiry_of_options(call, &found, &put.deadline_ms)) {
            return;
        }
        put.keeps_deadline = (found.flags & SET_KEEPTTL) != 0;
        if ((found.flags & (SET_NX | SET_XX | SET_GET)) != 0) {
            set_conditionally(call, found.flags, &put);
            return;
        }
    }
    if (set_value(call, &put)) {
        reply_ok(call->reply);
    }
}

void handle_mset(struct call *call)
{
    if (call->argc % 2 == 0) {
        reply_wrong_arity(call->reply, call->command);
        return;
    }
    struct staged staged = {.count = call->key_count};
    struct access *access = &call->access;
    if (keyspace_stage_strings(access, call->keys, call->argv + 2, &staged) < 0) {
        call_out_of_memory(call);
        return;
    }
    int error = call_lock(call);
    if (error == 0) {
        error = keyspace_put_staged(access, call->keys, &staged);
    }
    keyspace_free_staged(access, &staged);
    if (error < 0) {
        call_out_of_memory(call);
        return;
    }
    call_effect(call, (struct effect_event){"set", EFFECT_STRING, EFFECT_KEY_VALUE_PAIRS},
                call->argv, call->argc);
    reply_ok(call->reply);
}

// ---- changing ----

void handle_append(struct call *call)
{
    struct entry *entry;
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    struct entry_scratch scratch;
    size_t old_size = entry == NULL ? 0 : entry_string(entry, &scratch).size;
    if (call->argv[2].size > PROTO_VALUE_MAX - old_size) {
        reply_error(call->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return;
    }
    size_t size;
    if (keyspace_append(&call->access, call->keys, call->argv[2], &size) < 0) {
        call_out_of_memory(call);
        return;
    }
    if (entry == NULL) {
        effect_set(call, call->keys, "append");
    } else {
        const struct bytes effect[] = {BYTES("APPEND"), call->keys->name, call->argv[2]};
        call_effect(call, (struct effect_event){"append", EFFECT_STRING, EFFECT_ONE_KEY}, effect,
                    3);
    }
    reply_integer(call->reply, (int64_t)size);
}

static void add_to_integer(struct call *call, int64_t increment, const char *event)
{
    struct entry *entry;
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    int64_t value = 0;
    struct entry_scratch scratch;
    if (entry != NULL && !number_parse_integer(entry_string(entry, &scratch), &value)) {
        reply_error(call->reply, "ERR value is not an integer or out of range");
        return;
    }
    if (__builtin_add_overflow(value, increment, &value)) {
        reply_error(call->reply, "ERR increment or decrement would overflow");
        return;
    }
    const struct put_options put = {.keeps_deadline = true};
    if (keyspace_put_integer(&call->access, call->keys, value, &put) < 0) {
        call_out_of_memory(call);
        return;
    }
    effect_set(call, call->keys, event);
    reply_integer(call->reply, value);
}

void handle_incr(struct call *call)
{
    add_to_integer(call, 1, "incrby");
}

void handle_decr(struct call *call)
{
    add_to_integer(call, -1, "decrby");
}

void handle_incrby(struct call *call)
{
    int64_t increment;
    if (call_integer(call, 2, &increment)) {
        add_to_integer(call, increment, "incrby");
    }
}

void handle_decrby(struct call *call)
{
    int64_t decrement;
    if (!call_integer(call, 2, &decrement)) {
        return;
    }
    if (decrement == INT64_MIN) {
        reply_error(call->reply, "ERR decrement would overflow");
        return;
    }
    add_to_integer(call, -decrement, "decrby");
}
