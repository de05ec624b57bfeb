/* Memory accesses of calls that look up members of the same sorted set, overlapped. */
#include "base/number.h"
#include "command/call.h"
#include "store/entry.h"
#include "value/zset.h"

#include <assert.h>
#include <math.h>

static_assert((int)CALL_PREFETCH_MAX <= (int)ZSET_PREFETCH_MAX, "one item a call");

bool call_shares_set(const struct call *a, const struct call *b)
{
    // A hash says enough: at worst something else is prefetched.
    return call_names_member(b) && a->keys[0].hash == b->keys[0].hash &&
           a->session->db == b->session->db;
}

static struct bytes argument_at(const struct call *call, int32_t position)
{
    return call->argv[position < 0 ? (int64_t)call->argc + position : position];
}

static struct zset_item item_of(const struct call *call)
{
    const struct command *command = call->command;
    struct zset_item item = {.member = argument_at(call, command->member)};
    if (command->score == 0 ||
        !number_parse_double(argument_at(call, command->score), &item.score)) {
        item.score = NAN;
    }
    return item;
}

void call_prefetch_members(const struct call *const *calls, unsigned count)
{
    const struct call *first = calls[0];
    struct access access = first->access;
    struct zset_item items[CALL_PREFETCH_MAX];
    ASSERT(count <= CALL_PREFETCH_MAX);
    for (unsigned i = 0; i < count; i++) {
        items[i] = item_of(calls[i]);
    }
    access_open(&access, access.keyspace, access.thread, first->session->db, access.now_ms);
    access.counts_lookups = false;
    if (!access_lock(&access, first->shards, 1, NULL)) {
        return;
    }
    const struct entry *entry = keyspace_find(&access, first->keys);
    if (entry != NULL && entry_type(entry) == VALUE_ZSET) {
        zset_prefetch(entry_zset(entry), items, count);
    }
    access_unlock(&access, first->shards, 1);
}
