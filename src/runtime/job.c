/* Work that a worker leaves to the background: deferred calls and freeing. */
#include "base/clock.h"
#include "base/container.h"
#include "runtime/background.h"
#include "runtime/worker_internal.h"

// ---- deferred calls ----

/* Stands before the state of the call, in one block that call_defer allocated. */
struct deferred_job {
    struct job job;
    struct mail mail;
    struct worker *worker;
    struct client_job asker;
    call_job run;
    void *state;
    size_t block_size;
    struct session session;
    struct chain chain;
    bool failed; // Its replies exceed the limit or memory.
};

static_assert(sizeof(struct deferred_job) % 8 == 0, "the state behind it is aligned");

size_t worker_job_header_size(void)
{
    return sizeof(struct deferred_job);
}

static void run_deferred(struct job *base, struct store_thread *thread)
{
    struct deferred_job *job = CONTAINER_OF(base, struct deferred_job, job);
    struct worker *worker = job->worker;
    struct chain_sink sink;
    struct reply reply;
    chain_sink_open(&sink, &job->chain, thread,
                    counter_read(&worker->services->limits->output_bytes_max));
    reply_init(&reply, &sink.sink, job->session.protocol);
    struct deferred call = {
        .reply = &reply,
        .is_cancelled = &job->asker.is_cancelled,
    };
    access_open(&call.access, worker->services->keyspace, thread, job->session.db, clock_wall_ms());
    job->run(&call, job->state);
    job->failed = !chain_sink_close(&sink);
    mailbox_post(&worker->home.mailbox, &job->mail.message);
}

void worker_defer(struct worker *worker, struct client *client, struct call *call)
{
    struct deferred_job *job = call_job_block(call);
    *job = (struct deferred_job){
        .job = {.run = run_deferred, .is_short = call->job_is_short},
        .mail = {.kind = MAIL_JOB_DONE},
        .worker = worker,
        .asker = {.client = client},
        .run = call->job,
        .state = call->job_state,
        .block_size = call_job_block_size(call),
        .session = client->session,
    };
    client->job = &job->asker;
    client->wait = CLIENT_WAITS_FOR_JOB;
    counter_add(&worker->counts.suspended, 1);
    background_post(worker->services->background, &job->job);
}

void worker_take_answer(struct worker *worker, struct client *client, struct chain *chain,
                        bool failed)
{
    if (client == NULL || failed) {
        chain_clear(chain, worker->home.store);
    } else {
        chain_splice(&client->outbox.chain, chain);
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
    struct deferred_job *job = CONTAINER_OF(mail, struct deferred_job, mail);
    worker_take_answer(worker, job->asker.client, &job->chain, job->failed);
    pool_free(worker->home.store->pool, MEMORY_JOB, job, job->block_size);
}

// ---- freeing ----

static void run_trash(struct job *base, struct store_thread *thread)
{
    struct trash_job *job = CONTAINER_OF(base, struct trash_job, job);
    struct worker *worker = job->worker;
    keyspace_free_trash(worker->services->keyspace, thread, &job->trash);
    mailbox_post(&worker->home.mailbox, &job->mail.message);
}

void worker_post_trash(struct worker *worker)
{
    struct trash_job *job = &worker->trash;
    if (LIKELY(worker->home.store->trash == NULL &&
               worker->home.store->trash_generations == NULL) ||
        job->is_posted || !keyspace_take_trash(worker->home.store, &job->trash)) {
        return;
    }
    job->job = (struct job){.run = run_trash, .is_short = true};
    job->worker = worker;
    job->is_posted = true;
    background_post(worker->services->background, &job->job);
}
