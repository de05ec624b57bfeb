#include "session/client_waiter.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stddef.h>

static char nobody; // Clients are never looked at.
#define SOMEBODY ((struct client *)(void *)&nobody)

static struct mail *only_mail(struct mailbox *mailbox)
{
    struct message *message = mailbox_take(mailbox);
    if (message != NULL) {
        ck_assert_ptr_null(message->next);
    }
    return (struct mail *)(void *)message;
}

TEST(a_woken_waiter_sends_its_mail_and_may_be_parked_again)
{
    struct mailbox mailbox;
    ck_assert_int_eq(mailbox_open(&mailbox), 0);
    struct client_waiter *waiter = client_waiter_create(&mailbox, SOMEBODY);
    for (int i = 0; i < 3; i++) {
        struct wait_queue queue = {NULL};
        wait_queue_add(&queue, &waiter->waiter, WAIT_FOR_MEMORY);
        ck_assert_ptr_null(only_mail(&mailbox));
        ck_assert_int_eq(waiter->waiter.reason, WAIT_FOR_MEMORY);
        wait_queue_wake(&queue);
        struct mail *mail = only_mail(&mailbox);
        ck_assert_int_eq(mail->kind, MAIL_WOKEN);
        ck_assert_ptr_eq(client_waiter_woken(mail), SOMEBODY);
    }
    client_waiter_destroy(waiter);
    mailbox_close(&mailbox);
}

TEST(a_waiter_that_was_left_is_freed_by_the_one_who_wakes_it)
{
    struct mailbox mailbox;
    struct wait_queue queue = {NULL};
    ck_assert_int_eq(mailbox_open(&mailbox), 0);
    struct client_waiter *waiter = client_waiter_create(&mailbox, SOMEBODY);
    wait_queue_add(&queue, &waiter->waiter, WAIT_FOR_LOCK);
    client_waiter_leave(waiter);
    wait_queue_wake(&queue); // AddressSanitizer sees it if it is not freed here.
    ck_assert_ptr_null(only_mail(&mailbox));
    mailbox_close(&mailbox);
}

TEST(a_waiter_that_is_left_with_its_mail_on_the_way_wakes_nobody)
{
    struct mailbox mailbox;
    struct wait_queue queue = {NULL};
    ck_assert_int_eq(mailbox_open(&mailbox), 0);
    struct client_waiter *waiter = client_waiter_create(&mailbox, SOMEBODY);
    wait_queue_add(&queue, &waiter->waiter, WAIT_FOR_LOCK);
    wait_queue_wake(&queue);
    client_waiter_leave(waiter);
    ck_assert_ptr_null(client_waiter_woken(only_mail(&mailbox))); // And it is freed.
    mailbox_close(&mailbox);
}

// ---- leaving while another thread wakes ----

enum { ROUNDS = 20000 };

struct race {
    struct wait_queue queue;
    _Atomic int round; // Of which the waiter is parked.
};

static void *wake_each_round(void *context)
{
    struct race *race = context;
    for (int round = 1; round <= ROUNDS; round++) {
        while (atomic_load(&race->round) < round) {
            (void)sched_yield();
        }
        wait_queue_wake(&race->queue);
    }
    return NULL;
}

TEST(leaving_and_waking_at_the_same_time_frees_once)
{
    static struct race race; // Zeroed.
    struct mailbox mailbox;
    pthread_t thread;
    ck_assert_int_eq(mailbox_open(&mailbox), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, wake_each_round, &race), 0);
    for (int round = 1; round <= ROUNDS; round++) {
        struct client_waiter *waiter = client_waiter_create(&mailbox, SOMEBODY);
        wait_queue_add(&race.queue, &waiter->waiter, WAIT_FOR_LOCK);
        atomic_store(&race.round, round);
        if (round % 3 == 0) {
            (void)sched_yield();
        }
        client_waiter_leave(waiter);
    }
    (void)pthread_join(thread, NULL);
    wait_queue_wake(&race.queue);
    struct message *message = mailbox_take(&mailbox);
    while (message != NULL) {
        struct message *next = message->next;
        ck_assert_ptr_null(client_waiter_woken((struct mail *)(void *)message));
        message = next;
    }
    mailbox_close(&mailbox);
}
