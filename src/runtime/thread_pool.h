/* thread_pool.h - the workers, one thread each.
 *
 *   listener ──> connection ──> the worker with the fewest
 *
 * Every worker has a loop of its own, owns its connections and executes what it reads;
 * the pool starts and stops them and spreads connections.
 *
 * Threads: the thread that runs the server.
 */
#pragma once

#include "base/error.h"
#include "runtime/worker.h"

struct thread_pool {
    struct worker *workers;
    unsigned count;
    unsigned ready;   // Of these are initialised,
    unsigned running; // and of these have a thread.
};

/* Memory for `count` workers, none started. 0 or -ENOMEM; thread_pool_close follows in
 * either case. */
NODISCARD int thread_pool_open(struct thread_pool *pool, unsigned count);

/* Start all of them. 0 or negative errno. */
NODISCARD int thread_pool_start(struct thread_pool *pool, const struct worker_services *services);

/* Borrow the worker with the fewest connections. */
struct worker *thread_pool_least_loaded(const struct thread_pool *pool);

/* Let each look again at when it has something to do (worker_look_again). Any thread. */
void thread_pool_look_again(const struct thread_pool *pool);

/* Let the workers answer what was read and close their connections; wait for their end. */
void thread_pool_stop(struct thread_pool *pool);

/* Free what is left after thread_pool_stop. */
void thread_pool_close(struct thread_pool *pool);
