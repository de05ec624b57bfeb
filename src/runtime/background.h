/* background.h - threads of lower priority for work that may take long.
 *
 *   worker ── job ──> queue ──> background thread ── job->run ── done ──> whoever posted
 *
 * A few threads at a lower priority than the workers. Short jobs have a queue of their own and
 * a thread that does nothing else: others wait for what they free or answer, and three long
 * ones hold all other threads. That thread has a worker's priority, as with a lower one it
 * would starve where all cores are busy; it yields every 25 us instead (pool_rest). Each queue
 * is first come, first served.
 *
 * Ownership: a job is the caller's; run hands it on when it is done.
 * Threads:   background_post, any.
 */
#pragma once

#include "base/error.h"
#include "runtime/upkeep.h"
#include "store/keyspace.h"

enum { BACKGROUND_THREADS = 3 };

struct job {
    struct job *next;
    bool is_short; // At most some ms, or others wait for it.
    /* Do it, on a background thread with this store_thread. The job may be gone after. */
    void (*run)(struct job *job, struct store_thread *thread);
};

struct background;

/* Start the threads; `upkeep` is told when they need or free much memory, and ends after
 * them. 0 or negative errno. */
NODISCARD int background_start(struct background **background_out, struct keyspace *keyspace,
                               struct upkeep *upkeep);

/* Queue a job. */
void background_post(struct background *background, struct job *job);

/* Finish what is queued and end the threads. NULL is fine. */
void background_stop(struct background *background);
