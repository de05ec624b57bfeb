/* A crowd against a server in another thread that answers by counting bytes. */
#include "load/crowd.h"

#include "unit.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_SIZE = 36, PEERS_MAX = 16, STALL_MS = 200 };

struct server {
    int listener;
    pthread_t thread;
    struct endpoint endpoint;
    uint64_t stall_at;  // Before this reply the server sleeps for STALL_MS; 0: never.
    uint64_t close_at;  // Instead of this reply it hangs up; 0: never.
    const char *answer; // To each request.
    uint64_t answered;
};

/* Answer what `fd` sent; false when the connection is over. */
static bool serve(struct server *server, int fd)
{
    static const struct timespec stall = {.tv_nsec = STALL_MS * 1000000L};
    char buffer[REQUEST_SIZE * 64];
    ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
    // Requests come whole: a crowd sends each batch at once, over loopback.
    for (ssize_t at = 0; at + REQUEST_SIZE <= got; at += REQUEST_SIZE) {
        server->answered++;
        if (server->answered == server->stall_at) {
            (void)nanosleep(&stall, NULL);
        }
        if (server->answered == server->close_at) {
            return false;
        }
        (void)send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
    }
    return got > 0;
}

/* Accept and serve until the listener is shut down. */
static void *run_server(void *argument)
{
    struct server *server = argument;
    struct pollfd polled[PEERS_MAX + 1] = {{.fd = server->listener, .events = POLLIN}};
    nfds_t count = 1;
    while (poll(polled, count, -1) > 0 && (polled[0].revents & POLLHUP) == 0) {
        if (polled[0].revents != 0 && count <= PEERS_MAX) {
            polled[count++] =
                (struct pollfd){.fd = accept(server->listener, NULL, NULL), .events = POLLIN};
        }
        for (nfds_t i = 1; i < count; i++) {
            if (polled[i].revents != 0 && !serve(server, polled[i].fd)) {
                (void)close(polled[i].fd);
                polled[i].fd = -1; // poll passes over it.
            }
        }
    }
    return NULL;
}

static void start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    struct problem problem;
    char text[64];
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(server->listener, PEERS_MAX), 0);
    ck_assert_int_eq(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(text, sizeof(text), "test=127.0.0.1:%d", ntohs(address.sin_port));
    ck_assert_int_eq(endpoint_parse(&server->endpoint, text, &problem), 0);
    ck_assert_int_eq(pthread_create(&server->thread, NULL, run_server, server), 0);
}

static void stop(struct server *server)
{
    (void)shutdown(server->listener, SHUT_RDWR);
    ck_assert_int_eq(pthread_join(server->thread, NULL), 0);
    (void)close(server->listener);
}

static volatile sig_atomic_t never;

/* One turn of GETs over four connections; the status of crowd_run. */
static int run(struct server *server, enum loop_kind kind, struct turn_plan plan, struct turn *turn,
               struct problem *problem)
{
    static const struct workload_spec spec = {
        .keys = 1000, .key_size = 16, .value_size = 64, .read_share = 1, .seed = 1};
    struct loop *loop = NULL;
    struct workload workload;
    struct crowd *crowd = NULL;
    plan.stop = &never;
    start(server);
    ck_assert_int_eq(loop_open(kind, &loop, NULL), 0);
    ck_assert_int_eq(workload_open(&workload, &spec, WORKLOAD_MEASURED, problem), 0);
    ck_assert_uint_eq(workload.request_size_max, REQUEST_SIZE);
    struct crowd_setup setup = {.loop = loop,
                                .endpoint = &server->endpoint,
                                .workload = &workload,
                                .connections = 4,
                                .pipeline = 3};
    ck_assert_int_eq(crowd_open(&crowd, &setup, problem), 0);
    int status = crowd_run(crowd, &plan, turn, problem);
    crowd_close(crowd);
    workload_close(&workload);
    loop_close(loop);
    stop(server);
    return status;
}

static struct turn *make_turn(void)
{
    struct turn *turn = calloc(1, sizeof(*turn));
    ck_assert_ptr_nonnull(turn);
    return turn;
}

/* The share of latencies that are longer than `ms`. */
static double share_above(const struct histogram *latency, uint64_t ms)
{
    uint64_t above = 0;
    for (uint32_t i = histogram_bucket(ms * 1000000) + 1; i < HISTOGRAM_BUCKETS; i++) {
        above += latency->buckets[i];
    }
    return (double)above / (double)latency->count;
}

static void check_closed_loop(enum loop_kind kind)
{
    struct server server = {.answer = "$2\r\nok\r\n"};
    struct turn *turn = make_turn();
    struct problem problem;
    struct turn_plan plan = {.duration_ns = 100000000};
    ck_assert_int_eq(run(&server, kind, plan, turn, &problem), 0);
    ck_assert_uint_gt(turn->tally.replies, 0);
    ck_assert_uint_eq(turn->tally.replies, server.answered);
    ck_assert_uint_eq(turn->tally.replies % 3, 0); // Whole batches.
    ck_assert_uint_eq(turn->latency.count, turn->tally.replies);
    ck_assert_uint_eq(turn->tally.bytes, turn->tally.replies * 8);
    ck_assert_uint_ge(turn->elapsed_ns, plan.duration_ns);
    free(turn);
}

TEST(a_closed_loop_counts_every_reply_on_epoll)
{
    check_closed_loop(LOOP_EPOLL);
}

TEST(a_closed_loop_counts_every_reply_on_the_best_loop)
{
    check_closed_loop(LOOP_AUTO);
}

TEST(a_paced_turn_sends_as_many_as_were_due)
{
    struct server server = {.answer = "+OK\r\n"};
    struct turn *turn = make_turn();
    struct problem problem;
    struct turn_plan plan = {.duration_ns = 200000000, .rate = 2000};
    ck_assert_int_eq(run(&server, LOOP_AUTO, plan, turn, &problem), 0);
    // At 0, 0.5 ms ... 200 ms.
    ck_assert_uint_eq(turn->tally.replies, 401);
    ck_assert_uint_eq(turn->latency.count, 401);
    ck_assert_uint_eq(turn->unsent, 0);
    free(turn);
}

TEST(requests_that_fell_due_in_a_stall_count_their_wait)
{
    struct server server = {.answer = "+OK\r\n", .stall_at = 300};
    struct turn *turn = make_turn();
    struct problem problem;
    struct turn_plan plan = {.duration_ns = 1000000000, .rate = 1000};
    ck_assert_int_eq(run(&server, LOOP_AUTO, plan, turn, &problem), 0);
    ck_assert_uint_eq(turn->latency.count, 1001);
    // 200 requests fell due in the 200 ms; half of them waited for 100 ms or more. A
    // generator that waits for replies before it sends would have seen four.
    ck_assert_double_ge(share_above(&turn->latency, STALL_MS / 2), 0.09);
    ck_assert_uint_ge(turn->latency.max, STALL_MS * UINT64_C(1000000));
    free(turn);
}

TEST(error_replies_are_counted)
{
    struct server server = {.answer = "-ERR not today\r\n"};
    struct turn *turn = make_turn();
    struct problem problem;
    struct turn_plan plan = {.duration_ns = 20000000};
    ck_assert_int_eq(run(&server, LOOP_AUTO, plan, turn, &problem), 0);
    ck_assert_uint_gt(turn->tally.errors, 0);
    ck_assert_uint_eq(turn->tally.errors, turn->tally.replies);
    ck_assert_mem_eq(turn->tally.error, "ERR not today", turn->tally.error_size);
    free(turn);
}

TEST(a_server_that_hangs_up_is_named)
{
    struct server server = {.answer = "+OK\r\n", .close_at = 10};
    struct turn *turn = make_turn();
    struct problem problem;
    struct turn_plan plan = {.duration_ns = 5000000000};
    ck_assert_int_eq(run(&server, LOOP_AUTO, plan, turn, &problem), -1);
    ck_assert_msg(strncmp(problem.text, "test: ", 6) == 0, "%s", problem.text);
    free(turn);
}

TEST(replies_that_make_no_sense_end_the_turn)
{
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n", "+1\r\n+2\r\n"};
    for (size_t i = 0; i < 2; i++) {
        struct server server = {.answer = answers[i]};
        struct turn *turn = make_turn();
        struct problem problem;
        struct turn_plan plan = {.duration_ns = 5000000000};
        ck_assert_int_eq(run(&server, LOOP_AUTO, plan, turn, &problem), -1);
        ck_assert_ptr_nonnull(strstr(problem.text, i == 0 ? "no reply" : "more replies"));
        free(turn);
    }
}
