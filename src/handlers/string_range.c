/* Parts of strings: GETRANGE, SUBSTR, SETRANGE. */
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"
#include "proto/request.h"

bool string_may_have(struct call *call, uint64_t size)
{
    if (size <= PROTO_VALUE_MAX) {
        return true;
    }
    reply_error(call->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

bool string_range(int64_t start, int64_t end, uint64_t size, uint64_t *first_out,
                  uint64_t *last_out)
{
    int64_t length = (int64_t)size;
    if (start < 0) {
        start = start < -length ? 0 : length + start;
    }
    if (end < 0) {
        end = end < -length ? 0 : length + end;
    }
    if (end >= length) {
        end = length - 1;
    }
    *first_out = (uint64_t)start;
    *last_out = (uint64_t)end;
    return start <= end;
}

void handle_getrange(struct call *call)
{
    int64_t start;
    int64_t end;
    struct entry *entry;
    struct args args = args_from(call, 2);
    if (!args_integer(&args, &start) || !args_integer(&args, &end) ||
        !call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    struct entry_scratch scratch;
    struct bytes string = string_at(entry, &scratch);
    uint64_t first;
    uint64_t last;
    if (string_range_is_backwards(start, end) ||
        !string_range(start, end, string.size, &first, &last)) {
        reply_value(call->reply, bytes_make("", 0));
        return;
    }
    struct bytes part = bytes_make(string.data + first, last - first + 1);
    if (entry_encoding(entry) != ENTRY_VALUE) {
        reply_value(call->reply, part);
        return;
    }
    struct value *value = entry_value(entry);
    keyspace_hold(call->access.thread, value);
    reply_string_held(call, part, value);
}

void handle_substr(struct call *call)
{
    handle_getrange(call);
}

void handle_setrange(struct call *call)
{
    int64_t offset;
    struct entry *entry;
    if (!call_integer(call, 2, &offset)) {
        return;
    }
    if (offset < 0) {
        reply_error(call->reply, "ERR offset is out of range");
        return;
    }
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    struct bytes part = call->argv[3];
    if (part.size == 0) {
        struct entry_scratch scratch;
        reply_integer(call->reply, (int64_t)string_at(entry, &scratch).size);
        return;
    }
    if (!string_may_have(call, (uint64_t)offset + part.size)) {
        return;
    }
    struct string_edit edit;
    if (keyspace_edit_string(&call->access, call->keys, (size_t)offset + part.size, &edit) < 0) {
        call_out_of_memory(call);
        return;
    }
    memcpy(edit.data + offset, part.data, part.size);
    call_effect(call, (struct effect_event){"setrange", EFFECT_STRING, EFFECT_ONE_KEY}, call->argv,
                call->argc);
    reply_integer(call->reply, (int64_t)edit.size);
}
