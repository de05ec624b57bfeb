#include "runtime/upkeep.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* With the priority of a worker it would, beside one that is busy, run every other tick of
 * 4 ms. With less it starves where all cores are busy, and a thread that has lowered its
 * priority may not raise it again: so a second one, at a worker's, gets what somebody waits for. */
enum { UPKEEP_NICE = 10 };

#define SECOND_NS           1000000000ull
#define RELEASE_INTERVAL_NS (SECOND_NS / 4) // 4 GiB are given back in some 8 s.

struct upkeep {
    struct depot *depot;
    pthread_mutex_t lock; // Guards is_wanted and stops.
    pthread_cond_t ready;
    pthread_cond_t relief;
    bool is_wanted;
    bool is_urgent; // Somebody waits for memory.
    bool stops;
    pthread_t thread, relief_thread;
};

enum task { TASK_GET, TASK_RELEASE, TASK_STOP };

// Wait until there is something to do; surplus memory is due at `release_at_ns`.
static enum task next_task(struct upkeep *upkeep, uint64_t release_at_ns)
{
    struct timespec at = {.tv_sec = (time_t)(release_at_ns / SECOND_NS),
                          .tv_nsec = (long)(release_at_ns % SECOND_NS)};
    (void)pthread_mutex_lock(&upkeep->lock);
    int error = 0;
    while (!upkeep->is_wanted && !upkeep->stops && error == 0) {
        error = depot_has_surplus(upkeep->depot)
                    ? pthread_cond_timedwait(&upkeep->ready, &upkeep->lock, &at)
                    : pthread_cond_wait(&upkeep->ready, &upkeep->lock);
    }
    // Before the end, who waits for memory is woken.
    enum task task = upkeep->is_wanted ? TASK_GET : upkeep->stops ? TASK_STOP : TASK_RELEASE;
    upkeep->is_wanted = false;
    (void)pthread_mutex_unlock(&upkeep->lock);
    return task;
}

static void *run(void *context)
{
    struct upkeep *upkeep = context;
    uint64_t release_at_ns = 0;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), UPKEEP_NICE);
    for (;;) {
        switch (next_task(upkeep, release_at_ns)) {
        case TASK_GET:
            depot_upkeep(upkeep->depot);
            break;
        case TASK_RELEASE:
            depot_release(upkeep->depot);
            release_at_ns = clock_monotonic_ns() + RELEASE_INTERVAL_NS;
            break;
        case TASK_STOP:
            return NULL;
        }
    }
}

// Whether there is something to do for who waits; false when it is time to end.
static bool next_relief(struct upkeep *upkeep)
{
    (void)pthread_mutex_lock(&upkeep->lock);
    while (!upkeep->is_urgent && !upkeep->stops) {
        (void)pthread_cond_wait(&upkeep->relief, &upkeep->lock);
    }
    bool is_urgent = upkeep->is_urgent;
    upkeep->is_urgent = false;
    (void)pthread_mutex_unlock(&upkeep->lock);
    return is_urgent;
}

static void *run_relief(void *context)
{
    struct upkeep *upkeep = context;
    while (next_relief(upkeep)) {
        depot_relieve(upkeep->depot);
    }
    return NULL;
}

static void end_thread(struct upkeep *upkeep, pthread_t thread)
{
    (void)pthread_mutex_lock(&upkeep->lock);
    upkeep->is_wanted = upkeep->stops = true;
    (void)pthread_cond_signal(&upkeep->ready);
    (void)pthread_cond_signal(&upkeep->relief);
    (void)pthread_mutex_unlock(&upkeep->lock);
    (void)pthread_join(thread, NULL);
}

static void free_upkeep(struct upkeep *upkeep)
{
    (void)pthread_cond_destroy(&upkeep->ready);
    (void)pthread_cond_destroy(&upkeep->relief);
    (void)pthread_mutex_destroy(&upkeep->lock);
    free(upkeep);
}

int upkeep_start(struct upkeep **upkeep_out, struct depot *depot)
{
    struct upkeep *upkeep = calloc(1, sizeof(*upkeep));
    if (upkeep == NULL) {
        return -ENOMEM;
    }
    upkeep->depot = depot;
    if (depot_claim_upkeep(depot)) {
        depot_upkeep(depot);
    }
    (void)pthread_mutex_init(&upkeep->lock, NULL);
    pthread_condattr_t clock;
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&upkeep->ready, &clock);
    (void)pthread_condattr_destroy(&clock);
    (void)pthread_cond_init(&upkeep->relief, NULL);
    int error = pthread_create(&upkeep->thread, NULL, run, upkeep);
    if (error != 0) {
        free_upkeep(upkeep);
        return -error;
    }
    error = pthread_create(&upkeep->relief_thread, NULL, run_relief, upkeep);
    if (error != 0) {
        end_thread(upkeep, upkeep->thread);
        free_upkeep(upkeep);
        return -error;
    }
    (void)pthread_setname_np(upkeep->thread, "fastkv-upkeep");
    (void)pthread_setname_np(upkeep->relief_thread, "fastkv-relief");
    *upkeep_out = upkeep;
    return 0;
}

static __attribute__((noinline)) void wake(struct upkeep *upkeep)
{
    (void)pthread_mutex_lock(&upkeep->lock);
    upkeep->is_wanted = true;
    (void)pthread_cond_signal(&upkeep->ready);
    if (depot_claim_relief(upkeep->depot)) {
        upkeep->is_urgent = true;
        (void)pthread_cond_signal(&upkeep->relief);
    }
    (void)pthread_mutex_unlock(&upkeep->lock);
}

void upkeep_request(struct upkeep *upkeep)
{
    if (UNLIKELY(upkeep != NULL && depot_claim_upkeep(upkeep->depot))) {
        wake(upkeep);
    }
}

void upkeep_stop(struct upkeep *upkeep)
{
    if (upkeep == NULL) {
        return;
    }
    end_thread(upkeep, upkeep->relief_thread);
    end_thread(upkeep, upkeep->thread);
    free_upkeep(upkeep);
}
