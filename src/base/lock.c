#include "base/lock.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

// Some 0.3 us: longer than a command holds a lock, shorter than a system call.
enum { SPINS = 100 };

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

bool lock_try_spin(struct lock *lock)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&lock->state, memory_order_relaxed) == LOCK_FREE &&
            lock_try(lock)) {
            return true;
        }
        relax();
    }
    return false;
}

// Reverse the stack of the parked, so that they are woken in the order of arrival.
static struct waiter *take_parked(struct wait_queue *queue)
{
    struct waiter *at = atomic_exchange(&queue->parked, NULL);
    struct waiter *oldest = NULL;
    while (at != NULL) {
        struct waiter *next = at->next;
        at->next = oldest;
        oldest = at;
        at = next;
    }
    return oldest;
}

void waiters_wake(struct waiter *first)
{
    while (first != NULL) {
        struct waiter *next = first->next; // Gone once woken.
        first->wake(first);
        first = next;
    }
}

void wait_queue_add(struct wait_queue *queue, struct waiter *waiter, enum wait_reason reason)
{
    waiter->reason = reason;
    struct waiter *top = atomic_load_explicit(&queue->parked, memory_order_relaxed);
    do {
        waiter->next = top;
    } while (!atomic_compare_exchange_weak(&queue->parked, &top, waiter));
}

void wait_queue_wake(struct wait_queue *queue)
{
    waiters_wake(take_parked(queue));
}

void lock_park(struct lock *lock, struct wait_queue *queue, struct waiter *waiter)
{
    wait_queue_add(queue, waiter, WAIT_FOR_LOCK);
    // Whoever holds the lock must learn of it; if nobody does, we wake it ourselves.
    for (;;) {
        uint32_t state = LOCK_TAKEN;
        if (atomic_compare_exchange_strong_explicit(&lock->state, &state, LOCK_CONTENDED,
                                                    memory_order_acq_rel, memory_order_relaxed) ||
            state == LOCK_CONTENDED) {
            return;
        }
        if (lock_try(lock)) {
            atomic_store_explicit(&lock->state, LOCK_CONTENDED, memory_order_relaxed);
            lock_release(lock, queue);
            return;
        }
    }
}

static void wake_sleeper(struct waiter *waiter)
{
    struct sleeper *sleeper = (struct sleeper *)waiter;
    _Atomic uint32_t *word = &sleeper->is_woken;
    // The sleeper may return, and its stack frame end, right after this store: the
    // futex call then wakes nobody or spuriously somebody, which is harmless.
    atomic_store_explicit(word, 1, memory_order_release);
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void sleeper_init(struct sleeper *sleeper)
{
    *sleeper = (struct sleeper){.waiter = {.wake = wake_sleeper}};
}

void sleeper_sleep(struct sleeper *sleeper)
{
    // Acquire pairs with the release in wake_sleeper.
    while (atomic_load_explicit(&sleeper->is_woken, memory_order_acquire) == 0) {
        (void)syscall(SYS_futex, &sleeper->is_woken, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
    atomic_store_explicit(&sleeper->is_woken, 0, memory_order_relaxed);
}

void lock_wait(struct lock *lock, struct wait_queue *queue)
{
    while (!lock_try(lock) && !lock_try_spin(lock)) {
        struct sleeper sleeper;
        sleeper_init(&sleeper);
        lock_park(lock, queue, &sleeper.waiter);
        sleeper_sleep(&sleeper);
    }
}
