/* bench_loop.c - the floors' server, on the project's loop.
 *
 *   bench_loop [--io auto|uring|epoll] --request-bytes N [--port N]
 *
 * It counts bytes and answers each request with the same 32, as the floors do on the
 * kernel's interface: the distance between the two is what the loop costs.
 * A second thread accepts, so that the loop under test sees connections alone.
 */
#include "../floor/floor.h"
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    struct stream stream; // First: a stream's address is its connection's.
    struct floor_connection account;
};

struct server {
    struct floor_options options;
    struct loop *loop;
    int accepted[2]; // A pipe of descriptors.
    int wake_fd;
    unsigned ready_count;
    struct connection *ready[FLOOR_CONNECTIONS_MAX];
};

static void *accept_connections(void *argument)
{
    const struct server *server = argument;
    for (;;) {
        int fd = accept4(server->options.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        uint64_t one = 1;
        if (fd >= 0 && (write(server->accepted[1], &fd, sizeof(fd)) < 0 ||
                        write(server->wake_fd, &one, sizeof(one)) < 0)) {
            floor_fail("cannot hand over a connection", errno);
        }
    }
    return NULL;
}

static struct connection *connection_of(struct stream *stream)
{
    return (struct connection *)stream;
}

static void add_accepted(struct server *server)
{
    int fd;
    while (read(server->accepted[0], &fd, sizeof(fd)) == sizeof(fd)) {
        struct connection *connection = calloc(1, sizeof(*connection));
        if (connection == NULL || loop_add(server->loop, &connection->stream, fd) < 0) {
            floor_fail("cannot add a connection", ENOMEM);
        }
    }
}

static void make_ready(struct server *server, struct connection *connection)
{
    struct floor_connection *account = &connection->account;
    if (account->owed > 0 && !account->is_ready && !account->is_full && !account->has_ended) {
        account->is_ready = true;
        server->ready[server->ready_count++] = connection;
    }
}

static void begin_send(struct server *server, struct connection *connection)
{
    struct floor_connection *account = &connection->account;
    const char *bytes = floor_next_bytes(account, &account->sending);
    struct iovec part = {.iov_len = account->sending};
    memcpy(&part.iov_base, &bytes, sizeof(bytes)); // The kernel only reads them.
    loop_send(server->loop, &connection->stream, &part, 1,
              account->is_full ? LOOP_SEND_WAIT : LOOP_SEND_ONCE);
    account->owed -= account->sending;
}

static void on_sent(struct server *server, struct connection *connection, size_t sent, int error)
{
    struct floor_connection *account = &connection->account;
    if (error < 0) {
        account->has_ended = true;
        loop_shut(server->loop, &connection->stream);
        return;
    }
    account->owed += account->sending - sent;
    if (account->is_full) {
        account->is_full = false;
        make_ready(server, connection);
    } else {
        account->is_full = true;
        begin_send(server, connection);
    }
}

static void on_event(struct server *server, const struct loop_event *event)
{
    struct connection *connection = connection_of(event->stream);
    switch (event->kind) {
    case LOOP_DATA:
        floor_receive(&connection->account, (uint32_t)event->data.size,
                      server->options.request_bytes);
        make_ready(server, connection);
        break;
    case LOOP_END:
        connection->account.has_ended = true;
        loop_shut(server->loop, event->stream);
        break;
    case LOOP_SENT:
        on_sent(server, connection, event->sent, event->error);
        break;
    case LOOP_CLOSED:
        free(connection);
        break;
    case LOOP_WAKE:
        add_accepted(server);
        break;
    }
}

static void send_to_ready(struct server *server)
{
    for (unsigned i = 0; i < server->ready_count; i++) {
        struct connection *connection = server->ready[i];
        struct floor_connection *account = &connection->account;
        account->is_ready = false;
        if (account->is_full || account->has_ended) {
            continue;
        }
        // What one send cannot hold follows when it is over.
        account->is_full = account->owed > FLOOR_SEND_MAX;
        begin_send(server, connection);
    }
    server->ready_count = 0;
}

static enum loop_kind parse_kind(const char *word)
{
    if (strcmp(word, "uring") == 0) {
        return LOOP_URING;
    }
    return strcmp(word, "epoll") == 0 ? LOOP_EPOLL : LOOP_AUTO;
}

static void set_up(struct server *server, enum loop_kind kind)
{
    int error = loop_open(kind, &server->loop, NULL);
    if (error < 0) {
        floor_fail("loop_open", -error);
    }
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake_fd < 0 || pipe2(server->accepted, O_CLOEXEC) < 0 ||
        fcntl(server->accepted[0], F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(server->options.listener, F_SETFL, 0) < 0) {
        floor_fail("cannot set up", errno);
    }
    error = loop_watch(server->loop, server->wake_fd);
    if (error < 0) {
        floor_fail("loop_watch", -error);
    }
    pthread_t thread;
    error = pthread_create(&thread, NULL, accept_connections, server);
    if (error != 0) {
        floor_fail("pthread_create", error);
    }
}

int main(int argc, char **argv)
{
    static struct server server;
    enum loop_kind kind = LOOP_AUTO;
    if (argc > 2 && strcmp(argv[1], "--io") == 0) {
        kind = parse_kind(argv[2]);
        argv[2] = argv[0];
        argv += 2;
        argc -= 2;
    }
    server.options = floor_start(argc, argv);
    set_up(&server, kind);
    for (;;) {
        const struct loop_event *events;
        size_t count;
        int error = loop_wait(server.loop, -1, &events, &count);
        if (error < 0) {
            floor_fail("loop_wait", -error);
        }
        for (size_t i = 0; i < count; i++) {
            on_event(&server, &events[i]);
        }
        send_to_ready(&server);
    }
}
