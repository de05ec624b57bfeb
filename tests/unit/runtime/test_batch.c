/* Batches: whatever comes together is answered in the order of each connection. */
#include "worker_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

// `count` requests "ECHO <i>", and what answers them.
struct exchange {
    char *requests;
    char *replies;
};

static struct exchange echoes(int count)
{
    struct exchange exchange;
    size_t size;
    FILE *requests = open_memstream(&exchange.requests, &size);
    size_t replies_size;
    FILE *replies = open_memstream(&exchange.replies, &replies_size);
    for (int i = 0; i < count; i++) {
        char word[16];
        int length = snprintf(word, sizeof(word), "%d", i);
        (void)fprintf(requests, "*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n", length, word);
        (void)fprintf(replies, "$%d\r\n%s\r\n", length, word);
    }
    (void)fclose(requests);
    (void)fclose(replies);
    return exchange;
}

static void exchange_free(struct exchange *exchange)
{
    free(exchange->requests);
    free(exchange->replies);
}

TEST_ON_LOOPS(a_long_pipeline_is_answered_in_order)
{
    struct exchange exchange = echoes(20 * WORKER_REQUESTS_PER_TURN + 1);
    int fd = rig_connect(rig);
    rig_send(fd, exchange.requests);
    rig_expect(fd, exchange.replies);
    ck_assert_uint_eq(counter_read(&rig->worker->counts.commands),
                      20 * WORKER_REQUESTS_PER_TURN + 1);
    (void)close(fd);
    exchange_free(&exchange);
}

TEST_ON_LOOPS(a_pipeline_that_is_not_read_is_executed_all_the_same)
{
    enum { COUNT = 4000, SIZE = 1000 };
    char value[SIZE + 1];
    char put[SIZE + 64];
    memset(value, 'v', SIZE);
    value[SIZE] = '\0';
    (void)snprintf(put, sizeof(put), "*3\r\n$3\r\nPUT\r\n$1\r\nk\r\n$%d\r\n%s\r\n", SIZE, value);
    int fd = rig_connect(rig);
    rig_send(fd, put);
    for (int i = 0; i < COUNT; i++) {
        rig_send(fd, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    }
    RIG_WAIT_UNTIL(counter_read(&rig->worker->counts.commands) == COUNT + 1);
    rig_expect(fd, "+OK\r\n");
    char reply[SIZE + 16];
    (void)snprintf(reply, sizeof(reply), "$%d\r\n%s\r\n", SIZE, value);
    for (int i = 0; i < COUNT; i++) {
        rig_expect(fd, reply);
    }
    (void)close(fd);
}

TEST_ON_LOOPS(near_the_limit_of_output_a_client_waits_for_its_reader)
{
    enum { COUNT = 30000, SIZE = 1000, LIMIT = 2 * 1024 * 1024 };
    char value[SIZE + 1];
    char put[SIZE + 64];
    memset(value, 'v', SIZE);
    value[SIZE] = '\0';
    atomic_store(&rig->limits.output_bytes_max, LIMIT);
    (void)snprintf(put, sizeof(put), "*3\r\n$3\r\nPUT\r\n$1\r\nk\r\n$%d\r\n%s\r\n", SIZE, value);
    int fd = rig_connect(rig);
    rig_send(fd, put);
    rig_expect(fd, "+OK\r\n");
    static const char get[] = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    for (int i = 0; i < COUNT; i++) {
        if (send(fd, get, sizeof(get) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < (int)sizeof(get) - 1) {
            break; // It reads no more, which it may.
        }
    }
    char reply[SIZE + 16];
    (void)snprintf(reply, sizeof(reply), "$%d\r\n%s\r\n", SIZE, value);
    uint64_t read = 0;
    do {
        rig_expect(fd, reply);
        read++;
    } while (read < 1000);
    ck_assert_uint_eq(counter_read(&rig->worker->counts.output_limit_closes), 0);
    rig_reset(fd);
    RIG_WAIT_UNTIL(rig->closed == 1);
}

TEST_ON_LOOPS(neighbours_are_served_beside_a_long_pipeline)
{
    struct exchange exchange = echoes(50000);
    int busy = rig_connect(rig);
    int other = rig_connect(rig);
    rig_send(other, "PUT k v\r\n");
    rig_expect(other, "+OK\r\n");
    rig_send(busy, exchange.requests);
    rig_send(other, "GET k\r\n");
    rig_expect(other, "$1\r\nv\r\n");
    rig_expect(busy, exchange.replies);
    (void)close(busy);
    (void)close(other);
    exchange_free(&exchange);
}

TEST_ON_LOOPS(a_request_in_single_bytes_is_executed_once)
{
    static const char request[] = "*3\r\n$3\r\nPUT\r\n$1\r\nk\r\n$2\r\nvv\r\n";
    int fd = rig_connect(rig);
    for (size_t i = 0; i + 1 < sizeof(request); i++) {
        char byte[2] = {request[i], '\0'};
        rig_send(fd, byte);
    }
    rig_expect(fd, "+OK\r\n");
    ck_assert_uint_eq(counter_read(&rig->worker->counts.commands), 1);
    (void)close(fd);
}

TEST_ON_LOOPS(requests_before_a_mistake_are_answered_and_none_after)
{
    int fd = rig_connect(rig);
    rig_send(fd, "*2\r\n$4\r\nECHO\r\n$1\r\na\r\n*1\r\n!\r\n*2\r\n$4\r\nECHO\r\n$1\r\nb\r\n");
    rig_expect(fd, "$1\r\na\r\n-ERR Protocol error: expected '$', got '!'\r\n");
    rig_expect_end(fd);
    (void)close(fd);
}

TEST_ON_LOOPS(requests_after_quit_are_not_executed)
{
    int fd = rig_connect(rig);
    rig_send(fd, "PUT k v\r\nQUIT\r\nPUT k w\r\n");
    rig_expect(fd, "+OK\r\n+OK\r\n");
    rig_expect_end(fd);
    (void)close(fd);
    fd = rig_connect(rig);
    rig_send(fd, "GET k\r\n");
    rig_expect(fd, "$1\r\nv\r\n");
    (void)close(fd);
}

TEST_ON_LOOPS(a_request_beyond_the_limit_of_input_closes)
{
    int fd = rig_connect(rig);
    atomic_store(&rig->limits.query_bytes_max, (uint64_t)64 * 1024);
    rig_send(fd, "*3\r\n$3\r\nPUT\r\n$1\r\nk\r\n$1000000\r\n");
    char part[4096];
    memset(part, 'x', sizeof(part));
    for (int i = 0; i < 64; i++) {
        if (send(fd, part, sizeof(part), MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    RIG_WAIT_UNTIL(rig->closed == 1);
    ck_assert_uint_eq(counter_read(&rig->worker->counts.query_limit_closes), 1);
    rig_expect_end(fd);
    (void)close(fd);
}
