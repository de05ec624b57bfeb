#include "runtime/background.h"

#include "store/barrier.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BACKGROUND_NICE = 10 }; // Of the threads that run long jobs.

/* Jobs in the order of arrival. */
struct queue {
    struct job *first, *last;
};

struct background {
    struct keyspace *keyspace;
    struct upkeep *upkeep;
    pthread_mutex_t lock; // Guards the queue and stops.
    pthread_cond_t ready;
    struct queue short_jobs, long_jobs;
    bool stops;
    unsigned count; // Threads that run.
    pthread_t threads[BACKGROUND_THREADS];
    struct store_thread *store_threads[BACKGROUND_THREADS];
};

struct start {
    struct background *background;
    struct store_thread *thread;
    bool runs_short; // Jobs only.
};

static void queue_add(struct queue *queue, struct job *job)
{
    job->next = NULL;
    if (queue->last != NULL) {
        queue->last->next = job;
    } else {
        queue->first = job;
    }
    queue->last = job;
}

static struct job *queue_take(struct queue *queue)
{
    struct job *job = queue->first;
    if (job != NULL) {
        queue->first = job->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
    }
    return job;
}

// The lock is held. Long jobs first where they are run at all: the short ones have a thread.
static struct job *take_job(struct background *background, bool runs_short)
{
    struct job *job = runs_short ? NULL : queue_take(&background->long_jobs);
    return job != NULL ? job : queue_take(&background->short_jobs);
}

// The next job; NULL when it is time to end.
static struct job *next_job(struct background *background, bool runs_short)
{
    (void)pthread_mutex_lock(&background->lock);
    struct job *job = take_job(background, runs_short);
    while (job == NULL && !background->stops) {
        (void)pthread_cond_wait(&background->ready, &background->lock);
        job = take_job(background, runs_short);
    }
    (void)pthread_mutex_unlock(&background->lock);
    return job;
}

static void *run_jobs(void *context)
{
    struct start start = *(struct start *)context;
    free(context);
    if (!start.runs_short) {
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), BACKGROUND_NICE);
    }
    struct job *job;
    pool_set_yielding(start.thread->pool);
    pool_offline(start.thread->pool);
    barrier_stand_aside(start.thread); // Jobs read, free, or hold the barrier.
    while ((job = next_job(start.background, start.runs_short)) != NULL) {
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
    *start = (struct start){
        .background = background, .thread = background->store_threads[i], .runs_short = i == 0};
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
    (void)pthread_mutex_lock(&background->lock);
    queue_add(job->is_short ? &background->short_jobs : &background->long_jobs, job);
    // All: whom it wakes may not be one that runs this job.
    (void)pthread_cond_broadcast(&background->ready);
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
