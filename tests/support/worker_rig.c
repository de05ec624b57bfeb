#include "worker_rig.h"

#include "command/handler.h"
#include "command/lookup_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// ---- commands ----

static void handle_put(struct call *call)
{
    int error =
        keyspace_put_string(&call->access, call->keys, call->argv[2], &(struct put_options){0});
    if (error < 0) {
        call_out_of_memory(call);
    } else {
        reply_ok(call->reply);
    }
}

static void handle_live(struct call *call)
{
    int64_t ms;
    ASSERT(call_integer(call, 2, &ms));
    int error =
        keyspace_set_deadline(&call->access, call->keys, call->access.now_ms + (uint64_t)ms);
    if (error < 0) {
        call_out_of_memory(call);
    } else {
        reply_ok(call->reply);
    }
}

static void handle_get(struct call *call)
{
    struct entry *entry = keyspace_find(&call->access, call->keys);
    if (entry == NULL) {
        reply_nil(call->reply);
    } else {
        reply_string(call, entry);
    }
}

static void handle_echo(struct call *call)
{
    reply_value(call->reply, call->argv[1]);
}

static void handle_quit(struct call *call)
{
    reply_ok(call->reply);
    call->session->closes = true;
}

struct slow {
    struct rig *rig;
};

static void answer_slowly(struct deferred *deferred, void *state)
{
    const struct slow *slow = state;
    while (sem_wait(&slow->rig->gate) != 0) {
    }
    atomic_fetch_add(&slow->rig->cancelled, deferred_is_cancelled(deferred));
    reply_integer(deferred->reply, 7);
}

static void handle_slow(struct call *call)
{
    struct slow *slow = call_defer(call, answer_slowly, sizeof(*slow));
    if (slow != NULL) {
        slow->rig = (struct rig *)(void *)call->context->server;
    }
}

static void answer_soon(struct deferred *deferred, void *state)
{
    (void)state;
    reply_integer(deferred->reply, 8);
}

static void handle_short(struct call *call)
{
    if (call_defer(call, answer_soon, 8) != NULL) {
        call->job_is_short = true;
    }
}

enum { ROWS = 7, SLOT_BITS = 4, SLOTS = 1 << SLOT_BITS };

static const struct command rows[ROWS] = {
    {.name = "put",
     .argc_min = 3,
     .argc_max = 3,
     .flags = COMMAND_WRITES | COMMAND_NEEDS_MEMORY,
     .key_at = 1,
     .index = 0,
     .handler = handle_put},
    {.name = "get",
     .argc_min = 2,
     .argc_max = 2,
     .flags = COMMAND_READS,
     .key_at = 1,
     .index = 1,
     .handler = handle_get},
    {.name = "echo", .argc_min = 2, .argc_max = 2, .index = 2, .handler = handle_echo},
    {.name = "slow", .argc_min = 1, .argc_max = 1, .index = 3, .handler = handle_slow},
    {.name = "quit", .argc_min = 1, .argc_max = 1, .index = 4, .handler = handle_quit},
    {.name = "short", .argc_min = 1, .argc_max = 1, .index = 5, .handler = handle_short},
    {.name = "live",
     .argc_min = 3,
     .argc_max = 3,
     .flags = COMMAND_WRITES,
     .key_at = 1,
     .index = 6,
     .handler = handle_live},
};

static uint16_t slots[SLOTS];
static uint64_t words[ROWS];

static const struct command_table table = {
    .rows = rows,
    .count = ROWS,
    .lookup_shift = 64 - SLOT_BITS,
    .top_count = ROWS,
    .lookup_multiplier = UINT64_C(0x9E3779B97F4A7C15),
    .slots = slots,
    .words = words,
};

static void fill_slots(void)
{
    memset(slots, 0, sizeof(slots));
    for (unsigned i = 0; i < ROWS; i++) {
        words[i] = lookup_word(bytes_of_string(rows[i].name));
        size_t slot = words[i] * table.lookup_multiplier >> table.lookup_shift;
        while (slots[slot] != 0) {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = (uint16_t)(i + 1);
    }
}

// ---- life ----

static void wake_tender(void *context, unsigned tender)
{
    (void)tender;
    worker_look_again(((struct rig *)context)->worker);
}

static void note_closed(void *context)
{
    struct rig *rig = context;
    atomic_fetch_add(&rig->closed, 1);
}

static void open_keyspace(struct rig *rig)
{
    const struct keyspace_options options = {
        .shard_bits = 3,
        .databases = 1,
        .threads = 2 + BACKGROUND_THREADS,
        .tenders = 1,
        .secret = {.sip = {3, 4}},
        .wake = wake_tender,
        .context = rig,
    };
    rig->keyspace = keyspace_create(&options);
    ck_assert_ptr_nonnull(rig->keyspace);
    rig->thread = keyspace_thread_create(rig->keyspace);
    ck_assert_ptr_nonnull(rig->thread);
    pool_offline(rig->thread->pool);
    depot_upkeep(keyspace_depot(rig->keyspace));
    ck_assert_int_eq(background_start(&rig->background, rig->keyspace, NULL), 0);
}

static int listen_somewhere(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)(void *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
    return fd;
}

static uint64_t shifted_wall_us(void *context)
{
    struct rig *rig = context;
    return clock_wall_us() + (uint64_t)atomic_load(&rig->wall_offset_ms) * 1000;
}

static uint64_t shifted_monotonic_ms(void *context)
{
    struct rig *rig = context;
    return clock_monotonic_coarse_ms() + (uint64_t)atomic_load(&rig->monotonic_offset_ms);
}

struct rig *rig_create(enum loop_kind io)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    ck_assert_ptr_nonnull(rig);
    fill_slots();
    open_keyspace(rig);
    (void)sem_init(&rig->gate, 0, 0);
    ck_assert_int_eq(log_open(&rig->log, "/dev/null", LOG_LEVEL_WARNING), 0);
    rig->limits.output_bytes_max = 1 << 30;
    rig->clock = (struct clock_source){
        .wall_us = shifted_wall_us, .monotonic_ms = shifted_monotonic_ms, .context = rig};
    rig->limits.query_bytes_max = 1 << 30;
    client_budget_init(&rig->budget, &rig->limits.client_bytes_max);
    rig->services = (struct worker_services){
        .keyspace = rig->keyspace,
        .commands = &table,
        .background = rig->background,
        .log = &rig->log,
        .clock = &rig->clock,
        .limits = &rig->limits,
        .budget = &rig->budget,
        .server = (struct server *)(void *)rig, // For SLOW.
        .io = io,
        .connection_closed = note_closed,
        .context = rig,
    };
    size_t size = (sizeof(struct worker) + 63) / 64 * 64;
    rig->worker = aligned_alloc(64, size);
    ck_assert_ptr_nonnull(rig->worker);
    memset(rig->worker, 0, size);
    ck_assert_int_eq(worker_init(rig->worker, &rig->services, 0), 0);
    ck_assert_int_eq(worker_start(rig->worker), 0);
    rig->listen_fd = listen_somewhere();
    return rig;
}

void rig_stop(struct rig *rig)
{
    worker_stop(rig->worker);
    worker_join(rig->worker);
    rig->worker->thread = 0;
}

void rig_destroy(struct rig *rig)
{
    if (rig->worker->thread != 0) {
        rig_stop(rig);
    }
    ck_assert_uint_eq(rig->closed, rig->connected);
    background_stop(rig->background);
    rig_end_shortage(rig);
    worker_deinit(rig->worker);
    ck_assert_uint_eq(rig->budget.memory_bytes, 0);
    keyspace_thread_destroy(rig->keyspace, rig->thread);
    keyspace_destroy(rig->keyspace);
    client_budget_deinit(&rig->budget);
    log_close(&rig->log);
    (void)sem_destroy(&rig->gate);
    (void)close(rig->listen_fd);
    free(rig->worker);
    free(rig);
}

// ---- connections ----

int rig_connect(struct rig *rig)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    ck_assert_int_eq(getsockname(rig->listen_fd, (struct sockaddr *)(void *)&address, &size), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)(void *)&address, sizeof(address)), 0);
    int accepted = accept4(rig->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ck_assert_int_ge(accepted, 0);
    struct timeval patience = {.tv_sec = RIG_PATIENCE_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    char peer[LISTENER_ADDRESS_MAX] = "test";
    ck_assert_int_eq(worker_connect(rig->worker, accepted, peer, ++rig->connected), 0);
    return fd;
}

void rig_reset(int fd)
{
    struct linger linger = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void)close(fd);
}

void rig_send(int fd, const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(fd, text + at, size - at, MSG_NOSIGNAL);
        ck_assert_msg(sent > 0, "send: errno %d", errno);
        at += (size_t)sent;
    }
}

void rig_expect(int fd, const char *text)
{
    size_t size = strlen(text);
    char *got = calloc(1, size + 1);
    ck_assert_ptr_nonnull(got);
    for (size_t at = 0; at < size;) {
        ssize_t part = recv(fd, got + at, size - at, 0);
        ck_assert_msg(part > 0, "recv: %zd, errno %d, after '%.100s'", part, errno, got);
        at += (size_t)part;
    }
    ck_assert_str_eq(got, text);
    free(got);
}

void rig_expect_end(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    ck_assert_msg(got == 0 || (got < 0 && errno == ECONNRESET), "recv: %zd, errno %d", got, errno);
}

// ---- the worker ----

void rig_pause(unsigned *waited_ms)
{
    const struct timespec millisecond = {.tv_nsec = (long)1000 * 1000};
    (void)nanosleep(&millisecond, NULL);
    (*waited_ms)++;
}

uint64_t rig_suspended(const struct rig *rig)
{
    return counter_read(&rig->worker->counts.suspended);
}

void rig_wake(struct rig *rig)
{
    worker_look_again(rig->worker);
}

// ---- memory and locks ----

void rig_begin_shortage(struct rig *rig)
{
    shortage_begin(&rig->shortage, keyspace_depot(rig->keyspace));
}

void rig_end_shortage(struct rig *rig)
{
    shortage_end(&rig->shortage, keyspace_depot(rig->keyspace));
}

void rig_lock(struct rig *rig, const char *key)
{
    struct access *access = &rig->locked;
    pool_online(rig->thread->pool);
    access_open(access, rig->keyspace, rig->thread, 0, 1000);
    ck_assert_int_eq(access_ensure_database(access), 0);
    rig->locked_shard =
        keyspace_shard(rig->keyspace, keyspace_hash(rig->keyspace, bytes_of_string(key)));
    access_lock_wait(access, rig->locked_shard);
}

void rig_unlock(struct rig *rig)
{
    access_unlock(&rig->locked, &rig->locked_shard, 1);
    pool_offline(rig->thread->pool);
}

void rig_open_gate(struct rig *rig)
{
    (void)sem_post(&rig->gate);
}
