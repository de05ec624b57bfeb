/* Requests that a background thread executes as a whole: many arguments, many bytes, or a
 * handler that found the work long (call_moves). The request leaves the client's input; the
 * client waits for its answer. */
#include "base/clock.h"
#include "base/container.h"
#include "command/background_call.h"
#include "runtime/background.h"
#include "runtime/worker_internal.h"
#include "store/barrier.h"

#include <stdlib.h>

struct request_work {
    struct job job;
    struct mail mail;
    struct worker *worker;
    struct client *client; // Of the worker's thread; NULL: it has left.
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
static void execute(struct request_work *work, struct call_context *context, char *memory,
                    struct reply *reply)
{
    struct parser parser = {0};
    struct parse_result result;
    struct parse_space space = {
        .args = (struct bytes *)(void *)memory,
        .args_max = work->argc,
        .text = memory + work->argc * sizeof(struct bytes),
        .text_max = work->text_size,
    };
    request_parse(work->session.protocol, &parser, detached_bytes(&work->input, work->size), &space,
                  &result);
    ASSERT(result.status == PARSE_DONE && result.argc == work->argc);
    struct call call;
    call_prepare(&call, context, &work->session, space.args, result.argc);
    work->command = call.command;
    bool writes = call.command != NULL && (call.command->flags & COMMAND_WRITES) != 0;
    if (writes) {
        barrier_step_in(context->thread); // Background threads stand aside otherwise.
    }
    background_call_begin(&call);
    background_call_run(&call, reply);
    if (writes) {
        barrier_stand_aside(context->thread);
    }
    call_release(&call, context);
}

static void run_request(struct job *job, struct store_thread *thread)
{
    struct request_work *work = CONTAINER_OF(job, struct request_work, job);
    struct worker *worker = work->worker;
    struct call_context context = worker->context;
    struct chain_sink sink;
    struct reply reply;
    uint64_t started_ns = clock_monotonic_ns();
    chain_sink_open(&sink, &work->chain, thread,
                    counter_read(&worker->services->limits->output_bytes_max));
    reply_init(&reply, &sink.sink, work->session.protocol);
    context.thread = thread;
    context.now_ms = clock_wall_ms();
    context.space = (struct key_space){0};
    size_t memory_size = work->argc * sizeof(struct bytes) + work->text_size;
    char *memory = pool_alloc(thread->pool, MEMORY_JOB, memory_size);
    if (memory != NULL) {
        execute(work, &context, memory, &reply);
        pool_free(thread->pool, MEMORY_JOB, memory, memory_size);
    } else {
        reply_error(&reply, "ERR out of memory");
    }
    detached_free(&work->input, thread->pool);
    work->failed = !chain_sink_close(&sink);
    work->errors = reply.errors;
    work->ns = clock_monotonic_ns() - started_ns;
    mailbox_post(&worker->home.mailbox, &work->mail.message);
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
    struct request_work *work = malloc(sizeof(*work));
    if (work == NULL) {
        return false;
    }
    *work = (struct request_work){
        .job = {.run = run_request},
        .mail = {.kind = MAIL_REQUEST_DONE},
        .worker = worker,
        .client = client,
        .session = client->session,
        .size = request->size,
        .argc = request->argc,
        // Decoding makes no word longer; what it took is less than what it asks for.
        .text_size = request->text_size > 0 ? request->size : 0,
    };
    if (!client_detach(client, request->size, &work->input)) {
        free(work);
        return false;
    }
    client->quota--;
    client->job = &work->client;
    client->wait = CLIENT_WAITS_FOR_JOB;
    counter_add(&worker->counts.suspended, 1);
    background_post(worker->services->background, &work->job);
    return true;
}

void worker_request_done(struct worker *worker, struct mail *mail)
{
    struct request_work *work = CONTAINER_OF(mail, struct request_work, mail);
    counter_add(&worker->counts.commands, 1);
    counter_add(&worker->counts.errors, work->errors);
    if (work->command != NULL) {
        struct command_counts *counts = &worker->counts.by_command[work->command->index];
        counter_add(&counts->calls, 1);
        counter_add(&counts->failed, work->errors > 0);
        counter_add(&counts->sampled_calls, 1);
        counter_add(&counts->sampled_ns, work->ns);
    }
    worker_take_answer(worker, work->client, &work->chain, work->failed);
    free(work);
}
