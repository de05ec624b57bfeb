/* Values that outlive the lock of their key: who holds them, and who waits for that. */
#include "base/clock.h"
#include "store/keyspace_internal.h"

/* ---- who is to change a value first ----
 *
 * Without more ado, many who walk a value would keep those who want to change it waiting for
 * ever: a new walk begins before the last has ended. So no walk begins while somebody waits to
 * change the value (value->waiters), and when the last walk has ended, the value is reserved for
 * those who have waited, until one of them has come or it takes too long: it may have left. */

enum { RESERVED_NS = 20 * 1000 * 1000 };

// All of these: waiters_lock is held. A reservation counts as a walk, so that somebody looks.
static void end_reservation(struct keyspace *keyspace, unsigned i)
{
    keyspace->reserved[i] = keyspace->reserved[--keyspace->reserved_count];
    atomic_fetch_sub_explicit(&keyspace->walks, 1, memory_order_release);
}

static void reserve(struct keyspace *keyspace, const struct value *value)
{
    if (keyspace->reserved_count < RESERVED_MAX) {
        keyspace->reserved[keyspace->reserved_count++] =
            (struct reservation){.value = value, .until_ns = clock_monotonic_ns() + RESERVED_NS};
        atomic_fetch_add_explicit(&keyspace->walks, 1, memory_order_relaxed);
    }
}

// Whether the value is reserved; with `ends` it is so no longer. Others that took too long end.
static bool is_reserved(struct keyspace *keyspace, const struct value *value, bool ends)
{
    bool found = false;
    for (unsigned i = keyspace->reserved_count; i-- > 0;) {
        bool is_late = keyspace->reserved[i].until_ns <= clock_monotonic_ns();
        bool is_it = keyspace->reserved[i].value == value;
        found |= is_it && !is_late;
        if (is_late || (is_it && ends)) {
            end_reservation(keyspace, i);
        }
    }
    return found;
}

// ---- holding and dropping ----

/* Let a reference go that is not the only one, and take who waits to change the value, once
 * they can or need not: in one step for those who look whether it is shared, so that nobody waits
 * in vain. Whether it was the last. */
static bool drop_shared(struct keyspace *keyspace, struct value *value, bool is_own,
                        struct waiter **waiters_out)
{
    lock_wait(&keyspace->waiters_lock, &keyspace->waiters_queue);
    bool leaves_one = value_holders(value) <= 2;
    if (is_own || leaves_one) { // Before it is dropped: it may be gone right after.
        *waiters_out = value->waiters;
        value->waiters = NULL;
    }
    bool is_last = value_drop(value);
    if (*waiters_out != NULL && !is_own && !is_last) {
        reserve(keyspace, value);
    }
    lock_release(&keyspace->waiters_lock, &keyspace->waiters_queue);
    return is_last;
}

static void drop(struct store_thread *thread, struct value *value, bool is_own)
{
    struct waiter *waiters = NULL;
    bool is_last = true; // Without others, nobody waits, and nobody can come.
    if (UNLIKELY(value_is_shared(value))) {
        is_last = value_ops(value)->is_copied_on_change
                      ? value_drop(value)
                      : drop_shared(thread->keyspace, value, is_own, &waiters);
    }
    if (is_last && value_free_effort(value) > VALUE_FREE_INLINE_MAX) {
        value->next = thread->trash;
        thread->trash = value;
    } else if (is_last) {
        value_free(value, thread->pool);
    }
    waiters_wake(waiters);
}

void keyspace_drop_own(struct store_thread *thread, struct value *value)
{
    drop(thread, value, true);
}

void keyspace_hold(struct store_thread *thread, struct value *value)
{
    if (!value_ops(value)->is_copied_on_change) {
        // Relaxed: who must see it locks the same shard after us.
        atomic_fetch_add_explicit(&thread->keyspace->walks, 1, memory_order_relaxed);
    }
    value_hold(value);
}

void keyspace_drop(struct store_thread *thread, struct value *value)
{
    bool is_walked = !value_ops(value)->is_copied_on_change;
    drop(thread, value, false); // The value may be gone from here on.
    if (is_walked) {
        // Release: our reads are over. Pairs with keyspace_has_walks.
        atomic_fetch_sub_explicit(&thread->keyspace->walks, 1, memory_order_release);
    }
}

bool keyspace_has_walks(const struct keyspace *keyspace)
{
    // Acquire pairs with keyspace_drop: who sees no walk changes what was walked.
    return atomic_load_explicit(&keyspace->walks, memory_order_acquire) != 0;
}

bool keyspace_may_change(struct access *access, const struct key *key, struct waiter *waiter)
{
    const struct entry *entry = keyspace_find(access, key);
    if (entry == NULL || entry_encoding(entry) != ENTRY_VALUE) {
        return true;
    }
    struct value *value = entry_value(entry);
    if (value_ops(value)->is_copied_on_change) {
        return true;
    }
    struct keyspace *keyspace = access->keyspace;
    lock_wait(&keyspace->waiters_lock, &keyspace->waiters_queue);
    bool is_shared = value_is_shared(value);
    if (is_shared && waiter != NULL) {
        waiter->reason = WAIT_FOR_LOCK;
        waiter->next = value->waiters;
        value->waiters = waiter;
    }
    (void)is_reserved(keyspace, value, !is_shared);
    lock_release(&keyspace->waiters_lock, &keyspace->waiters_queue);
    return !is_shared;
}

bool keyspace_may_walk(struct keyspace *keyspace, const struct value *value)
{
    if (!keyspace_has_walks(keyspace) || value_ops(value)->is_copied_on_change) {
        return true;
    }
    lock_wait(&keyspace->waiters_lock, &keyspace->waiters_queue);
    bool is_awaited = value->waiters != NULL || is_reserved(keyspace, value, false);
    lock_release(&keyspace->waiters_lock, &keyspace->waiters_queue);
    return !is_awaited;
}
