/* floor_epoll.c - the least a server can do on epoll.
 *
 * A turn is one epoll_wait, one recv per ready connection and one send for what it
 * owes. Interest is edge-triggered and set once: the kernel then need not look at
 * each socket again in the following epoll_wait, and a full socket costs no epoll_ctl.
 */
#include "floor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 1024,
    INPUT_SIZE = 64 * 1024,
};

struct server {
    int epoll;
    struct floor_options options;
    struct epoll_event events[EVENTS];
    struct floor_connection connections[FLOOR_CONNECTIONS_MAX];
    char input[INPUT_SIZE];
};

static void watch(struct server *server, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        floor_fail("epoll_ctl", errno);
    }
}

static void on_accept(struct server *server)
{
    int fd = accept4(server->options.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= FLOOR_CONNECTIONS_MAX) {
        close(fd);
    } else if (fd >= 0) {
        server->connections[fd] = (struct floor_connection){0};
        watch(server, fd, EPOLLIN | EPOLLOUT | EPOLLET);
    }
}

/* Whether the connection lives on. */
static bool receive(struct server *server, int fd)
{
    struct floor_connection *connection = &server->connections[fd];
    ssize_t size;
    do {
        size = recv(fd, server->input, sizeof(server->input), MSG_DONTWAIT);
        if (size > 0) {
            floor_receive(connection, (uint32_t)size, server->options.request_bytes);
        }
    } while (size == (ssize_t)sizeof(server->input)); // A short one has emptied the socket.
    return size > 0 || (size < 0 && errno == EAGAIN);
}

/* Whether the connection lives on. */
static bool send_owed(struct server *server, int fd)
{
    struct floor_connection *connection = &server->connections[fd];
    connection->is_full = false;
    while (connection->owed > 0) {
        const char *bytes = floor_next_bytes(connection, &connection->sending);
        ssize_t sent = send(fd, bytes, connection->sending, MSG_DONTWAIT | MSG_NOSIGNAL);
        connection->owed -= sent < 0 ? 0 : (uint64_t)sent;
        if (sent != (ssize_t)connection->sending) {
            connection->is_full = true;
            return sent >= 0 || errno == EAGAIN;
        }
    }
    return true;
}

/* Whether the connection lives on. */
static bool on_ready(struct server *server, int fd, uint32_t events)
{
    if ((events & ~(uint32_t)EPOLLOUT) != 0 && !receive(server, fd)) {
        return false;
    }
    return (server->connections[fd].is_full && (events & EPOLLOUT) == 0) || send_owed(server, fd);
}

int main(int argc, char **argv)
{
    static struct server server;
    server.options = floor_start(argc, argv);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server.epoll < 0) {
        floor_fail("epoll_create1", errno);
    }
    watch(&server, server.options.listener, EPOLLIN);
    for (;;) {
        int count = epoll_wait(server.epoll, server.events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = server.events[i].data.fd;
            if (fd == server.options.listener) {
                on_accept(&server);
            } else if (!on_ready(&server, fd, server.events[i].events)) {
                close(fd);
            }
        }
    }
}
