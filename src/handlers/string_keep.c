/* Strings that a background thread reads without their shard's lock. */
#include "handlers/string_internal.h"

size_t string_room(const struct entry *entry, struct bytes string)
{
    return entry != NULL && entry_encoding(entry) == ENTRY_VALUE ? 0 : string.size;
}

void string_keep(struct call *call, const struct entry *entry, struct bytes string, char *room,
                 struct kept_string *kept_out)
{
    *kept_out = (struct kept_string){.bytes = string};
    if (entry != NULL && entry_encoding(entry) == ENTRY_VALUE) {
        kept_out->held = entry_value(entry);
        keyspace_hold(call->access.thread, kept_out->held);
    } else if (string.size > 0) {
        memcpy(room, string.data, string.size);
        kept_out->bytes.data = room;
    }
}

void string_let_go(struct store_thread *thread, const struct kept_string *kept)
{
    if (kept->held != NULL) {
        keyspace_drop(thread, kept->held);
    }
}
