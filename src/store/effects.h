/* effects.h - what a write did, as a command that does it again.
 *
 * Every change to the keyspace is told to whoever listens as one canonical,
 * deterministic command: "SET k v PXAT t", "DEL k" for an expiry, "ZADD k score
 * member". Applied in this order to a copy of the keyspace they make it equal.
 * Today's listener is the replay test; notifications, the log and replicas come
 * later. With nobody listening (NULL) it costs one predictable branch.
 *
 * Threads: `append` is called with the lock of the key's shard held, from any
 *          thread; it copies what it keeps and must not block.
 */
#pragma once

#include "base/bytes.h"

#include <stdint.h>

struct effects {
    void (*append)(struct effects *effects, uint32_t db, const struct bytes *argv, uint32_t argc);
};
