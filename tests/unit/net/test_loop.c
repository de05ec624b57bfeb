/* test_loop.c - receiving, waiting, waking and closing, on both back-ends. */
#include "loop_rig.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

static void echo(struct loop *loop, struct pair *pair)
{
    for (int round = 0; round < 100; round++) {
        peer_writes(pair, "hello");
        struct loop_event event = wait_for(loop, LOOP_DATA);
        ck_assert_ptr_eq(event.stream, &pair->stream);
        char copy[5];
        ck_assert_uint_eq(event.data.size, sizeof(copy));
        memcpy(copy, event.data.data, sizeof(copy));
        send_bytes(pair, copy, sizeof(copy), LOOP_SEND_ONCE);
        turn(loop);
        expect_peer_reads(pair, "hello");
    }
    close_pair(pair);
    loop_close(loop);
}

TEST_BOTH(socket_pairs_echo)
{
    struct pair pair;
    struct loop *loop = open_loop(kind);
    add_pair(&pair, loop);
    echo(loop, &pair);
}

TEST_BOTH(tcp_connections_echo)
{
    struct pair pair;
    struct loop *loop = open_loop(kind);
    add_tcp_pair(&pair, loop);
    echo(loop, &pair);
}

TEST_BOTH(loops_give_back_what_they_took)
{
    int before = dup(0);
    close(before);
    for (int i = 0; i < 20; i++) {
        struct loop *loop = open_loop(kind);
        struct pair pair;
        add_pair(&pair, loop);
        turn(loop);
        close_pair(&pair);
        loop_close(loop);
    }
    int after = dup(0);
    close(after);
    ck_assert_int_eq(after, before);
}

TEST_BOTH(a_wait_ends_at_its_timeout)
{
    struct loop *loop = open_loop(kind);
    const struct loop_event *events;
    size_t count;
    uint64_t begin_ns = clock_monotonic_ns();
    wait_once(loop, 15000, &events, &count);
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_ge(clock_monotonic_ns() - begin_ns, UINT64_C(14000000));
    wait_once(loop, 0, &events, &count);
    ck_assert_uint_eq(count, 0);
    loop_close(loop);
}

TEST_BOTH(a_paused_stream_lends_no_data_until_it_is_resumed)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    add_pair(&pair, loop);
    turn(loop);
    loop_pause(loop, &pair.stream);
    loop_pause(loop, &pair.stream);
    turn(loop);
    peer_writes(&pair, "later");
    expect_silence(loop);
    loop_resume(loop, &pair.stream);
    expect_data(&pair, "later");
    peer_writes(&pair, "and again");
    expect_data(&pair, "and again");
    close_pair(&pair);
    loop_close(loop);
}

TEST_BOTH(pausing_and_resuming_in_one_turn_keeps_receiving)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    add_pair(&pair, loop);
    for (int i = 0; i < 10; i++) {
        loop_pause(loop, &pair.stream);
        loop_resume(loop, &pair.stream);
        loop_pause(loop, &pair.stream);
        loop_resume(loop, &pair.stream);
        turn(loop);
        peer_writes(&pair, "data");
        expect_data(&pair, "data");
    }
    close_pair(&pair);
    loop_close(loop);
}

TEST_BOTH(a_paused_stream_whose_peer_is_gone_does_not_spin)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    add_tcp_pair(&pair, loop);
    loop_pause(loop, &pair.stream);
    turn(loop);
    peer_writes(&pair, "last words");
    close(pair.peer);
    expect_silence(loop);
    loop_resume(loop, &pair.stream);
    const struct loop_event *events;
    size_t count;
    wait_once(loop, PATIENCE_US, &events, &count);
    ck_assert_uint_ge(count, 1);
    ck_assert_int_eq(events[0].kind, LOOP_DATA);
    if (count == 1) {
        wait_for(loop, LOOP_END);
    } else {
        ck_assert_int_eq(events[1].kind, LOOP_END);
    }
    expect_silence(loop);
    loop_shut(loop, &pair.stream);
    wait_for(loop, LOOP_CLOSED);
    loop_close(loop);
}

TEST_BOTH(a_peer_that_half_closes_still_gets_replies)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    add_tcp_pair(&pair, loop);
    peer_writes(&pair, "request");
    expect_data(&pair, "request");
    ck_assert_int_eq(shutdown(pair.peer, SHUT_WR), 0);
    ck_assert_int_eq(wait_for(loop, LOOP_END).error, 0);
    loop_resume(loop, &pair.stream);
    loop_pause(loop, &pair.stream);
    loop_resume(loop, &pair.stream);
    expect_silence(loop);
    send_bytes(&pair, "reply", 5, LOOP_SEND_ONCE);
    turn(loop);
    expect_peer_reads(&pair, "reply");
    expect_silence(loop);
    close_pair(&pair);
    loop_close(loop);
}

TEST_BOTH(a_reset_connection_ends_with_its_error)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    add_tcp_pair(&pair, loop);
    turn(loop);
    const struct linger linger = {.l_onoff = 1};
    setsockopt(pair.peer, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(pair.peer);
    ck_assert_int_eq(wait_for(loop, LOOP_END).error, -ECONNRESET);
    expect_silence(loop);
    send_bytes(&pair, "x", 1, LOOP_SEND_ONCE);
    struct loop_event event = wait_for(loop, LOOP_SENT);
    ck_assert_int_eq(event.error, -EPIPE);
    ck_assert_uint_eq(event.sent, 0);
    loop_shut(loop, &pair.stream);
    wait_for(loop, LOOP_CLOSED);
    loop_close(loop);
}

TEST_BOTH(shutting_with_a_send_under_way_closes_and_says_nothing_else)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    enum { SIZE = 8 * 1024 * 1024 };
    char *bytes = make_pattern(SIZE);
    add_tcp_pair(&pair, loop);
    send_bytes(&pair, bytes, SIZE, LOOP_SEND_WAIT);
    turn(loop);
    peer_writes(&pair, "ignored");
    loop_shut(loop, &pair.stream);
    loop_shut(loop, &pair.stream);
    loop_pause(loop, &pair.stream);
    loop_resume(loop, &pair.stream);
    send_bytes(&pair, bytes, SIZE, LOOP_SEND_ONCE);
    ck_assert_ptr_eq(wait_for(loop, LOOP_CLOSED).stream, &pair.stream);
    memset(bytes, 0, SIZE);
    loop_shut(loop, &pair.stream);
    expect_silence(loop);
    close(pair.peer);
    loop_close(loop);
    free(bytes);
}

TEST_BOTH(what_is_sent_before_shutting_arrives)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    for (int i = 0; i < 4; i++) {
        add_tcp_pair(&pair, loop);
        if (i % 2 == 0) {
            turn(loop);
        }
        send_bytes(&pair, "goodbye", 7, i < 2 ? LOOP_SEND_ONCE : LOOP_SEND_WAIT);
        loop_shut(loop, &pair.stream);
        wait_for(loop, LOOP_CLOSED);
        expect_peer_reads(&pair, "goodbye");
        expect_peer_reads(&pair, "");
        close(pair.peer);
    }
    loop_close(loop);
}

TEST_BOTH(shutting_a_paused_stream_closes_it)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    add_pair(&pair, loop);
    turn(loop);
    loop_pause(loop, &pair.stream);
    turn(loop);
    close_pair(&pair);
    add_pair(&pair, loop);
    loop_pause(loop, &pair.stream);
    close_pair(&pair);
    loop_close(loop);
}

TEST_BOTH(many_streams_are_served_and_closed_once_each)
{
    enum { STREAMS = 400, ROUNDS = 5 };
    struct loop *loop = open_loop(kind);
    struct pair *pairs = calloc(STREAMS, sizeof(*pairs));
    unsigned *closed = calloc(STREAMS, sizeof(*closed));
    const struct loop_event *events;
    size_t count;
    for (int i = 0; i < STREAMS; i++) {
        add_pair(&pairs[i], loop);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < STREAMS; i++) {
            ck_assert_int_eq(write(pairs[i].peer, &i, sizeof(i)), sizeof(i));
        }
        for (int seen = 0; seen < STREAMS;) {
            wait_once(loop, PATIENCE_US, &events, &count);
            ck_assert_uint_gt(count, 0);
            for (size_t i = 0; i < count; i++, seen++) {
                int index;
                ck_assert_int_eq(events[i].kind, LOOP_DATA);
                ck_assert_uint_eq(events[i].data.size, sizeof(index));
                memcpy(&index, events[i].data.data, sizeof(index));
                ck_assert_ptr_eq(events[i].stream, &pairs[index].stream);
            }
        }
    }
    for (int i = 0; i < STREAMS; i++) {
        loop_shut(loop, &pairs[i].stream);
    }
    for (int seen = 0; seen < STREAMS;) {
        wait_once(loop, PATIENCE_US, &events, &count);
        for (size_t i = 0; i < count; i++, seen++) {
            ck_assert_int_eq(events[i].kind, LOOP_CLOSED);
            for (int j = 0; j < STREAMS; j++) {
                closed[j] += events[i].stream == &pairs[j].stream;
            }
        }
    }
    for (int i = 0; i < STREAMS; i++) {
        ck_assert_uint_eq(closed[i], 1);
        close(pairs[i].peer);
    }
    expect_silence(loop);
    loop_close(loop);
    free(closed);
    free(pairs);
}

static void *write_to_eventfd(void *fd)
{
    uint64_t one = 1;
    ck_assert_int_eq(write(*(int *)fd, &one, sizeof(one)), sizeof(one));
    return NULL;
}

TEST_BOTH(another_thread_wakes_the_loop_through_an_eventfd)
{
    struct loop *loop = open_loop(kind);
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ck_assert_int_eq(loop_watch(loop, fd), 0);
    expect_silence(loop);
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, write_to_eventfd, &fd), 0);
        const struct loop_event *events;
        size_t count = 0;
        while (count == 0) {
            wait_once(loop, -1, &events, &count);
        }
        ck_assert_int_eq(events[0].kind, LOOP_WAKE);
        pthread_join(thread, NULL);
        expect_silence(loop); // The loop has read it.
    }
    write_to_eventfd(&fd);
    write_to_eventfd(&fd);
    wait_for(loop, LOOP_WAKE);
    loop_close(loop);
    close(fd);
}

TEST_BOTH(more_data_than_all_buffers_hold_arrives_whole_and_in_order)
{
    enum { SIZE = 24 * 1024 * 1024 };
    struct loop *loop = open_loop(kind);
    struct pair pair;
    char *bytes = make_pattern(SIZE);
    add_tcp_pair(&pair, loop);
    size_t written = 0;
    size_t received = 0;
    while (received < SIZE) {
        ssize_t size = write(pair.peer, bytes + written, SIZE - written);
        written += size > 0 ? (size_t)size : 0;
        const struct loop_event *events;
        size_t count;
        wait_once(loop, written < SIZE ? 0 : PATIENCE_US, &events, &count);
        for (size_t i = 0; i < count; i++) {
            ck_assert_int_eq(events[i].kind, LOOP_DATA);
            ck_assert_mem_eq(events[i].data.data, bytes + received, events[i].data.size);
            received += events[i].data.size;
        }
    }
    close_pair(&pair);
    loop_close(loop);
    free(bytes);
}

TEST_BOTH(streams_that_run_out_of_buffers_together_lose_nothing)
{
    enum { STREAMS = 100 };
    struct loop *loop = open_loop(kind);
    struct pair *pairs = calloc(STREAMS, sizeof(*pairs));
    size_t *left = calloc(STREAMS, sizeof(*left));
    size_t total = 0;
    char block[4096];
    for (int i = 0; i < STREAMS; i++) {
        add_pair(&pairs[i], loop);
        memset(block, i, sizeof(block));
        ssize_t size;
        while ((size = write(pairs[i].peer, block, sizeof(block))) > 0) {
            left[i] += (size_t)size;
        }
        total += left[i];
    }
    ck_assert_uint_gt(total, UINT64_C(8) << 20); // Twice what the loops lend in a turn.
    while (total > 0) {
        const struct loop_event *events;
        size_t count;
        wait_once(loop, PATIENCE_US, &events, &count);
        ck_assert_uint_gt(count, 0);
        for (size_t i = 0; i < count; i++) {
            ck_assert_int_eq(events[i].kind, LOOP_DATA);
            const struct pair *pair =
                (const struct pair *)(const void *)((const char *)events[i].stream -
                                                    offsetof(struct pair, stream));
            ck_assert_int_eq(events[i].data.data[0], (char)(pair - pairs));
            ck_assert_uint_le(events[i].data.size, left[pair - pairs]);
            left[pair - pairs] -= events[i].data.size;
            total -= events[i].data.size;
        }
    }
    for (int i = 0; i < STREAMS; i++) {
        ck_assert_uint_eq(left[i], 0);
        close_pair(&pairs[i]);
    }
    loop_close(loop);
    free(left);
    free(pairs);
}
