/* worker_rig.h - one worker over a keyspace, without a server.
 *
 *   test ── TCP ──> worker ── PUT, LIVE, GET, ECHO, SLOW, SHORT, QUIT ──> keyspace
 *
 * The commands are the rig's own. LIVE key ms lets a key live for so long. SLOW is answered by a
 * background thread once the test has called rig_open_gate, SHORT at once. The keyspace has got
 * its first memory; nobody gets more but the test
 * (rig_end_shortage), so memory stays short for as long as the test likes.
 *
 * Threads: the test's, but for the worker it looks at: counters alone.
 */
#pragma once

#include "base/clock.h"
#include "runtime/background.h"
#include "runtime/worker.h"
#include "session/client_budget.h"
#include "shortage.h"
#include "store/access.h"
#include "unit.h"

#include <semaphore.h>

enum { RIG_PATIENCE_S = 20 };

struct rig {
    struct keyspace *keyspace;
    struct store_thread *thread; // The test's own.
    struct background *background;
    struct log log;
    struct worker_limits limits; // May be changed at any time; rig_wake tells a sleeping worker.
    struct client_budget budget;
    struct worker_services services;
    struct worker *worker;
    int listen_fd;
    uint64_t connected;
    _Atomic unsigned closed; // Connections that the worker has let go of.
    sem_t gate;              // What SLOW waits for.
    _Atomic int cancelled;   // SLOWs that nobody waited for at their end.
    struct shortage shortage;
    _Atomic int64_t wall_offset_ms;      // What the test has set the wall clock forward by.
    _Atomic int64_t monotonic_offset_ms; // And the other one.
    struct clock_source clock;
    struct access locked; // Of rig_lock.
    uint32_t locked_shard;
};

/* A test that runs once on each kind of loop; where io_uring is refused, twice on epoll. */
#define TEST_ON_LOOPS(name)                                                                        \
    static void name(struct rig *rig);                                                             \
    TEST(name##_on_epoll)                                                                          \
    {                                                                                              \
        struct rig *rig = rig_create(LOOP_EPOLL);                                                  \
        name(rig);                                                                                 \
        rig_destroy(rig);                                                                          \
    }                                                                                              \
    TEST(name##_on_io_uring)                                                                       \
    {                                                                                              \
        struct rig *rig = rig_create(LOOP_AUTO);                                                   \
        name(rig);                                                                                 \
        rig_destroy(rig);                                                                          \
    }                                                                                              \
    static void name(struct rig *rig)

struct rig *rig_create(enum loop_kind io);

/* Stop the worker, if rig_stop has not, and free everything: each connection was let go of. */
void rig_destroy(struct rig *rig);

/* Let the worker end; returns when its thread has. */
void rig_stop(struct rig *rig);

/* A connection to the worker; the test closes it. */
int rig_connect(struct rig *rig);

/* Close one so that the worker is told of a reset, not of an end. */
void rig_reset(int fd);

/* Send text in full; "*2..." or inline words. */
void rig_send(int fd, const char *text);

/* The next bytes from the worker are this. */
void rig_expect(int fd, const char *text);

/* The next thing from the worker is the end. */
void rig_expect_end(int fd);

/* Wait until the condition holds; fails after RIG_PATIENCE_S. */
#define RIG_WAIT_UNTIL(condition)                                                                  \
    for (unsigned rig_waited = 0; !(condition); rig_pause(&rig_waited))                            \
    ck_assert_msg(rig_waited < RIG_PATIENCE_S * 1000, "in vain: %s", #condition)
void rig_pause(unsigned *waited_ms);

/* Clients of the worker that wait for a lock, memory or a job. */
uint64_t rig_suspended(const struct rig *rig);

/* Let a sleeping worker look at its limits and deadlines. */
void rig_wake(struct rig *rig);

/* From now on memory is short; until now. */
void rig_begin_shortage(struct rig *rig);
void rig_end_shortage(struct rig *rig);

/* Hold the lock of a key's shard; release it. */
void rig_lock(struct rig *rig, const char *key);
void rig_unlock(struct rig *rig);

/* Let one SLOW be answered. */
void rig_open_gate(struct rig *rig);
