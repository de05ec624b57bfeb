#include "store/barrier.h"

#include "store/keyspace_internal.h"

#include <sched.h>
#include <time.h>

enum {
    LOOKS_BEFORE_YIELD = 200,  // Some microseconds: as long as a command takes.
    LOOKS_BEFORE_SLEEP = 1000, // Then the threads that are awaited do not run just now.
    SLEEP_NS = 20000,
};

// ---- the holder ----

static bool has_passed(const struct store_thread *thread, uint64_t epoch)
{
    // Acquire pairs with note_epoch, barrier_stand_aside: the thread's writes are over.
    return atomic_load_explicit(&thread->passed, memory_order_seq_cst) > epoch ||
           pool_has_passed(thread->pool, epoch);
}

// Whether every thread but this one has; a thread that is made now comes after the epoch.
static bool all_have_passed(struct keyspace *keyspace, const struct store_thread *except,
                            uint64_t epoch)
{
    bool all = true;
    (void)pthread_mutex_lock(&keyspace->threads_lock);
    for (unsigned i = 0; i < keyspace->options.threads && all; i++) {
        const struct store_thread *thread = keyspace->threads[i];
        all = thread == NULL || thread == except || has_passed(thread, epoch);
    }
    (void)pthread_mutex_unlock(&keyspace->threads_lock);
    return all;
}

static void pause_between_looks(unsigned looks)
{
    if (looks > LOOKS_BEFORE_SLEEP) {
        const struct timespec pause = {.tv_nsec = SLEEP_NS};
        (void)nanosleep(&pause, NULL);
    } else if (looks > LOOKS_BEFORE_YIELD) {
        (void)sched_yield();
    }
}

void barrier_enter(struct keyspace *keyspace, struct store_thread *thread)
{
    // Offline: another holder, whose turn it is, need not wait for us.
    pool_offline(thread->pool);
    (void)pthread_mutex_lock(&keyspace->barrier.turn);
    (void)atomic_fetch_or_explicit(&keyspace->observers, OBSERVES_BARRIER, memory_order_seq_cst);
    uint64_t epoch = depot_advance(keyspace->depot);
    for (unsigned looks = 1; !all_have_passed(keyspace, thread, epoch); looks++) {
        pause_between_looks(looks);
    }
    pool_online(thread->pool);
    thread->holds_barrier = true;
}

static void wake_tenders(struct keyspace *keyspace)
{
    for (unsigned i = 0; keyspace->options.wake != NULL && i < keyspace->options.tenders; i++) {
        keyspace->options.wake(keyspace->options.context, i);
    }
}

void barrier_leave(struct keyspace *keyspace, struct store_thread *thread)
{
    ASSERT(thread->holds_barrier);
    thread->holds_barrier = false;
    struct barrier *barrier = &keyspace->barrier;
    // Sequentially consistent: pairs with barrier_park and barrier_puts_off_expiry, which queue
    // up first and look at the bit then.
    (void)atomic_fetch_and_explicit(&keyspace->observers, ~(uint32_t)OBSERVES_BARRIER,
                                    memory_order_seq_cst);
    bool expiry_waits = atomic_exchange(&barrier->expiry_waits, false);
    (void)pthread_mutex_unlock(&barrier->turn);
    wait_queue_wake(&barrier->parked);
    if (expiry_waits) {
        wake_tenders(keyspace);
    }
}

// ---- the others ----

bool barrier_pass(const struct access *access, bool writes)
{
    // Acquire: whoever sees the epoch that the holder has made sees its bit from now on.
    uint64_t epoch = depot_epoch(access->keyspace->depot);
    // Release: what was written before is over. Pairs with has_passed.
    if (!thread_stands_aside(access->thread)) {
        atomic_store_explicit(&access->thread->passed, epoch, memory_order_release);
    }
    return !writes;
}

void barrier_park(struct keyspace *keyspace, struct waiter *waiter)
{
    struct barrier *barrier = &keyspace->barrier;
    wait_queue_add(&barrier->parked, waiter, WAIT_FOR_BARRIER);
    if ((observers_now(keyspace) & OBSERVES_BARRIER) == 0) {
        wait_queue_wake(&barrier->parked); // It was left meanwhile, perhaps before we queued.
    }
}

bool barrier_puts_off_expiry(struct keyspace *keyspace)
{
    if (LIKELY((observers_now(keyspace) & OBSERVES_BARRIER) == 0)) {
        return false;
    }
    atomic_store(&keyspace->barrier.expiry_waits, true);
    return (observers_now(keyspace) & OBSERVES_BARRIER) != 0;
}

void barrier_stand_aside(struct store_thread *thread)
{
    // Release: what was written before is over.
    atomic_store_explicit(&thread->passed, PASSED_ALL, memory_order_release);
}

bool barrier_step_in(struct store_thread *thread)
{
    bool stood_aside = thread_stands_aside(thread);
    // With the fence between this store and the next load of the word: see barrier.h.
    atomic_store_explicit(&thread->passed, 0, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    return stood_aside;
}
