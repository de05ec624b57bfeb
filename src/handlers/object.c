/* OBJECT: what a value is like inside. */
#include "handlers/handlers.h"

void handle_object_encoding(struct call *call)
{
    const struct entry *entry = keyspace_find(&call->access, call->keys);
    if (entry == NULL) {
        reply_nil(call->reply);
    } else {
        reply_value(call->reply, bytes_of_string(entry_encoding_name(entry)));
    }
}
