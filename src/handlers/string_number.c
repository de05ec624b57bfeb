/* Strings as numbers: INCR DECR INCRBY DECRBY INCRBYFLOAT. */
#include "base/number.h"
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"

#include <math.h>

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

// Read argument `index` as a long double.
static bool read_float(struct call *call, uint32_t index, long double *value_out)
{
    if (number_parse_long(call->argv[index], value_out)) {
        return true;
    }
    reply_error(call->reply, "ERR value is not a valid float");
    return false;
}

void handle_incrbyfloat(struct call *call)
{
    struct entry *entry;
    long double value = 0;
    long double increment;
    struct entry_scratch scratch;
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    if (entry != NULL && !number_parse_long(entry_string(entry, &scratch), &value)) {
        reply_error(call->reply, "ERR value is not a valid float");
        return;
    }
    if (!read_float(call, 2, &increment)) {
        return;
    }
    value += increment;
    if (!isfinite(value)) {
        reply_error(call->reply, "ERR increment would produce NaN or Infinity");
        return;
    }
    char text[NUMBER_LONG_SIZE_MAX];
    struct bytes result = bytes_make(text, number_format_long(value, text));
    const struct put_options put = {.keeps_deadline = true};
    if (keyspace_put_string(&call->access, call->keys, result, &put) < 0) {
        call_out_of_memory(call);
        return;
    }
    effect_set(call, call->keys, "incrbyfloat");
    reply_value(call->reply, result);
}
