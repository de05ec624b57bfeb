/* client_waiter.h - what is parked in place of a client, so that the client may leave.
 *
 *   ARMED ──wake──> WOKEN ── its mail is read ──> ARMED again
 *     │               │
 *   leave           leave: freed when its mail is read
 *     ▼
 *   LEFT ──wake──> freed by the thread that wakes it
 *
 * Locks, values and memory have queues of waiters from which nobody can be taken out: they belong
 * to other threads. So a client that gives up waiting (time-out, disconnect, kill, shutdown)
 * leaves its waiter behind and goes on, or is freed, at once. What is left behind is less than
 * a hundred bytes, until the lock is released or memory has come.
 *
 * Ownership: of the client until client_waiter_leave; then of whoever comes last.
 * Threads:   the client's; `waiter.wake`, any.
 */
#pragma once

#include "base/error.h"
#include "base/lock.h"
#include "base/mailbox.h"

#include <stdatomic.h>
#include <stdbool.h>

enum mail_kind {
    MAIL_CONNECTION,
    MAIL_WOKEN,
    MAIL_JOB_DONE,
    MAIL_REQUEST_DONE,
    MAIL_TRASH_FREED,
    MAIL_CONDEMNED,
    MAIL_LOOK_AGAIN,
    MAIL_STOP
};

/* What a worker's mailbox carries. */
struct mail {
    struct message message;
    enum mail_kind kind;
};

struct client;

struct client_waiter {
    struct waiter waiter;
    _Atomic int state; // enum client_waiter_state
    struct mail mail;  // MAIL_WOKEN, to `mailbox`.
    struct mailbox *mailbox;
    struct client *client; // NULL: it has left.
};

/* A waiter that tells `mailbox` when it is woken; NULL when out of memory. */
struct client_waiter *client_waiter_create(struct mailbox *mailbox, struct client *client);

/* Free one that is not parked. */
void client_waiter_destroy(struct client_waiter *waiter);

/* The client of a parked waiter gives up; the waiter is no longer the client's. */
void client_waiter_leave(struct client_waiter *waiter);

/* The mail of a waiter was read: the client that it woke, which may park it again, or NULL when
 * that has left; then the waiter is freed. */
struct client *client_waiter_woken(struct mail *mail);
