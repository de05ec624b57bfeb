/* Setting one string: SET, SETNX, SETEX, PSETEX, GETSET. */
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"

enum set_option {
    SET_NX = 1 << EXPIRY_UNITS,
    SET_XX = SET_NX << 1,
    SET_GET = SET_NX << 2,
    SET_KEEPTTL = SET_NX << 3,
    SET_IFEQ = SET_NX << 4,
    SET_IFNE = SET_NX << 5,
    SET_IFDEQ = SET_NX << 6,
    SET_IFDNE = SET_NX << 7,
    SET_TESTS = SET_IFEQ | SET_IFNE | SET_IFDEQ | SET_IFDNE,
    SET_CONDITIONS = SET_NX | SET_XX | SET_TESTS,
};

#define TEST_OPTION(word_, flag_)                                                                  \
    {                                                                                              \
        .word = (word_), .flag = (flag_), .excludes = SET_CONDITIONS, .values = 1                  \
    }
static const struct args_option set_options[] = {
    {"NX", .flag = SET_NX, .excludes = SET_XX | SET_TESTS},
    {"XX", .flag = SET_XX, .excludes = SET_NX | SET_TESTS},
    {"GET", .flag = SET_GET},
    {"KEEPTTL", .flag = SET_KEEPTTL, .excludes = OPTION_EXPIRY},
    EXPIRY_OPTIONS(SET_KEEPTTL),
    TEST_OPTION("IFEQ", SET_IFEQ),
    TEST_OPTION("IFNE", SET_IFNE),
    TEST_OPTION("IFDEQ", SET_IFDEQ),
    TEST_OPTION("IFDNE", SET_IFDNE),
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
static bool set_value(struct call *call, struct bytes value, const struct put_options *put)
{
    if (put->deadline_ms != 0 && put->deadline_ms <= call->access.now_ms) {
        if (keyspace_remove(&call->access, call->keys)) {
            effect_delete(call, call->keys);
        }
        return true;
    }
    if (keyspace_put_string(&call->access, call->keys, value, put) < 0) {
        call_out_of_memory(call);
        return false;
    }
    effect_set(call, call->keys, "set");
    if (put->deadline_ms != 0) {
        effect_event(call, call->keys, "expire", EFFECT_GENERIC);
    }
    return true;
}

// Answer with what was there; it is overwritten unless that is to be skipped.
static void set_and_get(struct call *call, const struct entry *entry, bool skips,
                        const struct put_options *put)
{
    struct old_string old;
    old_string_keep(&old, entry, call->access.thread);
    if (skips || set_value(call, call->argv[2], put)) {
        old_string_answer(&old, call);
    } else {
        old_string_drop(&old, call);
    }
}

// The test among the options found. False: it is none (answered).
static bool find_test(struct call *call, const struct args_found *found,
                      struct string_test *test_out)
{
    static const enum string_condition conditions[] = {
        CONDITION_EQUAL, CONDITION_NOT_EQUAL, CONDITION_DIGEST_EQUAL, CONDITION_DIGEST_NOT_EQUAL};
    uint32_t flag = found->flags & SET_TESTS;
    if (flag == 0) {
        *test_out = (struct string_test){.condition = CONDITION_NONE};
        return true;
    }
    return string_test_make(call, conditions[__builtin_ctz(flag) - __builtin_ctz(SET_IFEQ)],
                            call->argv[args_value_at(found, flag)], test_out);
}

// SET that depends on what is there.
static void set_conditionally(struct call *call, const struct args_found *found,
                              const struct put_options *put)
{
    struct string_test test;
    if (!find_test(call, found, &test)) {
        return;
    }
    const struct entry *entry = keyspace_find(&call->access, call->keys);
    bool reads = (found->flags & (SET_GET | SET_TESTS)) != 0;
    if (reads && entry != NULL && entry_type(entry) != VALUE_STRING) {
        reply_wrong_type(call->reply);
        return;
    }
    if (test.condition != CONDITION_NONE) {
        struct entry_scratch scratch;
        if (string_test_is_long(&test, string_at(entry, &scratch)) && call_moves(call)) {
            return;
        }
    }
    bool skips = (found->flags & (entry != NULL ? SET_NX : SET_XX)) != 0 ||
                 !string_test_passes(&test, entry);
    if ((found->flags & SET_GET) != 0) {
        set_and_get(call, entry, skips, put);
    } else if (skips) {
        reply_nil(call->reply);
    } else if (set_value(call, call->argv[2], put)) {
        reply_ok(call->reply);
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
        if ((found.flags & (SET_CONDITIONS | SET_GET)) != 0) {
            set_conditionally(call, &found, &put);
            return;
        }
    }
    if (set_value(call, call->argv[2], &put)) {
        reply_ok(call->reply);
    }
}

void handle_setnx(struct call *call)
{
    const struct put_options put = {0};
    if (keyspace_find(&call->access, call->keys) != NULL) {
        reply_integer(call->reply, 0);
    } else if (set_value(call, call->argv[2], &put)) {
        reply_integer(call->reply, 1);
    }
}

static void set_expiring(struct call *call, enum expiry_unit unit)
{
    int64_t amount;
    struct put_options put = {0};
    if (!call_integer(call, 2, &amount)) {
        return;
    }
    if (amount <= 0 || !expiry_deadline(unit, amount, call->access.now_ms, &put.deadline_ms)) {
        reply_invalid_expiry(call);
        return;
    }
    if (set_value(call, call->argv[3], &put)) {
        reply_ok(call->reply);
    }
}

void handle_setex(struct call *call)
{
    set_expiring(call, EXPIRY_SECONDS);
}

void handle_psetex(struct call *call)
{
    set_expiring(call, EXPIRY_MILLISECONDS);
}

void handle_getset(struct call *call)
{
    const struct put_options put = {0};
    struct entry *entry;
    if (call_find(call, VALUE_STRING, &entry)) {
        set_and_get(call, entry, false, &put);
    }
}
