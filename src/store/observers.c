#include "store/observers.h"

#include "store/keyspace_internal.h"

// ---- the word ----

static void raise(struct keyspace *keyspace, uint32_t bits)
{
    for (unsigned i = 0; i < OBSERVES_BITS; i++) {
        if ((bits >> i & 1) != 0 && keyspace->observing.counts[i]++ == 0) {
            (void)atomic_fetch_or_explicit(&keyspace->observers, UINT32_C(1) << i,
                                           memory_order_seq_cst);
        }
    }
}

static void lower(struct keyspace *keyspace, uint32_t bits)
{
    for (unsigned i = 0; i < OBSERVES_BITS; i++) {
        if ((bits >> i & 1) == 0) {
            continue;
        }
        ASSERT(keyspace->observing.counts[i] > 0);
        if (--keyspace->observing.counts[i] == 0) {
            (void)atomic_fetch_and_explicit(&keyspace->observers, ~(UINT32_C(1) << i),
                                            memory_order_seq_cst);
        }
    }
}

void observers_raise(struct keyspace *keyspace, enum observes bit)
{
    struct observing *observing = &keyspace->observing;
    lock_wait(&observing->lock, &observing->queue);
    raise(keyspace, bit);
    lock_release(&observing->lock, &observing->queue);
}

void observers_lower(struct keyspace *keyspace, enum observes bit)
{
    struct observing *observing = &keyspace->observing;
    lock_wait(&observing->lock, &observing->queue);
    lower(keyspace, bit);
    lock_release(&observing->lock, &observing->queue);
}

// ---- listeners ----

void observers_add(struct keyspace *keyspace, struct observer *observer)
{
    struct observing *observing = &keyspace->observing;
    lock_wait(&observing->lock, &observing->queue);
    _Atomic(struct observer *) *end = &keyspace->listeners;
    struct observer *last;
    while ((last = atomic_load_explicit(end, memory_order_relaxed)) != NULL) {
        end = &last->next;
    }
    atomic_store_explicit(&observer->next, NULL, memory_order_relaxed);
    // Release pairs with the acquire in first_listener and next_listener.
    atomic_store_explicit(end, observer, memory_order_release);
    raise(keyspace, observer->interests);
    lock_release(&observing->lock, &observing->queue);
}

void observers_remove(struct keyspace *keyspace, struct store_thread *thread,
                      struct observer *observer)
{
    struct observing *observing = &keyspace->observing;
    lock_wait(&observing->lock, &observing->queue);
    lower(keyspace, observer->interests);
    _Atomic(struct observer *) *at = &keyspace->listeners;
    struct observer *here;
    while ((here = atomic_load_explicit(at, memory_order_relaxed)) != observer) {
        ASSERT(here != NULL);
        at = &here->next;
    }
    // Its own next stays: a thread that is at it goes on from there.
    atomic_store_explicit(at, atomic_load_explicit(&observer->next, memory_order_relaxed),
                          memory_order_release);
    lock_release(&observing->lock, &observing->queue);
    pool_synchronize(thread->pool);
}

static struct observer *first_listener(const struct keyspace *keyspace)
{
    return atomic_load_explicit(&keyspace->listeners, memory_order_acquire);
}

static struct observer *next_listener(const struct observer *observer)
{
    return atomic_load_explicit(&observer->next, memory_order_acquire);
}

// ---- touches ----

void observers_touch(struct access *access, struct bytes name, uint64_t hash)
{
    DEBUG_ASSERT(access_may_expire(access)); // It writes: barrier_step_in is missing.
    for (struct observer *at = first_listener(access->keyspace); at != NULL;
         at = next_listener(at)) {
        if ((at->interests & OBSERVES_TOUCHES) != 0) {
            at->ops->touched(at, access, name, hash);
        }
    }
}

void observers_flushed(struct keyspace *keyspace, uint32_t db)
{
    for (struct observer *at = first_listener(keyspace); at != NULL; at = next_listener(at)) {
        if ((at->interests & OBSERVES_TOUCHES) != 0) {
            at->ops->flushed(at, db);
        }
    }
}

void keyspace_touch(struct access *access, const struct key *key)
{
    access_touch(access, key->name, key->hash);
}

// ---- effects ----

static bool wants(const struct observer *observer, const struct effect *effect)
{
    uint32_t with_command = effect->argc > 0 ? OBSERVES_LOG : 0;
    return (observer->interests & (OBSERVES_NOTIFICATIONS | with_command)) != 0;
}

static void tell(struct access *access, const struct effect *effect)
{
    for (struct observer *at = first_listener(access->keyspace); at != NULL;
         at = next_listener(at)) {
        if (wants(at, effect)) {
            at->ops->effect(at, effect);
        }
    }
}

static uint64_t draw_number(struct keyspace *keyspace)
{
    // Relaxed: the shards' locks and the barrier order what is told.
    return atomic_fetch_add_explicit(&keyspace->last_number, 1, memory_order_relaxed) + 1;
}

static uint64_t number_of(const struct access *access)
{
    struct generation *generation = access->generation;
    if (generation == NULL) {
        return draw_number(access->keyspace);
    }
    uint64_t number = atomic_load_explicit(&generation->number, memory_order_relaxed);
    if (number == 0) {
        uint64_t drawn = draw_number(access->keyspace);
        if (atomic_compare_exchange_strong_explicit(&generation->number, &number, drawn,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            number = drawn;
        }
    }
    return number;
}

void effects_tell(struct access *access, struct effect_event event, const struct bytes *argv,
                  uint32_t argc)
{
    struct effect effect = {
        .event = event,
        .keys = argv + 1,
        .key_step = 1,
        .db = access->db,
        .argc = argc,
        .argv = argv,
        .generation = number_of(access),
    };
    switch (event.keys) {
    case EFFECT_NO_KEY:
        break;
    case EFFECT_ONE_KEY:
        effect.key_count = 1;
        break;
    case EFFECT_ALL_KEYS:
        effect.key_count = argc - 1;
        break;
    case EFFECT_KEY_VALUE_PAIRS:
        effect.key_step = 2;
        effect.key_count = (argc - 1) / 2;
        break;
    }
    access_count_effect(access, 1);
    tell(access, &effect);
}

void effects_tell_event(struct access *access, struct effect_event event, struct bytes key)
{
    const struct effect effect = {
        .event = event,
        .keys = &key,
        .key_count = 1,
        .key_step = 1,
        .db = access->db,
        .generation = number_of(access),
    };
    tell(access, &effect);
}

static void tell_group(struct access *access, bool begins)
{
    if (LIKELY((access->observers & OBSERVES_EFFECTS) == 0)) {
        return;
    }
    for (struct observer *at = first_listener(access->keyspace); at != NULL;
         at = next_listener(at)) {
        if ((at->interests & OBSERVES_EFFECTS) != 0 && at->ops->group != NULL) {
            at->ops->group(at, begins);
        }
    }
}

void effects_group_begin(struct access *access)
{
    tell_group(access, true);
}

void effects_group_end(struct access *access)
{
    tell_group(access, false);
}

void access_check_told(const struct access *access)
{
#ifdef FASTKV_CHECKED
    bool listens = (access->observers & OBSERVES_EFFECTS) != 0;
    ASSERT(!listens || (access->touches > 0) == (access->effects > 0));
#else
    (void)access;
#endif
}
