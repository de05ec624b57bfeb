/* effects.h - what a write did, as a command that does it again.
 *
 * Every change to the keyspace is told to whoever listens as one canonical,
 * deterministic command: "SET k v PXAT t", "DEL k" for an expiry, "ZADD k score
 * member". Applied in this order to a copy of the keyspace they make it equal: effects of a key
 * are in the order of its shard's lock, and a flush, which is told while the barrier stops
 * all writers, comes after all that it removed and before all that follows.
 *
 * Each carries the event that key-space notifications name, with its class. An event without a
 * command ("expire" beside "set") has argc 0: there is nothing to be done again.
 *
 * Effects between effects_group_begin and effects_group_end, told by one thread that holds all
 * their shards' locks, are one unit.
 *
 * Threads: as access.h: the lock of the keys' shards held, or the barrier.
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct access;

/* The classes of notify-keyspace-events. */
enum effect_class {
    EFFECT_GENERIC = 1 << 0,  // g
    EFFECT_STRING = 1 << 1,   // $
    EFFECT_LIST = 1 << 2,     // l
    EFFECT_SET = 1 << 3,      // s
    EFFECT_HASH = 1 << 4,     // h
    EFFECT_ZSET = 1 << 5,     // z
    EFFECT_EXPIRED = 1 << 6,  // x
    EFFECT_EVICTED = 1 << 7,  // e
    EFFECT_STREAM = 1 << 8,   // t
    EFFECT_KEY_MISS = 1 << 9, // m
    EFFECT_NEW = 1 << 10,     // n
};

/* Which arguments of the command are keys. */
enum effect_keys { EFFECT_NO_KEY, EFFECT_ONE_KEY, EFFECT_ALL_KEYS, EFFECT_KEY_VALUE_PAIRS };

struct effect_event {
    const char *name; // "set", "del", "zadd" ...: Redis's names.
    enum effect_class class;
    enum effect_keys keys;
};

/* All of it is lent for the call. */
struct effect {
    struct effect_event event;
    const struct bytes *keys; // keys[0], keys[key_step], ... key_count of them.
    uint32_t key_count;
    uint32_t key_step;
    uint32_t db;
    uint32_t argc;            // 0: an event alone.
    const struct bytes *argv; // argv[0] is the command's name.
    // The number of the database's content that was changed, drawn when that tells its first
    // effect; of a flush, one drawn for it while the barrier is held. An effect with a smaller
    // number than a flush of its database belongs to what was flushed.
    uint64_t generation;
};

/* Tell a command; which of its arguments are keys, event.keys says. Somebody listens
 * (access->observers). */
void effects_tell(struct access *access, struct effect_event event, const struct bytes *argv,
                  uint32_t argc);

/* Tell an event of one key that goes with a command told before or after. */
void effects_tell_event(struct access *access, struct effect_event event, struct bytes key);

/* Bracket what this thread tells. Cheap when nobody listens. */
void effects_group_begin(struct access *access);
void effects_group_end(struct access *access);
