#include "runtime/worker.h"

#include "base/clock.h"
#include "runtime/upkeep.h"
#include "runtime/worker_internal.h"
#include "store/expiry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    EXPIRE_PER_TURN = 256,
    STOP_GRACE_MS = 500, // For answering what was read before the stop.
    SLEEP_MS_MAX = 24 * 3600 * 1000,
    CLOSE_GRACE_MS = 300, // For the kernel to let go of the connections.
    WAIT_RETRY_NS = 10 * 1000 * 1000,
    WAIT_TRIES_PER_LINE = 500, // Lines in the log, one in five seconds.
};

/* A connection on its way to a worker. */
struct arrival {
    struct mail mail;
    int fd;
    uint64_t id;
    char peer[LISTENER_ADDRESS_MAX];
};

// ---- lists of clients ----

static void queue_clear(struct client_queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

struct client *worker_take(struct client_queue *queue)
{
    struct client *first = queue->first;
    queue_clear(queue);
    return first;
}

static void queue_add(struct client_queue *queue, struct client *client, struct client **link)
{
    *link = NULL;
    *queue->end = client;
    queue->end = link;
}

void worker_ready(struct worker *worker, struct client *client)
{
    if (!client->is_ready) {
        client->is_ready = true;
        queue_add(&worker->ready, client, &client->next_ready);
    }
}

/* In the order of arrival: the last first takes 3 % more of the kernel's time with 50
 * connections and 5 % more with 500. */
void worker_outgoing(struct worker *worker, struct client *client)
{
    if (!client->is_outgoing) {
        client->is_outgoing = true;
        queue_add(&worker->outgoing, client, &client->next_outgoing);
    }
}

static void ring_unlink(struct client *client)
{
    client->prev->next = client->next;
    client->next->prev = client->prev;
}

static void ring_append(struct client *head, struct client *client)
{
    client->prev = head->prev;
    client->next = head;
    head->prev->next = client;
    head->prev = client;
}

void worker_move(struct client *client, struct client *head)
{
    ring_unlink(client);
    ring_append(head, client);
}

void worker_touch(struct worker *worker, struct client *client)
{
    client->active_ms = worker->home.monotonic_ms;
    if (worker->timeout_s > 0) {
        worker_move(client, &worker->clients);
    }
}

// ---- pausing, closing ----

void worker_pause_if_full(struct worker *worker, struct client *client)
{
    if (!client->is_paused && client_pending(client).size > PENDING_PAUSE) {
        client->is_paused = true;
        loop_pause(worker->home.loop, &client->stream);
    }
}

// Its wait is over, or given up.
static void count_resumed(struct worker *worker, const struct client *client)
{
    if (client_is_suspended(client)) {
        counter_add(&worker->counts.suspended, (uint64_t)-1);
    }
}

void worker_resume(struct worker *worker, struct client *client)
{
    count_resumed(worker, client);
    client->wait = CLIENT_WAITS_NOT;
    client->job = NULL;
    worker_ready(worker, client);
}

void worker_shut(struct worker *worker, struct client *client)
{
    if (client->phase == CLIENT_SHUT) {
        return;
    }
    count_resumed(worker, client);
    client->phase = CLIENT_SHUT;
    bool left = client_withdraw(client);
    ASSERT(left); // Nothing is needed to wait again.
    if (client->parsed == 0) {
        client_free_buffers(client); // Else the batch still looks at them: finish() does it.
    }
    loop_shut(worker->home.loop, &client->stream);
}

static void forget_connection(struct worker *worker)
{
    atomic_fetch_sub_explicit(&worker->connections, 1, memory_order_relaxed);
    worker->services->connection_closed(worker->services->context);
}

void worker_free_if_idle(struct worker *worker, struct client *client)
{
    if (client->is_open || client->is_ready || client->is_outgoing || client->parsed > 0 ||
        !client_budget_leave(worker->services->budget, &client->share)) {
        return;
    }
    ring_unlink(client);
    client_destroy(client);
    forget_connection(worker);
}

// ---- mail ----

static void connect_client(struct worker *worker, struct mail *mail)
{
    struct arrival *arrival = (struct arrival *)(void *)mail;
    struct client *client =
        worker->stops ? NULL
                      : client_create(&worker->home, arrival->fd, arrival->peer, arrival->id);
    if (client != NULL) {
        ring_append(&worker->clients, client);
    } else {
        (void)close(arrival->fd);
        forget_connection(worker);
    }
    free(arrival);
}

static void resume_woken(struct worker *worker, struct mail *mail)
{
    struct client *client = client_waiter_woken(mail);
    if (client != NULL) {
        worker_resume(worker, client);
    }
}

static void close_condemned(struct worker *worker, struct client *client)
{
    client_budget_pardon(worker->services->budget, &client->share);
    worker_shut_for(worker, client, WORKER_LIMIT_BUDGET);
    worker_free_if_idle(worker, client);
}

static void read_mail(struct worker *worker)
{
    struct message *message = mailbox_take(&worker->home.mailbox);
    while (message != NULL) {
        struct message *next = message->next;
        struct mail *mail = (struct mail *)(void *)message;
        switch (mail->kind) {
        case MAIL_CONNECTION:
            connect_client(worker, mail);
            break;
        case MAIL_WOKEN:
            resume_woken(worker, mail);
            break;
        case MAIL_CONDEMNED:
            close_condemned(worker, client_of_condemned(mail));
            break;
        case MAIL_JOB_DONE:
            worker_job_done(worker, mail);
            break;
        case MAIL_REQUEST_DONE:
            worker_request_done(worker, mail);
            break;
        case MAIL_TRASH_FREED:
            worker->trash.is_posted = false;
            break;
        case MAIL_LOOK_AGAIN:
            // Sequentially consistent: a later deadline posts again.
            atomic_store(&worker->look_again_posted, false);
            worker->looks_for_deadlines = true;
            break;
        case MAIL_STOP:
            worker->stops = true;
            break;
        }
        message = next;
    }
}

// ---- events ----

static void handle_data(struct worker *worker, struct client *client, struct bytes data)
{
    counter_add(&worker->counts.bytes_in, data.size);
    if (UNLIKELY(client->phase != CLIENT_OPEN)) {
        worker_drop_input(worker, client, data.size);
        return;
    }
    worker_touch(worker, client);
    int error = client_receive(client, data, worker->query_bytes_max);
    if (UNLIKELY(error < 0)) {
        if (error == -ENOBUFS) {
            worker_shut_for(worker, client, WORKER_LIMIT_QUERY);
        } else {
            worker_shut(worker, client);
        }
        return;
    }
    worker_ready(worker, client); // Even if it cannot go on: what was lent must be kept.
}

static void handle_end(struct worker *worker, struct client *client, int error)
{
    client->has_ended = true;
    if (error < 0) {
        worker_shut(worker, client);
    } else {
        worker_ready(worker, client); // Requests it sent before are still answered.
    }
}

static void handle_sent(struct worker *worker, struct client *client,
                        const struct loop_event *event)
{
    if (client->phase == CLIENT_SHUT) {
        return;
    }
    if (event->error < 0 || !outbox_on_sent(&client->outbox, &worker->output, event->sent)) {
        worker_shut(worker, client);
        return;
    }
    worker_account(worker, client);
    if (client->outbox.chain.bytes > 0 || client->phase == CLIENT_CLOSING) {
        worker_outgoing(worker, client);
    }
    if (client->wait == CLIENT_WAITS_FOR_READER &&
        client->outbox.chain.bytes <= worker->output_pause) {
        client->wait = CLIENT_WAITS_NOT;
        worker_ready(worker, client);
    }
}

static void handle_event(struct worker *worker, const struct loop_event *event)
{
    if (event->kind == LOOP_WAKE) {
        return; // The mailbox is read in every turn.
    }
    struct client *client = client_of_stream(event->stream);
    switch (event->kind) {
    case LOOP_DATA:
        handle_data(worker, client, event->data);
        break;
    case LOOP_END:
        handle_end(worker, client, event->error);
        break;
    case LOOP_SENT:
        handle_sent(worker, client, event);
        break;
    case LOOP_CLOSED:
        client->is_open = false;
        worker_shut(worker, client); // It was, unless the loop gave it up.
        worker_free_if_idle(worker, client);
        break;
    case LOOP_WAKE:
        break;
    }
}

// ---- the end of a turn ----

static void send_client(struct worker *worker, struct client *client)
{
    if (client->phase == CLIENT_SHUT) {
        worker_free_if_idle(worker, client);
        return;
    }
    switch (outbox_send(&client->outbox, &worker->output, worker->home.loop, &client->stream,
                        client->phase != CLIENT_OPEN)) {
    case OUTBOX_SENT:
    case OUTBOX_WAITS:
        break;
    case OUTBOX_AGAIN:
        worker_outgoing(worker, client);
        break;
    case OUTBOX_EMPTY:
        if (client->phase >= CLIENT_CLOSING) {
            worker_close(worker, client);
        }
        break;
    case OUTBOX_FAILED:
        worker_shut(worker, client);
        break;
    }
}

static void send_outgoing(struct worker *worker)
{
    struct client *client = worker_take(&worker->outgoing);
    while (client != NULL) {
        struct client *next = client->next_outgoing;
        client->is_outgoing = false;
        send_client(worker, client); // May queue it again, for the next turn.
        client = next;
    }
    counter_add(&worker->counts.bytes_out, worker->output.bytes_sent);
    worker->output.bytes_sent = 0;
}

static void expire_due(struct worker *worker)
{
    if (worker->looks_for_deadlines ||
        (worker->next_deadline_ms != 0 && worker->next_deadline_ms <= worker->home.now_ms)) {
        struct access access = {.keyspace = worker->services->keyspace,
                                .thread = worker->home.store,
                                .now_ms = worker->home.now_ms};
        (void)keyspace_expire_due(&access, worker->index, EXPIRE_PER_TURN);
        worker->next_deadline_ms =
            keyspace_next_deadline(worker->services->keyspace, worker->index);
        worker->looks_for_deadlines = false;
    }
}

static uint64_t monotonic_ms(const struct worker *worker)
{
    const struct clock_source *clock = worker->services->clock;
    return clock->monotonic_ms(clock->context);
}

static uint64_t wall_us(const struct worker *worker)
{
    const struct clock_source *clock = worker->services->clock;
    return clock->wall_us(clock->context);
}

// A new turn begins.
static void read_clocks(struct worker *worker)
{
    worker->home.now_ms = wall_us(worker) / 1000;
    worker->home.monotonic_ms = monotonic_ms(worker);
    worker->context.now_ms = worker->home.now_ms;
}

static uint64_t us_of_ms(uint64_t ms)
{
    return (ms < SLEEP_MS_MAX ? ms : SLEEP_MS_MAX) * 1000;
}

// Microseconds until a deadline of the wall clock; to the microsecond when it is near.
static uint64_t us_until_deadline(const struct worker *worker, uint64_t deadline_ms)
{
    uint64_t now_us = wall_us(worker);
    uint64_t now_ms = now_us / 1000;
    return deadline_ms <= now_ms ? 0 : us_of_ms(deadline_ms - now_ms) - now_us % 1000;
}

// Microseconds until a moment of the monotonic clock; 0: never.
static uint64_t us_until(const struct worker *worker, uint64_t until_ms)
{
    if (until_ms == 0) {
        return UINT64_MAX;
    }
    uint64_t now_ms = monotonic_ms(worker);
    return until_ms <= now_ms ? 0 : us_of_ms(until_ms - now_ms);
}

// Microseconds until the first client has been idle for too long.
static uint64_t us_until_idle(const struct worker *worker)
{
    const struct client *idlest = worker->clients.next;
    if (worker->timeout_s == 0 || idlest == &worker->clients) {
        return UINT64_MAX;
    }
    return us_until(worker, idlest->active_ms + worker->timeout_s * 1000);
}

// How long the next turn may sleep; negative: for ever.
static int64_t sleep_us(const struct worker *worker)
{
    if (worker->ready.first != NULL || worker->outgoing.first != NULL ||
        worker->looks_for_deadlines) {
        return 0;
    }
    uint64_t idle_us = us_until_idle(worker);
    uint64_t deadline_us = worker->next_deadline_ms == 0
                               ? UINT64_MAX
                               : us_until_deadline(worker, worker->next_deadline_ms);
    uint64_t linger_us = us_until(worker, worker_linger_until_ms(worker));
    uint64_t least_us = idle_us < deadline_us ? idle_us : deadline_us;
    least_us = linger_us < least_us ? linger_us : least_us;
    return least_us == UINT64_MAX ? -1 : (int64_t)least_us;
}

// ---- turns ----

/* The events of a turn. While memory is too short for them, the turn does not go on: what was
 * sent in the one before may still be under way, and stays in the arena. */
static size_t wait_for_events(struct worker *worker, int64_t timeout_us,
                              const struct loop_event **events_out)
{
    size_t count = 0;
    int error = loop_wait(worker->home.loop, timeout_us, events_out, &count);
    for (unsigned tries = 0; UNLIKELY(error < 0); tries++) {
        if (tries % WAIT_TRIES_PER_LINE == 0) {
            log_write(worker->services->log, LOG_LEVEL_WARNING,
                      "worker %u: waiting for clients failed: %s; trying again", worker->index,
                      strerrordesc_np(-error));
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = WAIT_RETRY_NS}, NULL);
        error = loop_wait(worker->home.loop, 0, events_out, &count);
    }
    return count;
}

static void warn_of_skew(struct worker *worker)
{
    if (UNLIKELY(keyspace_tells_of_skew(worker->services->keyspace))) {
        log_write(worker->services->log, LOG_LEVEL_WARNING,
                  "possible SECURITY ATTACK: more keys have hashes alike than chance allows; "
                  "commands on them get slower, memory stays bounded; a restart draws another "
                  "secret");
    }
}

static void turn(struct worker *worker, int64_t timeout_us)
{
    const struct loop_event *events;
    if (timeout_us != 0 && !mailbox_sleep(&worker->home.mailbox)) {
        timeout_us = 0;
    }
    pool_offline(worker->home.store->pool);
    size_t count = wait_for_events(worker, timeout_us, &events);
    pool_online(worker->home.store->pool);
    mailbox_wake(&worker->home.mailbox);
    read_clocks(worker);
    worker_read_limits(worker);
    for (size_t i = 0; i < count; i++) {
        handle_event(worker, &events[i]);
    }
    read_mail(worker);
    output_reset(&worker->output); // What stood there was sent or moved to its chain.
    worker_execute(worker);
    expire_due(worker);
    worker_close_idle(worker);
    worker_end_lingering(worker, false);
    send_outgoing(worker);
    worker_post_trash(worker);
    upkeep_request(worker->services->upkeep);
    warn_of_skew(worker);
}

static bool owes_replies(const struct worker *worker)
{
    for (const struct client *c = worker->clients.next; c != &worker->clients; c = c->next) {
        bool owes = outbox_owes(&c->outbox, &worker->output) || c->is_outgoing;
        if (c->phase != CLIENT_SHUT && (owes || client_is_suspended(c))) {
            return true;
        }
    }
    return false;
}

// Answer what was read, then close everything.
static void wind_down(struct worker *worker)
{
    uint64_t end_ms = worker->home.monotonic_ms + STOP_GRACE_MS;
    worker_end_lingering(worker, true);
    do {
        turn(worker, worker->ready.first != NULL ? 0 : 1000);
    } while (worker->home.monotonic_ms < end_ms &&
             (worker->ready.first != NULL || owes_replies(worker)));
    for (struct client *c = worker->clients.next; c != &worker->clients; c = c->next) {
        worker_shut(worker, c);
    }
    end_ms = worker->home.monotonic_ms + CLOSE_GRACE_MS;
    while (worker->home.monotonic_ms < end_ms && worker->clients.next != &worker->clients) {
        turn(worker, 1000);
    }
}

static void *run(void *context)
{
    struct worker *worker = context;
    int error = loop_open(worker->services->io, &worker->home.loop, NULL);
    if (error == 0) {
        error = loop_watch(worker->home.loop, worker->home.mailbox.event_fd);
    }
    worker->start_error = error;
    (void)sem_post(&worker->started);
    if (error < 0) {
        return NULL;
    }
    read_clocks(worker);
    worker_read_limits(worker);
    while (!worker->stops) {
        turn(worker, sleep_us(worker));
    }
    wind_down(worker);
    pool_offline(worker->home.store->pool);
    return NULL;
}

// ---- life ----

int worker_init(struct worker *worker, const struct worker_services *services, unsigned index)
{
    worker->services = services;
    worker->index = index;
    (void)sem_init(&worker->started, 0, 0);
    worker->home.mailbox.event_fd = -1;
    worker->clients.prev = worker->clients.next = &worker->clients;
    worker->lingering.prev = worker->lingering.next = &worker->lingering;
    queue_clear(&worker->ready);
    queue_clear(&worker->outgoing);
    worker->look_again_mail.kind = MAIL_LOOK_AGAIN;
    worker->stop_mail.kind = MAIL_STOP;
    worker->trash.mail.kind = MAIL_TRASH_FREED;
    worker->looks_for_deadlines = true;
    worker->home.store = keyspace_thread_create(services->keyspace);
    worker->counts.by_command = calloc(services->commands->count, sizeof(struct command_counts));
    if (worker->home.store == NULL || worker->counts.by_command == NULL) {
        return -ENOMEM;
    }
    pool_offline(worker->home.store->pool);
    worker->context = (struct call_context){
        .commands = services->commands,
        .keyspace = services->keyspace,
        .thread = worker->home.store,
        .server = services->server,
        .job_header_size = worker_job_header_size(),
    };
    int error = output_init(&worker->output, worker->home.store, 0); // See read_limits.
    return error < 0 ? error : mailbox_open(&worker->home.mailbox);
}

int worker_start(struct worker *worker)
{
    int error = pthread_create(&worker->thread, NULL, run, worker);
    if (error != 0) {
        return -error;
    }
    (void)pthread_setname_np(worker->thread, "fastkv-worker");
    while (sem_wait(&worker->started) != 0) {
    }
    if (worker->start_error < 0) {
        (void)pthread_join(worker->thread, NULL);
    }
    return worker->start_error;
}

int worker_connect(struct worker *worker, int fd, const char *peer, uint64_t id)
{
    struct arrival *arrival = malloc(sizeof(*arrival));
    if (arrival == NULL) {
        return -ENOMEM;
    }
    arrival->mail.kind = MAIL_CONNECTION;
    arrival->fd = fd;
    arrival->id = id;
    memcpy(arrival->peer, peer, sizeof(arrival->peer));
    atomic_fetch_add_explicit(&worker->connections, 1, memory_order_relaxed);
    mailbox_post(&worker->home.mailbox, &arrival->mail.message);
    return 0;
}

void worker_stop(struct worker *worker)
{
    mailbox_post(&worker->home.mailbox, &worker->stop_mail.message);
}

void worker_join(struct worker *worker)
{
    (void)pthread_join(worker->thread, NULL);
}

void worker_deinit(struct worker *worker)
{
    if (worker->services == NULL) {
        return;
    }
    read_mail(worker); // Connections that arrived after the end.
    loop_close(worker->home.loop);
    output_deinit(&worker->output);
    keyspace_thread_destroy(worker->services->keyspace, worker->home.store);
    free(worker->counts.by_command);
    if (worker->home.mailbox.event_fd >= 0) {
        mailbox_close(&worker->home.mailbox);
    }
    (void)sem_destroy(&worker->started);
}

void worker_look_again(struct worker *worker)
{
    if (!atomic_exchange(&worker->look_again_posted, true)) {
        mailbox_post(&worker->home.mailbox, &worker->look_again_mail.message);
    }
}
