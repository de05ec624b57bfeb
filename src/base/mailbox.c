#include "base/mailbox.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_open(struct mailbox *mailbox)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    atomic_init(&mailbox->newest, NULL);
    atomic_init(&mailbox->sleeping, false);
    mailbox->event_fd = fd;
    return 0;
}

void mailbox_close(struct mailbox *mailbox)
{
    if (mailbox->event_fd >= 0) {
        (void)close(mailbox->event_fd);
        mailbox->event_fd = -1;
    }
}

void mailbox_post(struct mailbox *mailbox, struct message *message)
{
    struct message *newest = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);
    do {
        message->next = newest;
        // Sequentially consistent with mailbox_sleep: either the reader sees the
        // message before it sleeps, or we see that it sleeps.
    } while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &newest, message,
                                                    memory_order_seq_cst, memory_order_relaxed));
    if (atomic_load_explicit(&mailbox->sleeping, memory_order_seq_cst) &&
        atomic_exchange_explicit(&mailbox->sleeping, false, memory_order_seq_cst)) {
        uint64_t one = 1;
        ssize_t written = write(mailbox->event_fd, &one, sizeof(one));
        (void)written; // Can only fail when the count is full: then it is readable anyway.
    }
}

struct message *mailbox_take(struct mailbox *mailbox)
{
    if (atomic_load_explicit(&mailbox->newest, memory_order_relaxed) == NULL) {
        return NULL;
    }
    // Acquire pairs with the release in mailbox_post.
    struct message *at = atomic_exchange_explicit(&mailbox->newest, NULL, memory_order_acquire);
    struct message *oldest = NULL;
    while (at != NULL) {
        struct message *next = at->next;
        at->next = oldest;
        oldest = at;
        at = next;
    }
    return oldest;
}

bool mailbox_sleep(struct mailbox *mailbox)
{
    atomic_store_explicit(&mailbox->sleeping, true, memory_order_seq_cst);
    if (atomic_load_explicit(&mailbox->newest, memory_order_seq_cst) != NULL) {
        mailbox_wake(mailbox);
        return false;
    }
    return true;
}

void mailbox_wake(struct mailbox *mailbox)
{
    atomic_store_explicit(&mailbox->sleeping, false, memory_order_relaxed);
}
