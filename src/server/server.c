#include "server/server.h"

#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    DESCRIPTORS_BESIDE = 64, // For all but clients.
    DESCRIPTORS_PER_WORKER = 4,
    ACCEPTS_AT_ONCE = 64,
    ACCEPT_REST_MS = 100,
};

__attribute__((format(printf, 3, 4))) static int fail(char error_out[SERVER_ERROR_MAX], int error,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error_out, SERVER_ERROR_MAX, format, arguments);
    va_end(arguments);
    return error;
}

// ---- opening ----

int server_reserve_descriptors(const struct server *server, uint64_t *clients_max)
{
    rlim_t beside = DESCRIPTORS_BESIDE + (rlim_t)server->config.workers * DESCRIPTORS_PER_WORKER;
    rlim_t wanted = *clients_max + beside;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return 0;
    }
    struct rlimit raised = {.rlim_cur = wanted,
                            .rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
        return 0;
    }
    raised = (struct rlimit){.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &raised);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) {
        return 0;
    }
    *clients_max = limit.rlim_cur > beside + 1 ? limit.rlim_cur - beside : 1;
    return -EMFILE;
}

// Make room for the descriptors of all clients, or lower their number to what there is.
static void raise_descriptor_limit(struct server *server)
{
    uint64_t wanted = server->config.clients_max;
    uint64_t possible = wanted;
    if (server_reserve_descriptors(server, &possible) < 0) {
        log_write(&server->log, LOG_LEVEL_WARNING,
                  "maxclients lowered from %llu to %llu by the limit of open files; raise it with "
                  "ulimit -n",
                  (unsigned long long)wanted, (unsigned long long)possible);
        server->config.clients_max = possible;
    }
}

// A timer that never fires, but becomes readable when the wall clock is set.
static int watch_clock(void)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd >= 0) {
        const struct itimerspec never = {.it_value = {.tv_sec = INT32_MAX}};
        (void)timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
    }
    return fd;
}

static int choose_io(struct server *server, char error_out[SERVER_ERROR_MAX])
{
    struct loop *loop;
    int refusal = 0;
    int error = loop_open((enum loop_kind)server->config.io, &loop, &refusal);
    if (error < 0) {
        return fail(error_out, error, "cannot use --io %s: %s; --io auto takes what works",
                    server->config.io == LOOP_URING ? "uring" : "epoll", strerrordesc_np(-error));
    }
    server->io = strcmp(loop_name(loop), "epoll") == 0 ? LOOP_EPOLL : LOOP_URING;
    if (server->config.io == LOOP_AUTO && server->io == LOOP_EPOLL) {
        log_write(&server->log, LOG_LEVEL_NOTICE, "io_uring is refused (%s): using epoll",
                  strerrordesc_np(-refusal));
    }
    loop_close(loop);
    return 0;
}

static void wake_tender(void *context, unsigned tender)
{
    struct server *server = context;
    worker_look_again(&server->pool.workers[tender]);
}

static int make_run_id(struct server *server)
{
    unsigned char bytes[RUN_ID_SIZE / 2];
    int error = random_fill(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(server->run_id + 2 * i, 3, "%02x", bytes[i]);
    }
    return error;
}

static int open_store(struct server *server)
{
    unsigned workers = (unsigned)server->config.workers;
    struct keyspace_options options = {
        .databases = (unsigned)server->config.databases,
        .threads = workers + BACKGROUND_THREADS,
        .tenders = workers,
        .wake = wake_tender,
        .context = server,
    };
    uint64_t seed[HASH_SEED_WORDS];
    int error = random_fill(seed, sizeof(seed));
    if (error == 0) {
        error = make_run_id(server);
    }
    if (error < 0) {
        return error;
    }
    hash_secret_init(&options.secret, seed);
    server->keyspace = keyspace_create(&options);
    if (server->keyspace == NULL) {
        return -ENOMEM;
    }
    error = upkeep_start(&server->upkeep, keyspace_depot(server->keyspace));
    if (error < 0) {
        return error;
    }
    return background_start(&server->background, server->keyspace, server->upkeep);
}

static int listen_at(struct server *server, const char *host, char error_out[SERVER_ERROR_MAX])
{
    struct listener *listener = &server->listeners[server->listener_count];
    uint16_t port = (uint16_t)server->config.port;
    if (port == 0 && server->listener_count > 0) {
        port = server->listeners[0].port; // A free port was asked for: the same everywhere.
    }
    int error = listener_open_tcp(listener, host, port);
    if (error == -EADDRINUSE) {
        return fail(error_out, error,
                    "cannot listen on %s port %u: it is in use; stop what uses it or choose "
                    "another with --port",
                    host, port);
    }
    if (error < 0) {
        return fail(error_out, error,
                    "cannot listen on %s port %u: %s; choose with --bind and "
                    "--port",
                    host, port, error == -EINVAL ? "no such address" : strerrordesc_np(-error));
    }
    server->listener_count++;
    error = listener_set_keepalive(listener, (unsigned)server->config.tcp_keepalive_s);
    if (error < 0) {
        return fail(error_out, error, "cannot set --tcp-keepalive: %s", strerrordesc_np(-error));
    }
    return 0;
}

static int listen_unix(struct server *server, char error_out[SERVER_ERROR_MAX])
{
    struct listener *listener = &server->listeners[server->listener_count];
    const char *path = server->config.unix_path;
    int error = listener_open_unix(listener, path, server->config.unix_mode);
    if (error == -EADDRINUSE) {
        return fail(error_out, error,
                    "cannot listen on %s: another server uses it; choose "
                    "another --unixsocket",
                    path);
    }
    if (error < 0) {
        return fail(error_out, error,
                    "cannot listen on %s: %s; choose a --unixsocket in a "
                    "directory that can be written to",
                    path, strerrordesc_np(-error));
    }
    server->listener_count++;
    return 0;
}

static int open_listeners(struct server *server, char error_out[SERVER_ERROR_MAX])
{
    const struct config *config = &server->config;
    for (unsigned i = 0; i < config->bind.count; i++) {
        const char *address = config->bind.addresses[i];
        bool is_optional = address[0] == '-';
        int error = listen_at(server, address + is_optional, error_out);
        if (error < 0 && (!is_optional || error == -EADDRINUSE)) {
            return error;
        }
    }
    if (config->unix_path[0] != '\0') {
        int error = listen_unix(server, error_out);
        if (error < 0) {
            return error;
        }
    }
    for (unsigned i = 0; i < server->listener_count; i++) {
        log_write(&server->log, LOG_LEVEL_NOTICE, "listening on %s", server->listeners[i].address);
    }
    return 0;
}

static void connection_closed(void *context)
{
    struct server *server = context;
    atomic_fetch_sub_explicit(&server->connections, 1, memory_order_relaxed);
}

static void lend_services(struct server *server)
{
    server->services = (struct worker_services){
        .keyspace = server->keyspace,
        .commands = server->services.commands,
        .background = server->background,
        .upkeep = server->upkeep,
        .log = &server->log,
        .clock = &clock_system,
        .limits = &server->config.limits,
        .budget = &server->budget,
        .server = server,
        .io = server->io,
        .connection_closed = connection_closed,
        .context = server,
    };
}

int server_open(struct server *server, const struct config *config,
                const struct command_table *commands, char error_out[SERVER_ERROR_MAX])
{
    *server = (struct server){.config = *config,
                              .wake_fd = -1,
                              .spare_fd = -1,
                              .clock_fd = -1,
                              .services = {.commands = commands}};
    client_budget_init(&server->budget, &server->config.limits.client_bytes_max);
    (void)pthread_mutex_init(&server->settings_lock, NULL);
    int error = log_open(&server->log, config->log.path, (enum log_level)config->log.level);
    if (error < 0) {
        return fail(error_out, error, "cannot write the log %s: %s; choose another --logfile",
                    config->log.path, strerrordesc_np(-error));
    }
    server->started_ms = clock_monotonic_coarse_ms();
    raise_descriptor_limit(server);
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->clock_fd = watch_clock();
    if (server->wake_fd < 0 || server->spare_fd < 0 || server->clock_fd < 0) {
        return fail(error_out, -errno, "cannot open descriptors: %s; raise ulimit -n",
                    strerrordesc_np(errno));
    }
    server->command_base = calloc(commands->count, sizeof(*server->command_base));
    if (server->command_base == NULL) {
        return fail(error_out, -ENOMEM, "out of memory");
    }
    error = choose_io(server, error_out);
    if (error < 0) {
        return error;
    }
    error = thread_pool_open(&server->pool, (unsigned)server->config.workers);
    if (error == 0) {
        error = open_store(server);
    }
    if (error == 0) {
        lend_services(server);
        error = thread_pool_start(&server->pool, &server->services);
    }
    if (error < 0) {
        return fail(error_out, error, "cannot start %u workers: %s; try fewer --workers",
                    (unsigned)server->config.workers, strerrordesc_np(-error));
    }
    return open_listeners(server, error_out);
}

// ---- serving ----

static void refuse(struct server *server, int fd)
{
    static const char text[] = "-ERR max number of clients reached\r\n";
    ssize_t written = send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)written; // It is told on a best effort.
    (void)close(fd);
    atomic_fetch_add_explicit(&server->connections_rejected, 1, memory_order_relaxed);
}

// At the limit of descriptors: lend the spare one to tell the next connection so.
static bool refuse_with_spare(struct server *server, struct listener *listener)
{
    char peer[LISTENER_ADDRESS_MAX];
    (void)close(server->spare_fd);
    int fd = listener_accept(listener, peer);
    if (fd >= 0) {
        refuse(server, fd);
    }
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

// Once for each kind of failure in a row.
static void tell_of_failure(struct server *server, const struct listener *listener, int error)
{
    if (server->accept_error != error) {
        server->accept_error = error;
        log_write(&server->log, LOG_LEVEL_WARNING,
                  "cannot accept connections on %s: %s; trying again", listener->address,
                  strerrordesc_np(-error));
    }
}

/* Accept some of those that wait. False when that failed for a reason that stays for a while,
 * and poll would tell of them again and again. */
static bool accept_from(struct server *server, struct listener *listener)
{
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        char peer[LISTENER_ADDRESS_MAX];
        int fd = listener_accept(listener, peer);
        if ((fd == -EMFILE || fd == -ENFILE) && refuse_with_spare(server, listener)) {
            continue;
        }
        if (fd == -EAGAIN) {
            return true;
        }
        if (fd < 0) {
            tell_of_failure(server, listener, fd);
            return false;
        }
        server->accept_error = 0;
        if (atomic_load_explicit(&server->connections, memory_order_relaxed) >=
            server->config.clients_max) {
            refuse(server, fd);
            continue;
        }
        uint64_t id =
            atomic_fetch_add_explicit(&server->connections_total, 1, memory_order_relaxed) + 1;
        atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed);
        if (worker_connect(thread_pool_least_loaded(&server->pool), fd, peer, id) < 0) {
            connection_closed(server);
            refuse(server, fd);
        }
    }
    return true;
}

// ---- signals and the clock ----

// Sleeping workers find out which keys are due now.
static void on_clock_set(struct server *server)
{
    uint64_t count;
    ssize_t got = read(server->clock_fd, &count, sizeof(count));
    (void)got; // ECANCELED: it was set.
    (void)close(server->clock_fd);
    server->clock_fd = watch_clock();
    log_write(&server->log, LOG_LEVEL_NOTICE, "the wall clock was set");
    thread_pool_look_again(&server->pool);
}

static void reopen_log(struct server *server)
{
    int error = log_reopen(&server->log, server->config.log.path);
    log_write(&server->log, error < 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "signal SIGHUP: %s%s",
              error < 0 ? "the log goes on as it was: " : "the log was opened anew",
              error < 0 ? strerrordesc_np(-error) : "");
}

// A thread has something to say. False when it is to stop.
static bool on_wake(struct server *server)
{
    uint64_t count;
    ssize_t got = read(server->wake_fd, &count, sizeof(count));
    (void)got; // Acquire pairs with the release in wake: what it says is seen.
    if (atomic_load_explicit(&server->stops, memory_order_acquire)) {
        return false;
    }
    for (unsigned i = 0; i < server->listener_count; i++) {
        int error =
            listener_set_keepalive(&server->listeners[i], (unsigned)server->config.tcp_keepalive_s);
        if (error < 0) {
            log_write(&server->log, LOG_LEVEL_WARNING, "tcp-keepalive of %s stays as it was: %s",
                      server->listeners[i].address, strerrordesc_np(-error));
        }
    }
    return true;
}

// Whether it was one that stops the server.
static bool on_signal(struct server *server, int signal_fd)
{
    struct signalfd_siginfo info = {0};
    if (read(signal_fd, &info, sizeof(info)) <= 0) {
        return false;
    }
    switch (info.ssi_signo) {
    case SIGHUP:
        reopen_log(server);
        return false;
    case SIGINT:
    case SIGTERM:
        log_write(&server->log, LOG_LEVEL_NOTICE, "signal SIG%s: stopping",
                  sigabbrev_np((int)info.ssi_signo));
        return true;
    default:
        log_write(&server->log, LOG_LEVEL_NOTICE, "signal SIG%s: nothing to do",
                  sigabbrev_np((int)info.ssi_signo));
        return false;
    }
}

enum { POLLED_WAKE, POLLED_SIGNAL, POLLED_CLOCK, POLLED_LISTENERS };

void server_run(struct server *server, int signal_fd)
{
    // poll passes over -1.
    struct pollfd polled[POLLED_LISTENERS + LISTENERS_MAX] = {
        [POLLED_WAKE] = {.fd = server->wake_fd, .events = POLLIN},
        [POLLED_SIGNAL] = {.fd = signal_fd, .events = POLLIN},
        [POLLED_CLOCK] = {.events = POLLIN},
    };
    for (unsigned i = 0; i < server->listener_count; i++) {
        polled[POLLED_LISTENERS + i] =
            (struct pollfd){.fd = server->listeners[i].fd, .events = POLLIN};
    }
    bool rests = false; // Accepting failed: the listeners are left alone for a moment.
    for (;;) {
        nfds_t count = POLLED_LISTENERS + (rests ? 0 : server->listener_count);
        polled[POLLED_CLOCK].fd = server->clock_fd;
        if (poll(polled, count, rests ? ACCEPT_REST_MS : -1) < 0) {
            continue; // A signal that is not ours.
        }
        if (polled[POLLED_WAKE].revents != 0 && !on_wake(server)) {
            return;
        }
        if (polled[POLLED_SIGNAL].revents != 0 && on_signal(server, signal_fd)) {
            return;
        }
        if (polled[POLLED_CLOCK].revents != 0) {
            on_clock_set(server);
        }
        rests = false;
        for (unsigned i = POLLED_LISTENERS; i < count; i++) {
            struct listener *listener = &server->listeners[i - POLLED_LISTENERS];
            if (polled[i].revents != 0 && !accept_from(server, listener)) {
                rests = true;
            }
        }
    }
}

static void wake(struct server *server)
{
    uint64_t one = 1;
    ssize_t written = write(server->wake_fd, &one, sizeof(one));
    (void)written; // Only fails when it is readable already.
}

void server_stop(struct server *server)
{
    atomic_store_explicit(&server->stops, true, memory_order_release);
    wake(server);
}

void server_adopt_settings(struct server *server)
{
    log_set_level(&server->log, (enum log_level)server->config.log.level);
    thread_pool_look_again(&server->pool);
    wake(server); // For the listeners, which are another thread's.
}

// ---- closing ----

void server_shut(struct server *server)
{
    for (unsigned i = 0; i < server->listener_count; i++) {
        listener_close(&server->listeners[i]);
    }
    thread_pool_stop(&server->pool);
    server->listener_count = 0; // Workers are gone that might show it in INFO.
}

void server_close(struct server *server)
{
    server_shut(server);
    background_stop(server->background);
    upkeep_stop(server->upkeep);
    thread_pool_close(&server->pool);
    keyspace_destroy(server->keyspace);
    client_budget_deinit(&server->budget);
    (void)pthread_mutex_destroy(&server->settings_lock);
    free(server->command_base);
    if (server->wake_fd >= 0) {
        (void)close(server->wake_fd);
    }
    if (server->spare_fd >= 0) {
        (void)close(server->spare_fd);
    }
    if (server->clock_fd >= 0) {
        (void)close(server->clock_fd);
    }
    log_close(&server->log);
}
