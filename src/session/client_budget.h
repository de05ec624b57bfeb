/* client_budget.h - what all clients together may make the server keep.
 *
 *   client ── its unread input and unsent replies, when they change by a step ──> budget
 *   budget ── more than there may be: the largest is condemned ──> mail to its worker
 *
 * A client below one step (16 KiB) is not counted: their number has a limit of its own, and the
 * path of short requests never comes here.
 *
 * Invariants: memory and unsent are the sums over the clients in the ring that are not condemned.
 * Ownership:  a share is its client's. A condemned client stays until its mail has been read.
 * Threads:    client_budget_update and client_budget_leave, the thread of the client; the sums, any.
 */
#pragma once

#include "session/client_waiter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { CLIENT_BUDGET_STEP_BITS = 14 };

/* What one client holds. */
struct client_share {
    struct client_share *prev, *next; // In the ring; NULL: not counted.
    uint64_t steps;                   // It held when it was counted last; of its thread alone.
    uint64_t memory_bytes;            // Buffers: input, and replies that are not lent.
    uint64_t unsent_bytes;            // Input and all replies.
    bool is_condemned;
    struct mail mail; // MAIL_CONDEMNED, to `mailbox`.
    struct mailbox *mailbox;
};

struct client_budget {
    const _Atomic uint64_t *memory_max; // 0: no limit.
    pthread_mutex_t lock;               // Guards the ring, and of each share all but its steps.
    struct client_share ring;           // Its head.
    _Atomic uint64_t memory_bytes, unsent_bytes;
};

/* An empty budget of *memory_max bytes, which may change. */
void client_budget_init(struct client_budget *budget, const _Atomic uint64_t *memory_max);
void client_budget_deinit(struct client_budget *budget);

/* Whether a client that now holds so much is to be counted anew. */
static inline bool client_share_differs(const struct client_share *share, uint64_t unsent_bytes)
{
    return unsent_bytes >> CLIENT_BUDGET_STEP_BITS != share->steps;
}

/* A client holds so much now. May condemn clients, this one too. */
void client_budget_update(struct client_budget *budget, struct client_share *share,
                          uint64_t memory_bytes, uint64_t unsent_bytes);

/* A client holds nothing any more; false while it is condemned and its mail was not read. */
NODISCARD bool client_budget_leave(struct client_budget *budget, struct client_share *share);

/* The mail of a condemned client was read. */
void client_budget_pardon(struct client_budget *budget, struct client_share *share);

/* More than half of what there may be is held: clients should read before they ask for more. */
bool client_budget_is_tight(const struct client_budget *budget);
