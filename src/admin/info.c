#include "admin/admin.h"
#include "base/clock.h"
#include "server/server.h"
#include "store/expiry.h"
#include "store/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

// ---- helpers ----

static unsigned long long sum_counts(const struct server *server, size_t offset)
{
    unsigned long long sum = 0;
    for (unsigned i = 0; i < server->pool.count; i++) {
        const char *counts = (const char *)&server->pool.workers[i].counts;
        sum += atomic_load_explicit((const _Atomic uint64_t *)(const void *)(counts + offset),
                                    memory_order_relaxed);
    }
    return sum;
}

#define SUM(server, field) sum_counts(server, offsetof(struct worker_counts, field))

static void print_human(FILE *out, const char *name, uint64_t bytes)
{
    static const char units[] = "BKMGT";
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit < sizeof(units) - 2) {
        value /= 1024;
        unit++;
    }
    (void)fprintf(out, unit == 0 ? "%s:%.0f%c\r\n" : "%s:%.2f%c\r\n", name, value, units[unit]);
}

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    char line[128];
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm != NULL) {
        // "size resident ...", in pages.
        const char *resident = fgets(line, sizeof(line), statm) == NULL ? NULL : strchr(line, ' ');
        pages = resident == NULL ? 0 : strtoull(resident, NULL, 10);
        (void)fclose(statm);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

// ---- sections ----

static void print_server(struct server *server, FILE *out)
{
    struct utsname system;
    (void)uname(&system);
    uint64_t now_us = clock_wall_us();
    uint64_t up_s = (clock_monotonic_coarse_ms() - server->started_ms) / 1000;
    (void)fprintf(out,
                  "fastkv_version:" FASTKV_VERSION "\r\nredis_version:7.2.0\r\n"
                  "redis_mode:standalone\r\nos:%s %s %s\r\narch_bits:64\r\n"
                  "multiplexing_api:%s\r\ncompiler:%s\r\nprocess_id:%d\r\nrun_id:%s\r\n",
                  system.sysname, system.release, system.machine,
                  server->io == LOOP_EPOLL ? "epoll" : "io_uring", __VERSION__, (int)getpid(),
                  server->run_id);
    (void)fprintf(out,
                  "tcp_port:%u\r\nserver_time_usec:%llu\r\nuptime_in_seconds:%llu\r\n"
                  "uptime_in_days:%llu\r\nworkers:%u\r\n",
                  server->listener_count > 0 ? server->listeners[0].port : 0U,
                  (unsigned long long)now_us, (unsigned long long)up_s,
                  (unsigned long long)(up_s / 86400), server->config.workers);
}

static void print_clients(struct server *server, FILE *out)
{
    (void)fprintf(out, "connected_clients:%u\r\nmaxclients:%u\r\nblocked_clients:%llu\r\n",
                  atomic_load_explicit(&server->connections, memory_order_relaxed),
                  server->config.clients_max, SUM(server, suspended));
}

static void print_workers(struct server *server, FILE *out)
{
    for (unsigned i = 0; i < server->pool.count; i++) {
        const struct worker *worker = &server->pool.workers[i];
        (void)fprintf(out, "worker%u_clients:%u\r\nworker%u_commands:%llu\r\n", i,
                      atomic_load_explicit(&worker->connections, memory_order_relaxed), i,
                      (unsigned long long)atomic_load_explicit(&worker->counts.commands,
                                                               memory_order_relaxed));
    }
}

static void print_memory(struct server *server, FILE *out)
{
    uint64_t bytes[MEMORY_TAGS];
    uint64_t used = 0;
    depot_usage(keyspace_depot(server->keyspace), bytes);
    for (int tag = 0; tag < MEMORY_TAGS; tag++) {
        used += bytes[tag];
    }
    uint64_t peak = atomic_load_explicit(&server->memory_peak, memory_order_relaxed);
    while (used > peak && !atomic_compare_exchange_weak(&server->memory_peak, &peak, used)) {
    }
    peak = used > peak ? used : peak;
    uint64_t resident = resident_bytes();
    (void)fprintf(out, "used_memory:%llu\r\n", (unsigned long long)used);
    print_human(out, "used_memory_human", used);
    (void)fprintf(out, "used_memory_rss:%llu\r\n", (unsigned long long)resident);
    print_human(out, "used_memory_rss_human", resident);
    (void)fprintf(out, "used_memory_peak:%llu\r\n", (unsigned long long)peak);
    print_human(out, "used_memory_peak_human", peak);
    for (int tag = 0; tag < MEMORY_TAGS; tag++) {
        (void)fprintf(out, "used_memory_%s:%llu\r\n", memory_tag_name((enum memory_tag)tag),
                      (unsigned long long)bytes[tag]);
    }
    (void)fprintf(out,
                  "mapped_memory:%llu\r\nmaxmemory:0\r\nmaxmemory_human:0B\r\n"
                  "maxmemory_policy:noeviction\r\nmem_fragmentation_ratio:%.2f\r\n"
                  "mem_allocator:fastkv\r\n",
                  (unsigned long long)depot_mapped_bytes(keyspace_depot(server->keyspace)),
                  used == 0 ? 0.0 : (double)resident / (double)used);
}

static void print_persistence(struct server *server, FILE *out)
{
    (void)server;
    (void)fprintf(out, "loading:0\r\nasync_loading:0\r\nrdb_changes_since_last_save:0\r\n"
                       "rdb_bgsave_in_progress:0\r\naof_enabled:0\r\n");
}

static void print_stats(struct server *server, FILE *out)
{
    struct store_statistics store = keyspace_statistics(server->keyspace);
    (void)fprintf(
        out,
        "total_connections_received:%llu\r\ntotal_commands_processed:%llu\r\n"
        "total_net_input_bytes:%llu\r\ntotal_net_output_bytes:%llu\r\n"
        "rejected_connections:%llu\r\ntotal_error_replies:%llu\r\n",
        (unsigned long long)atomic_load_explicit(&server->connections_total, memory_order_relaxed),
        SUM(server, commands), SUM(server, bytes_in), SUM(server, bytes_out),
        (unsigned long long)atomic_load_explicit(&server->connections_rejected,
                                                 memory_order_relaxed),
        SUM(server, errors));
    (void)fprintf(out,
                  "expired_keys:%llu\r\nevicted_keys:0\r\nkeyspace_hits:%llu\r\n"
                  "keyspace_misses:%llu\r\nclient_output_buffer_limit_disconnections:%llu\r\n"
                  "client_query_buffer_limit_disconnections:%llu\r\n"
                  "client_memory_limit_disconnections:%llu\r\n",
                  (unsigned long long)store.expired, (unsigned long long)store.hits,
                  (unsigned long long)store.misses, SUM(server, output_limit_closes),
                  SUM(server, query_limit_closes), SUM(server, budget_closes));
}

static void print_replication(struct server *server, FILE *out)
{
    (void)server;
    (void)fprintf(out, "role:master\r\nconnected_slaves:0\r\n");
}

static void print_time(FILE *out, const char *name, struct timeval time)
{
    (void)fprintf(out, "%s:%ld.%06ld\r\n", name, (long)time.tv_sec, (long)time.tv_usec);
}

static void print_cpu(struct server *server, FILE *out)
{
    (void)server;
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    print_time(out, "used_cpu_sys", usage.ru_stime);
    print_time(out, "used_cpu_user", usage.ru_utime);
    (void)getrusage(RUSAGE_CHILDREN, &usage);
    print_time(out, "used_cpu_sys_children", usage.ru_stime);
    print_time(out, "used_cpu_user_children", usage.ru_utime);
}

static void print_command(struct server *server, size_t index, FILE *out)
{
    unsigned long long calls = 0, failed = 0, rejected = 0;
    double sampled_ns = 0, sampled_calls = 0;
    for (unsigned i = 0; i < server->pool.count; i++) {
        const struct command_counts *counts = &server->pool.workers[i].counts.by_command[index];
        calls += atomic_load_explicit(&counts->calls, memory_order_relaxed);
        failed += atomic_load_explicit(&counts->failed, memory_order_relaxed);
        rejected += atomic_load_explicit(&counts->rejected, memory_order_relaxed);
        sampled_ns += (double)atomic_load_explicit(&counts->sampled_ns, memory_order_relaxed);
        sampled_calls += (double)atomic_load_explicit(&counts->sampled_calls, memory_order_relaxed);
    }
    if (calls == 0 && rejected == 0) {
        return;
    }
    double us_per_call = sampled_calls == 0 ? 0 : sampled_ns / sampled_calls / 1000;
    (void)fprintf(out,
                  "cmdstat_%s:calls=%llu,usec=%.0f,usec_per_call=%.2f,rejected_calls=%llu,"
                  "failed_calls=%llu\r\n",
                  server->services.commands->rows[index].name, calls, us_per_call * (double)calls,
                  us_per_call, rejected, failed);
}

static void print_commandstats(struct server *server, FILE *out)
{
    for (size_t i = 0; i < server->services.commands->count; i++) {
        print_command(server, i, out);
    }
}

static void print_keyspace(struct server *server, FILE *out)
{
    for (uint32_t db = 0; db < server->config.databases; db++) {
        uint64_t keys = keyspace_count(server->keyspace, db);
        if (keys > 0) {
            uint64_t mean_ttl_ms = keyspace_mean_ttl_ms(server->keyspace, db, clock_wall_ms());
            (void)fprintf(out, "db%u:keys=%llu,expires=%llu,avg_ttl=%llu\r\n", db,
                          (unsigned long long)keys,
                          (unsigned long long)keyspace_count_volatile(server->keyspace, db),
                          (unsigned long long)mean_ttl_ms);
        }
    }
}

static const struct section {
    const char *title;
    const char *word; // As an argument, upper case.
    void (*print)(struct server *server, FILE *out);
    bool by_default;
} sections[] = {
    {"Server", "SERVER", print_server, true},
    {"Clients", "CLIENTS", print_clients, true},
    {"Workers", "WORKERS", print_workers, true},
    {"Memory", "MEMORY", print_memory, true},
    {"Persistence", "PERSISTENCE", print_persistence, true},
    {"Stats", "STATS", print_stats, true},
    {"Replication", "REPLICATION", print_replication, true},
    {"CPU", "CPU", print_cpu, true},
    {"Commandstats", "COMMANDSTATS", print_commandstats, false},
    {"Keyspace", "KEYSPACE", print_keyspace, true},
};

static bool is_wanted(const struct call *call, const struct section *section)
{
    if (call->argc == 1) {
        return section->by_default;
    }
    for (uint32_t i = 1; i < call->argc; i++) {
        struct bytes word = call->argv[i];
        if (bytes_is_word(word, section->word) || bytes_is_word(word, "ALL") ||
            bytes_is_word(word, "EVERYTHING") ||
            (bytes_is_word(word, "DEFAULT") && section->by_default)) {
            return true;
        }
    }
    return false;
}

void handle_info(struct call *call)
{
    struct server *server = call->context->server;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        call_out_of_memory(call);
        return;
    }
    bool is_first = true;
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (is_wanted(call, &sections[i])) {
            (void)fprintf(out, "%s# %s\r\n", is_first ? "" : "\r\n", sections[i].title);
            sections[i].print(server, out);
            is_first = false;
        }
    }
    if (fclose(out) == 0) {
        reply_value(call->reply, bytes_make(text, size));
    } else {
        call_out_of_memory(call);
    }
    free(text);
}
