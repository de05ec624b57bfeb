/* floor_uring.c - the least a server can do on io_uring.
 *
 * One io_uring_enter a turn: it submits the turn's sends and waits. Receiving is
 * multishot into a ring of provided buffers. A send that the socket takes whole
 * posts no completion (MSG_WAITALL makes a short one a failure, which
 * IOSQE_CQE_SKIP_SUCCESS lets through), so that only new input ends the wait.
 */
#include "floor.h"

#include <errno.h>
#include <liburing.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SUBMISSIONS = 4096,
    COMPLETIONS = 16384,
    BUFFERS = 256,
    BUFFER_SIZE = 4096,
};

enum operation { ACCEPT, RECEIVE, SEND, SEND_WAIT, OPERATION_BITS = 2 };

struct server {
    struct io_uring ring;
    struct floor_options options;
    struct io_uring_buf_ring *buffers;
    char *memory;
    int recycled; // Buffers given back in this turn.
    unsigned ready_count;
    uint32_t ready[FLOOR_CONNECTIONS_MAX];
    struct floor_connection connections[FLOOR_CONNECTIONS_MAX];
};

static struct io_uring_sqe *take_sqe(struct server *server)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&server->ring);
    if (sqe == NULL) {
        io_uring_submit(&server->ring);
        sqe = io_uring_get_sqe(&server->ring);
    }
    return sqe;
}

static void tag(struct io_uring_sqe *sqe, enum operation operation, uint32_t fd)
{
    sqe->user_data = (uint64_t)fd << OPERATION_BITS | operation;
}

static void recycle(struct server *server, unsigned buffer)
{
    io_uring_buf_ring_add(server->buffers, server->memory + (size_t)buffer * BUFFER_SIZE,
                          BUFFER_SIZE, (unsigned short)buffer, io_uring_buf_ring_mask(BUFFERS),
                          server->recycled++);
}

static void set_up(struct server *server)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL,
        .cq_entries = COMPLETIONS,
    };
    int error = io_uring_queue_init_params(SUBMISSIONS, &server->ring, &params);
    if (error < 0) {
        floor_fail("io_uring_setup", -error);
    }
    io_uring_register_ring_fd(&server->ring);

    size_t ring_size = BUFFERS * sizeof(struct io_uring_buf);
    char *memory = mmap(NULL, ring_size + (size_t)BUFFERS * BUFFER_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        floor_fail("mmap", errno);
    }
    server->buffers = (struct io_uring_buf_ring *)(void *)memory;
    server->memory = memory + ring_size;
    struct io_uring_buf_reg registration = {.ring_addr = (uintptr_t)memory,
                                            .ring_entries = BUFFERS};
    error = io_uring_register_buf_ring(&server->ring, &registration, 0);
    if (error < 0) {
        floor_fail("io_uring_register_buf_ring", -error);
    }
    for (unsigned buffer = 0; buffer < BUFFERS; buffer++) {
        recycle(server, buffer);
    }
    io_uring_buf_ring_advance(server->buffers, server->recycled);
    server->recycled = 0;
}

static void begin_accept(struct server *server)
{
    struct io_uring_sqe *sqe = take_sqe(server);
    io_uring_prep_multishot_accept(sqe, server->options.listener, NULL, NULL, 0);
    tag(sqe, ACCEPT, 0);
}

static void begin_receive(struct server *server, uint32_t fd)
{
    struct io_uring_sqe *sqe = take_sqe(server);
    io_uring_prep_recv_multishot(sqe, (int)fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    tag(sqe, RECEIVE, fd);
}

static void begin_send(struct server *server, uint32_t fd)
{
    struct floor_connection *connection = &server->connections[fd];
    struct io_uring_sqe *sqe = take_sqe(server);
    const char *bytes = floor_next_bytes(connection, &connection->sending);
    int flags = MSG_NOSIGNAL | MSG_WAITALL | (connection->is_full ? 0 : MSG_DONTWAIT);
    io_uring_prep_send(sqe, (int)fd, bytes, connection->sending, flags);
    if (!connection->is_full) {
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
    tag(sqe, connection->is_full ? SEND_WAIT : SEND, fd);
    connection->owed -= connection->sending;
}

static void make_ready(struct server *server, uint32_t fd)
{
    struct floor_connection *connection = &server->connections[fd];
    if (connection->owed > 0 && !connection->is_ready && !connection->is_full) {
        connection->is_ready = true;
        server->ready[server->ready_count++] = fd;
    }
}

static void on_accept(struct server *server, const struct io_uring_cqe *cqe)
{
    uint32_t fd = (uint32_t)cqe->res;
    if (cqe->res >= FLOOR_CONNECTIONS_MAX) {
        close(cqe->res);
    } else if (cqe->res >= 0) {
        server->connections[fd] = (struct floor_connection){0};
        begin_receive(server, fd);
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        begin_accept(server);
    }
}

static void on_receive(struct server *server, uint32_t fd, const struct io_uring_cqe *cqe)
{
    struct floor_connection *connection = &server->connections[fd];
    if (cqe->res > 0) {
        recycle(server, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        floor_receive(connection, (uint32_t)cqe->res, server->options.request_bytes);
        make_ready(server, fd);
    } else if (cqe->res != -ENOBUFS) {
        // What is still owed is dropped: the load closes only what was answered.
        connection->owed = 0;
        connection->has_ended = true;
        if (connection->is_full) {
            shutdown((int)fd, SHUT_RDWR); // The waiting send fails and closes it.
        } else {
            close((int)fd);
        }
        return;
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        begin_receive(server, fd);
    }
}

/* A send that was not taken whole at once, or one that waited. */
static void on_send(struct server *server, uint32_t fd, const struct io_uring_cqe *cqe)
{
    struct floor_connection *connection = &server->connections[fd];
    connection->is_full = false;
    if (connection->has_ended) {
        close((int)fd);
        return;
    }
    if (cqe->res < 0 && cqe->res != -EAGAIN) {
        shutdown((int)fd, SHUT_RDWR); // The receive ends and closes it.
        return;
    }
    uint32_t sent = cqe->res < 0 ? 0 : (uint32_t)cqe->res;
    connection->owed += connection->sending - sent;
    if ((cqe->user_data & ((1 << OPERATION_BITS) - 1)) == SEND) {
        connection->is_full = true;
        begin_send(server, fd);
    } else {
        make_ready(server, fd);
    }
}

static void on_completions(struct server *server)
{
    const struct io_uring_cqe *cqe;
    unsigned head;
    unsigned count = 0;
    io_uring_for_each_cqe(&server->ring, head, cqe)
    {
        count++;
        uint32_t fd = (uint32_t)(cqe->user_data >> OPERATION_BITS);
        switch ((enum operation)(cqe->user_data & ((1 << OPERATION_BITS) - 1))) {
        case ACCEPT:
            on_accept(server, cqe);
            break;
        case RECEIVE:
            on_receive(server, fd, cqe);
            break;
        default:
            on_send(server, fd, cqe);
            break;
        }
    }
    io_uring_buf_ring_advance(server->buffers, server->recycled);
    server->recycled = 0;
    io_uring_cq_advance(&server->ring, count);
}

static void send_to_ready(struct server *server)
{
    for (unsigned i = 0; i < server->ready_count; i++) {
        uint32_t fd = server->ready[i];
        struct floor_connection *connection = &server->connections[fd];
        connection->is_ready = false;
        if (connection->owed == 0 || connection->is_full) {
            continue;
        }
        // What one send cannot hold follows when it completes.
        connection->is_full = connection->owed > FLOOR_SEND_MAX;
        begin_send(server, fd);
    }
    server->ready_count = 0;
}

int main(int argc, char **argv)
{
    static struct server server;
    server.options = floor_start(argc, argv);
    set_up(&server);
    begin_accept(&server);
    for (;;) {
        int submitted = io_uring_submit_and_wait(&server.ring, 1);
        if (submitted < 0 && submitted != -EINTR) {
            floor_fail("io_uring_enter", -submitted);
        }
        on_completions(&server);
        send_to_ready(&server);
    }
}
