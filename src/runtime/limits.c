/* Limits that may change while a worker runs: of what clients make the server keep, and of how
 * long they are idle. */
#include "runtime/worker_internal.h"

#include <stdlib.h>

// ---- what clients hold ----

void worker_shut_for(struct worker *worker, struct client *client, enum worker_limit limit)
{
    static const char *const reasons[] = {
        [WORKER_LIMIT_OUTPUT] = "its unread replies exceed client-output-buffer-limit or memory",
        [WORKER_LIMIT_QUERY] = "its request exceeds client-query-buffer-limit",
        [WORKER_LIMIT_BUDGET] = "it holds most of maxmemory-clients, which is used up",
    };
    struct {
        struct log_limiter *log;
        counter *count;
    } of[] = {
        [WORKER_LIMIT_OUTPUT] = {&worker->output_log, &worker->counts.output_limit_closes},
        [WORKER_LIMIT_QUERY] = {&worker->query_log, &worker->counts.query_limit_closes},
        [WORKER_LIMIT_BUDGET] = {&worker->budget_log, &worker->counts.budget_closes},
    };
    if (client->phase == CLIENT_SHUT) {
        return;
    }
    uint64_t left_out = 0;
    counter_add(of[limit].count, 1);
    if (log_limiter_allows(of[limit].log, worker->home.monotonic_ms, &left_out)) {
        log_write(worker->services->log, LOG_LEVEL_WARNING,
                  "closing %s: %s (input %zu bytes, output %zu bytes; %llu such lines left out)",
                  client->peer, reasons[limit], client->input_capacity, client->outbox.chain.bytes,
                  (unsigned long long)left_out);
    }
    worker_shut(worker, client);
}

void worker_account(struct worker *worker, struct client *client)
{
    size_t unsent = client_unsent(client);
    if (UNLIKELY(client_share_differs(&client->share, unsent))) {
        client_budget_update(worker->services->budget, &client->share, client_memory(client),
                             unsent);
    }
}

// ---- idle clients ----

void worker_close_idle(struct worker *worker)
{
    uint64_t timeout_ms = worker->timeout_s * 1000;
    if (timeout_ms == 0) {
        return;
    }
    struct client *client = worker->clients.next;
    while (client != &worker->clients &&
           client->active_ms + timeout_ms <= worker->home.monotonic_ms) {
        struct client *next = client->next;
        if (client->wait == CLIENT_WAITS_FOR_JOB || client->phase == CLIENT_SHUT) {
            worker_touch(worker, client); // To be looked at again.
        } else {
            worker_shut(worker, client);
        }
        client = next;
    }
}

static int compare_activity(const void *a, const void *b)
{
    const struct client *left = *(struct client *const *)a;
    const struct client *right = *(struct client *const *)b;
    return (left->active_ms > right->active_ms) - (left->active_ms < right->active_ms);
}

/* There is a time-out from now on: put the ring in order. Without memory for that, all count as
 * active now. */
static void order_ring(struct worker *worker)
{
    size_t count = 0;
    for (struct client *c = worker->clients.next; c != &worker->clients; c = c->next) {
        count++;
    }
    struct client **clients = malloc((count + 1) * sizeof(struct client *)); // Never of 0 bytes.
    size_t at = 0;
    for (struct client *c = worker->clients.next; c != &worker->clients; c = c->next) {
        if (clients != NULL) {
            clients[at++] = c;
        } else {
            c->active_ms = worker->home.monotonic_ms;
        }
    }
    if (at > 0) {
        qsort(clients, at, sizeof(struct client *), compare_activity);
    }
    for (size_t i = 0; i < at; i++) {
        worker_move(clients[i], &worker->clients);
    }
    free(clients);
}

void worker_read_limits(struct worker *worker)
{
    const struct worker_limits *limits = worker->services->limits;
    uint64_t output_max = counter_read(&limits->output_bytes_max);
    worker->output.to_chain.bytes_max = output_max;
    worker->output_pause = output_max / 2; // So that the next reply fits.
    if (client_budget_is_tight(worker->services->budget) || output_max / 2 < OUTPUT_PAUSE) {
        worker->output_pause = OUTPUT_PAUSE;
    }
    worker->query_bytes_max = counter_read(&limits->query_bytes_max);
    uint64_t timeout_s = counter_read(&limits->timeout_s);
    if (UNLIKELY(timeout_s > 0 && worker->timeout_s == 0)) {
        order_ring(worker);
    }
    worker->timeout_s = timeout_s;
}
