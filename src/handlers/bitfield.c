/* BITFIELD and BITFIELD_RO: integers of any width in a string.
 *
 * The operations are read three times: to find mistakes, how long the string must be and how
 * many replies there are; to see whether any of them changes something; to execute them. */
#include "base/bits.h"
#include "base/number.h"
#include "command/effect.h"
#include "handlers/bitmap_internal.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"

enum { BITS_PER_BYTE = 8, SIGNED_WIDTH_MAX = 64, UNSIGNED_WIDTH_MAX = 63 };

enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL };
enum field_kind { FIELD_GET, FIELD_SET, FIELD_INCRBY };

struct field_operation {
    enum field_kind kind;
    enum overflow overflow;
    bool is_signed;
    unsigned width;
    uint64_t offset;
    int64_t operand;
};

struct reader {
    struct args args;
    enum overflow overflow; // For the operations that follow.
};

static struct reader reader_of(struct call *call)
{
    return (struct reader){.args = args_from(call, 2), .overflow = OVERFLOW_WRAP};
}

// ---- reading ----

// "i16", "u8". False: answered.
static bool read_type(struct args *args, struct field_operation *operation)
{
    struct bytes text = args_next(args);
    int64_t width;
    operation->is_signed = text.size > 0 && text.data[0] == 'i';
    bool has_sign = operation->is_signed || (text.size > 0 && text.data[0] == 'u');
    if (!has_sign || !number_parse_integer(bytes_make(text.data + 1, text.size - 1), &width) ||
        width < 1 || width > (operation->is_signed ? SIGNED_WIDTH_MAX : UNSIGNED_WIDTH_MAX)) {
        reply_error(args->call->reply,
                    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not "
                    "supported but i64 is.");
        return false;
    }
    operation->width = (unsigned)width;
    return true;
}

// What follows OVERFLOW. False: answered.
static bool read_overflow(struct reader *reader)
{
    static const char *const words[] = {
        [OVERFLOW_WRAP] = "WRAP", [OVERFLOW_SAT] = "SAT", [OVERFLOW_FAIL] = "FAIL"};
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (args_take_word(&reader->args, words[i])) {
            reader->overflow = (enum overflow)i;
            return true;
        }
    }
    reply_error(reader->args.call->reply, "ERR Invalid OVERFLOW type specified");
    return false;
}

enum next { NEXT_OPERATION, NEXT_NONE, NEXT_MISTAKE };

// Read one operation; its words are followed by enough arguments.
static enum next read_operation(struct reader *reader, enum field_kind kind,
                                struct field_operation *operation)
{
    struct args *args = &reader->args;
    operation->kind = kind;
    operation->overflow = reader->overflow;
    operation->operand = 0;
    if (!read_type(args, operation) ||
        !bit_offset(args->call, args->at++, true, operation->width, &operation->offset) ||
        (kind != FIELD_GET && !args_integer(args, &operation->operand))) {
        return NEXT_MISTAKE;
    }
    return NEXT_OPERATION;
}

static enum next read_next(struct reader *reader, struct field_operation *operation)
{
    struct args *args = &reader->args;
    while (args_left(args) >= 2 && args_take_word(args, "OVERFLOW")) {
        if (!read_overflow(reader)) {
            return NEXT_MISTAKE;
        }
    }
    uint32_t behind = args_left(args) - 1;
    if (args_left(args) == 0) {
        return NEXT_NONE;
    }
    if (behind >= 2 && args_take_word(args, "GET")) {
        return read_operation(reader, FIELD_GET, operation);
    }
    if (behind >= 3 && args_take_word(args, "SET")) {
        return read_operation(reader, FIELD_SET, operation);
    }
    if (behind >= 3 && args_take_word(args, "INCRBY")) {
        return read_operation(reader, FIELD_INCRBY, operation);
    }
    reply_syntax_error(args->call->reply);
    return NEXT_MISTAKE;
}

// ---- arithmetic ----

// The bits of a field as the integer that they mean.
static int64_t integer_of(const struct field_operation *operation, uint64_t bits)
{
    if (!operation->is_signed) {
        return (int64_t)bits; // Of 63 bits at most.
    }
    unsigned shift = 64 - operation->width;
    return (int64_t)(bits << shift) >> shift;
}

struct field_change {
    int64_t old;
    int64_t fresh;
    bool fails; // By OVERFLOW FAIL.
};

static struct field_change change_of(const struct field_operation *operation, struct bytes string)
{
    unsigned width = operation->width;
    uint64_t bits = bits_read(string, operation->offset, width);
    struct field_change change = {.old = integer_of(operation, bits)};
    change.fresh = change.old;
    if (operation->kind == FIELD_GET) {
        return change;
    }
    // In 128 bits nothing overflows. A negative number for an unsigned field is a large one.
    __int128_t exact = operation->operand;
    if (operation->kind == FIELD_INCRBY) {
        exact += change.old;
    } else if (!operation->is_signed) {
        exact = (uint64_t)operation->operand;
    }
    __int128_t max = ((__int128_t)1 << (operation->is_signed ? width - 1 : width)) - 1;
    __int128_t min = operation->is_signed ? -max - 1 : 0;
    bool overflows = exact > max || exact < min;
    change.fails = overflows && operation->overflow == OVERFLOW_FAIL;
    if (change.fails) {
        return change;
    }
    if (overflows && operation->overflow == OVERFLOW_SAT) {
        exact = exact > max ? max : min;
    }
    uint64_t mask = UINT64_MAX >> (64 - width);
    change.fresh = integer_of(operation, (uint64_t)exact & mask);
    return change;
}

// ---- the command ----

/* What the operations need together. */
struct field_needs {
    bool writes;
    uint64_t size; // Of the string, to be written to.
    size_t replies;
};

// False: a mistake (answered).
static bool find_needs(struct call *call, struct field_needs *needs_out)
{
    struct reader reader = reader_of(call);
    struct field_operation operation;
    struct field_needs needs = {0};
    for (;;) {
        enum next next = read_next(&reader, &operation);
        if (next != NEXT_OPERATION) {
            *needs_out = needs;
            return next == NEXT_NONE;
        }
        needs.replies++;
        if (operation.kind != FIELD_GET) {
            uint64_t size = (operation.offset + operation.width - 1) / BITS_PER_BYTE + 1;
            needs.writes = true;
            needs.size = size > needs.size ? size : needs.size;
        }
    }
}

// Whether any operation changes the string, which is long enough.
static bool changes_anything(struct call *call, struct bytes string)
{
    struct reader reader = reader_of(call);
    struct field_operation operation;
    while (read_next(&reader, &operation) == NEXT_OPERATION) {
        struct field_change change = change_of(&operation, string);
        if (change.fresh != change.old) {
            return true;
        }
    }
    return false;
}

// Execute and answer all operations; `data`: the string, where it may be written to, or NULL.
static void execute(struct call *call, const struct field_needs *needs, struct bytes string,
                    char *data)
{
    struct reader reader = reader_of(call);
    struct field_operation operation;
    reply_array(call->reply, needs->replies);
    while (read_next(&reader, &operation) == NEXT_OPERATION) {
        struct field_change change = change_of(&operation, string);
        if (change.fails) {
            reply_nil(call->reply);
            continue;
        }
        if (change.fresh != change.old) {
            ASSERT(data != NULL);
            bits_write(data, operation.offset, operation.width, (uint64_t)change.fresh);
        }
        reply_integer(call->reply, operation.kind == FIELD_INCRBY ? change.fresh : change.old);
    }
}

void handle_bitfield(struct call *call)
{
    struct field_needs needs;
    struct entry *entry;
    if (!find_needs(call, &needs) || !call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    struct entry_scratch scratch;
    struct bytes string = string_at(entry, &scratch);
    if (!needs.writes || (string.size >= needs.size && !changes_anything(call, string))) {
        execute(call, &needs, string, NULL);
        return;
    }
    if (!string_may_have(call, needs.size)) {
        return;
    }
    struct string_edit edit;
    if (keyspace_edit_string(&call->access, call->keys, needs.size, &edit) < 0) {
        call_out_of_memory(call);
        return;
    }
    execute(call, &needs, bytes_make(edit.data, edit.size), edit.data);
    call_effect(call, (struct effect_event){"setbit", EFFECT_STRING, EFFECT_ONE_KEY}, call->argv,
                call->argc);
}

void handle_bitfield_ro(struct call *call)
{
    struct field_needs needs;
    struct entry *entry;
    if (!find_needs(call, &needs)) {
        return;
    }
    if (needs.writes) {
        reply_error(call->reply, "ERR BITFIELD_RO only supports the GET subcommand");
        return;
    }
    struct entry_scratch scratch;
    if (call_find(call, VALUE_STRING, &entry)) {
        execute(call, &needs, string_at(entry, &scratch), NULL);
    }
}
