/* blocked.h - clients that wait for keys, in the order of their arrival.
 *
 *   key ──> queue ──> node ──> node ──> node      one queue per (database, key) that somebody
 *                       │        │        │       waits for, whatever thread they belong to
 *                       ▼        ▼        ▼
 *                    waiter A  waiter B  waiter A  a waiter has a node for each of its keys
 *
 *   IDLE ──blocked_add──> WAITING ──blocked_claim──> CLAIMED ──deliver, blocked_end──> IDLE
 *                            └────blocked_withdraw────────────────────────────────────> IDLE
 *
 * A command that may have made a key ready (access->observers says whether anybody waits) asks, at
 * its end and with the key's shard still locked, for the first waiter that still waits, and owes
 * it what it waits for. Exactly one of those who claim a waiter and its owner, who withdraws it
 * (time-out, CLIENT UNBLOCK, disconnect, shutdown), wins: the state is changed in one step. So
 * nothing is handed over to who has gone, and nobody gets two things. Who loses knows it: a
 * withdrawal that fails is followed by the wake.
 *
 * Waiters belong to the number of a database, not to its content: a flush leaves them, and so does
 * a key that is deleted and comes back with another type. A command that still works on flushed
 * content serves nobody. Who looks at a key on such content, finds nothing and waits, would miss
 * what came to the new one: blocked_add says so.
 *
 * With nobody waiting all this is one bit in a word that is looked at anyway.
 *
 * Lock order: shards; then a queue's stripe, for some steps of a list and a lookup. `wants` is
 *             called with that held and calls nobody.
 * Ownership:  waiter and nodes are the owner's, who leaves them alone from blocked_add until
 *             blocked_withdraw said true or blocked_end returned.
 * Threads:    blocked_withdraw and blocked_end, the owner's; blocked_add, with the keys'
 *             shards locked; blocked_claim, any that has locked the key's shard.
 * Limits:     a claim passes over waiters that were claimed for another key and those that want
 *             something else: the caller bounds how many of them there are.
 */
#pragma once

#include "base/error.h"
#include "base/lock.h"
#include "store/access.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct blocked_queue;
struct blocked_waiter;

/* A place in a key's queue. */
struct blocked_node {
    struct blocked_node *next, *prev;
    struct blocked_queue
        *queue; // NULL: it is in none. Guarded, as all of it, by the stripe's lock.
    struct blocked_waiter *waiter;
    uint32_t stripe;
};

enum blocked_state { BLOCKED_IDLE, BLOCKED_WAITING, BLOCKED_CLAIMED };

/* Who waits. All zero but waiter.wake: idle. */
struct blocked_waiter {
    struct waiter waiter; // Woken by blocked_deliver.
    _Atomic int state;    // enum blocked_state
    struct blocked_node *nodes;
    uint32_t count;
};

/* Wait for the first of `count` keys of the access's database that becomes ready; nodes[i] is
 * the place in the queue of keys[i]. The database is not unused (access_ensure_database). 0;
 * -ENOMEM; or -EAGAIN when the database was flushed since the access was opened: then look at the
 * keys again with a new one. On errors it is idle as before. */
NODISCARD int blocked_add(struct access *access, struct blocked_waiter *waiter,
                          const struct key *keys, struct blocked_node *nodes, uint32_t count);

/* Whether a waiter wants what is under the key now (its type). */
typedef bool (*blocked_wants)(const struct blocked_waiter *waiter, const void *context);

/* The first in the order of arrival of those who wait for `key` and want what is there (NULL:
 * all do). It is the caller's to give it something and to call blocked_deliver. NULL when there
 * is none. */
struct blocked_waiter *blocked_claim(struct access *access, const struct key *key,
                                     blocked_wants wants, const void *context);

/* What was claimed has what it waited for: wake its owner. It is the owner's again. */
void blocked_deliver(struct blocked_waiter *waiter);

/* Stop waiting. False: it was claimed already; its wake follows or is on the way. */
NODISCARD bool blocked_withdraw(struct keyspace *keyspace, struct store_thread *thread,
                                struct blocked_waiter *waiter);

/* After the wake: leave the queues of the other keys. */
void blocked_end(struct keyspace *keyspace, struct store_thread *thread,
                 struct blocked_waiter *waiter);

/* How many queues there are. For tests and INFO. */
uint64_t blocked_keys(struct keyspace *keyspace);
