/* INCREX: a counter with bounds and a deadline. */
#include "base/number.h"
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"

#include <float.h>
#include <math.h>

enum increx_option {
    INCREX_NX = 1 << EXPIRY_UNITS,
    INCREX_XX = INCREX_NX << 1,
    INCREX_BYINT = INCREX_NX << 2,
    INCREX_BYFLOAT = INCREX_NX << 3,
    INCREX_LBOUND = INCREX_NX << 4,
    INCREX_UBOUND = INCREX_NX << 5,
    INCREX_SATURATE = INCREX_NX << 6,
    INCREX_PERSIST = INCREX_NX << 7,
    INCREX_ENX = INCREX_NX << 8,
    INCREX_BY = INCREX_BYINT | INCREX_BYFLOAT,
};

// Every option comes once at most.
#define INCREX_EXPIRY(word_, unit)                                                                 \
    {                                                                                              \
        .word = (word_), .flag = 1 << (unit), .values = 1,                                         \
        .excludes = OPTION_EXPIRY | INCREX_PERSIST                                                 \
    }
static const struct args_option increx_options[] = {
    {"NX", .flag = INCREX_NX, .excludes = INCREX_NX | INCREX_XX},
    {"XX", .flag = INCREX_XX, .excludes = INCREX_NX | INCREX_XX},
    {"BYINT", .flag = INCREX_BYINT, .excludes = INCREX_BY, .values = 1},
    {"BYFLOAT", .flag = INCREX_BYFLOAT, .excludes = INCREX_BY, .values = 1},
    {"LBOUND", .flag = INCREX_LBOUND, .excludes = INCREX_LBOUND, .values = 1},
    {"UBOUND", .flag = INCREX_UBOUND, .excludes = INCREX_UBOUND, .values = 1},
    {"SATURATE", .flag = INCREX_SATURATE, .excludes = INCREX_SATURATE},
    {"PERSIST", .flag = INCREX_PERSIST, .excludes = INCREX_PERSIST | INCREX_ENX | OPTION_EXPIRY},
    {"ENX", .flag = INCREX_ENX, .excludes = INCREX_ENX | INCREX_PERSIST},
    INCREX_EXPIRY("EX", EXPIRY_SECONDS),
    INCREX_EXPIRY("PX", EXPIRY_MILLISECONDS),
    INCREX_EXPIRY("EXAT", EXPIRY_AT_SECONDS),
    INCREX_EXPIRY("PXAT", EXPIRY_AT_MILLISECONDS),
};

/* A number of the one kind or the other. */
struct number {
    bool is_float;
    int64_t integer;
    long double real;
};

struct increx {
    struct args_found found;
    struct number by;
    struct number low;
    struct number high;
    uint64_t deadline_ms;
};

// ---- options ----

static bool parse(struct bytes text, struct number *number)
{
    return number->is_float ? number_parse_long(text, &number->real)
                            : number_parse_integer(text, &number->integer);
}

// Read the value of an option, if it was given. False: it is none (answered, with its name).
static bool read_option(struct call *call, const struct increx *increx, uint32_t flag,
                        const char *name, struct number *number)
{
    if ((increx->found.flags & flag) == 0 ||
        parse(call->argv[args_value_at(&increx->found, flag)], number)) {
        return true;
    }
    reply_error(call->reply,
                number->is_float ? "ERR %s is not a valid float"
                                 : "ERR %s is not an integer or out of range",
                name);
    return false;
}

static bool is_less(const struct number *a, const struct number *b)
{
    return a->is_float ? a->real < b->real : a->integer < b->integer;
}

// False: answered.
static bool read_options(struct call *call, struct increx *increx)
{
    struct args args = args_from(call, 2);
    if (!args_options(&args, increx_options, sizeof(increx_options) / sizeof(increx_options[0]),
                      &increx->found) ||
        !args_end(&args)) {
        return false;
    }
    uint32_t flags = increx->found.flags;
    bool is_float = (flags & INCREX_BYFLOAT) != 0;
    increx->by = (struct number){.is_float = is_float, .integer = 1};
    increx->low = (struct number){.is_float = is_float, .integer = INT64_MIN, .real = -LDBL_MAX};
    increx->high = (struct number){.is_float = is_float, .integer = INT64_MAX, .real = LDBL_MAX};
    increx->deadline_ms = 0;
    if ((flags & INCREX_ENX) != 0 && (flags & OPTION_EXPIRY) == 0) {
        reply_error(call->reply, "ERR ENX flag requires an expiration");
        return false;
    }
    if (!read_option(call, increx, flags & INCREX_BY, "Increment", &increx->by) ||
        !read_option(call, increx, INCREX_LBOUND, "LBOUND", &increx->low) ||
        !read_option(call, increx, INCREX_UBOUND, "UBOUND", &increx->high)) {
        return false;
    }
    if (is_float && isinf(increx->by.real)) {
        reply_error(call->reply, "ERR BYFLOAT increment cannot be Infinity");
        return false;
    }
    if (is_less(&increx->high, &increx->low)) {
        reply_error(call->reply, "ERR LBOUND can't be greater than UBOUND");
        return false;
    }
    return expiry_of_options(call, &increx->found, &increx->deadline_ms);
}

// ---- arithmetic ----

/* What the key has; 0 when it is absent. False: it is no number (answered). */
static bool read_old(struct call *call, const struct entry *entry, struct number *old)
{
    struct entry_scratch scratch;
    if (entry != NULL && !parse(entry_string(entry, &scratch), old)) {
        reply_error(call->reply, old->is_float ? "ERR value is not a valid float"
                                               : "ERR value is not an integer or out of range");
        return false;
    }
    if (old->is_float && isinf(old->real)) {
        reply_error(call->reply, "ERR value cannot be Infinity");
        return false;
    }
    return true;
}

enum sum { SUM_WITHIN, SUM_BELOW, SUM_ABOVE };

// Add the increment; a sum that does not fit is below or above, and undefined.
static enum sum add(const struct number *old, const struct increx *increx, struct number *sum_out)
{
    const struct number *by = &increx->by;
    *sum_out = (struct number){.is_float = old->is_float};
    if (old->is_float) {
        sum_out->real = old->real + by->real;
    } else if (__builtin_add_overflow(old->integer, by->integer, &sum_out->integer)) {
        return by->integer < 0 ? SUM_BELOW : SUM_ABOVE;
    }
    if (is_less(&increx->high, sum_out)) {
        return SUM_ABOVE;
    }
    return is_less(sum_out, &increx->low) ? SUM_BELOW : SUM_WITHIN;
}

// What was added in the end. False: no number (answered).
static bool subtract(struct call *call, const struct number *sum, const struct number *old,
                     struct number *difference_out)
{
    *difference_out = (struct number){.is_float = sum->is_float};
    if (sum->is_float) {
        difference_out->real = sum->real - old->real;
        if (!isfinite(difference_out->real)) {
            reply_error(call->reply, "ERR applied increment would be Infinity");
            return false;
        }
    } else if (__builtin_sub_overflow(sum->integer, old->integer, &difference_out->integer)) {
        reply_error(call->reply, "ERR applied increment would overflow");
        return false;
    }
    return true;
}

// ---- the command ----

static void reply_number(struct call *call, const struct number *number)
{
    if (!number->is_float) {
        reply_integer(call->reply, number->integer);
        return;
    }
    char text[NUMBER_LONG_SIZE_MAX];
    reply_decimal(call->reply, bytes_make(text, number_format_long(number->real, text)));
}

static void reply_both(struct call *call, const struct number *value, const struct number *added)
{
    reply_array(call->reply, 2);
    reply_number(call, value);
    reply_number(call, added);
}

// Store the sum with its deadline, and tell it. False: no memory (answered).
static bool store(struct call *call, const struct number *sum, const struct put_options *put)
{
    int error;
    char text[NUMBER_LONG_SIZE_MAX];
    if (sum->is_float) {
        struct bytes value = bytes_make(text, number_format_long(sum->real, text));
        error = keyspace_put_string(&call->access, call->keys, value, put);
    } else {
        error = keyspace_put_integer(&call->access, call->keys, sum->integer, put);
    }
    if (error < 0) {
        call_out_of_memory(call);
        return false;
    }
    effect_set(call, call->keys, sum->is_float ? "incrbyfloat" : "incrby");
    return true;
}

// Store the sum, or delete the key when its deadline has passed already; answer.
static void finish(struct call *call, const struct increx *increx, const struct entry *entry,
                   const struct number *sum, const struct number *added)
{
    uint32_t flags = increx->found.flags;
    bool had_deadline = entry != NULL && entry_deadline_ms(entry) != 0;
    bool expires = increx->deadline_ms != 0 && !(had_deadline && (flags & INCREX_ENX) != 0);
    bool persists = (flags & INCREX_PERSIST) != 0;
    if (expires && increx->deadline_ms <= call->access.now_ms) {
        if (keyspace_remove(&call->access, call->keys)) {
            effect_delete(call, call->keys);
        }
        reply_both(call, sum, added);
        return;
    }
    const struct put_options put = {
        .deadline_ms = expires ? increx->deadline_ms : 0,
        .keeps_deadline = !expires && !persists,
    };
    if (!store(call, sum, &put)) {
        return;
    }
    if (expires) {
        effect_event(call, call->keys, "expire", EFFECT_GENERIC);
    } else if (persists && had_deadline) {
        effect_event(call, call->keys, "persist", EFFECT_GENERIC);
    }
    reply_both(call, sum, added);
}

void handle_increx(struct call *call)
{
    struct increx increx;
    struct entry *entry;
    if (!read_options(call, &increx) || !call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    uint32_t flags = increx.found.flags;
    const struct number nothing = {.is_float = increx.by.is_float};
    struct number old = nothing;
    struct number sum;
    struct number added;
    if (!read_old(call, entry, &old)) {
        return;
    }
    enum sum where = add(&old, &increx, &sum);
    bool skips = (flags & (entry != NULL ? INCREX_NX : INCREX_XX)) != 0;
    if (skips || (where != SUM_WITHIN && (flags & INCREX_SATURATE) == 0)) {
        reply_both(call, &old, &nothing);
        return;
    }
    if (where != SUM_WITHIN) {
        sum = where == SUM_ABOVE ? increx.high : increx.low;
    }
    if (subtract(call, &sum, &old, &added)) {
        finish(call, &increx, entry, &sum, &added);
    }
}
