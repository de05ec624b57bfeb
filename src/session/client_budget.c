#include "session/client_budget.h"

#include <stddef.h>

void client_budget_init(struct client_budget *budget, const _Atomic uint64_t *memory_max)
{
    *budget = (struct client_budget){.memory_max = memory_max};
    (void)pthread_mutex_init(&budget->lock, NULL);
    budget->ring.prev = budget->ring.next = &budget->ring;
}

void client_budget_deinit(struct client_budget *budget)
{
    (void)pthread_mutex_destroy(&budget->lock);
}

static void add(_Atomic uint64_t *sum, uint64_t bytes)
{
    atomic_fetch_add_explicit(sum, bytes, memory_order_relaxed);
}

static void uncount(struct client_budget *budget, struct client_share *share)
{
    add(&budget->memory_bytes, -share->memory_bytes);
    add(&budget->unsent_bytes, -share->unsent_bytes);
    share->memory_bytes = share->unsent_bytes = 0;
}

static void unlink_share(struct client_budget *budget, struct client_share *share)
{
    if (share->next != NULL) {
        uncount(budget, share);
        share->prev->next = share->next;
        share->next->prev = share->prev;
        share->prev = share->next = NULL;
    }
}

static void link_share(struct client_budget *budget, struct client_share *share)
{
    if (share->next == NULL) {
        share->prev = budget->ring.prev;
        share->next = &budget->ring;
        share->prev->next = share;
        budget->ring.prev = share;
    }
}

static bool is_exceeded(const struct client_budget *budget)
{
    uint64_t memory_max = atomic_load_explicit(budget->memory_max, memory_order_relaxed);
    return memory_max > 0 &&
           atomic_load_explicit(&budget->memory_bytes, memory_order_relaxed) > memory_max;
}

// Condemn the largest until the others are within the limit. Clients beyond one step are few:
// at most as many as steps are within the limit.
static void condemn_largest(struct client_budget *budget)
{
    while (is_exceeded(budget) && budget->ring.next != &budget->ring) {
        struct client_share *largest = budget->ring.next;
        for (struct client_share *at = largest->next; at != &budget->ring; at = at->next) {
            largest = at->memory_bytes > largest->memory_bytes ? at : largest;
        }
        unlink_share(budget, largest);
        largest->is_condemned = true;
        mailbox_post(largest->mailbox, &largest->mail.message);
    }
}

void client_budget_update(struct client_budget *budget, struct client_share *share,
                          uint64_t memory_bytes, uint64_t unsent_bytes)
{
    share->steps = unsent_bytes >> CLIENT_BUDGET_STEP_BITS;
    (void)pthread_mutex_lock(&budget->lock);
    if (!share->is_condemned) {
        uncount(budget, share);
        if (share->steps == 0) {
            unlink_share(budget, share);
        } else {
            link_share(budget, share);
            share->memory_bytes = memory_bytes;
            share->unsent_bytes = unsent_bytes;
            add(&budget->memory_bytes, memory_bytes);
            add(&budget->unsent_bytes, unsent_bytes);
            condemn_largest(budget);
        }
    }
    (void)pthread_mutex_unlock(&budget->lock);
}

bool client_budget_leave(struct client_budget *budget, struct client_share *share)
{
    (void)pthread_mutex_lock(&budget->lock);
    unlink_share(budget, share);
    bool may_leave = !share->is_condemned;
    (void)pthread_mutex_unlock(&budget->lock);
    return may_leave;
}

void client_budget_pardon(struct client_budget *budget, struct client_share *share)
{
    (void)pthread_mutex_lock(&budget->lock);
    share->is_condemned = false;
    (void)pthread_mutex_unlock(&budget->lock);
}

bool client_budget_is_tight(const struct client_budget *budget)
{
    uint64_t memory_max = atomic_load_explicit(budget->memory_max, memory_order_relaxed);
    return memory_max > 0 &&
           atomic_load_explicit(&budget->unsent_bytes, memory_order_relaxed) > memory_max / 2;
}
