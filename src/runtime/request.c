/* Requests that a background thread executes as a whole: many arguments, many bytes, or a
 * handler that found the work long (call_moves). The request leaves the client's input; the
 * client waits for its answer. */
#include "base/clock.h"
#include "base/container.h"
#include "command/background_call.h"
#include "runtime/background.h"
#include "runtime/worker_internal.h"

struct request_job {
    struct job job;
    struct mail mail;
    struct worker *worker;
    struct client_job asker;
    struct session session;
    struct detached_input input; // The request is the first `size` bytes of it.
    size_t size;
    uint32_t argc;
    size_t text_size;
    struct chain chain;
    bool failed;                   // Its replies exceed the limit or memory.
    const struct command *command; // As the background thread found it; NULL: out of memory.
    uint64_t errors, ns;
};

// Parse the request again, and execute it.
// NOLINTNEXTLINE(readability-non-const-parameter): the arguments are written to it.
static void execute(struct request_job *job, struct call_context *context, char *memory,
                    struct reply *reply)
{
    struct parser parser = {0};
    struct parse_result result;
    struct parse_space space = {
        .args = (struct bytes *)(void *)memory,
        .args_max = job->argc,
        .text = memory + job->argc * sizeof(struct bytes),
        .text_max = job->text_size,
    };
    request_parse(job->session.protocol, &parser, detached_bytes(&job->input, job->size), &space,
                  &result);
    ASSERT(result.status == PARSE_DONE && result.argc == job->argc);
    struct call call;
    call_prepare(&call, context, &job->session, space.args, result.argc);
    job->command = call.command;
    background_call_begin(&call);
    background_call_run(&call, reply);
    call_release(&call, context);
}

static void run_request(struct job *base, struct store_thread *thread)
{
    struct request_job *job = CONTAINER_OF(base, struct request_job, job);
    struct worker *worker = job->worker;
    // The worker changes the rest of its own meanwhile.
    struct call_context context = {
        .commands = worker->context.commands,
        .keyspace = worker->context.keyspace,
        .server = worker->context.server,
        .job_header_size = worker->context.job_header_size,
        .thread = thread,
    };
    struct chain_sink sink;
    struct reply reply;
    uint64_t started_ns = clock_monotonic_ns();
    chain_sink_open(&sink, &job->chain, thread,
                    counter_read(&worker->services->limits->output_bytes_max));
    reply_init(&reply, &sink.sink, job->session.protocol);
    context.now_ms = clock_wall_ms();
    size_t memory_size = job->argc * sizeof(struct bytes) + job->text_size;
    char *memory = pool_alloc(thread->pool, MEMORY_JOB, memory_size);
    if (memory != NULL) {
        execute(job, &context, memory, &reply);
        pool_free(thread->pool, MEMORY_JOB, memory, memory_size);
    } else {
        reply_error(&reply, "ERR out of memory");
    }
    detached_free(&job->input, thread->pool);
    job->failed = !chain_sink_close(&sink);
    job->errors = reply.errors;
    job->ns = clock_monotonic_ns() - started_ns;
    mailbox_post(&worker->home.mailbox, &job->mail.message);
}

bool request_may_move(const struct worker *worker, struct bytes command_name)
{
    // What is about the connection or the server is not for other threads, and never long.
    const struct command *command = command_find(worker->services->commands, command_name);
    return command != NULL && (command->key_at != 0 || command->spec_count > 0);
}

bool worker_move_request(struct worker *worker, struct client *client,
                         const struct parse_result *request)
{
    struct request_job *job = pool_alloc(worker->home.store->pool, MEMORY_JOB, sizeof(*job));
    if (job == NULL) {
        return false;
    }
    *job = (struct request_job){
        .job = {.run = run_request},
        .mail = {.kind = MAIL_REQUEST_DONE},
        .worker = worker,
        .asker = {.client = client},
        .session = client->session,
        .size = request->size,
        .argc = request->argc,
        // Decoding makes no word longer; what it took is less than what it asks for.
        .text_size = request->text_size > 0 ? request->size : 0,
    };
    if (!client_detach(client, request->size, &job->input)) {
        pool_free(worker->home.store->pool, MEMORY_JOB, job, sizeof(*job));
        return false;
    }
    client->quota--;
    client->job = &job->asker;
    client->wait = CLIENT_WAITS_FOR_JOB;
    counter_add(&worker->counts.suspended, 1);
    background_post(worker->services->background, &job->job);
    return true;
}

void worker_request_done(struct worker *worker, struct mail *mail)
{
    struct request_job *job = CONTAINER_OF(mail, struct request_job, mail);
    counter_add(&worker->counts.commands, 1);
    counter_add(&worker->counts.errors, job->errors);
    if (job->command != NULL) {
        struct command_counts *counts = &worker->counts.by_command[job->command->index];
        counter_add(&counts->calls, 1);
        counter_add(&counts->failed, job->errors > 0);
        counter_add(&counts->sampled_calls, 1);
        counter_add(&counts->sampled_ns, job->ns);
    }
    worker_take_answer(worker, job->asker.client, &job->chain, job->failed);
    pool_free(worker->home.store->pool, MEMORY_JOB, job, sizeof(*job));
}
