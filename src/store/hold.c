/* Values that outlive the lock of their key: who holds them, and who waits for that. */
#include "store/keyspace_internal.h"

/* Let a reference go that is not the only one, and take who waits to change the value: in one
 * step for those who look whether it is shared, so that nobody waits in vain. Whether it was
 * the last. */
static bool drop_shared(struct keyspace *keyspace, struct value *value, struct waiter **waiters_out)
{
    lock_wait(&keyspace->waiters_lock, &keyspace->waiters_queue);
    *waiters_out = value->waiters;
    value->waiters = NULL;
    bool is_last = value_drop(value);
    lock_release(&keyspace->waiters_lock, &keyspace->waiters_queue);
    return is_last;
}

void keyspace_drop_own(struct store_thread *thread, struct value *value)
{
    struct waiter *waiters = NULL;
    bool is_last = true; // Without others, nobody waits, and nobody can come.
    if (UNLIKELY(value_is_shared(value))) {
        is_last = value_ops(value)->is_copied_on_change
                      ? value_drop(value)
                      : drop_shared(thread->keyspace, value, &waiters);
    }
    if (is_last && value_free_effort(value) > VALUE_FREE_INLINE_MAX) {
        value->next = thread->trash;
        thread->trash = value;
    } else if (is_last) {
        value_free(value, thread->pool);
    }
    waiters_wake(waiters);
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
    keyspace_drop_own(thread, value); // The value may be gone from here on.
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
    if (value_ops(value)->is_copied_on_change || !value_is_shared(value)) {
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
    lock_release(&keyspace->waiters_lock, &keyspace->waiters_queue);
    return !is_shared;
}
