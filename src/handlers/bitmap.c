/* Single bits, counting and finding them: SETBIT, GETBIT, BITCOUNT, BITPOS. */
#include "base/bits.h"
#include "base/number.h"
#include "command/effect.h"
#include "handlers/bitmap_internal.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"
#include "proto/request.h"

enum { BITS_PER_BYTE = 8 };

bool bit_offset(struct call *call, uint32_t index, bool counts_fields, unsigned width,
                uint64_t *offset_out)
{
    struct bytes text = call->argv[index];
    int64_t offset;
    bool is_field = counts_fields && text.size > 0 && text.data[0] == '#';
    if (is_field) {
        text = bytes_make(text.data + 1, text.size - 1);
    }
    if (!number_parse_integer(text, &offset) || offset < 0 ||
        (is_field && __builtin_mul_overflow(offset, (int64_t)width, &offset)) ||
        offset / BITS_PER_BYTE >= PROTO_VALUE_MAX) {
        reply_error(call->reply, "ERR bit offset is not an integer or out of range");
        return false;
    }
    *offset_out = (uint64_t)offset;
    return true;
}

void handle_setbit(struct call *call)
{
    uint64_t offset;
    int64_t bit;
    struct entry *entry;
    if (!bit_offset(call, 2, false, 1, &offset)) {
        return;
    }
    if (!number_parse_integer(call->argv[3], &bit) || (bit != 0 && bit != 1)) {
        reply_error(call->reply, "ERR bit is not an integer or out of range");
        return;
    }
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    struct entry_scratch scratch;
    struct bytes string = string_at(entry, &scratch);
    size_t size = offset / BITS_PER_BYTE + 1;
    int64_t old = (int64_t)bits_read(string, offset, 1);
    if (string.size >= size && old == bit) { // Nothing changes.
        reply_integer(call->reply, old);
        return;
    }
    struct string_edit edit;
    if (keyspace_edit_string(&call->access, call->keys, size, &edit) < 0) {
        call_out_of_memory(call);
        return;
    }
    bits_write(edit.data, offset, 1, (uint64_t)bit);
    call_effect(call, (struct effect_event){"setbit", EFFECT_STRING, EFFECT_ONE_KEY}, call->argv,
                call->argc);
    reply_integer(call->reply, old);
}

void handle_getbit(struct call *call)
{
    uint64_t offset;
    struct entry *entry;
    struct entry_scratch scratch;
    if (bit_offset(call, 2, false, 1, &offset) && call_find(call, VALUE_STRING, &entry)) {
        reply_integer(call->reply, (int64_t)bits_read(string_at(entry, &scratch), offset, 1));
    }
}

bool bit_range_read(struct args *args, struct bit_range *range)
{
    if (args_left(args) > 0 && !args_integer(args, &range->start)) {
        return false;
    }
    if (args_left(args) > 0 && !args_integer(args, &range->end)) {
        return false;
    }
    range->in_bits = args_take_word(args, "BIT");
    if (!range->in_bits) {
        (void)args_take_word(args, "BYTE");
    }
    return true;
}

bool bit_range_find(const struct bit_range *range, struct bytes string, uint64_t *first_out,
                    uint64_t *last_out)
{
    uint64_t size = string.size * (range->in_bits ? UINT64_C(8) : 1);
    if (!string_range(range->start, range->end, size, first_out, last_out)) {
        return false;
    }
    if (!range->in_bits) {
        *first_out *= BITS_PER_BYTE;
        *last_out = *last_out * BITS_PER_BYTE + BITS_PER_BYTE - 1;
    }
    return true;
}

// Whether so many bits take too long here, and the call was moved.
static bool moves_for(struct call *call, uint64_t first, uint64_t last)
{
    return (last - first) / BITS_PER_BYTE > STRING_INLINE_MAX && call_moves(call);
}

void handle_bitcount(struct call *call)
{
    struct args args = args_from(call, 2);
    struct bit_range range = {.end = -1};
    struct entry *entry;
    if (!bit_range_read(&args, &range) || !args_end(&args) ||
        !call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    struct entry_scratch scratch;
    struct bytes string = string_at(entry, &scratch);
    uint64_t first;
    uint64_t last;
    if (string_range_is_backwards(range.start, range.end) ||
        !bit_range_find(&range, string, &first, &last)) {
        reply_integer(call->reply, 0);
    } else if (!moves_for(call, first, last)) {
        reply_integer(call->reply, (int64_t)bits_count(string, first, last));
    }
}

void handle_bitpos(struct call *call)
{
    struct args args = args_from(call, 2);
    struct bit_range range = {.end = -1};
    int64_t bit;
    struct entry *entry;
    if (!args_integer(&args, &bit)) {
        return;
    }
    if (bit != 0 && bit != 1) {
        reply_error(call->reply, "ERR The bit argument must be 1 or 0.");
        return;
    }
    bool has_end = args_left(&args) > 1;
    if (!bit_range_read(&args, &range) || !args_end(&args) ||
        !call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    if (entry == NULL) {
        reply_integer(call->reply, bit == 0 ? 0 : -1);
        return;
    }
    struct entry_scratch scratch;
    struct bytes string = entry_string(entry, &scratch);
    uint64_t first;
    uint64_t last;
    uint64_t place;
    if (!bit_range_find(&range, string, &first, &last)) {
        reply_integer(call->reply, -1);
    } else if (moves_for(call, first, last)) {
        return;
    } else if (bits_find(string, first, last, bit == 1, &place)) {
        reply_integer(call->reply, (int64_t)place);
    } else {
        // Zeros follow a string that is all ones, unless its end was given.
        reply_integer(call->reply, bit == 0 && !has_end ? (int64_t)string.size * 8 : -1);
    }
}
