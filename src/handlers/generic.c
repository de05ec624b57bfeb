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
        if (keyspace_remove(&call->access, call_key(call, i))) {
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
        count += keyspace_find(&call->access, call_key(call, i)) != NULL;
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
    // Not ms + half a second: deadlines go up to INT64_MAX.
    return ms / MS_PER_SECOND + (ms % MS_PER_SECOND >= MS_PER_SECOND / 2);
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

enum expire_option {
    EXPIRE_NX = 1 << 0, // If it has none.
    EXPIRE_XX = 1 << 1, // If it has one.
    EXPIRE_GT = 1 << 2, // If it is later,
    EXPIRE_LT = 1 << 3, // or earlier. No deadline is the latest.
};

static bool parse_expire_options(struct call *call, uint32_t *options_out)
{
    static const struct args_option table[] = {{"NX", .flag = EXPIRE_NX},
                                               {"XX", .flag = EXPIRE_XX},
                                               {"GT", .flag = EXPIRE_GT},
                                               {"LT", .flag = EXPIRE_LT}};
    struct args args = args_from(call, 3);
    struct args_found found;
    if (!args_options(&args, table, sizeof(table) / sizeof(table[0]), &found)) {
        return false;
    }
    if (args_left(&args) > 0) {
        struct bytes word = args_next(&args);
        reply_error(call->reply, "ERR Unsupported option %.*s",
                    (int)(word.size < PROTO_ERROR_MAX ? word.size : PROTO_ERROR_MAX), word.data);
        return false;
    }
    *options_out = found.flags;
    if ((found.flags & EXPIRE_NX) != 0 && found.flags != EXPIRE_NX) {
        reply_error(call->reply,
                    "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((found.flags & EXPIRE_GT) != 0 && (found.flags & EXPIRE_LT) != 0) {
        reply_error(call->reply, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

// Whether the options let a deadline (0: none) be replaced.
static bool options_allow(uint32_t options, uint64_t old_ms, uint64_t new_ms)
{
    uint64_t old_order = old_ms == 0 ? UINT64_MAX : old_ms;
    if ((options & (old_ms != 0 ? EXPIRE_NX : EXPIRE_XX)) != 0) {
        return false;
    }
    return ((options & EXPIRE_GT) == 0 || new_ms > old_order) &&
           ((options & EXPIRE_LT) == 0 || new_ms < old_order);
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
    uint32_t options;
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
    if (entry == NULL || !options_allow(options, entry_deadline_ms(entry), deadline_ms)) {
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
