#include "load/crowd.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPLY_WAIT_S_MAX = 120, BACKLOG_WAIT_S = 2, LOOK_UP_US = 100000 };

#define NS_PER_S UINT64_C(1000000000)

struct connection {
    struct stream stream;
    struct crowd *crowd;
    char *buffer;     // Holds the batch until it is sent.
    unsigned waiting; // Replies to come.
    bool sending;     // The kernel still reads the buffer.
    bool open;        // The loop has the stream.
    uint64_t due;     // Paced: requests whose time has come but which are not sent.
    double since_ns;  // When the oldest request waited for was sent; paced: was due.
    struct reply_scan scan;
};

struct crowd {
    struct crowd_setup setup;
    struct connection *connections;
    char *buffers;
    unsigned busy; // Connections that wait for replies or send.
    unsigned open;

    // Of the turn that runs; `turn` is NULL between turns.
    struct turn *turn;
    const struct turn_plan *plan;
    struct problem *problem;
    bool failed; // *problem is written.
    uint64_t now_ns;
    uint64_t start_ns;
    uint64_t deadline_ns;
    double interval_ns;    // Paced: between two requests of the whole crowd; 0: closed loop.
    uint64_t next_arrival; // Paced: how many requests have become due.
    unsigned next_turn;    // Paced: the connection that the next one belongs to.
};

static void fail(struct crowd *crowd, const char *what)
{
    if (crowd->failed) {
        return;
    }
    crowd->failed = true;
    const struct turn *turn = crowd->turn;
    const char *name = crowd->setup.endpoint->name;
    if (turn != NULL && turn->tally.error_size > 0) {
        (void)problem_set(crowd->problem, "%s: %s; its first error: %.*s", name, what,
                          turn->tally.error_size, turn->tally.error);
    } else {
        (void)problem_set(crowd->problem, "%s: %s", name, what);
    }
}

static bool is_idle(const struct connection *connection)
{
    return connection->waiting == 0 && !connection->sending;
}

/* Write up to `count` requests, fewer when a populating workload ends, and send. */
static void send_batch(struct connection *connection, uint64_t count)
{
    struct crowd *crowd = connection->crowd;
    struct workload *workload = crowd->setup.workload;
    char *at = connection->buffer;
    unsigned written = 0;
    while (written < count && !workload_is_done(workload)) {
        at += workload_write(workload, at);
        written++;
    }
    if (written == 0) {
        return;
    }
    connection->waiting = written;
    connection->sending = true;
    crowd->busy++;
    struct iovec part = {.iov_base = connection->buffer,
                         .iov_len = (size_t)(at - connection->buffer)};
    loop_send(crowd->setup.loop, &connection->stream, &part, 1, LOOP_SEND_WAIT);
}

/* The connection is free: give it what is next, if anything. */
static void go_on(struct connection *connection)
{
    struct crowd *crowd = connection->crowd;
    unsigned pipeline = crowd->setup.pipeline;
    if (crowd->interval_ns > 0) {
        uint64_t count = connection->due < pipeline ? connection->due : pipeline;
        connection->due -= count;
        send_batch(connection, count);
    } else if (crowd->now_ns < crowd->deadline_ns) {
        connection->since_ns = (double)clock_monotonic_ns();
        send_batch(connection, pipeline);
    }
}

static void end_batch(struct connection *connection)
{
    connection->crowd->busy--;
    go_on(connection);
}

static void take_replies(struct connection *connection, uint64_t replies)
{
    struct crowd *crowd = connection->crowd;
    struct histogram *latency = &crowd->turn->latency;
    double now = (double)crowd->now_ns;
    connection->waiting -= (unsigned)replies;
    if (crowd->interval_ns <= 0) {
        histogram_add(latency, (uint64_t)(now - connection->since_ns), replies);
        return;
    }
    double step = crowd->interval_ns * crowd->setup.connections;
    for (uint64_t i = 0; i < replies; i++) {
        double waited = now - connection->since_ns;
        histogram_add(latency, waited > 0 ? (uint64_t)waited : 0, 1);
        connection->since_ns += step;
    }
}

static void take_data(struct connection *connection, struct bytes data)
{
    struct crowd *crowd = connection->crowd;
    if (crowd->turn == NULL) {
        fail(crowd, "sent bytes that nobody asked for");
        return;
    }
    struct reply_tally *tally = &crowd->turn->tally;
    uint64_t before = tally->replies;
    reply_scan_feed(&connection->scan, data, tally);
    uint64_t replies = tally->replies - before;
    if (tally->broken) {
        fail(crowd, "sent bytes that are no reply; is the --protocol right?");
        return;
    }
    if (replies > connection->waiting) {
        fail(crowd, "sent more replies than there were requests");
        return;
    }
    if (replies == 0) {
        return;
    }
    take_replies(connection, replies);
    if (is_idle(connection)) {
        end_batch(connection);
    }
}

static void take_event(const struct loop_event *event)
{
    struct connection *connection =
        (struct connection *)(void *)((char *)event->stream - offsetof(struct connection, stream));
    struct crowd *crowd = connection->crowd;
    if (crowd->failed && event->kind != LOOP_CLOSED) {
        return; // The crowd is about to be closed.
    }
    switch (event->kind) {
    case LOOP_DATA:
        take_data(connection, event->data);
        break;
    case LOOP_SENT:
        connection->sending = false;
        if (event->error != 0) {
            fail(crowd, strerrordesc_np(-event->error));
        } else if (is_idle(connection)) {
            end_batch(connection);
        }
        break;
    case LOOP_END:
        fail(crowd,
             event->error != 0 ? strerrordesc_np(-event->error) : "the server closed a connection");
        break;
    case LOOP_CLOSED:
        connection->open = false;
        crowd->open--;
        break;
    case LOOP_WAKE:
        break;
    }
}

/* Hand out the requests whose time has come. */
static void release_due(struct crowd *crowd)
{
    uint64_t until = crowd->now_ns < crowd->deadline_ns ? crowd->now_ns : crowd->deadline_ns;
    double passed = (double)(until - crowd->start_ns);
    while ((double)crowd->next_arrival * crowd->interval_ns <= passed) {
        struct connection *connection = &crowd->connections[crowd->next_turn];
        crowd->next_arrival++;
        crowd->next_turn = (crowd->next_turn + 1) % crowd->setup.connections;
        connection->due++;
        if (is_idle(connection)) {
            go_on(connection);
        }
    }
}

/* How long the loop may sleep. */
static int64_t next_timeout_us(const struct crowd *crowd)
{
    if (crowd->interval_ns <= 0 || crowd->now_ns >= crowd->deadline_ns) {
        return LOOK_UP_US;
    }
    if (crowd->plan->spins) {
        return 0;
    }
    double next = (double)crowd->start_ns + (double)crowd->next_arrival * crowd->interval_ns;
    double left_us = (next - (double)crowd->now_ns) / 1000;
    if (left_us > LOOK_UP_US) {
        return LOOK_UP_US;
    }
    return left_us > 0 ? (int64_t)left_us : 0;
}

/* Whether the server is too far behind to wait for all that was due. */
static bool gives_up_backlog(const struct crowd *crowd)
{
    return crowd->interval_ns > 0 && crowd->now_ns > crowd->deadline_ns + BACKLOG_WAIT_S * NS_PER_S;
}

/* Count what was due and never sent with the time it has waited so far. */
static void drop_backlog(struct crowd *crowd)
{
    double step = crowd->interval_ns * crowd->setup.connections;
    for (unsigned i = 0; i < crowd->setup.connections; i++) {
        struct connection *connection = &crowd->connections[i];
        double due_ns = connection->since_ns + step * connection->waiting;
        for (; connection->due > 0; connection->due--) {
            double waited = (double)crowd->now_ns - due_ns;
            histogram_add(&crowd->turn->latency, waited > 0 ? (uint64_t)waited : 0, 1);
            crowd->turn->unsent++;
            due_ns += step;
        }
    }
}

static void begin_turn(struct crowd *crowd)
{
    crowd->start_ns = clock_monotonic_ns();
    crowd->now_ns = crowd->start_ns;
    crowd->deadline_ns = crowd->start_ns + crowd->plan->duration_ns;
    crowd->interval_ns = crowd->plan->rate > 0 ? (double)NS_PER_S / crowd->plan->rate : 0;
    crowd->next_arrival = 0;
    crowd->next_turn = 0;
    for (unsigned i = 0; i < crowd->setup.connections; i++) {
        struct connection *connection = &crowd->connections[i];
        connection->due = 0;
        connection->since_ns = (double)crowd->start_ns + crowd->interval_ns * i;
        go_on(connection); // Closed loop: the first batch. Paced: nothing is due yet.
    }
}

/* One turn of the loop: sleep, then handle what happened. */
static int step_loop(struct crowd *crowd, int64_t timeout_us)
{
    const struct loop_event *events = NULL;
    size_t count = 0;
    int status = loop_wait(crowd->setup.loop, timeout_us, &events, &count);
    if (status < 0 && status != -EINTR) {
        fail(crowd, strerrordesc_np(-status));
        return -1;
    }
    crowd->now_ns = clock_monotonic_ns();
    for (size_t i = 0; status == 0 && i < count; i++) {
        take_event(&events[i]);
    }
    return 0;
}

static void run_turn(struct crowd *crowd)
{
    begin_turn(crowd);
    while (!crowd->failed) {
        if (*crowd->plan->stop != 0 && crowd->now_ns < crowd->deadline_ns) {
            crowd->deadline_ns = crowd->now_ns;
        }
        if (crowd->interval_ns > 0) {
            release_due(crowd);
        }
        bool over = crowd->now_ns >= crowd->deadline_ns || workload_is_done(crowd->setup.workload);
        if (over && crowd->busy == 0) {
            break;
        }
        if (gives_up_backlog(crowd)) {
            drop_backlog(crowd);
        }
        if (crowd->now_ns > crowd->deadline_ns + REPLY_WAIT_S_MAX * NS_PER_S) {
            fail(crowd, "no reply for two minutes");
        } else if (step_loop(crowd, next_timeout_us(crowd)) != 0) {
            break;
        }
    }
}

int crowd_run(struct crowd *crowd, const struct turn_plan *plan, struct turn *turn_out,
              struct problem *problem)
{
    turn_out->tally = (struct reply_tally){0};
    turn_out->unsent = 0;
    histogram_clear(&turn_out->latency);
    crowd->turn = turn_out;
    crowd->plan = plan;
    crowd->problem = problem;
    uint64_t cpu_ns = clock_thread_cpu_ns();
    run_turn(crowd);
    turn_out->elapsed_ns = crowd->now_ns - crowd->start_ns;
    turn_out->load_cpu_ns = clock_thread_cpu_ns() - cpu_ns;
    crowd->turn = NULL;
    return crowd->failed ? -1 : 0;
}

static int add_connection(struct crowd *crowd, struct connection *connection,
                          struct problem *problem)
{
    int fd = endpoint_connect(crowd->setup.endpoint, problem);
    if (fd < 0) {
        return -1;
    }
    int status = fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    if (status == 0) {
        status = loop_add(crowd->setup.loop, &connection->stream, fd);
    }
    if (status != 0) {
        (void)close(fd);
        return problem_set(problem, "%s: %s", crowd->setup.endpoint->name,
                           strerrordesc_np(-status));
    }
    connection->open = true;
    crowd->open++;
    return 0;
}

int crowd_open(struct crowd **crowd_out, const struct crowd_setup *setup, struct problem *problem)
{
    size_t buffer_size = setup->workload->request_size_max * setup->pipeline;
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    if (crowd == NULL) {
        return problem_set(problem, "out of memory");
    }
    crowd->setup = *setup;
    crowd->problem = problem;
    crowd->connections = calloc(setup->connections, sizeof(*crowd->connections));
    crowd->buffers = calloc(setup->connections, buffer_size);
    if (crowd->connections == NULL || crowd->buffers == NULL) {
        crowd_close(crowd);
        return problem_set(problem, "out of memory: %u connections with buffers of %zu bytes",
                           setup->connections, buffer_size);
    }
    for (unsigned i = 0; i < setup->connections; i++) {
        struct connection *connection = &crowd->connections[i];
        connection->crowd = crowd;
        connection->buffer = crowd->buffers + i * buffer_size;
        reply_scan_init(&connection->scan, setup->protocol);
        if (add_connection(crowd, connection, problem) != 0) {
            crowd_close(crowd);
            return -1;
        }
    }
    *crowd_out = crowd;
    return 0;
}

void crowd_close(struct crowd *crowd)
{
    if (crowd == NULL) {
        return;
    }
    struct problem ignored;
    // cppcheck-suppress autoVariables ; the crowd does not outlive this function.
    crowd->problem = &ignored;
    crowd->failed = true; // What still arrives is of no interest.
    for (unsigned i = 0; crowd->connections != NULL && i < crowd->setup.connections; i++) {
        if (crowd->connections[i].open) {
            loop_shut(crowd->setup.loop, &crowd->connections[i].stream);
        }
    }
    while (crowd->open > 0 && step_loop(crowd, LOOK_UP_US) == 0) {
    }
    free(crowd->connections);
    free(crowd->buffers);
    free(crowd);
}
