/* value.h - what every value with memory of its own begins with, and what types do.
 *
 *   value.h          the head of a value, its references, the table of types
 *   string/ zset/    a folder per type, with its struct value_ops
 *
 * Small strings and integers stand inside their entry (store/entry.h). All other
 * values are blocks of their own that begin with a struct value: long strings
 * and sorted sets, later hashes, lists, sets and streams. What the layers above need to do
 * with a value of any type is in its type's struct value_ops.
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

#include "base/bytes.h"
#include "base/lock.h"
#include "base/pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Snapshots and the like do not see these numbers: order them as you like. */
enum value_type { VALUE_STRING, VALUE_ZSET, VALUE_TYPES };

struct value {
    _Atomic uint32_t holders; // The key counts as one.
    uint8_t type;             // enum value_type
    struct waiter *waiters;   // Who wants to change it once nobody else holds it.
    struct value *next;       // Links values without holders that wait to be freed.
};

/* What a command says of an element that it is about to look up: for prefetching. */
struct value_element {
    struct bytes name; // A member or a field.
    struct bytes with; // What it is to get, as the client wrote it; empty: nothing.
};

/* How many elements can be prefetched together. */
enum { VALUE_PREFETCH_MAX = 32 };

/* What a type does. */
struct value_ops {
    const char *name; // TYPE's word for it.

    // A shared one is copied by who wants to change it; of other types, who wants to waits.
    bool is_copied_on_change;

    // OBJECT ENCODING's word for how it is stored, in Redis's terms.
    const char *(*encoding)(const struct value *value);

    // About how many blocks freeing it takes.
    size_t (*free_effort)(const struct value *value);

    // Free it, whoever held it. May take long.
    void (*free)(struct value *value, struct pool *pool);

    // Bring into the cache what looking up these elements is going to read; at most
    // VALUE_PREFETCH_MAX, worth it from two on. NULL: has none to look up.
    void (*prefetch)(const struct value *value, const struct value_element *elements,
                     unsigned count);

    // Check every invariant of one that hangs on a key, with ASSERT.
    void (*validate)(const struct value *value);
};

const struct value_ops *value_type_ops(enum value_type type);

/* Find a type by TYPE's word for it, in any case. False when there is none. */
bool value_type_find(struct bytes name, enum value_type *type_out);

static inline const struct value_ops *value_ops(const struct value *value)
{
    return value_type_ops((enum value_type)value->type);
}

/* A new value with one holder. */
void value_init(struct value *value, enum value_type type);

/* One more holder. The caller holds one or has the shard's lock. Only the store counts
 * directly, others with its keyspace_hold and keyspace_drop. */
void value_hold(struct value *value);

/* One holder less. True when it was the last: the caller frees the value
 * (value_free) or hands it to a background thread for that. On any thread. */
NODISCARD bool value_drop(struct value *value);

/* How many hold it at this moment. */
static inline uint32_t value_holders(const struct value *value)
{
    return atomic_load_explicit(&value->holders, memory_order_relaxed);
}

/* Whether anybody but one holder has it. */
static inline bool value_is_shared(const struct value *value)
{
    // Acquire pairs with the release in value_drop: the other's reads are over.
    return atomic_load_explicit(&value->holders, memory_order_acquire) > 1;
}

/* Beyond this effort (value_ops) a worker leaves freeing to a background thread. */
enum { VALUE_FREE_INLINE_MAX = 64 };

static inline size_t value_free_effort(const struct value *value)
{
    return value_ops(value)->free_effort(value);
}

/* Free a value without holders. */
static inline void value_free(struct value *value, struct pool *pool)
{
    value_ops(value)->free(value, pool);
}
