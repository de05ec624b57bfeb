/* test_loop_send.c - sending once and waiting, on both back-ends. */
#include "loop_rig.h"

TEST_BOTH(a_send_taken_whole_is_no_event_and_wakes_nobody)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    add_pair(&pair, loop);
    turn(loop);
    send_bytes(&pair, "reply", 5, LOOP_SEND_ONCE);
    expect_silence(loop);
    expect_peer_reads(&pair, "reply");
    close_pair(&pair);
    loop_close(loop);
}

TEST_BOTH(parts_are_sent_in_order)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    add_pair(&pair, loop);
    char letters[LOOP_SEND_PARTS_MAX];
    char expected[LOOP_SEND_PARTS_MAX + 1] = {0};
    struct iovec parts[LOOP_SEND_PARTS_MAX];
    for (unsigned i = 0; i < LOOP_SEND_PARTS_MAX; i++) {
        expected[i] = letters[i] = (char)('0' + i);
        parts[i] = (struct iovec){.iov_base = &letters[i], .iov_len = 1};
    }
    loop_send(loop, &pair.stream, parts, LOOP_SEND_PARTS_MAX, LOOP_SEND_ONCE);
    memset(parts, 0, sizeof(parts)); // The array was copied.
    turn(loop);
    expect_peer_reads(&pair, expected);
    close_pair(&pair);
    loop_close(loop);
}

TEST_BOTH(many_sends_of_many_parts_fit_in_a_turn)
{
    enum { STREAMS = 300, PARTS = 16 };
    struct loop *loop = open_loop(kind);
    struct pair *pairs = calloc(STREAMS, sizeof(*pairs));
    char text[] = "0123456789abcdef";
    struct iovec parts[PARTS];
    for (int i = 0; i < PARTS; i++) {
        parts[i] = (struct iovec){.iov_base = &text[i], .iov_len = 1};
    }
    for (int i = 0; i < STREAMS; i++) {
        add_pair(&pairs[i], loop);
    }
    for (int i = 0; i < STREAMS; i++) {
        loop_send(loop, &pairs[i].stream, parts, PARTS, LOOP_SEND_ONCE);
    }
    turn(loop);
    for (int i = 0; i < STREAMS; i++) {
        expect_peer_reads(&pairs[i], text);
        close_pair(&pairs[i]);
    }
    loop_close(loop);
    free(pairs);
}

/* The queue fills at each place in turn: with receives before the sends, and between them. */
TEST_BOTH(a_full_queue_mixes_up_no_sends)
{
    enum { ENTRIES = 8, STREAMS = 3 * ENTRIES };
    for (int before = 0; before <= ENTRIES; before++) {
        struct loop *loop = open_small_loop(kind, ENTRIES);
        struct pair pairs[STREAMS];
        for (int i = 0; i < STREAMS; i++) {
            if (i == STREAMS - before) {
                turn(loop);
            }
            add_pair(&pairs[i], loop);
        }
        char texts[STREAMS][3];
        for (int i = 0; i < STREAMS; i++) {
            texts[i][0] = (char)('a' + i);
            texts[i][1] = (char)('A' + i);
            texts[i][2] = '\0';
            struct iovec parts[] = {{&texts[i][0], 1}, {&texts[i][1], 1}};
            loop_send(loop, &pairs[i].stream, parts, 2, LOOP_SEND_ONCE);
        }
        turn(loop);
        for (int i = 0; i < STREAMS; i++) {
            expect_peer_reads(&pairs[i], texts[i]);
            close_pair(&pairs[i]);
        }
        loop_close(loop);
    }
}

/* More than the socket takes, once, then the rest by waiting; in parts if told. */
static void overfill(struct pair *pair, unsigned part_count)
{
    enum { SIZE = 8 * 1024 * 1024 };
    struct loop *loop = pair->loop;
    char *bytes = make_pattern(SIZE);
    turn(loop);
    send_bytes(pair, bytes, SIZE, LOOP_SEND_ONCE);
    peer_writes(pair, "beside it"); // A short send is reported before the data.
    const struct loop_event *events;
    size_t count;
    wait_once(loop, PATIENCE_US, &events, &count);
    ck_assert_uint_ge(count, 1);
    ck_assert_int_eq(events[0].kind, LOOP_SENT);
    ck_assert_int_eq(events[0].error, 0);
    size_t sent = events[0].sent;
    ck_assert_uint_gt(sent, 0);
    ck_assert_uint_lt(sent, SIZE);
    if (count == 1) {
        expect_data(pair, "beside it");
    }

    send_bytes(pair, bytes + sent, SIZE - sent, LOOP_SEND_ONCE);
    struct loop_event refused = wait_for(loop, LOOP_SENT);
    ck_assert_int_eq(refused.error, 0);
    sent += refused.sent;

    struct iovec parts[LOOP_SEND_PARTS_MAX];
    size_t part_size = (SIZE - sent) / part_count;
    for (unsigned i = 0; i < part_count; i++) {
        parts[i] = (struct iovec){.iov_base = bytes + sent + i * part_size, .iov_len = part_size};
    }
    parts[part_count - 1].iov_len = SIZE - sent - (part_count - 1) * part_size;
    loop_send(loop, &pair->stream, parts, part_count, LOOP_SEND_WAIT);
    expect_silence(loop);
    size_t read = 0;
    count = 0;
    while (count == 0) {
        read = peer_reads_pattern(pair, read);
        wait_once(loop, 1000, &events, &count);
    }
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(events[0].kind, LOOP_SENT);
    ck_assert_int_eq(events[0].error, 0);
    ck_assert_uint_eq(events[0].sent, SIZE - sent);
    while (read < SIZE) {
        read = peer_reads_pattern(pair, read);
    }
    expect_silence(loop);
    close_pair(pair);
    loop_close(loop);
    free(bytes);
}

TEST_BOTH(short_sends_are_reported_and_the_rest_waits_for_a_socket_pair)
{
    struct pair pair;
    add_pair(&pair, open_loop(kind));
    overfill(&pair, 1);
}

TEST_BOTH(short_sends_are_reported_and_the_rest_waits_for_tcp)
{
    struct pair pair;
    add_tcp_pair(&pair, open_loop(kind));
    overfill(&pair, 1);
}

TEST_BOTH(a_waiting_send_of_many_parts_arrives_in_order)
{
    struct pair pair;
    add_tcp_pair(&pair, open_loop(kind));
    overfill(&pair, LOOP_SEND_PARTS_MAX);
}

TEST_BOTH(a_waiting_send_that_fits_is_reported_too)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    add_pair(&pair, loop);
    send_bytes(&pair, "reply", 5, LOOP_SEND_WAIT);
    struct loop_event event = wait_for(loop, LOOP_SENT);
    ck_assert_uint_eq(event.sent, 5);
    ck_assert_int_eq(event.error, 0);
    expect_peer_reads(&pair, "reply");
    close_pair(&pair);
    loop_close(loop);
}

TEST_BOTH(a_waiting_send_ends_when_the_peer_is_gone)
{
    struct loop *loop = open_loop(kind);
    struct pair pair;
    enum { SIZE = 8 * 1024 * 1024 };
    char *bytes = make_pattern(SIZE);
    add_tcp_pair(&pair, loop);
    send_bytes(&pair, bytes, SIZE, LOOP_SEND_WAIT);
    turn(loop);
    close(pair.peer);
    bool has_ended = false;
    bool was_sent = false;
    while (!has_ended || !was_sent) {
        const struct loop_event *events;
        size_t count;
        wait_once(loop, PATIENCE_US, &events, &count);
        ck_assert_uint_gt(count, 0);
        for (size_t i = 0; i < count; i++) {
            has_ended = has_ended || events[i].kind == LOOP_END;
            if (events[i].kind == LOOP_SENT) {
                was_sent = true;
                ck_assert(events[i].error < 0 || events[i].sent < SIZE);
            }
        }
    }
    loop_shut(loop, &pair.stream);
    wait_for(loop, LOOP_CLOSED);
    loop_close(loop);
    free(bytes);
}
