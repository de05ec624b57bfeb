#include "runtime/metrics.h"

#include "runtime/thread_pool.h"

// The sum of a counter over all workers.
static uint64_t sum(const void *owner, const struct metric *metric)
{
    const struct thread_pool *pool = owner;
    uint64_t total = 0;
    for (unsigned i = 0; i < pool->count; i++) {
        const char *counts = (const char *)&pool->workers[i].counts;
        total += counter_read((const counter *)(const void *)(counts + metric->offset));
    }
    return total;
}

#define SUM(field) .read = sum, .offset = offsetof(struct worker_counts, field)

static const struct metric rows[] = {
    {"clients", "blocked_clients", METRIC_GAUGE, SUM(suspended)},
    {"stats", "total_commands_processed", METRIC_COUNTER, SUM(commands)},
    {"stats", "total_net_input_bytes", METRIC_COUNTER, SUM(bytes_in)},
    {"stats", "total_net_output_bytes", METRIC_COUNTER, SUM(bytes_out)},
    {"stats", "total_error_replies", METRIC_COUNTER, SUM(errors)},
    {"stats", "client_output_buffer_limit_disconnections", METRIC_COUNTER,
     SUM(output_limit_closes)},
    {"stats", "client_query_buffer_limit_disconnections", METRIC_COUNTER, SUM(query_limit_closes)},
    {"stats", "client_memory_limit_disconnections", METRIC_COUNTER, SUM(budget_closes)},
};

const struct metric_group runtime_metrics = {rows, sizeof(rows) / sizeof(rows[0])};
