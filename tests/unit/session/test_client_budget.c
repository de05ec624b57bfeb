#include "session/client_budget.h"
#include "unit.h"

#include <pthread.h>
#include <stddef.h>

enum { STEP = 1 << CLIENT_BUDGET_STEP_BITS, SHARES = 4 };

struct rig {
    struct client_budget budget;
    struct mailbox mailbox;
    struct client_share shares[SHARES];
    _Atomic uint64_t memory_max;
};

static void set_up(struct rig *rig, uint64_t memory_max)
{
    *rig = (struct rig){.memory_max = memory_max};
    client_budget_init(&rig->budget, &rig->memory_max);
    ck_assert_int_eq(mailbox_open(&rig->mailbox), 0);
    for (int i = 0; i < SHARES; i++) {
        rig->shares[i].mailbox = &rig->mailbox;
        rig->shares[i].mail.kind = MAIL_CONDEMNED;
    }
}

static void tear_down(struct rig *rig)
{
    mailbox_close(&rig->mailbox);
    client_budget_deinit(&rig->budget);
}

static void hold(struct rig *rig, int i, uint64_t bytes)
{
    client_budget_update(&rig->budget, &rig->shares[i], bytes, bytes);
}

// Index of the one share that was condemned; -1: none.
static int condemned(struct rig *rig)
{
    struct message *message = mailbox_take(&rig->mailbox);
    if (message == NULL) {
        return -1;
    }
    ck_assert_ptr_null(message->next);
    for (int i = 0; i < SHARES; i++) {
        if (&rig->shares[i].mail.message == message) {
            return i;
        }
    }
    ck_abort_msg("mail of nobody");
    return -1;
}

TEST(sums_follow_what_is_held)
{
    struct rig rig;
    set_up(&rig, (uint64_t)100 * STEP);
    hold(&rig, 0, (uint64_t)3 * STEP);
    hold(&rig, 1, (uint64_t)5 * STEP);
    ck_assert_uint_eq(rig.budget.memory_bytes, (uint64_t)8 * STEP);
    hold(&rig, 0, STEP);
    ck_assert_uint_eq(rig.budget.memory_bytes, (uint64_t)6 * STEP);
    hold(&rig, 1, STEP - 1); // Less than a step is not counted.
    ck_assert_uint_eq(rig.budget.memory_bytes, STEP);
    ck_assert(client_budget_leave(&rig.budget, &rig.shares[0]));
    ck_assert_uint_eq(rig.budget.memory_bytes, 0);
    ck_assert_uint_eq(rig.budget.unsent_bytes, 0);
    ck_assert_int_eq(condemned(&rig), -1);
    tear_down(&rig);
}

TEST(only_a_change_by_a_step_is_told)
{
    struct client_share share = {0};
    ck_assert(!client_share_differs(&share, STEP - 1));
    ck_assert(client_share_differs(&share, STEP));
    share.steps = 2;
    ck_assert(!client_share_differs(&share, 2 * STEP + 5));
    ck_assert(client_share_differs(&share, 0));
}

TEST(beyond_the_limit_the_largest_is_condemned_whoever_asked)
{
    struct rig rig;
    set_up(&rig, (uint64_t)10 * STEP);
    hold(&rig, 0, (uint64_t)4 * STEP);
    hold(&rig, 1, (uint64_t)5 * STEP);
    hold(&rig, 2, STEP);
    ck_assert_int_eq(condemned(&rig), -1);
    hold(&rig, 2, (uint64_t)2 * STEP);
    ck_assert_int_eq(condemned(&rig), 1);
    ck_assert_uint_eq(rig.budget.memory_bytes, (uint64_t)6 * STEP);
    // It is not counted any more, and stays until its mail is read.
    hold(&rig, 1, (uint64_t)9 * STEP);
    ck_assert_uint_eq(rig.budget.memory_bytes, (uint64_t)6 * STEP);
    ck_assert(!client_budget_leave(&rig.budget, &rig.shares[1]));
    client_budget_pardon(&rig.budget, &rig.shares[1]);
    ck_assert(client_budget_leave(&rig.budget, &rig.shares[1]));
    tear_down(&rig);
}

TEST(a_client_that_is_larger_than_the_limit_is_condemned_alone)
{
    struct rig rig;
    set_up(&rig, (uint64_t)10 * STEP);
    hold(&rig, 0, (uint64_t)4 * STEP);
    hold(&rig, 1, (uint64_t)50 * STEP);
    ck_assert_int_eq(condemned(&rig), 1);
    ck_assert_uint_eq(rig.budget.memory_bytes, (uint64_t)4 * STEP);
    tear_down(&rig);
}

TEST(what_is_lent_makes_it_tight_but_condemns_nobody)
{
    struct rig rig;
    set_up(&rig, (uint64_t)10 * STEP);
    client_budget_update(&rig.budget, &rig.shares[0], STEP, (uint64_t)30 * STEP);
    ck_assert(client_budget_is_tight(&rig.budget));
    ck_assert_int_eq(condemned(&rig), -1);
    hold(&rig, 0, (uint64_t)5 * STEP);
    ck_assert(!client_budget_is_tight(&rig.budget));
    tear_down(&rig);
}

TEST(without_a_limit_nobody_is_condemned)
{
    struct rig rig;
    set_up(&rig, 0);
    hold(&rig, 0, UINT64_C(1) << 40);
    ck_assert_int_eq(condemned(&rig), -1);
    ck_assert(!client_budget_is_tight(&rig.budget));
    tear_down(&rig);
}

// ---- threads ----

enum { ROUNDS = 20000 };

struct user {
    struct rig *rig;
    int index;
};

static void *hold_and_let_go(void *context)
{
    const struct user *user = context;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        hold(user->rig, user->index, (i * 7 + (uint64_t)user->index) % 9 * STEP);
    }
    hold(user->rig, user->index, 0);
    return NULL;
}

TEST(sums_come_back_to_zero_with_many_threads)
{
    struct rig rig;
    struct user users[SHARES];
    pthread_t threads[SHARES];
    set_up(&rig, 0);
    for (int i = 0; i < SHARES; i++) {
        users[i] = (struct user){.rig = &rig, .index = i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hold_and_let_go, &users[i]), 0);
    }
    for (int i = 0; i < SHARES; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(rig.budget.memory_bytes, 0);
    ck_assert_uint_eq(rig.budget.unsent_bytes, 0);
    tear_down(&rig);
}
