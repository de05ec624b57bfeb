/* loop_rig.h - streams with their peers, for the tests of the loops.
 *
 * Threads: one.
 */
#pragma once

#include "net/loop.h"

#include "base/clock.h"
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_US = 10 * 1000 * 1000 };

static inline bool uring_is_allowed(void)
{
    struct loop *loop;
    if (loop_open(LOOP_URING, &loop, NULL) < 0) {
        return false;
    }
    loop_close(loop);
    return true;
}

/* A test that runs once on each back-end; where io_uring is refused, on epoll alone. */
#define TEST_BOTH(name)                                                                            \
    static void name(enum loop_kind kind);                                                         \
    TEST(name##_on_epoll)                                                                          \
    {                                                                                              \
        name(LOOP_EPOLL);                                                                          \
    }                                                                                              \
    TEST(name##_on_io_uring)                                                                       \
    {                                                                                              \
        if (uring_is_allowed()) {                                                                  \
            name(LOOP_URING);                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void name(enum loop_kind kind)

static inline struct loop *open_loop(enum loop_kind kind)
{
    struct loop *loop;
    ck_assert_int_eq(loop_open(kind, &loop, NULL), 0);
    return loop;
}

/* A loop whose submission queue, on io_uring, holds a few entries. */
static inline struct loop *open_small_loop(enum loop_kind kind, unsigned queue_entries)
{
    struct loop *loop;
    struct loop_options options = {.kind = kind, .queue_entries = queue_entries};
    ck_assert_int_eq(loop_open_with(&options, &loop, NULL), 0);
    return loop;
}

/* A stream in the loop and its peer, which does not block. */
struct pair {
    struct loop *loop;
    struct stream stream;
    int peer;
};

static inline void set_nonblocking(int fd)
{
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static inline void add_pair_of(struct pair *pair, struct loop *loop, int ours, int peer)
{
    set_nonblocking(ours);
    set_nonblocking(peer);
    pair->loop = loop;
    pair->peer = peer;
    ck_assert_int_eq(loop_add(loop, &pair->stream, ours), 0);
}

static inline void add_pair(struct pair *pair, struct loop *loop)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    add_pair_of(pair, loop, fds[0], fds[1]);
}

static inline void add_tcp_pair(struct pair *pair, struct loop *loop)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(peer, (struct sockaddr *)&address, size), 0);
    int ours = accept(listener, NULL, NULL);
    ck_assert_int_ge(ours, 0);
    close(listener);
    add_pair_of(pair, loop, ours, peer);
}

static inline void wait_once(struct loop *loop, int64_t timeout_us,
                             const struct loop_event **events, size_t *count)
{
    ck_assert_int_eq(loop_wait(loop, timeout_us, events, count), 0);
}

/* Wait for one event, which must be the only one. */
static inline struct loop_event wait_for(struct loop *loop, enum loop_event_kind kind)
{
    const struct loop_event *events;
    size_t count = 0;
    uint64_t end_ns = clock_monotonic_ns() + PATIENCE_US * UINT64_C(1000);
    while (count == 0) {
        ck_assert_uint_lt(clock_monotonic_ns(), end_ns);
        wait_once(loop, PATIENCE_US, &events, &count);
    }
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(events[0].kind, kind);
    return events[0];
}

/* Sleep in the loop for 20 ms in all; nothing may happen, and it must not spin. */
static inline void expect_silence(struct loop *loop)
{
    const uint64_t end_ns = clock_monotonic_ns() + UINT64_C(20000000);
    int turns = 0;
    while (clock_monotonic_ns() < end_ns) {
        const struct loop_event *events;
        size_t count;
        wait_once(loop, 5000, &events, &count);
        ck_assert_uint_eq(count, 0);
        ck_assert_int_lt(++turns, 12);
    }
}

static inline void close_pair(struct pair *pair)
{
    loop_shut(pair->loop, &pair->stream);
    struct loop_event event = wait_for(pair->loop, LOOP_CLOSED);
    ck_assert_ptr_eq(event.stream, &pair->stream);
    close(pair->peer);
}

static inline void peer_writes(const struct pair *pair, const char *text)
{
    ck_assert_int_eq(write(pair->peer, text, strlen(text)), (ssize_t)strlen(text));
}

static inline void expect_data(struct pair *pair, const char *text)
{
    struct loop_event event = wait_for(pair->loop, LOOP_DATA);
    ck_assert_ptr_eq(event.stream, &pair->stream);
    ck_assert_uint_eq(event.data.size, strlen(text));
    ck_assert_mem_eq(event.data.data, text, event.data.size);
}

static inline void send_bytes(struct pair *pair, const char *data, size_t size,
                              enum loop_send_mode mode)
{
    struct iovec part = {.iov_len = size};
    memcpy(&part.iov_base, &data, sizeof(data)); // The loop only reads them.
    loop_send(pair->loop, &pair->stream, &part, 1, mode);
}

/* One turn in which nothing happens but sending. */
static inline void turn(struct loop *loop)
{
    const struct loop_event *events;
    size_t count;
    wait_once(loop, 0, &events, &count);
    ck_assert_uint_eq(count, 0);
}

static inline void expect_peer_reads(const struct pair *pair, const char *text)
{
    char buffer[256];
    ssize_t size = read(pair->peer, buffer, sizeof(buffer));
    ck_assert_int_eq(size, (ssize_t)strlen(text));
    ck_assert_mem_eq(buffer, text, (size_t)size);
}

/* Bytes that differ at every offset of interest. */
static inline char pattern(size_t at)
{
    return (char)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static inline char *make_pattern(size_t size)
{
    char *bytes = malloc(size);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern(i);
    }
    return bytes;
}

/* Read what is there and check it against the pattern from `at` on; the new offset. */
static inline size_t peer_reads_pattern(const struct pair *pair, size_t at)
{
    char buffer[65536];
    ssize_t size;
    while ((size = read(pair->peer, buffer, sizeof(buffer))) > 0) {
        size_t same = 0;
        while (same < (size_t)size && buffer[same] == pattern(at + same)) {
            same++;
        }
        ck_assert_uint_eq(same, (size_t)size);
        at += (size_t)size;
    }
    return at;
}
