#include "server/thread_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int thread_pool_open(struct thread_pool *pool, unsigned count)
{
    size_t size = count * sizeof(struct worker);
    *pool = (struct thread_pool){.count = count};
    (void)sem_init(&pool->started, 0, 0);
    pool->workers = aligned_alloc(64, (size + 63) / 64 * 64);
    if (pool->workers == NULL) {
        return -ENOMEM;
    }
    memset(pool->workers, 0, size);
    return 0;
}

static int start_worker(struct thread_pool *pool, struct worker *worker)
{
    int error = worker_start(worker);
    if (error < 0) {
        return error;
    }
    pool->running++;
    while (sem_wait(&pool->started) != 0) {
    }
    return pool->start_error;
}

int thread_pool_start(struct thread_pool *pool, struct server *server)
{
    for (unsigned i = 0; i < pool->count; i++) {
        int error = worker_init(&pool->workers[i], server, i);
        pool->ready++;
        if (error < 0) {
            return error;
        }
    }
    for (unsigned i = 0; i < pool->count; i++) {
        int error = start_worker(pool, &pool->workers[i]);
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

struct worker *thread_pool_least_loaded(const struct thread_pool *pool)
{
    struct worker *least = &pool->workers[0];
    unsigned fewest = atomic_load_explicit(&least->connections, memory_order_relaxed);
    for (unsigned i = 1; i < pool->count; i++) {
        unsigned count = atomic_load_explicit(&pool->workers[i].connections, memory_order_relaxed);
        if (count < fewest) {
            fewest = count;
            least = &pool->workers[i];
        }
    }
    return least;
}

void thread_pool_stop(struct thread_pool *pool)
{
    for (unsigned i = 0; i < pool->running; i++) {
        worker_stop(&pool->workers[i]);
    }
    for (unsigned i = 0; i < pool->running; i++) {
        worker_join(&pool->workers[i]);
    }
    pool->running = 0;
}

void thread_pool_close(struct thread_pool *pool)
{
    for (unsigned i = 0; i < pool->ready; i++) {
        worker_deinit(&pool->workers[i]);
    }
    pool->ready = 0;
    free(pool->workers);
    pool->workers = NULL;
    (void)sem_destroy(&pool->started);
}

void thread_pool_started(struct thread_pool *pool, int error)
{
    pool->start_error = error;
    (void)sem_post(&pool->started);
}
