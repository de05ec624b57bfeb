/* test_loop_crowd.c - more streams with something to say than any queue of the loop holds. */
#include "loop_rig.h"

#include <sys/resource.h>

enum { STREAMS = 9000 };

// Whether as many descriptors are to be had here.
static bool can_open(unsigned descriptors)
{
    struct rlimit files;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    return files.rlim_max >= descriptors + 100 && setrlimit(RLIMIT_NOFILE, &files) == 0;
}

/* All streams share one socket, so that one stroke gives each of them an event. */
TEST_BOTH(more_events_than_any_queue_holds_come_once_each)
{
    if (!can_open(STREAMS)) {
        return;
    }
    struct loop *loop = open_loop(kind);
    struct stream *streams = calloc(STREAMS, sizeof(*streams));
    unsigned *seen = calloc(STREAMS, sizeof(*seen));
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    char block[65536] = {0};
    while (write(fds[0], block, sizeof(block)) > 0 || write(fds[0], block, 1) > 0) {
    }
    for (int i = 0; i < STREAMS; i++) {
        ck_assert_int_eq(loop_add(loop, &streams[i], dup(fds[0])), 0);
    }
    turn(loop);
    const struct iovec part = {.iov_base = block, .iov_len = sizeof(block)};
    for (int i = 0; i < STREAMS; i++) {
        loop_send(loop, &streams[i], &part, 1, LOOP_SEND_ONCE);
    }
    const struct loop_event *events;
    size_t count;
    // What failed is all there after one turn, else it would pass for sent.
    wait_once(loop, 0, &events, &count);
    ck_assert_uint_eq(count, STREAMS);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(events[i].kind, LOOP_SENT);
        ck_assert_uint_eq(events[i].sent, 0);
        seen[events[i].stream - streams]++;
    }
    close(fds[1]);
    for (size_t ends = 0; ends < STREAMS; ends += count) {
        wait_once(loop, PATIENCE_US, &events, &count);
        ck_assert_uint_gt(count, 0);
        for (size_t i = 0; i < count; i++) {
            ck_assert_int_eq(events[i].kind, LOOP_END);
            seen[events[i].stream - streams]++;
        }
    }
    for (int i = 0; i < STREAMS; i++) {
        ck_assert_uint_eq(seen[i], 2);
        loop_shut(loop, &streams[i]);
    }
    wait_once(loop, 0, &events, &count);
    ck_assert_uint_eq(count, STREAMS);
    close(fds[0]);
    loop_close(loop);
    free(seen);
    free(streams);
}

// ---- data ----

struct crowd {
    struct loop *loop;
    struct pair *pairs;
    unsigned seen[LOOP_WAKE + 1][STREAMS]; // Events of each kind.
};

// Every peer has written before the loop begins to receive, so that all receives are
// over as soon as they are submitted.
static struct crowd *open_crowd(enum loop_kind kind)
{
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    ck_assert_ptr_nonnull(crowd);
    crowd->loop = open_loop(kind);
    crowd->pairs = calloc(STREAMS, sizeof(*crowd->pairs));
    ck_assert_ptr_nonnull(crowd->pairs);
    for (int i = 0; i < STREAMS; i++) {
        int fds[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        ck_assert_int_eq(write(fds[1], "hello", 5), 5);
        add_pair_of(&crowd->pairs[i], crowd->loop, fds[0], fds[1]);
    }
    return crowd;
}

static size_t crowd_turn(struct crowd *crowd)
{
    const struct loop_event *events;
    size_t count;
    wait_once(crowd->loop, PATIENCE_US, &events, &count);
    for (size_t i = 0; i < count; i++) {
        const char *stream = (const char *)events[i].stream;
        size_t index = (size_t)(stream - (const char *)crowd->pairs) / sizeof(*crowd->pairs);
        if (events[i].kind == LOOP_DATA) {
            ck_assert_uint_eq(events[i].data.size, 5);
            ck_assert_mem_eq(events[i].data.data, "hello", 5);
        }
        crowd->seen[events[i].kind][index]++;
    }
    return count;
}

// Of every `step`th stream from `first` on, those without an event of the kind.
static size_t without(const struct crowd *crowd, enum loop_event_kind kind, int first, int step)
{
    size_t count = 0;
    for (int i = first; i < STREAMS; i += step) {
        count += crowd->seen[kind][i] == 0;
    }
    return count;
}

// Turns until each of them has had one.
static void await_each(struct crowd *crowd, enum loop_event_kind kind, int first, int step)
{
    const uint64_t end_ns = clock_monotonic_ns() + PATIENCE_US * UINT64_C(1000);
    while (without(crowd, kind, first, step) > 0) {
        ck_assert_uint_lt(clock_monotonic_ns(), end_ns);
        crowd_turn(crowd);
    }
}

// Each of them has had one event of the kind, not more.
static void expect_once(const struct crowd *crowd, enum loop_event_kind kind, int first, int step)
{
    for (int i = first; i < STREAMS; i += step) {
        ck_assert_uint_eq(crowd->seen[kind][i], 1);
    }
}

static void close_crowd(struct crowd *crowd)
{
    for (int i = 0; i < STREAMS; i++) {
        loop_shut(crowd->loop, &crowd->pairs[i].stream);
    }
    await_each(crowd, LOOP_CLOSED, 0, 1);
    expect_once(crowd, LOOP_CLOSED, 0, 1);
    for (int i = 0; i < STREAMS; i++) {
        close(crowd->pairs[i].peer);
    }
    loop_close(crowd->loop);
    free(crowd->pairs);
    free(crowd);
}

TEST_BOTH(data_of_more_streams_than_there_are_buffers_comes_once_each)
{
    if (!can_open(2 * STREAMS)) {
        return;
    }
    struct crowd *crowd = open_crowd(kind);
    for (int round = 0; round < 3; round++) {
        await_each(crowd, LOOP_DATA, 0, 1);
        expect_once(crowd, LOOP_DATA, 0, 1);
        memset(crowd->seen, 0, sizeof(crowd->seen));
        for (int i = 0; i < STREAMS; i++) {
            peer_writes(&crowd->pairs[i], "hello");
        }
    }
    close_crowd(crowd);
}

// Some of each kind got no buffer in the first turn.
TEST_BOTH(streams_that_wait_for_a_buffer_are_paused_and_shut_as_others)
{
    if (!can_open(2 * STREAMS)) {
        return;
    }
    struct crowd *crowd = open_crowd(kind);
    while (crowd_turn(crowd) == 0) {
    }
    ck_assert_uint_gt(without(crowd, LOOP_DATA, 0, 3), 0);
    size_t unread = without(crowd, LOOP_DATA, 1, 3);
    ck_assert_uint_gt(unread, 0);
    for (int i = 0; i + 2 < STREAMS; i += 3) {
        loop_pause(crowd->loop, &crowd->pairs[i].stream);
        loop_shut(crowd->loop, &crowd->pairs[i + 1].stream);
    }
    await_each(crowd, LOOP_CLOSED, 1, 3);
    await_each(crowd, LOOP_DATA, 2, 3);
    expect_silence(crowd->loop);
    ck_assert_uint_eq(without(crowd, LOOP_DATA, 1, 3), unread); // None once they were shut.
    for (int i = 0; i < STREAMS; i += 3) {
        loop_resume(crowd->loop, &crowd->pairs[i].stream);
    }
    await_each(crowd, LOOP_DATA, 0, 3);
    expect_once(crowd, LOOP_DATA, 0, 3);
    expect_once(crowd, LOOP_DATA, 2, 3);
    close_crowd(crowd);
}
