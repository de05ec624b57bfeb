/* lock.h - a small lock that nobody sleeps on.
 *
 * Workers try it, spin for a moment, and if it stays taken they park a waiter
 * and turn to other work; whoever releases wakes all the parked ones.
 *
 *   FREE ──try──> TAKEN ──park──> CONTENDED
 *     ^             │                │
 *     └──release────┴──release───────┘ and wakes the parked
 *
 * A lock is one word, so that it can stand in the cache line of what it guards; who waits
 * for it queues elsewhere. Both belong together for life.
 *
 * Threads: any. A wake function runs in the thread that ends the wait (or finds it ended
 * as it queues the waiter), after the lock is free; it must not block.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a waiter waits for. */
enum wait_reason { WAIT_FOR_LOCK, WAIT_FOR_MEMORY, WAIT_FOR_BARRIER, WAIT_FOR_KEY };

struct waiter {
    struct waiter *next;
    void (*wake)(struct waiter *waiter);
    enum wait_reason reason; // Of the last time that it was parked.
};

enum lock_state { LOCK_FREE, LOCK_TAKEN, LOCK_CONTENDED };

/* Free when all zero. */
struct lock {
    _Atomic uint32_t state;
};

/* Nobody waits when all zero. */
struct wait_queue {
    _Atomic(struct waiter *) parked; // A stack.
};

/* Take the lock if it is free now. */
static inline bool lock_try(struct lock *lock)
{
    uint32_t expected = LOCK_FREE;
    // Acquire pairs with the release in lock_release.
    return atomic_compare_exchange_strong_explicit(&lock->state, &expected, LOCK_TAKEN,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* Take the lock, spinning for well under a microsecond. */
bool lock_try_spin(struct lock *lock);

/* Be woken, once, when the lock is released; perhaps before this returns. The
 * waiter stays the caller's, who leaves it alone until it is woken: whoever may want to leave
 * before parks something that outlives it (session/client_waiter.h). */
void lock_park(struct lock *lock, struct wait_queue *queue, struct waiter *waiter);

/* Wake a list of waiters, each gone once woken. NULL is fine. */
void waiters_wake(struct waiter *first);

/* Queue a waiter. Sequentially consistent, as is wait_queue_wake: where the reason to wait
 * is, too, who queues and then looks at it, and who ends it and then wakes, cannot miss
 * each other. */
void wait_queue_add(struct wait_queue *queue, struct waiter *waiter, enum wait_reason reason);

/* Wake all who are queued, in the order of arrival. */
void wait_queue_wake(struct wait_queue *queue);

static inline void lock_release(struct lock *lock, struct wait_queue *queue)
{
    // Release pairs with the acquire in lock_try.
    if (__builtin_expect(atomic_exchange_explicit(&lock->state, LOCK_FREE, memory_order_release) !=
                             LOCK_TAKEN,
                         0)) {
        wait_queue_wake(queue);
    }
}

/* A waiter whose owner sleeps: for background threads only. */
struct sleeper {
    struct waiter waiter;
    _Atomic uint32_t is_woken;
};

void sleeper_init(struct sleeper *sleeper);

/* Sleep until the waiter was woken, once for each time it was queued. */
void sleeper_sleep(struct sleeper *sleeper);

/* Take the lock, sleeping until it is had: for background threads only. */
void lock_wait(struct lock *lock, struct wait_queue *queue);
