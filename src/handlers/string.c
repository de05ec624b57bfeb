/* Strings as a whole, and appending to them. */
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"

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
    reply_integer(call->reply, (int64_t)string_at(entry, &scratch).size);
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

// ---- changing ----

void handle_append(struct call *call)
{
    struct entry *entry;
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    struct entry_scratch scratch;
    if (!string_may_have(call, string_at(entry, &scratch).size + call->argv[2].size)) {
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
