#include "base/lock.h"
#include "base/mailbox.h"
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/eventfd.h>

struct counted {
    struct waiter waiter;
    int woken;
};

static void count_wake(struct waiter *waiter)
{
    ((struct counted *)waiter)->woken++;
}

TEST(a_taken_lock_is_not_taken_again)
{
    struct lock lock = {0};
    struct wait_queue queue = {NULL};
    ck_assert(lock_try(&lock));
    ck_assert(!lock_try(&lock));
    ck_assert(!lock_try_spin(&lock));
    lock_release(&lock, &queue);
    ck_assert(lock_try_spin(&lock));
    lock_release(&lock, &queue);
}

TEST(release_wakes_each_parked_waiter_once)
{
    struct lock lock = {0};
    struct wait_queue queue = {NULL};
    struct counted a = {.waiter.wake = count_wake}, b = {.waiter.wake = count_wake};
    ck_assert(lock_try(&lock));
    lock_park(&lock, &queue, &a.waiter);
    lock_park(&lock, &queue, &b.waiter);
    ck_assert_int_eq(a.woken + b.woken, 0);
    lock_release(&lock, &queue);
    ck_assert_int_eq(a.woken, 1);
    ck_assert_int_eq(b.woken, 1);
    ck_assert(lock_try(&lock));
    lock_release(&lock, &queue);
    ck_assert_int_eq(a.woken, 1);
}

TEST(parking_on_a_free_lock_wakes_at_once)
{
    struct lock lock = {0};
    struct wait_queue queue = {NULL};
    struct counted a = {.waiter.wake = count_wake};
    lock_park(&lock, &queue, &a.waiter);
    ck_assert_int_eq(a.woken, 1);
    ck_assert(lock_try(&lock));
    lock_release(&lock, &queue);
}

// ---- many threads: totals hold, nobody is forgotten ----

enum { THREADS = 8, ROUNDS = 5000 };

struct shared {
    struct lock lock;
    struct wait_queue queue;
    long total; // Guarded by lock.
};

static void *add_by_waiting(void *context)
{
    struct shared *shared = context;
    for (int i = 0; i < ROUNDS; i++) {
        lock_wait(&shared->lock, &shared->queue);
        shared->total++;
        lock_release(&shared->lock, &shared->queue);
    }
    return NULL;
}

struct parker {
    struct waiter waiter;
    struct mailbox mailbox;
    struct message message;
};

static void post_message(struct waiter *waiter)
{
    struct parker *parker = (struct parker *)waiter;
    mailbox_post(&parker->mailbox, &parker->message);
}

static void sleep_until_mail(struct mailbox *mailbox)
{
    while (mailbox_take(mailbox) == NULL) {
        if (mailbox_sleep(mailbox)) {
            struct pollfd ready = {.fd = mailbox->event_fd, .events = POLLIN};
            (void)poll(&ready, 1, -1);
            mailbox_wake(mailbox);
            eventfd_t count;
            (void)eventfd_read(mailbox->event_fd, &count);
        }
    }
}

static void *add_by_parking(void *context)
{
    struct shared *shared = context;
    struct parker parker = {.waiter.wake = post_message};
    ck_assert_int_eq(mailbox_open(&parker.mailbox), 0);
    for (int i = 0; i < ROUNDS; i++) {
        while (!lock_try(&shared->lock)) {
            lock_park(&shared->lock, &shared->queue, &parker.waiter);
            sleep_until_mail(&parker.mailbox);
        }
        shared->total++;
        if (i % 64 == 0) {
            (void)sched_yield(); // Let others run into a holder that does not.
        }
        lock_release(&shared->lock, &shared->queue);
    }
    mailbox_close(&parker.mailbox);
    return NULL;
}

TEST(waiting_and_parking_threads_keep_the_total)
{
    struct shared shared = {0};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL,
                                        i % 2 == 0 ? add_by_waiting : add_by_parking, &shared),
                         0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    ck_assert_int_eq(shared.total, (long)THREADS * ROUNDS);
}
