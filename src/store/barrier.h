/* barrier.h - all writers stopped between two commands, for a moment.
 *
 *   holder                          each other thread
 *   ------                          -----------------
 *   set OBSERVES_BARRIER
 *   advance the depot's epoch       locks its shards, sees the bit: notes the epoch
 *   wait until each thread            (barrier_pass); a command that writes parks,
 *     has passed that epoch,          one that reads goes on
 *     or is offline,                or passes a quiescent point
 *     or stands aside               or sleeps (pool_offline)
 *   ... the one point in the
 *       stream of effects ...
 *   clear the bit, wake the parked
 *
 * While it is held no entry is changed but by the holder: keys past their deadline are
 * invisible, as always, but neither reads nor tenders remove them.
 *
 * Why no write is missed. A thread that was counted began no command since, or will see the bit:
 *   - It noted an epoch above the holder's. It loaded that number (acquire) after the holder's
 *     advance (seq_cst, after the bit was set): its next load of the word sees the bit, and what
 *     it wrote before is seen by the holder, who loads what it noted (acquire pairs with the
 *     thread's release).
 *   - It passed a quiescent point: the same (pool_quiesce).
 *   - It was offline or stood aside when the holder looked. Coming back it stores that, and
 *     loads the word, with a sequentially consistent fence between; the holder sets the bit and
 *     loads the thread's state, likewise. One of the two sees the other's store.
 *
 * A thread that may be long in work that changes no key (freeing, walks) stands aside, so that it
 * holds nobody up; it must not write then, and does not remove expired keys that it meets.
 *
 * Lock order: before all others; the holder may lock shards. Two holders queue up.
 * Threads:    barrier_enter and _leave: one that may wait, online, with no lock and no
 *             reference got without a lock. The rest as they say.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct access;
struct keyspace;
struct store_thread;
struct waiter;

/* Stop all writers, and wait until none is in the middle of a command. */
void barrier_enter(struct keyspace *keyspace, struct store_thread *thread);

/* Let them go on. By the thread that entered. */
void barrier_leave(struct keyspace *keyspace, struct store_thread *thread);

/* For a command that has locked its shards, has changed nothing and sees OBSERVES_BARRIER in
 * access->observers: whether it may go on, as those may that only read. If not, it lets go of its
 * locks and parks. */
NODISCARD bool barrier_pass(const struct access *access, bool writes);

/* Be woken, once, when the barrier is left; perhaps before this returns. No lock held. */
void barrier_park(struct keyspace *keyspace, struct waiter *waiter);

/* This thread begins and ends to do nothing that changes a key. Background threads stand
 * aside but while they have locked what they change. barrier_step_in says whether it did. */
void barrier_stand_aside(struct store_thread *thread);
bool barrier_step_in(struct store_thread *thread);
