/* Commands on keys of any type. */
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/option_internal.h"

// ---- deleting and looking ----

static void delete_keys(struct call *call)
{
    struct effect_list effect;
    if (!effect_list_begin(&effect, call, "DEL", NULL, call->key_count)) {
        return;
    }
    int64_t count = 0;
    for (uint32_t i = 0; i < call->key_count; i++) {
        if (keyspace_remove(&call->access, &call->keys[i])) {
            effect_list_add(&effect, call->keys[i].name);
            count++;
        }
    }
    effect_list_end(&effect, call, (struct effect_event){"del", EFFECT_GENERIC, EFFECT_ALL_KEYS});
    reply_integer(call->reply, count);
}

void handle_del(struct call *call)
{
    delete_keys(call);
}

void handle_unlink(struct call *call)
{
    delete_keys(call);
}

void handle_exists(struct call *call)
{
    int64_t count = 0;
    for (uint32_t i = 0; i < call->key_count; i++) {
        count += keyspace_find(&call->access, &call->keys[i]) != NULL;
    }
    reply_integer(call->reply, count);
}

void handle_type(struct call *call)
{
    const struct entry *entry = keyspace_find(&call->access, call->keys);
    reply_status(call->reply, entry == NULL ? "none" : value_type_ops(entry_type(entry))->name);
}

// ---- asking for deadlines ----

enum { NO_KEY = -2, NO_DEADLINE = -1, MS_PER_SECOND = 1000 };

static int64_t rounded_seconds(int64_t ms)
{
    return (ms + MS_PER_SECOND / 2) / MS_PER_SECOND;
}

// The deadline of the call's key in milliseconds, NO_DEADLINE or NO_KEY.
static int64_t find_deadline(struct call *call)
{
    const struct entry *entry = keyspace_find(&call->access, call->keys);
    if (entry == NULL) {
        return NO_KEY;
    }
    uint64_t deadline_ms = entry_deadline_ms(entry);
    return deadline_ms == 0 ? NO_DEADLINE : (int64_t)deadline_ms;
}

void handle_ttl(struct call *call)
{
    int64_t deadline_ms = find_deadline(call);
    reply_integer(call->reply, deadline_ms < 0
                                   ? deadline_ms
                                   : rounded_seconds(deadline_ms - (int64_t)call->access.now_ms));
}

void handle_pttl(struct call *call)
{
    int64_t deadline_ms = find_deadline(call);
    reply_integer(call->reply,
                  deadline_ms < 0 ? deadline_ms : deadline_ms - (int64_t)call->access.now_ms);
}

void handle_expiretime(struct call *call)
{
    int64_t deadline_ms = find_deadline(call);
    reply_integer(call->reply, deadline_ms < 0 ? deadline_ms : rounded_seconds(deadline_ms));
}

void handle_pexpiretime(struct call *call)
{
    reply_integer(call->reply, find_deadline(call));
}

// ---- changing deadlines ----

struct expire_options {
    bool if_without; // NX
    bool if_with;    // XX
    bool if_later;   // GT
    bool if_earlier; // LT
};

static bool parse_expire_options(struct call *call, struct expire_options *options)
{
    for (uint32_t i = 3; i < call->argc; i++) {
        struct bytes word = call->argv[i];
        if (bytes_is_word(word, "NX")) {
            options->if_without = true;
        } else if (bytes_is_word(word, "XX")) {
            options->if_with = true;
        } else if (bytes_is_word(word, "GT")) {
            options->if_later = true;
        } else if (bytes_is_word(word, "LT")) {
            options->if_earlier = true;
        } else {
            reply_error(call->reply, "ERR Unsupported option %.*s",
                        (int)(word.size < PROTO_ERROR_MAX ? word.size : PROTO_ERROR_MAX),
                        word.data);
            return false;
        }
    }
    if (options->if_without && (options->if_with || options->if_later || options->if_earlier)) {
        reply_error(call->reply,
                    "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (options->if_later && options->if_earlier) {
        reply_error(call->reply, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

// Whether the options let a deadline (0: none) be replaced. No deadline is the latest.
static bool options_allow(const struct expire_options *options, uint64_t old_ms, uint64_t new_ms)
{
    if ((options->if_without && old_ms != 0) || (options->if_with && old_ms == 0)) {
        return false;
    }
    if (options->if_later && (old_ms == 0 || new_ms <= old_ms)) {
        return false;
    }
    return !(options->if_earlier && old_ms != 0 && new_ms >= old_ms);
}

static void set_deadline(struct call *call, uint64_t deadline_ms)
{
    if (deadline_ms <= call->access.now_ms) {
        (void)keyspace_remove(&call->access, call->keys);
        effect_delete(call, call->keys);
        reply_integer(call->reply, 1);
        return;
    }
    if (keyspace_set_deadline(&call->access, call->keys, deadline_ms) < 0) {
        call_out_of_memory(call);
        return;
    }
    effect_deadline(call, call->keys, deadline_ms);
    reply_integer(call->reply, 1);
}

static void expire(struct call *call, enum expiry_unit unit)
{
    struct expire_options options = {0};
    int64_t amount;
    if (!parse_expire_options(call, &options) || !call_integer(call, 2, &amount)) {
        return;
    }
    uint64_t deadline_ms;
    if (!expiry_deadline(unit, amount, call->access.now_ms, &deadline_ms)) {
        reply_invalid_expiry(call);
        return;
    }
    const struct entry *entry = keyspace_find(&call->access, call->keys);
    if (entry == NULL || !options_allow(&options, entry_deadline_ms(entry), deadline_ms)) {
        reply_integer(call->reply, 0);
        return;
    }
    set_deadline(call, deadline_ms);
}

void handle_expire(struct call *call)
{
    expire(call, EXPIRY_SECONDS);
}

void handle_pexpire(struct call *call)
{
    expire(call, EXPIRY_MILLISECONDS);
}

void handle_expireat(struct call *call)
{
    expire(call, EXPIRY_AT_SECONDS);
}

void handle_pexpireat(struct call *call)
{
    expire(call, EXPIRY_AT_MILLISECONDS);
}

void handle_persist(struct call *call)
{
    const struct entry *entry = keyspace_find(&call->access, call->keys);
    if (entry == NULL || entry_deadline_ms(entry) == 0) {
        reply_integer(call->reply, 0);
        return;
    }
    if (keyspace_set_deadline(&call->access, call->keys, 0) < 0) {
        call_out_of_memory(call);
        return;
    }
    const struct bytes effect[] = {BYTES("PERSIST"), call->keys->name};
    call_effect(call, (struct effect_event){"persist", EFFECT_GENERIC, EFFECT_ONE_KEY}, effect, 2);
    reply_integer(call->reply, 1);
}
