/* mailbox.h - messages to one thread from many.
 *
 * An intrusive multi-producer queue (a stack that the reader reverses) and an
 * eventfd that wakes the reader's event loop, written only when the reader has
 * said that it is about to sleep.
 *
 * Ownership: a posted message belongs to the reader.
 * Threads:   mailbox_post, any; the rest, the reader alone.
 */
#pragma once

#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>

struct message {
    struct message *next;
};

struct mailbox {
    _Atomic(struct message *) newest;
    _Atomic bool sleeping; // The reader waits for event_fd.
    int event_fd;          // Becomes readable when the reader should wake.
};

/* Open the eventfd. 0 or negative errno. */
NODISCARD int mailbox_open(struct mailbox *mailbox);

/* Close the eventfd; messages still inside are left alone. */
void mailbox_close(struct mailbox *mailbox);

/* Hand `message` to the reader, waking it if it sleeps. */
void mailbox_post(struct mailbox *mailbox, struct message *message);

/* Take all messages, oldest first; NULL when there are none. */
struct message *mailbox_take(struct mailbox *mailbox);

/* Announce sleep. False when a message is waiting: then do not sleep. */
bool mailbox_sleep(struct mailbox *mailbox);

/* Announce that the reader is awake. */
void mailbox_wake(struct mailbox *mailbox);
