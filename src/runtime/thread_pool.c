#include "runtime/thread_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int thread_pool_open(struct thread_pool *pool, unsigned count)
{
    size_t size = count * sizeof(struct worker);
    *pool = (struct thread_pool){.count = count};
    pool->workers = aligned_alloc(64, (size + 63) / 64 * 64);
    if (pool->workers == NULL) {
        return -ENOMEM;
    }
    memset(pool->workers, 0, size);
    return 0;
}

int thread_pool_start(struct thread_pool *pool, const struct worker_services *services)
{
    for (unsigned i = 0; i < pool->count; i++) {
        int error = worker_init(&pool->workers[i], services, i);
        pool->ready++;
        if (error < 0) {
            return error;
        }
    }
    for (unsigned i = 0; i < pool->count; i++) {
        int error = worker_start(&pool->workers[i]);
        if (error < 0) {
            return error;
        }
        pool->running++;
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

void thread_pool_look_again(const struct thread_pool *pool)
{
    for (unsigned i = 0; i < pool->count; i++) {
        worker_look_again(&pool->workers[i]);
    }
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
}
