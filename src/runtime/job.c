/* Work that a worker leaves to the background: deferred calls and freeing. */
#include "base/clock.h"
#include "runtime/background.h"
#include "runtime/worker_internal.h"

#include <stdlib.h>

// ---- deferred calls ----

struct call_work {
    struct job job;
    struct mail mail;
    struct worker *worker;
    struct client *client; // Of the worker's thread; NULL: it has left.
    call_job run;
    void *state;
    size_t state_size;
    struct session session;
    struct chain chain;
    bool failed; // Its replies exceed the limit or memory.
};

static void run_call(struct job *job, struct store_thread *thread)
{
    struct call_work *work = (struct call_work *)(void *)job;
    struct worker *worker = work->worker;
    struct chain_sink sink;
    struct reply reply;
    chain_sink_open(&sink, &work->chain, thread,
                    counter_read(&worker->services->limits->output_bytes_max));
    reply_init(&reply, &sink.sink, work->session.protocol);
    struct deferred call = {.reply = &reply};
    access_open(&call.access, worker->services->keyspace, thread, work->session.db,
                clock_wall_ms());
    work->run(&call, work->state);
    work->failed = !chain_sink_close(&sink);
    pool_free(thread->pool, MEMORY_JOB, work->state, work->state_size);
    mailbox_post(&worker->home.mailbox, &work->mail.message);
}

void worker_defer(struct worker *worker, struct client *client, struct call *call)
{
    struct call_work *work = malloc(sizeof(*work));
    ASSERT(work != NULL); // Some 200 bytes; nothing could be answered without them.
    *work = (struct call_work){
        .job = {.run = run_call},
        .mail = {.kind = MAIL_JOB_DONE},
        .worker = worker,
        .client = client,
        .run = call->job,
        .state = call->job_state,
        .state_size = call->job_state_size,
        .session = client->session,
    };
    client->job = &work->client;
    client->wait = CLIENT_WAITS_FOR_JOB;
    counter_add(&worker->counts.suspended, 1);
    background_post(worker->services->background, &work->job);
}

void worker_take_answer(struct worker *worker, struct client *client, struct chain *chain,
                        bool failed)
{
    if (client == NULL || failed) {
        chain_clear(chain, worker->home.store);
    } else {
        chain_splice(&client->chain, chain);
        worker_outgoing(worker, client);
    }
    if (client != NULL) {
        worker_resume(worker, client);
    }
    if (client != NULL && failed) {
        worker_shut_for(worker, client, WORKER_LIMIT_OUTPUT);
    }
}

void worker_job_done(struct worker *worker, struct mail *mail)
{
    struct call_work *work =
        (struct call_work *)(void *)((char *)mail - offsetof(struct call_work, mail));
    worker_take_answer(worker, work->client, &work->chain, work->failed);
    free(work);
}

// ---- freeing ----

struct trash_work {
    struct job job;
    struct keyspace *keyspace;
    struct trash trash;
};

static void run_trash(struct job *job, struct store_thread *thread)
{
    struct trash_work *work = (struct trash_work *)(void *)job;
    keyspace_free_trash(work->keyspace, thread, &work->trash);
    free(work);
}

void worker_post_trash(struct worker *worker)
{
    struct trash trash;
    if (LIKELY(worker->home.store->trash == NULL &&
               worker->home.store->trash_generations == NULL)) {
        return;
    }
    struct trash_work *work = malloc(sizeof(*work));
    if (work == NULL || !keyspace_take_trash(worker->home.store, &trash)) {
        free(work);
        return; // It stays where it is until there is memory to say so.
    }
    *work = (struct trash_work){
        .job = {.run = run_trash}, .keyspace = worker->services->keyspace, .trash = trash};
    background_post(worker->services->background, &work->job);
}
