#include "server/metrics.h"

#include "base/clock.h"
#include "runtime/metrics.h"
#include "server/server.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

// ---- the server's own ----

enum { SECONDS_PER_DAY = 86400 };

static void print_os(const void *owner, char out[METRIC_TEXT_MAX])
{
    (void)owner;
    struct utsname system;
    (void)uname(&system);
    (void)snprintf(out, METRIC_TEXT_MAX, "%.64s %.64s %.64s", system.sysname, system.release,
                   system.machine);
}

static void print_io(const void *owner, char out[METRIC_TEXT_MAX])
{
    const struct server *server = owner;
    (void)snprintf(out, METRIC_TEXT_MAX, "%s", server->io == LOOP_EPOLL ? "epoll" : "io_uring");
}

static void print_run_id(const void *owner, char out[METRIC_TEXT_MAX])
{
    const struct server *server = owner;
    (void)snprintf(out, METRIC_TEXT_MAX, "%s", server->run_id);
}

static uint64_t read_pid(const void *owner, const struct metric *metric)
{
    (void)owner;
    (void)metric;
    return (uint64_t)getpid();
}

static uint64_t read_port(const void *owner, const struct metric *metric)
{
    (void)metric;
    const struct server *server = owner;
    return server->listener_count > 0 ? server->listeners[0].port : 0U;
}

static uint64_t read_time(const void *owner, const struct metric *metric)
{
    (void)owner;
    (void)metric;
    return clock_wall_us();
}

static uint64_t read_uptime(const void *owner, const struct metric *metric)
{
    (void)metric;
    const struct server *server = owner;
    return (clock_monotonic_coarse_ms() - server->started_ms) / 1000;
}

static uint64_t read_days(const void *owner, const struct metric *metric)
{
    return read_uptime(owner, metric) / SECONDS_PER_DAY;
}

static uint64_t read_connected(const void *owner, const struct metric *metric)
{
    (void)metric;
    const struct server *server = owner;
    return atomic_load_explicit(&server->connections, memory_order_relaxed);
}

// An atomic number of 64 bits.
static uint64_t read_field(const void *owner, const struct metric *metric)
{
    return counter_read((const counter *)(const void *)((const char *)owner + metric->offset));
}

static uint64_t read_store(const void *owner, const struct metric *metric)
{
    const struct server *server = owner;
    struct store_statistics store = keyspace_statistics(server->keyspace);
    uint64_t value;
    memcpy(&value, (const char *)&store + metric->offset, sizeof(value));
    return value;
}

#define FIELD(field) .read = read_field, .offset = offsetof(struct server, field)
#define STORE(field) .read = read_store, .offset = offsetof(struct store_statistics, field)

static const struct metric server_rows[] = {
    {"server", "fastkv_version", METRIC_TEXT, .text = FASTKV_VERSION},
    {"server", "redis_version", METRIC_TEXT, .text = "7.2.0"},
    {"server", "redis_mode", METRIC_TEXT, .text = "standalone"},
    {"server", "os", METRIC_TEXT, .print = print_os},
    {"server", "arch_bits", METRIC_TEXT, .text = "64"},
    {"server", "multiplexing_api", METRIC_TEXT, .print = print_io},
    {"server", "compiler", METRIC_TEXT, .text = __VERSION__},
    {"server", "process_id", METRIC_GAUGE, .read = read_pid},
    {"server", "run_id", METRIC_TEXT, .print = print_run_id},
    {"server", "tcp_port", METRIC_GAUGE, .read = read_port},
    {"server", "server_time_usec", METRIC_GAUGE, .read = read_time},
    {"server", "uptime_in_seconds", METRIC_GAUGE, .read = read_uptime},
    {"server", "uptime_in_days", METRIC_GAUGE, .read = read_days},
    {"server", "workers", METRIC_GAUGE, FIELD(config.workers)},
    {"clients", "connected_clients", METRIC_GAUGE, .read = read_connected},
    {"clients", "maxclients", METRIC_GAUGE, FIELD(config.clients_max)},
    {"clients", "client_buffers_bytes", METRIC_GAUGE, FIELD(budget.memory_bytes)},
    {"persistence", "loading", METRIC_TEXT, .text = "0"},
    {"persistence", "async_loading", METRIC_TEXT, .text = "0"},
    {"persistence", "rdb_changes_since_last_save", METRIC_TEXT, .text = "0"},
    {"persistence", "rdb_bgsave_in_progress", METRIC_TEXT, .text = "0"},
    {"persistence", "aof_enabled", METRIC_TEXT, .text = "0"},
    {"stats", "total_connections_received", METRIC_COUNTER, FIELD(connections_total)},
    {"stats", "rejected_connections", METRIC_COUNTER, FIELD(connections_rejected)},
    {"stats", "expired_keys", METRIC_COUNTER, STORE(expired)},
    {"stats", "evicted_keys", METRIC_TEXT, .text = "0"},
    {"stats", "keyspace_hits", METRIC_COUNTER, STORE(hits)},
    {"stats", "keyspace_misses", METRIC_COUNTER, STORE(misses)},
    {"replication", "role", METRIC_TEXT, .text = "master"},
    {"replication", "connected_slaves", METRIC_TEXT, .text = "0"},
};

static const struct metric_group server_metrics = {server_rows,
                                                   sizeof(server_rows) / sizeof(server_rows[0])};

// ---- all of them ----

static const struct module {
    const struct metric_group *metrics;
    size_t owner_offset; // In struct server.
} modules[] = {
    {&server_metrics, 0},
    {&runtime_metrics, offsetof(struct server, pool)},
};

enum { MODULES = sizeof(modules) / sizeof(modules[0]) };

// The row at `index` and its module; NULL beyond the last one.
static const struct metric *find(size_t index, const struct module **module_out)
{
    for (size_t i = 0; i < MODULES; i++) {
        if (index < modules[i].metrics->count) {
            *module_out = &modules[i];
            return &modules[i].metrics->rows[index];
        }
        index -= modules[i].metrics->count;
    }
    return NULL;
}

bool metrics_at(size_t index, const struct metric **metric_out)
{
    const struct module *module;
    const struct metric *metric = find(index, &module);
    if (metric != NULL) {
        *metric_out = metric;
    }
    return metric != NULL;
}

static const void *owner_of(const struct server *server, const struct module *module)
{
    return (const char *)server + module->owner_offset;
}

void metrics_print(struct server *server, size_t index, char out[METRIC_TEXT_MAX])
{
    const struct module *module = NULL;
    const struct metric *metric = find(index, &module);
    ASSERT(metric != NULL && index < METRICS_MAX);
    const void *owner = owner_of(server, module);
    if (metric->text != NULL) {
        (void)snprintf(out, METRIC_TEXT_MAX, "%s", metric->text);
    } else if (metric->print != NULL) {
        metric->print(owner, out);
    } else {
        (void)pthread_mutex_lock(&server->settings_lock);
        uint64_t value = metric->read(owner, metric) - server->metric_base[index];
        (void)pthread_mutex_unlock(&server->settings_lock);
        (void)snprintf(out, METRIC_TEXT_MAX, "%llu", (unsigned long long)value);
    }
}

static struct command_totals sum_of_command(const struct server *server, size_t index)
{
    struct command_totals totals = {0};
    for (unsigned i = 0; i < server->pool.count; i++) {
        const struct command_counts *counts = &server->pool.workers[i].counts.by_command[index];
        totals.calls += counter_read(&counts->calls);
        totals.failed += counter_read(&counts->failed);
        totals.rejected += counter_read(&counts->rejected);
        totals.sampled_calls += counter_read(&counts->sampled_calls);
        totals.sampled_ns += counter_read(&counts->sampled_ns);
    }
    return totals;
}

struct command_totals metrics_of_command(struct server *server, size_t index)
{
    struct command_totals totals = sum_of_command(server, index);
    (void)pthread_mutex_lock(&server->settings_lock);
    const struct command_totals base = server->command_base[index];
    (void)pthread_mutex_unlock(&server->settings_lock);
    totals.calls -= base.calls;
    totals.failed -= base.failed;
    totals.rejected -= base.rejected;
    totals.sampled_calls -= base.sampled_calls;
    totals.sampled_ns -= base.sampled_ns;
    return totals;
}

void metrics_reset(struct server *server)
{
    (void)pthread_mutex_lock(&server->settings_lock);
    const struct module *module = NULL;
    const struct metric *metric;
    for (size_t i = 0; (metric = find(i, &module)) != NULL; i++) {
        ASSERT(i < METRICS_MAX);
        if (metric->kind == METRIC_COUNTER) {
            server->metric_base[i] = metric->read(owner_of(server, module), metric);
        }
    }
    for (size_t i = 0; i < server->services.commands->count; i++) {
        server->command_base[i] = sum_of_command(server, i);
    }
    (void)pthread_mutex_unlock(&server->settings_lock);
}
