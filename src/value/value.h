/* value.h - what every value with memory of its own begins with.
 *
 * Small strings and integers stand inside their entry (store/entry.h). All other
 * values are blocks of their own that begin with a struct value: long strings
 * and sorted sets, later hashes, lists, sets and streams.
 *
 * A value may outlive its key: a reply that is being sent from a long string, or
 * a background thread that walks a sorted set, holds a reference. While anybody
 * but the key holds one, the value must not be changed (value_is_shared): a
 * string is then copied, and who wants to change another kind parks in `waiters`
 * until the walk is over. It may always be unlinked from its key and dropped.
 *
 * Threads: `holders` is atomic; `waiters` is guarded by the keyspace's lock for it
 *          while the value is shared; the rest by the lock of the key's shard while
 *          the value hangs on a key. All of it belongs to the last holder after that.
 */
#pragma once

#include "base/lock.h"
#include "base/pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_type { VALUE_STRING, VALUE_ZSET };

struct value {
    _Atomic uint32_t holders; // The key counts as one.
    uint8_t type;             // enum value_type
    struct waiter *waiters;   // Who wants to change it once nobody else holds it.
    struct value *next;       // Links values without holders that wait to be freed.
};

/* A new value with one holder. */
void value_init(struct value *value, enum value_type type);

/* One more holder. The caller holds one or has the shard's lock. */
void value_hold(struct value *value);

/* One holder less. True when it was the last: the caller frees the value
 * (value_free) or hands it to a background thread for that. */
NODISCARD bool value_release(struct value *value);

/* Whether anybody but one holder has it. */
static inline bool value_is_shared(const struct value *value)
{
    // Acquire pairs with the release in value_release: the other's reads are over.
    return atomic_load_explicit(&value->holders, memory_order_acquire) > 1;
}

/* About how many blocks freeing it takes: beyond VALUE_FREE_INLINE_MAX a worker
 * leaves it to a background thread. */
size_t value_free_effort(const struct value *value);
enum { VALUE_FREE_INLINE_MAX = 64 };

/* Free a value without holders. */
void value_free(struct value *value, struct pool *pool);

/* TYPE's word for it: "string", "zset". */
const char *value_type_name(enum value_type type);
