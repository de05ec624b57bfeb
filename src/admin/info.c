#include "admin/admin.h"
#include "base/clock.h"
#include "server/server.h"
#include "store/expiry.h"
#include "store/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// ---- helpers ----

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
    struct command_totals totals = metrics_of_command(server, index);
    if (totals.calls == 0 && totals.rejected == 0) {
        return;
    }
    double us_per_call = totals.sampled_calls == 0
                             ? 0
                             : (double)totals.sampled_ns / (double)totals.sampled_calls / 1000;
    (void)fprintf(out,
                  "cmdstat_%s:calls=%llu,usec=%.0f,usec_per_call=%.2f,rejected_calls=%llu,"
                  "failed_calls=%llu\r\n",
                  server->services.commands->rows[index].name, (unsigned long long)totals.calls,
                  us_per_call * (double)totals.calls, us_per_call,
                  (unsigned long long)totals.rejected, (unsigned long long)totals.failed);
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
    const char *word; // Of its rows, and as an argument.
    // What is not in rows: as many lines as there are workers, commands, databases ...
    void (*print_more)(struct server *server, FILE *out);
    bool by_default;
} sections[] = {
    {"Server", "server", NULL, true},
    {"Clients", "clients", NULL, true},
    {"Workers", "workers", print_workers, true},
    {"Memory", "memory", print_memory, true},
    {"Persistence", "persistence", NULL, true},
    {"Stats", "stats", NULL, true},
    {"Replication", "replication", NULL, true},
    {"CPU", "cpu", print_cpu, true},
    {"Commandstats", "commandstats", print_commandstats, false},
    {"Keyspace", "keyspace", print_keyspace, true},
};

static void print_section(struct server *server, const struct section *section, FILE *out)
{
    const struct metric *metric;
    for (size_t i = 0; metrics_at(i, &metric); i++) {
        if (strcmp(metric->section, section->word) == 0) {
            char text[METRIC_TEXT_MAX];
            metrics_print(server, i, text);
            (void)fprintf(out, "%s:%s\r\n", metric->name, text);
        }
    }
    if (section->print_more != NULL) {
        section->print_more(server, out);
    }
}

static bool is_wanted(const struct call *call, const struct section *section)
{
    if (call->argc == 1) {
        return section->by_default;
    }
    for (uint32_t i = 1; i < call->argc; i++) {
        struct bytes word = call->argv[i];
        if (bytes_is_lower_word(word, section->word) || bytes_is_lower_word(word, "all") ||
            bytes_is_lower_word(word, "everything") ||
            (bytes_is_lower_word(word, "default") && section->by_default)) {
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
            print_section(server, &sections[i], out);
            is_first = false;
        }
    }
    if (fclose(out) == 0) {
        reply_verbatim(call->reply, "txt", bytes_make(text, size));
    } else {
        call_out_of_memory(call);
    }
    free(text);
}
