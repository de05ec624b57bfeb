/* Execution in batches: requests of all ready connections are parsed; when the batch is
 * full, all are executed in order, with the memory of the next ones on its way. */
#include "base/clock.h"
#include "runtime/worker_internal.h"
#include "store/prefetch.h"

#include <stdlib.h>

enum { HTTP_WARN_MS = 60 * 1000 }; // At most one such line a worker in this time.

// ---- one call ----

static void count_call(struct worker *worker, const struct call *call, uint64_t errors,
                       uint64_t started_ns)
{
    counter_add(&worker->counts.commands, 1);
    if (UNLIKELY(errors > 0)) {
        counter_add(&worker->counts.errors, errors);
    }
    if (call->command == NULL) {
        return;
    }
    struct command_counts *counts = &worker->counts.by_command[call->command->index];
    if (UNLIKELY(call->mistake != CALL_FINE)) {
        counter_add(&counts->rejected, 1);
        return;
    }
    counter_add(&counts->calls, 1);
    if (UNLIKELY(errors > 0)) {
        counter_add(&counts->failed, 1);
    }
    if (UNLIKELY(started_ns != 0)) {
        counter_add(&counts->sampled_calls, 1);
        counter_add(&counts->sampled_ns, clock_monotonic_ns() - started_ns);
    }
}

static bool is_sampled(const struct worker *worker, const struct call *call)
{
    if (UNLIKELY(call->command == NULL)) {
        return false;
    }
    const struct command_counts *counts = &worker->counts.by_command[call->command->index];
    return atomic_load_explicit(&counts->calls, memory_order_relaxed) % COMMAND_SAMPLE == 0;
}

// A line of HTTP was among the commands: once in a while it is worth a line in the log.
static __attribute__((cold)) void warn_of_http(struct worker *worker, const struct client *client)
{
    if (worker->http_warned_ms != 0 &&
        worker->home.now_ms - worker->http_warned_ms < HTTP_WARN_MS) {
        return;
    }
    worker->http_warned_ms = worker->home.now_ms;
    log_write(worker->services->log, LOG_LEVEL_WARNING,
              "possible SECURITY ATTACK: closing %s, which sent HTTP among its commands; it may "
              "be a browser that a web page makes send them",
              client->peer);
}

// Execute one call of the batch; its replies go to the open output.
static void execute_call(struct worker *worker, struct client *client, struct call *call)
{
    struct reply reply;
    reply_init(&reply, &worker->output.to_chain.sink, client->session.protocol);
    // Reading the clock costs as much as a short command: time one call in a few.
    uint64_t started_ns = is_sampled(worker, call) ? clock_monotonic_ns() : 0;
    client->last_command = call->command;
    switch (call_execute(call, &reply, &client->waiter->waiter)) {
    case CALL_DONE:
        break;
    case CALL_WAITS:
        client_park(client);
        counter_add(&worker->counts.suspended, 1);
        return;
    case CALL_DEFERRED:
        worker_defer(worker, client, call);
        break;
    case CALL_MOVED:
        client->wait = CLIENT_MOVES;
        return;
    }
    count_call(worker, call, reply.errors, started_ns);
    if (UNLIKELY(client->session.closes)) {
        client->phase = CLIENT_CLOSING;
        if (client->session.sent_http) {
            warn_of_http(worker, client);
        }
    }
}

// ---- replies ----

static void output_close(struct worker *worker, struct client *client)
{
    if (UNLIKELY(!outbox_close(&client->outbox, &worker->output))) {
        worker_shut_for(worker, client, WORKER_LIMIT_OUTPUT);
        return;
    }
    if (outbox_has_replies(&client->outbox)) {
        worker_outgoing(worker, client);
    }
}

// ---- batches ----

/* A client's part of a batch was executed: its input up to there is done with. What
 * was parsed but not executed (it was suspended in between) is parsed again later. */
static void settle(struct client *client)
{
    if (UNLIKELY(client->phase == CLIENT_SHUT)) {
        client->parsed = client->consumed = 0; // Its input is gone.
        return;
    }
    if (client->consumed < client->parsed) {
        client->parser = (struct parser){0};
    }
    if (UNLIKELY(client->inline_max != CLIENT_INLINE_MAX && client->consumed > 0)) {
        client->inline_max = CLIENT_INLINE_MAX;
    }
    if (UNLIKELY(client->wait == CLIENT_MOVES)) { // Its request is the next to be parsed.
        client->wait = CLIENT_WAITS_NOT;
        client->inline_max = 0;
    }
    size_t consumed = client->consumed;
    client->parsed = client->consumed = 0;
    if (consumed > 0) {
        client_consume(client, consumed);
    }
}

// A client's part of the batch was executed.
static void close_part(struct worker *worker, struct client *client)
{
    if (client != NULL) {
        output_close(worker, client);
        settle(client);
        if (UNLIKELY(client->inline_max == 0)) {
            worker_ready(worker, client); // For its next request, which moves.
        }
    }
}

static void empty_batch(struct worker *worker)
{
    worker->batch_count = 0;
    worker->space = (struct parse_space){
        .args = worker->args,
        .args_max = WORKER_BATCH_ARGS,
        .text = worker->text,
        .text_max = WORKER_BATCH_TEXT,
    };
    worker->context.space = (struct key_space){
        .keys = worker->keys,
        .shards = worker->shards,
        .left = WORKER_BATCH_KEYS,
    };
}

// Until it has read some of its replies.
static void wait_for_reader(struct client *client)
{
    if (client->wait == CLIENT_WAITS_NOT) {
        client->wait = CLIENT_WAITS_FOR_READER;
    }
}

// Its call was not executed, and will be again.
static bool client_is_parked(const struct client *client)
{
    return client->wait >= CLIENT_MOVES && client->wait <= CLIENT_WAITS_FOR_MEMORY;
}

// Execute one slot, opening and closing outputs where one client's part ends.
static void run_slot(struct worker *worker, struct batch_slot *slot, struct client **current)
{
    struct client *client = slot->client;
    if (*current == NULL || client != *current) {
        close_part(worker, *current);
        *current = client;
        outbox_open(&client->outbox, &worker->output);
    }
    if (UNLIKELY(client->outbox.chain.bytes > worker->output_pause)) {
        wait_for_reader(client);
    }
    if (LIKELY(client_may_execute(client))) {
        execute_call(worker, client, &slot->call);
        if (LIKELY(!client_is_parked(client))) {
            client->consumed = slot->end;
        }
    }
    call_release(&slot->call, &worker->context);
}

/* Let calls in a row that look up elements of one value fetch together what they will
 * read. Returns the slot behind them. */
static __attribute__((noinline)) unsigned prefetch_elements(const struct worker *worker,
                                                            unsigned first)
{
    const struct batch_slot *slots = worker->batch;
    const struct call *calls[CALL_PREFETCH_MAX];
    unsigned count = 0;
    while (count < CALL_PREFETCH_MAX && first + count < worker->batch_count &&
           call_shares_value(&slots[first].call, &slots[first + count].call)) {
        calls[count] = &slots[first + count].call;
        count++;
    }
    if (count > 1) {
        call_prefetch_elements(calls, count);
    }
    return first + count;
}

// Execute a batch. The keys of its calls stand in one array, in the order of the calls: what
// comes next is prefetched as each is about to be used.
static void run_batch(struct worker *worker)
{
    struct client *current = NULL;
    struct batch_slot *slots = worker->batch;
    unsigned count = worker->batch_count;
    const struct keyspace *keyspace = worker->context.keyspace;
    size_t keys = (size_t)(worker->context.space.keys - worker->keys);
    size_t key = 0;
    unsigned fetched = 0; // Slots whose elements are.
    keyspace_prefetch_first(keyspace, worker->keys, keys);
    for (unsigned i = 0; i < count; i++) {
        for (uint32_t j = 0; j < slots[i].call.key_count && key < keys; j++) {
            keyspace_prefetch_next(keyspace, worker->keys, keys, key++);
        }
        if (UNLIKELY(i >= fetched && call_names_element(&slots[i].call))) {
            fetched = prefetch_elements(worker, i);
        }
        run_slot(worker, &slots[i], &current);
    }
    close_part(worker, current);
    empty_batch(worker);
}

static void add_to_batch(struct worker *worker, struct client *client,
                         const struct parse_result *result)
{
    struct parse_space *space = &worker->space;
    struct batch_slot *slot = &worker->batch[worker->batch_count++];
    slot->client = client;
    client->parsed += result->size;
    slot->end = client->parsed;
    client->quota--;
    call_prepare(&slot->call, &worker->context, &client->session, space->args, result->argc);
    space->args += result->argc;
    space->args_max -= result->argc;
    space->text += result->text_size;
    space->text_max -= result->text_size;
    if (worker->batch_count == WORKER_BATCH || worker->context.space.left < WORKER_CALL_KEYS) {
        run_batch(worker);
    }
}

static void answer_mistake(struct worker *worker, struct client *client,
                           const struct parse_result *result)
{
    struct reply reply;
    outbox_open(&client->outbox, &worker->output);
    reply_init(&reply, &worker->output.to_chain.sink, client->session.protocol);
    reply_error(&reply, "%s", result->error);
    counter_add(&worker->counts.errors, 1);
    output_close(worker, client);
    client->quota--;
    if (client->phase == CLIENT_SHUT) {
        return;
    }
    client_consume(client, result->size);
    if (result->status == PARSE_FATAL) {
        client->phase = CLIENT_CLOSING;
        client->lingers = true;
    }
}

/* Give a request with many arguments or bytes, or one whose handler asked for it, to the
 * background. False when it is to be executed here: its command is not for other threads. */
static bool move_request(struct worker *worker, struct client *client,
                         const struct parse_result *request)
{
    struct bytes name;
    bool was_asked = client->inline_max == 0;
    client->parser = (struct parser){0};
    if (!was_asked &&
        !(!client->session.refuses &&
          request_peek_name(client->session.protocol, client_pending(client), &name) &&
          request_may_move(worker, name))) {
        client->inline_max = SIZE_MAX; // Until it was executed.
        return false;
    }
    if (!worker_move_request(worker, client, request)) {
        struct parse_result mistake = {
            .status = PARSE_INVALID, .size = request->size, .error = "ERR out of memory"};
        answer_mistake(worker, client, &mistake);
    }
    client->inline_max = CLIENT_INLINE_MAX;
    return true;
}

// A request that takes more space than a batch has: parse it again into memory for it.
static void execute_alone(struct worker *worker, struct client *client,
                          const struct parse_result *needs)
{
    struct pool *pool = worker->home.store->pool;
    size_t args_size = needs->argc * sizeof(struct bytes);
    size_t memory_size = args_size + needs->text_size;
    char *memory = pool_alloc(pool, MEMORY_JOB, memory_size);
    struct parse_space space = {
        .args = (struct bytes *)(void *)memory,
        .args_max = needs->argc,
        .text_max = needs->text_size,
    };
    struct parse_result result = {.status = PARSE_FATAL};
    if (memory != NULL) {
        space.text = memory + args_size;
        request_parse(client->session.protocol, &client->parser, client_pending(client), &space,
                      &result);
    }
    outbox_open(&client->outbox, &worker->output);
    if (result.status == PARSE_DONE) {
        struct call call;
        call_prepare(&call, &worker->context, &client->session, space.args, result.argc);
        execute_call(worker, client, &call);
        call_release(&call, &worker->context);
        client->parsed = result.size;
        client->consumed = client_is_parked(client) ? 0 : result.size;
        client->quota--;
    } else {
        struct reply reply;
        reply_init(&reply, &worker->output.to_chain.sink, client->session.protocol);
        reply_error(&reply, "ERR out of memory");
        client->phase = CLIENT_CLOSING; // The stream's place in the input is lost.
    }
    close_part(worker, client);
    if (memory != NULL) {
        pool_free(pool, MEMORY_JOB, memory, memory_size);
    }
    empty_batch(worker);
}

// Answer a request of HTTP; whatever the connection has sent after it is dropped.
static void answer_http(struct worker *worker, struct client *client,
                        const struct parse_result *result)
{
    outbox_open(&client->outbox, &worker->output);
    http_answer(&worker->output.to_chain.sink, &result->http);
    output_close(worker, client);
    if (client->phase != CLIENT_SHUT) {
        client_consume(client, client_pending(client).size);
        client->phase = CLIENT_CLOSING;
        client->lingers = true;
    }
}

/* What was parsed is no request that goes into the batch as it is. False when there is none
 * to be had now. Requests before it that stand in the batch are executed first wherever their
 * order could suffer. */
static __attribute__((noinline)) bool take_other(struct worker *worker, struct client *client,
                                                 const struct parse_result *result)
{
    if (result->status == PARSE_MORE) {
        return false;
    }
    if (result->status == PARSE_PROTOCOL) {
        client->session.protocol = result->protocol;
        return true;
    }
    if (result->status == PARSE_SPACE) {
        if (worker->batch_count > 0) {
            run_batch(worker);
        } else if (!move_request(worker, client, result)) {
            execute_alone(worker, client, result);
        }
        return true;
    }
    if (result->status == PARSE_DONE) { // More bytes than a worker has time for.
        if (worker->batch_count > 0) {
            run_batch(worker);
        } else {
            (void)move_request(worker, client, result);
        }
        return true;
    }
    if (client->parsed > 0) {
        run_batch(worker);
    }
    if (!client_may_execute(client)) {
        return true;
    }
    if (result->status == PARSE_EMPTY) {
        client_consume(client, result->size);
    } else if (result->status == PARSE_HTTP) {
        answer_http(worker, client, result);
    } else {
        answer_mistake(worker, client, result);
    }
    return true;
}

// Parse the next request. False when there is none to be had now.
static inline bool take_request(struct worker *worker, struct client *client)
{
    struct bytes pending = client_pending(client);
    if (pending.size <= client->parsed) {
        return false;
    }
    pending = bytes_make(pending.data + client->parsed, pending.size - client->parsed);
    struct parse_result result;
    request_parse(client->session.protocol, &client->parser, pending, &worker->space, &result);
    if (UNLIKELY(result.status != PARSE_DONE || result.size > client->inline_max)) {
        return take_other(worker, client, &result);
    }
    add_to_batch(worker, client, &result);
    return true;
}

// Parse a client's requests into the batch until its input or its quota ends.
static void fill_from(struct worker *worker, struct client *client)
{
    bool has_more = true;
    client->wait = UNLIKELY(client->outbox.chain.bytes > worker->output_pause)
                       ? CLIENT_WAITS_FOR_READER
                       : CLIENT_WAITS_NOT;
    while (has_more && client->quota > 0 && client_may_execute(client)) {
        has_more = take_request(worker, client);
    }
    if (has_more && client_may_execute(client)) {
        worker_ready(worker, client); // Its quota is used up: the next turn.
    }
}

// Everything that was to be executed in this turn is: keep what is left for later.
static void finish(struct worker *worker, struct client *client)
{
    if (client->phase == CLIENT_SHUT) {
        client_free_buffers(client);
        worker_free_if_idle(worker, client);
        return;
    }
    if (UNLIKELY(client->phase != CLIENT_OPEN)) {
        worker_outgoing(worker, client); // Nothing more is executed.
        return;
    }
    if (UNLIKELY(!client_keep(client))) {
        worker_shut(worker, client);
        return;
    }
    client_receive_directly(client);
    worker_account(worker, client);
    bool goes_on = client->is_ready || client->wait != CLIENT_WAITS_NOT;
    if (UNLIKELY(goes_on)) {
        worker_pause_if_full(worker, client);
    } else if (UNLIKELY(client->has_ended)) {
        client->phase = CLIENT_CLOSING;
        worker_outgoing(worker, client);
    } else if (UNLIKELY(client->is_paused)) {
        client->is_paused = false;
        loop_resume(worker->home.loop, &client->stream);
    }
}

void worker_execute(struct worker *worker)
{
    empty_batch(worker);
    struct client *turn = NULL;
    struct client *client = worker_take(&worker->ready);
    while (client != NULL) {
        struct client *next = client->next_ready;
        client->is_ready = false;
        client->quota = WORKER_REQUESTS_PER_TURN;
        client->next_turn = turn;
        turn = client;
        if (LIKELY(client->phase == CLIENT_OPEN && !client_is_suspended(client))) {
            fill_from(worker, client);
        }
        client = next;
    }
    run_batch(worker);
    while (turn != NULL) {
        struct client *next = turn->next_turn;
        finish(worker, turn);
        turn = next;
    }
}
