/* Memory accesses of calls that look up elements of the same value, overlapped. */
#include "command/call.h"
#include "store/entry.h"

#include <assert.h>

static_assert((int)CALL_PREFETCH_MAX <= (int)VALUE_PREFETCH_MAX, "one element a call");

bool call_shares_value(const struct call *a, const struct call *b)
{
    // A hash says enough: at worst something else is prefetched.
    return call_names_element(b) && a->keys[0].hash == b->keys[0].hash &&
           a->session->db == b->session->db;
}

static struct bytes argument_at(const struct call *call, int32_t position)
{
    return call->argv[position < 0 ? (int64_t)call->argc + position : position];
}

static struct value_element element_of(const struct call *call)
{
    const struct command *command = call->command;
    struct value_element element = {.name = argument_at(call, command->element)};
    if (command->element_with != 0) {
        element.with = argument_at(call, command->element_with);
    }
    return element;
}

void call_prefetch_elements(const struct call *const *calls, unsigned count)
{
    const struct call *first = calls[0];
    struct access access = first->access;
    struct value_element elements[CALL_PREFETCH_MAX];
    ASSERT(count <= CALL_PREFETCH_MAX);
    for (unsigned i = 0; i < count; i++) {
        elements[i] = element_of(calls[i]);
    }
    access_open(&access, access.keyspace, access.thread, first->session->db, access.now_ms);
    access.counts_lookups = false;
    if (!access_lock(&access, first->shards, 1, NULL)) {
        return;
    }
    const struct entry *entry = keyspace_find(&access, first->keys);
    if (entry != NULL && entry_encoding(entry) == ENTRY_VALUE) {
        const struct value *value = entry_value(entry);
        const struct value_ops *ops = value_ops(value);
        if (ops->prefetch != NULL) {
            ops->prefetch(value, elements, count);
        }
    }
    access_unlock(&access, first->shards, 1);
}
