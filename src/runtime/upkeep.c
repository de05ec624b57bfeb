#include "runtime/upkeep.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* With the priority of a worker it would, beside one that is busy, run every other tick of
 * 4 ms; with much less, writers would wait for it long where all cores are busy. */
enum { UPKEEP_NICE = 10 };

#define SECOND_NS           1000000000ull
#define RELEASE_INTERVAL_NS (SECOND_NS / 4) // 4 GiB are given back in some 8 s.

struct upkeep {
    struct depot *depot;
    pthread_mutex_t lock; // Guards is_wanted and stops.
    pthread_cond_t ready;
    bool is_wanted;
    bool stops;
    pthread_t thread;
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
    int error = pthread_create(&upkeep->thread, NULL, run, upkeep);
    if (error != 0) {
        (void)pthread_cond_destroy(&upkeep->ready);
        (void)pthread_mutex_destroy(&upkeep->lock);
        free(upkeep);
        return -error;
    }
    (void)pthread_setname_np(upkeep->thread, "fastkv-upkeep");
    *upkeep_out = upkeep;
    return 0;
}

static void wake(struct upkeep *upkeep, bool stops)
{
    (void)pthread_mutex_lock(&upkeep->lock);
    upkeep->is_wanted = true;
    upkeep->stops = upkeep->stops || stops;
    (void)pthread_cond_signal(&upkeep->ready);
    (void)pthread_mutex_unlock(&upkeep->lock);
}

void upkeep_request(struct upkeep *upkeep)
{
    if (UNLIKELY(upkeep != NULL && depot_claim_upkeep(upkeep->depot))) {
        wake(upkeep, false);
    }
}

void upkeep_stop(struct upkeep *upkeep)
{
    if (upkeep == NULL) {
        return;
    }
    wake(upkeep, true);
    (void)pthread_join(upkeep->thread, NULL);
    (void)pthread_cond_destroy(&upkeep->ready);
    (void)pthread_mutex_destroy(&upkeep->lock);
    free(upkeep);
}
