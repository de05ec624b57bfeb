/* floor.c - options and set-up of the floors. */
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char reply[FLOOR_REPLY_SIZE + 1] = "$25\r\n0123456789012345678901234\r\n";

// One reply more than a send takes, so that it may begin inside one.
static char replies[FLOOR_SEND_MAX + FLOOR_REPLY_SIZE];

void floor_fail(const char *what, int error)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerrordesc_np(error));
    _exit(EXIT_FAILURE);
}

const char *floor_next_bytes(const struct floor_connection *connection, uint32_t *size_out)
{
    uint64_t owed = connection->owed;
    *size_out = owed < FLOOR_SEND_MAX ? (uint32_t)owed : FLOOR_SEND_MAX;
    // What is owed ends at the end of a reply, so it tells how far into one we are.
    return replies + (FLOOR_REPLY_SIZE - owed % FLOOR_REPLY_SIZE) % FLOOR_REPLY_SIZE;
}

static void end(int signal_number)
{
    (void)signal_number;
    _exit(EXIT_SUCCESS);
}

static uint32_t parse_number(const char *text, long max)
{
    char *rest;
    long number = strtol(text, &rest, 10);
    if (*text == '\0' || *rest != '\0' || number < 0 || number > max) {
        floor_fail(text, EINVAL);
    }
    return (uint32_t)number;
}

static int listen_on(uint16_t port)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    // Accepted sockets inherit TCP_NODELAY.
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, SOMAXCONN) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0) {
        floor_fail("cannot listen", errno);
    }
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

struct floor_options floor_start(int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"request-bytes", required_argument, NULL, 'r'},
                                            {0}};
    uint16_t port = 0;
    uint32_t request_bytes = 0;
    int option;
    // Only this thread exists. NOLINTNEXTLINE(concurrency-mt-unsafe)
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            port = (uint16_t)parse_number(optarg, UINT16_MAX);
            break;
        case 'r':
            request_bytes = parse_number(optarg, 1 << 30);
            break;
        default:
            optind = argc + 1;
            break;
        }
    }
    if (optind != argc || request_bytes == 0) {
        fprintf(stderr, "usage: %s --request-bytes N [--port N]\n", argv[0]);
        _exit(EXIT_FAILURE);
    }
    for (size_t at = 0; at < sizeof(replies); at += FLOOR_REPLY_SIZE) {
        memcpy(replies + at, reply, FLOOR_REPLY_SIZE);
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur =
            files.rlim_max < FLOOR_CONNECTIONS_MAX ? files.rlim_max : FLOOR_CONNECTIONS_MAX;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    return (struct floor_options){.listener = listen_on(port), .request_bytes = request_bytes};
}
