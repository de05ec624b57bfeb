#include "load/session.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    POPULATE_CONNECTIONS = 8,
    POPULATE_PIPELINE_MAX = 64,
    POPULATE_BATCH_BYTES = 1 << 20,
    BUFFERS_BYTES_MAX_GIB = 4,
    SETTLE_NS = 2000000, // For a server to fall asleep, when the kernel books its CPU time.
    DESCRIPTORS_SPARE = 64,
};

/* Let the process have as many descriptors as the connections need. */
static void raise_descriptor_limit(const struct options *options)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)options->connections * options->server_count + DESCRIPTORS_SPARE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) {
        return;
    }
    limit.rlim_cur = needed;
    if (limit.rlim_max < needed) {
        limit.rlim_max = needed; // Allowed to root.
    }
    // If it is refused, connecting fails and tells.
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Send a populating workload until it is done; a crowd of its own. */
static int populate(struct session *session, const struct endpoint *endpoint, struct turn *turn,
                    const volatile sig_atomic_t *stop, struct problem *problem)
{
    const struct workload_spec *spec = &session->options->workload;
    struct workload workload;
    if (workload_open(&workload, spec, WORKLOAD_POPULATE, problem) != 0) {
        return -1;
    }
    size_t fitting = POPULATE_BATCH_BYTES / workload.request_size_max + 1;
    struct crowd_setup setup = {
        .loop = session->loop,
        .endpoint = endpoint,
        .workload = &workload,
        .protocol = spec->protocol,
        .connections = POPULATE_CONNECTIONS,
        .pipeline = fitting < POPULATE_PIPELINE_MAX ? (unsigned)fitting : POPULATE_PIPELINE_MAX,
    };
    struct turn_plan plan = {.duration_ns = UINT64_MAX / 4, .stop = stop};
    struct crowd *crowd = NULL;
    int status = crowd_open(&crowd, &setup, problem);
    if (status == 0) {
        status = crowd_run(crowd, &plan, turn, problem);
    }
    crowd_close(crowd);
    workload_close(&workload);
    if (status == 0 && turn->tally.errors > 0) {
        return problem_set(problem, "%s: %lu of %lu requests to populate failed: %.*s",
                           endpoint->name, turn->tally.errors, turn->tally.replies,
                           turn->tally.error_size, turn->tally.error);
    }
    return status;
}

static int open_contestant(struct session *session, struct contestant *contestant,
                           const struct endpoint *endpoint, struct problem *problem)
{
    const struct options *options = session->options;
    enum workload_kind kind = endpoint->is_floor ? WORKLOAD_FLOOR : WORKLOAD_MEASURED;
    *contestant = (struct contestant){.endpoint = endpoint, .cpu = {.fd = -1}};
    contestant->latency = calloc(1, sizeof(*contestant->latency));
    contestant->turns = calloc(session->turns_max, sizeof(*contestant->turns));
    if (contestant->latency == NULL || contestant->turns == NULL) {
        return problem_set(problem, "out of memory");
    }
    if (workload_open(&contestant->workload, &options->workload, kind, problem) != 0 ||
        server_cpu_open(&contestant->cpu, endpoint, problem) != 0) {
        return -1;
    }
    size_t buffers = contestant->workload.request_size_max * options->pipeline;
    if (buffers > ((size_t)BUFFERS_BYTES_MAX_GIB << 30) / options->connections) {
        return problem_set(problem,
                           "%u connections x %u requests of %zu bytes need more than %d GiB",
                           options->connections, options->pipeline,
                           contestant->workload.request_size_max, BUFFERS_BYTES_MAX_GIB);
    }
    struct crowd_setup setup = {
        .loop = session->loop,
        .endpoint = endpoint,
        .workload = &contestant->workload,
        .protocol = endpoint->is_floor ? LOAD_RESP : options->workload.protocol,
        .connections = options->connections,
        .pipeline = options->pipeline,
    };
    return crowd_open(&contestant->crowd, &setup, problem);
}

/* The server's CPU time, after it has come to rest; NaN when it cannot be told. */
static double rested_cpu_ns(struct contestant *contestant)
{
    struct timespec pause = {.tv_nsec = SETTLE_NS};
    uint64_t ns = 0;
    (void)nanosleep(&pause, NULL);
    if (server_cpu_read(&contestant->cpu, &ns) != 0) {
        return NAN;
    }
    return (double)ns;
}

static struct turn_figures turn_sum_up(const struct turn *turn, double cpu_ns)
{
    double replies = (double)turn->tally.replies;
    double elapsed_ns = (double)turn->elapsed_ns;
    const struct histogram *latency = &turn->latency;
    return (struct turn_figures){
        .requests_per_second = replies / elapsed_ns * 1e9,
        .cpu_per_request = cpu_ns / replies / 1e3,
        .load_cpu_share = (double)turn->load_cpu_ns / elapsed_ns,
        .p50 = (double)histogram_percentile(latency, 0.5) / 1e3,
        .p99 = (double)histogram_percentile(latency, 0.99) / 1e3,
        .p999 = (double)histogram_percentile(latency, 0.999) / 1e3,
        .max = (double)latency->max / 1e3,
    };
}

static void add_tally(struct reply_tally *sum, const struct reply_tally *tally)
{
    if (sum->errors == 0 && tally->errors > 0) {
        sum->error_size = tally->error_size;
        memcpy(sum->error, tally->error, tally->error_size);
    }
    sum->errors += tally->errors;
    sum->replies += tally->replies;
    sum->bytes += tally->bytes;
}

static int measure_turn(struct contestant *contestant, const struct turn_plan *plan,
                        struct turn *turn, struct problem *problem)
{
    double cpu_before_ns = rested_cpu_ns(contestant);
    if (crowd_run(contestant->crowd, plan, turn, problem) != 0) {
        return -1;
    }
    double cpu_ns = rested_cpu_ns(contestant) - cpu_before_ns;
    if (turn->tally.replies == 0) {
        return 0; // Stopped at once.
    }
    contestant->turns[contestant->turn_count++] = turn_sum_up(turn, cpu_ns);
    contestant->unsent += turn->unsent;
    add_tally(&contestant->tally, &turn->tally);
    histogram_merge(contestant->latency, &turn->latency);
    return 0;
}

static int warm_up(struct session *session, struct turn_plan plan, struct turn *turn,
                   struct problem *problem)
{
    plan.duration_ns = (uint64_t)llround(session->options->warmup_s * 1e9);
    for (unsigned i = 0; i < session->count && plan.duration_ns > 0; i++) {
        if (crowd_run(session->contestants[i].crowd, &plan, turn, problem) != 0) {
            return -1;
        }
    }
    return 0;
}

static int measure(struct session *session, const volatile sig_atomic_t *stop, struct turn *turn,
                   struct problem *problem)
{
    const struct options *options = session->options;
    struct turn_plan plan = {
        .duration_ns = (uint64_t)llround(fmin(options->turn_s, options->duration_s) * 1e9),
        .rate = options->rate,
        .spins = options->spins,
        .stop = stop,
    };
    for (unsigned i = 0; i < options->server_count; i++) {
        session->count++;
        if (open_contestant(session, &session->contestants[i], &options->servers[i], problem) !=
            0) {
            return -1;
        }
    }
    if (warm_up(session, plan, turn, problem) != 0) {
        return -1;
    }
    for (size_t round = 0; round < session->turns_max && *stop == 0; round++) {
        for (unsigned i = 0; i < session->count && *stop == 0; i++) {
            if (measure_turn(&session->contestants[i], &plan, turn, problem) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

int session_run(struct session *session, const struct options *options,
                const volatile sig_atomic_t *stop, struct problem *problem)
{
    *session = (struct session){.options = options};
    session->turns_max = (size_t)ceil(options->duration_s / options->turn_s);
    raise_descriptor_limit(options);
    int status = loop_open(options->io, &session->loop, NULL);
    if (status != 0) {
        return problem_set(problem, "cannot open an event loop: %s", strerrordesc_np(-status));
    }
    struct turn *turn = malloc(sizeof(*turn));
    if (turn == NULL) {
        return problem_set(problem, "out of memory");
    }
    status = 0;
    for (unsigned i = 0; i < options->server_count && options->populates && *stop == 0; i++) {
        if (!options->servers[i].is_floor && status == 0) {
            status = populate(session, &options->servers[i], turn, stop, problem);
        }
    }
    if (status == 0 && session->turns_max > 0 && *stop == 0) {
        status = measure(session, stop, turn, problem);
    }
    free(turn);
    return status;
}

void session_close(struct session *session)
{
    for (unsigned i = 0; i < session->count; i++) {
        struct contestant *contestant = &session->contestants[i];
        crowd_close(contestant->crowd);
        server_cpu_close(&contestant->cpu);
        workload_close(&contestant->workload);
        free(contestant->latency);
        free(contestant->turns);
    }
    loop_close(session->loop);
    session->count = 0;
    session->loop = NULL;
}
