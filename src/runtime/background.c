#include "runtime/background.h"

#include "store/barrier.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BACKGROUND_NICE = 10 };

struct background {
    struct keyspace *keyspace;
    struct upkeep *upkeep;
    pthread_mutex_t lock; // Guards the queue and stops.
    pthread_cond_t ready;
    struct job *first, *last;
    bool stops;
    unsigned count; // Threads that run.
    pthread_t threads[BACKGROUND_THREADS];
    struct store_thread *store_threads[BACKGROUND_THREADS];
};

struct start {
    struct background *background;
    struct store_thread *thread;
};

// The next job; NULL when it is time to end.
static struct job *next_job(struct background *background)
{
    (void)pthread_mutex_lock(&background->lock);
    while (background->first == NULL && !background->stops) {
        (void)pthread_cond_wait(&background->ready, &background->lock);
    }
    struct job *job = background->first;
    if (job != NULL) {
        background->first = job->next;
        if (background->first == NULL) {
            background->last = NULL;
        }
    }
    (void)pthread_mutex_unlock(&background->lock);
    return job;
}

static void *run_jobs(void *context)
{
    struct start start = *(struct start *)context;
    free(context);
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), BACKGROUND_NICE);
    struct job *job;
    pool_set_yielding(start.thread->pool);
    pool_offline(start.thread->pool);
    barrier_stand_aside(start.thread); // Jobs read, free, or hold the barrier.
    while ((job = next_job(start.background)) != NULL) {
        pool_online(start.thread->pool);
        job->run(job, start.thread);
        struct trash trash;
        while (keyspace_take_trash(start.thread, &trash)) {
            keyspace_free_trash(start.background->keyspace, start.thread, &trash);
        }
        pool_flush(start.thread->pool);
        upkeep_request(start.background->upkeep);
        pool_offline(start.thread->pool);
    }
    return NULL;
}

static int start_thread(struct background *background)
{
    unsigned i = background->count;
    struct start *start = malloc(sizeof(*start));
    background->store_threads[i] = keyspace_thread_create(background->keyspace);
    if (start == NULL || background->store_threads[i] == NULL) {
        free(start);
        return -ENOMEM;
    }
    *start = (struct start){.background = background, .thread = background->store_threads[i]};
    int error = pthread_create(&background->threads[i], NULL, run_jobs, start);
    if (error != 0) {
        free(start);
        keyspace_thread_destroy(background->keyspace, background->store_threads[i]);
        return -error;
    }
    (void)pthread_setname_np(background->threads[i], "fastkv-bg");
    background->count++;
    return 0;
}

int background_start(struct background **background_out, struct keyspace *keyspace,
                     struct upkeep *upkeep)
{
    struct background *background = calloc(1, sizeof(*background));
    if (background == NULL) {
        return -ENOMEM;
    }
    background->keyspace = keyspace;
    background->upkeep = upkeep;
    (void)pthread_mutex_init(&background->lock, NULL);
    (void)pthread_cond_init(&background->ready, NULL);
    while (background->count < BACKGROUND_THREADS) {
        int error = start_thread(background);
        if (error < 0) {
            background_stop(background);
            return error;
        }
    }
    *background_out = background;
    return 0;
}

void background_post(struct background *background, struct job *job)
{
    job->next = NULL;
    (void)pthread_mutex_lock(&background->lock);
    if (background->last != NULL) {
        background->last->next = job;
    } else {
        background->first = job;
    }
    background->last = job;
    (void)pthread_cond_signal(&background->ready);
    (void)pthread_mutex_unlock(&background->lock);
}

void background_stop(struct background *background)
{
    if (background == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&background->lock);
    background->stops = true;
    (void)pthread_cond_broadcast(&background->ready);
    (void)pthread_mutex_unlock(&background->lock);
    for (unsigned i = 0; i < background->count; i++) {
        (void)pthread_join(background->threads[i], NULL);
        keyspace_thread_destroy(background->keyspace, background->store_threads[i]);
    }
    (void)pthread_cond_destroy(&background->ready);
    (void)pthread_mutex_destroy(&background->lock);
    free(background);
}
