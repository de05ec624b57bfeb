/* Setting several strings at one moment: MSET, MSETNX, MSETEX. */
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"

enum existence { ANY, NONE_EXISTS, ALL_EXIST };

static bool exist(struct call *call, enum existence wanted)
{
    for (uint32_t i = 0; i < call->key_count && wanted != ANY; i++) {
        bool exists = keyspace_find(&call->access, call_key(call, i)) != NULL;
        if (exists != (wanted == ALL_EXIST)) {
            return false;
        }
    }
    return true;
}

enum outcome { SET_ALL, SET_NONE, SET_FAILED }; // Failed: no memory (answered).

/* Give the call's keys the values that stand between them from `values` on, if the keys exist as
 * wanted. The effect is the caller's. */
static enum outcome set_many(struct call *call, const struct bytes *values,
                             const struct put_options *put, enum existence wanted)
{
    struct access *access = &call->access;
    struct staged staged = {.count = call->key_count, .options = *put};
    if (keyspace_stage_strings(access, call->keys, values, &staged) < 0) {
        call_out_of_memory(call);
        return SET_FAILED;
    }
    enum outcome outcome = SET_ALL;
    int error = call_lock(call);
    if (error == 0 && !exist(call, wanted)) {
        outcome = SET_NONE;
    } else if (error == 0) {
        error = keyspace_put_staged(access, call->keys, &staged);
    }
    keyspace_free_staged(access, &staged);
    if (error < 0) {
        call_out_of_memory(call);
        return SET_FAILED;
    }
    return outcome;
}

static const struct effect_event many_set = {"set", EFFECT_STRING, EFFECT_KEY_VALUE_PAIRS};

void handle_mset(struct call *call)
{
    const struct put_options put = {0};
    if (call->argc % 2 == 0) {
        reply_wrong_arity(call->reply, call->command);
        return;
    }
    if (set_many(call, call->argv + 2, &put, ANY) == SET_ALL) {
        call_effect(call, many_set, call->argv, call->argc);
        reply_ok(call->reply);
    }
}

void handle_msetnx(struct call *call)
{
    const struct put_options put = {0};
    if (call->argc % 2 == 0) {
        reply_wrong_arity(call->reply, call->command);
        return;
    }
    enum outcome outcome = set_many(call, call->argv + 2, &put, NONE_EXISTS);
    if (outcome == SET_ALL) { // Told as it came: those who do it again have none of the keys, too.
        call_effect(call, many_set, call->argv, call->argc);
    }
    if (outcome != SET_FAILED) {
        reply_integer(call->reply, outcome == SET_ALL);
    }
}

enum msetex_option {
    MSETEX_NX = 1 << EXPIRY_UNITS,
    MSETEX_XX = MSETEX_NX << 1,
    MSETEX_KEEPTTL = MSETEX_NX << 2,
};

// Bracket the effects of several keys, which EXEC does itself.
static void begin_effects(struct call *call)
{
    if (!call->is_in_group) {
        effects_group_begin(&call->access);
    }
}

static void end_effects(struct call *call)
{
    if (!call->is_in_group) {
        effects_group_end(&call->access);
    }
}

// Tell what each key has now.
static void tell_each(struct call *call, bool expires)
{
    if (!call_has_listener(call)) {
        return;
    }
    begin_effects(call);
    for (uint32_t i = 0; i < call->key_count; i++) {
        const struct key *key = call_key(call, i);
        effect_set(call, key, "set");
        if (expires) {
            effect_event(call, key, "expire", EFFECT_GENERIC);
        }
    }
    end_effects(call);
}

// All deadlines have passed: delete the keys instead, if they exist as wanted.
static void delete_many(struct call *call, enum existence wanted)
{
    if (call_lock(call) < 0) {
        call_out_of_memory(call);
        return;
    }
    if (!exist(call, wanted)) {
        reply_integer(call->reply, 0);
        return;
    }
    begin_effects(call);
    for (uint32_t i = 0; i < call->key_count; i++) {
        struct key *key = call_key(call, i);
        if (keyspace_remove(&call->access, key)) {
            effect_delete(call, key);
        }
    }
    end_effects(call);
    reply_integer(call->reply, 1);
}

void handle_msetex(struct call *call)
{
    static const struct args_option table[] = {
        {"NX", .flag = MSETEX_NX, .excludes = MSETEX_XX},
        {"XX", .flag = MSETEX_XX, .excludes = MSETEX_NX},
        {"KEEPTTL", .flag = MSETEX_KEEPTTL, .excludes = OPTION_EXPIRY},
        EXPIRY_OPTIONS(MSETEX_KEEPTTL),
    };
    struct args args = args_from(call, 2 + 2 * call->key_count);
    struct args_found found;
    struct put_options put = {0};
    if (!args_options(&args, table, sizeof(table) / sizeof(table[0]), &found) || !args_end(&args) ||
        !expiry_of_options(call, &found, &put.deadline_ms)) {
        return;
    }
    put.keeps_deadline = (found.flags & MSETEX_KEEPTTL) != 0;
    enum existence wanted = (found.flags & MSETEX_NX) != 0   ? NONE_EXISTS
                            : (found.flags & MSETEX_XX) != 0 ? ALL_EXIST
                                                             : ANY;
    if (put.deadline_ms != 0 && put.deadline_ms <= call->access.now_ms) {
        delete_many(call, wanted);
        return;
    }
    enum outcome outcome = set_many(call, call->argv + 3, &put, wanted);
    if (outcome == SET_ALL) {
        tell_each(call, put.deadline_ms != 0);
    }
    if (outcome != SET_FAILED) {
        reply_integer(call->reply, outcome == SET_ALL);
    }
}
