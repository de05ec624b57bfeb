/* A worker's clients: what they wait for, and how each wait ends early. */
#include "store/walk.h"
#include "worker_rig.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

TEST_ON_LOOPS(clients_are_answered_and_closed)
{
    int one = rig_connect(rig);
    int other = rig_connect(rig);
    rig_send(one, "PUT k hello\r\n");
    rig_expect(one, "+OK\r\n");
    rig_send(other, "GET k\r\nQUIT\r\n");
    rig_expect(other, "$5\r\nhello\r\n+OK\r\n");
    rig_expect_end(other);
    RIG_WAIT_UNTIL(rig->closed == 1);
    (void)close(other);
    (void)close(one);
    RIG_WAIT_UNTIL(rig->closed == 2);
}

// ---- memory ----

// A client that is parked for memory, with a request behind.
static int park_for_memory(struct rig *rig)
{
    int fd = rig_connect(rig);
    rig_send(fd, "PUT k before\r\n");
    rig_expect(fd, "+OK\r\n");
    rig_begin_shortage(rig);
    rig_send(fd, "PUT k after\r\nGET k\r\n");
    RIG_WAIT_UNTIL(rig_suspended(rig) == 1);
    return fd;
}

// What others see: the worker runs, and the parked client's request was not executed.
static void check_others(struct rig *rig)
{
    int fd = rig_connect(rig);
    rig_send(fd, "GET k\r\n");
    rig_expect(fd, "$6\r\nbefore\r\n");
    (void)close(fd);
}

TEST_ON_LOOPS(a_client_parked_for_memory_goes_on_when_it_comes)
{
    int fd = park_for_memory(rig);
    check_others(rig);
    rig_end_shortage(rig);
    rig_expect(fd, "+OK\r\n$5\r\nafter\r\n");
    ck_assert_uint_eq(rig_suspended(rig), 0);
    (void)close(fd);
}

TEST_ON_LOOPS(a_client_parked_for_memory_is_timed_out)
{
    int fd = park_for_memory(rig);
    atomic_store(&rig->limits.timeout_s, 1);
    rig_wake(rig);
    rig_expect_end(fd);
    (void)close(fd);
    RIG_WAIT_UNTIL(rig->closed == 1);
    ck_assert_uint_eq(rig_suspended(rig), 0);
    check_others(rig);
    rig_end_shortage(rig); // What it left behind is freed.
    check_others(rig);
}

TEST_ON_LOOPS(a_client_parked_for_memory_disconnects)
{
    rig_reset(park_for_memory(rig));
    RIG_WAIT_UNTIL(rig->closed == 1);
    ck_assert_uint_eq(rig_suspended(rig), 0);
    check_others(rig);
    rig_end_shortage(rig);
    check_others(rig);
}

TEST_ON_LOOPS(a_client_that_only_ends_its_side_is_still_answered)
{
    int fd = park_for_memory(rig);
    (void)shutdown(fd, SHUT_WR);
    check_others(rig);
    rig_end_shortage(rig);
    rig_expect(fd, "+OK\r\n$5\r\nafter\r\n");
    rig_expect_end(fd);
    (void)close(fd);
}

TEST_ON_LOOPS(a_client_parked_for_memory_is_killed_for_the_budget)
{
    enum { SIZE = 100 * 1024 };
    char *more = malloc(SIZE + 1);
    memset(more, '\n', SIZE);
    more[SIZE] = '\0';
    int fd = park_for_memory(rig);
    atomic_store(&rig->limits.client_bytes_max, (uint64_t)32 * 1024);
    rig_send(fd, more); // Stays unread behind the request that is parked.
    rig_expect_end(fd);
    (void)close(fd);
    RIG_WAIT_UNTIL(rig->closed == 1);
    ck_assert_uint_eq(counter_read(&rig->worker->counts.budget_closes), 1);
    ck_assert_uint_eq(rig->budget.memory_bytes, 0);
    check_others(rig);
    free(more);
}

TEST_ON_LOOPS(a_worker_stops_with_clients_parked_for_memory)
{
    int fds[3];
    fds[0] = park_for_memory(rig);
    for (int i = 1; i < 3; i++) {
        fds[i] = rig_connect(rig);
        rig_send(fds[i], "PUT k after\r\n");
    }
    RIG_WAIT_UNTIL(rig_suspended(rig) == 3);
    rig_stop(rig);
    for (int i = 0; i < 3; i++) {
        rig_expect_end(fds[i]);
        (void)close(fds[i]);
    }
    ck_assert_uint_eq(rig->closed, 3);
}

TEST_ON_LOOPS(memory_that_comes_while_clients_leave_is_no_trouble)
{
    enum { CLIENTS = 20 };
    int fds[CLIENTS];
    rig_begin_shortage(rig);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = rig_connect(rig);
        rig_send(fds[i], "PUT k v\r\n");
    }
    RIG_WAIT_UNTIL(rig_suspended(rig) == CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        if (i == CLIENTS / 2) {
            rig_end_shortage(rig);
        }
        rig_reset(fds[i]);
    }
    RIG_WAIT_UNTIL(rig->closed == CLIENTS);
    ck_assert_uint_eq(rig_suspended(rig), 0);
}

// ---- locks ----

TEST_ON_LOOPS(a_client_parked_on_a_lock_goes_on_or_leaves)
{
    int stays = rig_connect(rig);
    int leaves = rig_connect(rig);
    rig_lock(rig, "k");
    rig_send(stays, "PUT k v\r\nGET k\r\n");
    rig_send(leaves, "GET k\r\n");
    RIG_WAIT_UNTIL(rig_suspended(rig) == 2);
    rig_reset(leaves);
    RIG_WAIT_UNTIL(rig->closed == 1);
    ck_assert_uint_eq(rig_suspended(rig), 1);
    rig_unlock(rig);
    rig_expect(stays, "+OK\r\n$1\r\nv\r\n");
    (void)close(stays);
}

// ---- jobs ----

TEST_ON_LOOPS(a_deferred_call_is_answered_in_order)
{
    int fd = rig_connect(rig);
    rig_send(fd, "ECHO a\r\nSLOW\r\nECHO b\r\n");
    rig_expect(fd, "$1\r\na\r\n");
    RIG_WAIT_UNTIL(rig_suspended(rig) == 1);
    rig_open_gate(rig);
    rig_expect(fd, ":7\r\n$1\r\nb\r\n");
    (void)close(fd);
}

TEST_ON_LOOPS(a_client_that_leaves_its_job_is_freed_before_that_ends)
{
    int fd = rig_connect(rig);
    rig_send(fd, "SLOW\r\n");
    RIG_WAIT_UNTIL(rig_suspended(rig) == 1);
    rig_reset(fd);
    RIG_WAIT_UNTIL(rig->closed == 1);
    rig_open_gate(rig);
    RIG_WAIT_UNTIL(rig->cancelled == 1); // The job is told so.
    int other = rig_connect(rig);
    rig_send(other, "SLOW\r\n");
    rig_open_gate(rig);
    rig_expect(other, ":7\r\n");
    (void)close(other);
}

TEST_ON_LOOPS(short_jobs_do_not_wait_behind_long_ones)
{
    enum { LONG = BACKGROUND_THREADS + 2 };
    int fds[LONG];
    for (unsigned i = 0; i < LONG; i++) {
        fds[i] = rig_connect(rig);
        rig_send(fds[i], "SLOW\r\n");
        RIG_WAIT_UNTIL(rig_suspended(rig) == i + 1);
    }
    int fd = rig_connect(rig);
    rig_send(fd, "SHORT\r\n");
    rig_expect(fd, ":8\r\n");
    for (unsigned i = 0; i < LONG; i++) {
        rig_open_gate(rig);
    }
    for (unsigned i = 0; i < LONG; i++) {
        rig_expect(fds[i], ":7\r\n");
        (void)close(fds[i]);
    }
    (void)close(fd);
}

TEST_ON_LOOPS(a_worker_stops_with_a_job_under_way)
{
    int fd = rig_connect(rig);
    rig_send(fd, "SLOW\r\n");
    RIG_WAIT_UNTIL(rig_suspended(rig) == 1);
    rig_stop(rig);
    rig_expect_end(fd);
    rig_open_gate(rig);
    (void)close(fd);
}

TEST_ON_LOOPS(a_client_that_waits_for_a_job_is_not_idle)
{
    int fd = rig_connect(rig);
    int idle = rig_connect(rig);
    atomic_store(&rig->limits.timeout_s, 1);
    rig_send(fd, "SLOW\r\n");
    rig_expect_end(idle);
    rig_open_gate(rig);
    rig_expect(fd, ":7\r\n");
    (void)close(fd);
    (void)close(idle);
}

// ---- time-outs ----

TEST_ON_LOOPS(a_time_out_that_is_set_later_closes_who_is_idle_and_nobody_else)
{
    int idle[3];
    int busy = rig_connect(rig);
    for (int i = 0; i < 3; i++) {
        idle[i] = rig_connect(rig);
        rig_send(idle[i], "ECHO a\r\n");
        rig_expect(idle[i], "$1\r\na\r\n");
    }
    atomic_store(&rig->limits.timeout_s, 1);
    rig_wake(rig);
    RIG_WAIT_UNTIL(
        (rig_send(busy, "ECHO b\r\n"), rig_expect(busy, "$1\r\nb\r\n"), rig->closed == 3));
    for (int i = 0; i < 3; i++) {
        rig_expect_end(idle[i]);
        (void)close(idle[i]);
    }
    (void)close(busy);
}

// ---- clocks ----

enum { HOUR_MS = 3600 * 1000 };

TEST_ON_LOOPS(a_wall_clock_that_is_set_forward_makes_keys_due_and_nobody_idle)
{
    int fd = rig_connect(rig);
    atomic_store(&rig->limits.timeout_s, 60);
    rig_wake(rig);
    rig_send(fd, "PUT k v\r\nLIVE k 1800000\r\nPUT stays v\r\n");
    rig_expect(fd, "+OK\r\n+OK\r\n+OK\r\n");
    ck_assert_uint_eq(keyspace_count(rig->keyspace, 0), 2);
    atomic_store(&rig->wall_offset_ms, HOUR_MS);
    rig_wake(rig); // As the server does when the clock is set.
    RIG_WAIT_UNTIL(keyspace_count(rig->keyspace, 0) == 1);
    rig_send(fd, "GET k\r\nGET stays\r\n");
    rig_expect(fd, "$-1\r\n$1\r\nv\r\n");
    (void)close(fd);
}

TEST_ON_LOOPS(idle_time_outs_follow_the_monotonic_clock)
{
    int fd = rig_connect(rig);
    atomic_store(&rig->limits.timeout_s, 60);
    rig_send(fd, "ECHO a\r\n");
    rig_expect(fd, "$1\r\na\r\n");
    atomic_store(&rig->monotonic_offset_ms, (int64_t)61 * 1000);
    rig_wake(rig);
    rig_expect_end(fd);
    (void)close(fd);
}

TEST_ON_LOOPS(a_wall_clock_that_goes_back_does_not_hold_up_the_end)
{
    int fd = rig_connect(rig);
    rig_send(fd, "SLOW\r\n");
    RIG_WAIT_UNTIL(rig_suspended(rig) == 1);
    atomic_store(&rig->wall_offset_ms, -HOUR_MS);
    rig_stop(rig);
    rig_expect_end(fd);
    rig_open_gate(rig);
    (void)close(fd);
}

TEST_ON_LOOPS(a_deadline_at_the_end_of_time_lets_the_worker_sleep)
{
    int fd = rig_connect(rig);
    rig_send(fd,
             "PUT k v\r\nLIVE k 9223372036854775807\r\nPUT l v\r\nLIVE l 18446744073709552\r\n");
    rig_expect(fd, "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    clockid_t clock;
    struct timespec before;
    struct timespec after;
    const struct timespec moment = {.tv_nsec = (long)200 * 1000 * 1000};
    ck_assert_int_eq(pthread_getcpuclockid(rig->worker->thread, &clock), 0);
    (void)clock_gettime(clock, &before);
    (void)nanosleep(&moment, NULL); // What a thread that sleeps uses meanwhile.
    (void)clock_gettime(clock, &after);
    int64_t used_ns = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    ck_assert_int_lt(used_ns, (int64_t)50 * 1000 * 1000);
    (void)close(fd);
}
