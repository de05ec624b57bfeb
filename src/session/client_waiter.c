#include "session/client_waiter.h"

#include "base/container.h"

#include <stdlib.h>

enum client_waiter_state { WAITER_ARMED, WAITER_WOKEN, WAITER_LEFT };

static void wake(struct waiter *base)
{
    struct client_waiter *waiter = CONTAINER_OF(base, struct client_waiter, waiter);
    // Acquire and release pair with client_waiter_leave: whoever frees it comes after the other.
    if (atomic_exchange_explicit(&waiter->state, WAITER_WOKEN, memory_order_acq_rel) ==
        WAITER_LEFT) {
        free(waiter);
        return;
    }
    mailbox_post(waiter->mailbox, &waiter->mail.message);
}

struct client_waiter *client_waiter_create(struct mailbox *mailbox, struct client *client)
{
    struct client_waiter *waiter = malloc(sizeof(*waiter));
    if (waiter != NULL) {
        *waiter = (struct client_waiter){.waiter = {.wake = wake},
                                         .state = WAITER_ARMED,
                                         .mail = {.kind = MAIL_WOKEN},
                                         .mailbox = mailbox,
                                         .client = client};
    }
    return waiter;
}

void client_waiter_destroy(struct client_waiter *waiter)
{
    free(waiter);
}

void client_waiter_leave(struct client_waiter *waiter)
{
    waiter->client = NULL;
    // From here on it may be gone, unless its mail is on the way (WAITER_WOKEN).
    int armed = WAITER_ARMED;
    (void)atomic_compare_exchange_strong_explicit(&waiter->state, &armed, WAITER_LEFT,
                                                  memory_order_acq_rel, memory_order_acquire);
}

struct client *client_waiter_woken(struct mail *mail)
{
    struct client_waiter *waiter = CONTAINER_OF(mail, struct client_waiter, mail);
    struct client *client = waiter->client;
    if (client == NULL) {
        free(waiter);
    } else {
        atomic_store_explicit(&waiter->state, WAITER_ARMED, memory_order_relaxed);
    }
    return client;
}
