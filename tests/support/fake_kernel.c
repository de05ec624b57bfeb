#include "fake_kernel.h"

#include <check.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum {
    SOCKETS_MAX = 256,
    FIRST_FD = 1000,
    EPOLL_FD = 999,
    PARTS_MAX = 64,
    BACKLOG_MAX = 4096,          // Completions that do not fit into the ring.
    BUFFER_RING_INCREMENTAL = 2, // Linux 6.12; older headers do not name them.
    COMPLETION_BUFFER_MORE = 1 << 4,
};

struct fake_send {
    uint64_t user_data;
    struct iovec parts[PARTS_MAX];
    unsigned count;
    size_t size, sent;
};

struct completion {
    uint64_t user_data;
    int result;
    unsigned flags;
};

static struct {
    struct random *random;
    struct fake_chances chances;
    struct fake_socket sockets[SOCKETS_MAX];
    // io_uring
    struct io_uring *ring;
    unsigned sq_head, sq_tail, sq_flags, cq_head, cq_tail;
    struct io_uring_buf_ring *buffers;
    unsigned buffer_count;
    bool is_incremental;
    uint16_t buffer_head;
    struct completion backlog[BACKLOG_MAX];
    unsigned backlog_count;
} fake;

static uint64_t below(uint64_t limit)
{
    return random_below(fake.random, limit);
}

static bool happens(unsigned percent)
{
    return below(100) < percent;
}

static struct fake_socket *socket_of(int fd)
{
    ck_assert_int_ge(fd, FIRST_FD);
    ck_assert_int_lt(fd, FIRST_FD + SOCKETS_MAX);
    struct fake_socket *socket = &fake.sockets[fd - FIRST_FD];
    ck_assert_int_eq(socket->fd, fd);
    return socket;
}

void fake_kernel_open(struct random *random, const struct fake_chances *chances)
{
    int open = 0;
    for (int i = 0; i < SOCKETS_MAX; i++) {
        open += fake.sockets[i].fd != 0;
    }
    ck_assert_int_eq(open, 0);
    memset(&fake, 0, sizeof(fake));
    fake.random = random;
    fake.chances = *chances;
}

struct fake_socket *fake_socket_open(unsigned salt)
{
    int i = 0;
    while (fake.sockets[i].fd != 0) {
        i++;
        ck_assert_int_lt(i, SOCKETS_MAX);
    }
    fake.sockets[i] = (struct fake_socket){.fd = FIRST_FD + i, .salt = salt, .taken_max = SIZE_MAX};
    return &fake.sockets[i];
}

void fake_socket_write(struct fake_socket *socket, size_t size)
{
    ck_assert(!socket->peer_ended);
    socket->written += size;
    socket->has_edge_in = true;
}

static void *fake_realloc(void *memory, size_t size)
{
    return happens(fake.chances.no_memory) ? NULL : realloc(memory, size);
}

// ---- sockets ----

/* How many of `size` bytes are taken now. */
static size_t room_for(const struct fake_socket *socket, size_t size)
{
    size_t room = socket->taken_max - socket->taken;
    size = size < room ? size : room;
    if (size == 0 || !happens(fake.chances.short_send)) {
        return size;
    }
    return happens(30) ? 0 : below(size);
}

static void take(struct fake_socket *socket, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != fake_byte(socket->salt, socket->taken + i)) {
            ck_abort_msg("byte %zu of socket %d is another's", socket->taken + i, socket->fd);
        }
    }
    socket->taken += size;
}

/* Take `size` bytes of the parts, `skip` bytes of which are gone already. */
static void take_parts(struct fake_socket *socket, const struct iovec *parts, size_t skip,
                       size_t size)
{
    for (; size > 0; parts++) {
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): parts hold so many.
        if (skip >= parts->iov_len) {
            skip -= parts->iov_len;
            continue;
        }
        size_t here = parts->iov_len - skip < size ? parts->iov_len - skip : size;
        take(socket, (const char *)parts->iov_base + skip, here);
        size -= here;
        skip = 0;
    }
}

static size_t size_of_parts(const struct iovec *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    return size;
}

/* Bytes for a receive of up to `size`: all there is. Negative errno; 0 at the end. */
static ssize_t receive(struct fake_socket *socket, char *buffer, size_t size)
{
    size_t left = socket->written - socket->received;
    if (socket->is_broken || socket->is_shut) {
        return socket->is_shut ? 0 : -ECONNRESET;
    }
    if (left == 0) {
        return socket->peer_ended ? 0 : -EAGAIN;
    }
    size = size < left ? size : left;
    for (size_t i = 0; i < size; i++) {
        buffer[i] = fake_byte(socket->salt, socket->received + i);
    }
    socket->received += size;
    return (ssize_t)size;
}

static ssize_t with_errno(ssize_t result)
{
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static ssize_t fake_recv(int fd, void *buffer, size_t size, int flags)
{
    ck_assert((flags & MSG_DONTWAIT) != 0);
    return with_errno(receive(socket_of(fd), buffer, size));
}

static ssize_t fake_sendmsg(int fd, const struct msghdr *message, int flags)
{
    ck_assert((flags & MSG_DONTWAIT) != 0 && (flags & MSG_NOSIGNAL) != 0);
    struct fake_socket *socket = socket_of(fd);
    if (socket->is_broken || socket->is_shut) {
        return with_errno(-EPIPE);
    }
    size_t size = size_of_parts(message->msg_iov, message->msg_iovlen);
    size_t taken = room_for(socket, size);
    take_parts(socket, message->msg_iov, 0, taken);
    if (taken < size) {
        socket->has_edge_out = true;
    }
    return with_errno(taken == 0 && size > 0 ? -EAGAIN : (ssize_t)taken);
}

static ssize_t fake_send(int fd, const void *buffer, size_t size, int flags)
{
    struct iovec part = {.iov_len = size};
    memcpy(&part.iov_base, &buffer, sizeof(buffer)); // It is only read.
    return fake_sendmsg(fd, &(struct msghdr){.msg_iov = &part, .msg_iovlen = 1}, flags);
}

static int fake_shutdown(int fd, int how)
{
    ck_assert_int_eq(how, SHUT_RDWR);
    socket_of(fd)->is_shut = true;
    return 0;
}

static int fake_close(int fd)
{
    if (fd != EPOLL_FD) {
        struct fake_socket *socket = socket_of(fd);
        ck_assert_ptr_null(socket->send); // Nothing reads what its owner frees now.
        ck_assert(!socket->receives && !socket->polls);
        socket->fd = 0;
    }
    return 0;
}

// ---- epoll ----

static int fake_epoll_create(int flags)
{
    (void)flags;
    return EPOLL_FD;
}

static int fake_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    ck_assert_int_eq(epoll, EPOLL_FD);
    struct fake_socket *socket = socket_of(fd);
    socket->is_watched = operation != EPOLL_CTL_DEL;
    if (socket->is_watched) {
        ck_assert((event->events & EPOLLET) != 0);
        socket->data = event->data.ptr;
        socket->wants_out = (event->events & EPOLLOUT) != 0;
        // What is the case already is an edge for who begins to watch.
        socket->has_edge_in = socket->received < socket->written || socket->peer_ended;
        socket->has_edge_out = true;
    }
    return 0;
}

static int fake_epoll_wait(int epoll, struct epoll_event *events, int events_max,
                           int64_t timeout_us)
{
    (void)timeout_us;
    ck_assert_int_eq(epoll, EPOLL_FD);
    if (happens(fake.chances.failed_wait)) {
        errno = happens(50) ? EINTR : ENOMEM;
        return -1;
    }
    int count = 0;
    for (int i = 0; i < SOCKETS_MAX && count < events_max; i++) {
        struct fake_socket *socket = &fake.sockets[i];
        uint32_t ready = 0;
        if (socket->fd == 0 || !socket->is_watched || happens(50)) {
            continue;
        }
        if (socket->has_edge_in) {
            ready |= EPOLLIN | (socket->peer_ended ? (uint32_t)EPOLLRDHUP : 0);
        }
        if (socket->wants_out && socket->has_edge_out) {
            ready |= EPOLLOUT;
        }
        if (socket->is_broken) {
            ready |= EPOLLERR | EPOLLHUP;
        }
        socket->has_edge_in = false;
        socket->has_edge_out = socket->has_edge_out && (ready & EPOLLOUT) == 0;
        if (ready != 0) {
            events[count++] = (struct epoll_event){.events = ready, .data.ptr = socket->data};
        }
    }
    return count;
}

// ---- io_uring ----

static int fake_uring_init(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
    memset(ring, 0, sizeof(*ring));
    unsigned completions = entries; // Few, so that some do not fit.
    ring->sq = (struct io_uring_sq){.khead = &fake.sq_head,
                                    .ktail = &fake.sq_tail,
                                    .kflags = &fake.sq_flags,
                                    .sqes = calloc(entries, sizeof(struct io_uring_sqe)),
                                    .ring_mask = entries - 1,
                                    .ring_entries = entries};
    ring->cq = (struct io_uring_cq){.khead = &fake.cq_head,
                                    .ktail = &fake.cq_tail,
                                    .cqes = calloc(completions, sizeof(struct io_uring_cqe)),
                                    .ring_mask = completions - 1,
                                    .ring_entries = completions};
    ring->sq.kring_mask = &ring->sq.ring_mask;
    ring->cq.kring_mask = &ring->cq.ring_mask;
    ring->flags = params->flags;
    fake.ring = ring;
    return 0;
}

static void fake_uring_exit(struct io_uring *ring)
{
    free(ring->sq.sqes);
    free(ring->cq.cqes);
}

static int fake_register_buffers(struct io_uring *ring, struct io_uring_buf_reg *registration)
{
    (void)ring;
    fake.is_incremental = (registration->pad & BUFFER_RING_INCREMENTAL) != 0;
    if (fake.is_incremental && happens(50)) {
        return -EINVAL; // An older kernel.
    }
    // NOLINTNEXTLINE(performance-no-int-to-ptr): so the kernel is told it.
    fake.buffers = (struct io_uring_buf_ring *)(uintptr_t)registration->ring_addr;
    fake.buffer_count = registration->ring_entries;
    return 0;
}

static bool fits_ring(void)
{
    return fake.cq_tail - fake.cq_head < fake.ring->cq.ring_entries;
}

static void put_into_ring(const struct completion *completion)
{
    struct io_uring_cqe *cqe = &fake.ring->cq.cqes[fake.cq_tail++ & fake.ring->cq.ring_mask];
    cqe->user_data = completion->user_data;
    cqe->res = completion->result;
    cqe->flags = completion->flags;
}

static void complete(uint64_t user_data, int result, unsigned flags)
{
    struct completion completion = {.user_data = user_data, .result = result, .flags = flags};
    if (fake.backlog_count == 0 && fits_ring()) {
        put_into_ring(&completion);
        return;
    }
    ck_assert_uint_lt(fake.backlog_count, BACKLOG_MAX);
    fake.backlog[fake.backlog_count++] = completion;
    fake.sq_flags |= IORING_SQ_CQ_OVERFLOW;
}

static void flush_backlog(void)
{
    unsigned at = 0;
    while (at < fake.backlog_count && fits_ring()) {
        put_into_ring(&fake.backlog[at++]);
    }
    fake.backlog_count -= at;
    memmove(fake.backlog, fake.backlog + at, fake.backlog_count * sizeof(fake.backlog[0]));
    if (fake.backlog_count == 0) {
        fake.sq_flags &= ~IORING_SQ_CQ_OVERFLOW;
    }
}

static void end_receive(struct fake_socket *socket, int result)
{
    socket->receives = socket->polls = false;
    complete(socket->receive_data, result, 0);
}

static void submit_receive(struct fake_socket *socket, const struct io_uring_sqe *sqe)
{
    ck_assert((sqe->flags & IOSQE_BUFFER_SELECT) != 0);
    ck_assert(!socket->receives && !socket->polls);
    socket->receives = true;
    socket->receive_data = sqe->user_data;
}

static void submit_poll(struct fake_socket *socket, const struct io_uring_sqe *sqe)
{
    ck_assert_uint_eq(sqe->poll32_events, POLLIN);
    ck_assert(!socket->receives && !socket->polls);
    socket->polls = true;
    socket->receive_data = sqe->user_data;
}

/* The kernel copies the array of parts at submission, and reads the bytes when it likes. */
static void submit_send(struct fake_socket *socket, const struct io_uring_sqe *sqe)
{
    struct iovec single = {.iov_len = sqe->len};
    const void *address = (const void *)(uintptr_t)sqe->addr; // NOLINT(performance-no-int-to-ptr)
    struct msghdr message = {.msg_iov = &single, .msg_iovlen = 1};
    if (sqe->opcode == IORING_OP_SENDMSG) {
        memcpy(&message, address, sizeof(message));
    } else {
        memcpy(&single.iov_base, &address, sizeof(address));
    }
    size_t size = size_of_parts(message.msg_iov, message.msg_iovlen);
    bool once = (sqe->msg_flags & MSG_DONTWAIT) != 0;
    ck_assert((sqe->msg_flags & MSG_WAITALL) != 0 && (sqe->msg_flags & MSG_NOSIGNAL) != 0);
    if (socket->is_broken || socket->is_shut) {
        complete(sqe->user_data, -EPIPE, 0);
    } else if (once) {
        ck_assert_ptr_null(socket->send); // One at a time.
        ck_assert((sqe->flags & IOSQE_CQE_SKIP_SUCCESS) != 0);
        size_t taken = room_for(socket, size);
        take_parts(socket, message.msg_iov, 0, taken);
        if (taken < size) {
            complete(sqe->user_data, taken == 0 ? -EAGAIN : (int)taken, 0);
        }
    } else {
        ck_assert_ptr_null(socket->send);
        ck_assert_uint_le(message.msg_iovlen, PARTS_MAX);
        struct fake_send *send = calloc(1, sizeof(*send));
        send->user_data = sqe->user_data;
        send->count = (unsigned)message.msg_iovlen;
        send->size = size;
        memcpy(send->parts, message.msg_iov, send->count * sizeof(send->parts[0]));
        socket->send = send;
    }
}

static void submit_cancel(const struct io_uring_sqe *sqe)
{
    for (int i = 0; i < SOCKETS_MAX; i++) {
        struct fake_socket *socket = &fake.sockets[i];
        if (socket->fd != 0 && (socket->receives || socket->polls) &&
            socket->receive_data == sqe->addr) {
            end_receive(socket, -ECANCELED);
            complete(sqe->user_data, 0, 0);
            return;
        }
    }
    complete(sqe->user_data, -ENOENT, 0);
}

static void submit_one(const struct io_uring_sqe *sqe)
{
    switch (sqe->opcode) {
    case IORING_OP_RECV:
        submit_receive(socket_of(sqe->fd), sqe);
        break;
    case IORING_OP_POLL_ADD:
        submit_poll(socket_of(sqe->fd), sqe);
        break;
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
        submit_send(socket_of(sqe->fd), sqe);
        break;
    case IORING_OP_ASYNC_CANCEL:
        submit_cancel(sqe);
        break;
    default:
        ck_abort_msg("an operation nobody knows");
    }
}

static int fake_submit(struct io_uring *ring)
{
    unsigned count = ring->sq.sqe_tail - fake.sq_head;
    if (count > 0 && happens(fake.chances.partial_submit)) {
        count = (unsigned)below(count);
        if (count == 0) {
            return -EAGAIN;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_sqe *sqe = &ring->sq.sqes[fake.sq_head & ring->sq.ring_mask];
        submit_one(sqe);
        memset(sqe, 0xff, sizeof(*sqe)); // The next one is filled anew, all of it.
        fake.sq_head++;
    }
    return (int)count;
}

static void go_on_receiving(struct fake_socket *socket)
{
    size_t left = socket->written - socket->received;
    if (socket->is_broken || socket->is_shut || left == 0) {
        if (socket->is_broken || socket->is_shut || socket->peer_ended) {
            end_receive(socket, socket->is_broken ? -ECONNRESET : 0);
        }
        return;
    }
    if (fake.buffer_head == fake.buffers->tail) {
        end_receive(socket, -ENOBUFS);
        return;
    }
    struct io_uring_buf *buffer = &fake.buffers->bufs[fake.buffer_head & (fake.buffer_count - 1)];
    size_t size = happens(50) ? 1 + below(buffer->len) : buffer->len;
    char *bytes = (char *)(uintptr_t)buffer->addr; // NOLINT(performance-no-int-to-ptr)
    ssize_t received = receive(socket, bytes, size);
    unsigned flags = IORING_CQE_F_BUFFER | (unsigned)buffer->bid << IORING_CQE_BUFFER_SHIFT;
    if (fake.is_incremental && (size_t)received < buffer->len) {
        flags |= COMPLETION_BUFFER_MORE;
        buffer->addr += (size_t)received;
        buffer->len -= (unsigned)received;
    } else {
        fake.buffer_head++;
    }
    bool goes_on = !happens(10);
    if (!goes_on) {
        socket->receives = false;
    }
    complete(socket->receive_data, (int)received, flags | (goes_on ? IORING_CQE_F_MORE : 0));
}

static void go_on_polling(struct fake_socket *socket)
{
    bool is_over = socket->is_broken || socket->is_shut || socket->peer_ended;
    if (is_over || socket->received < socket->written) {
        end_receive(socket, POLLIN | (is_over ? POLLHUP : 0));
    }
}

static void go_on_sending(struct fake_socket *socket)
{
    struct fake_send *send = socket->send;
    int error = socket->is_broken || socket->is_shut ? -EPIPE : 0;
    if (error == 0) {
        size_t taken = room_for(socket, send->size - send->sent);
        take_parts(socket, send->parts, send->sent, taken);
        send->sent += taken;
    }
    // Busy kernels stop in between.
    if (error < 0 || send->sent == send->size || (send->sent > 0 && happens(10))) {
        complete(send->user_data, send->sent > 0 ? (int)send->sent : error, 0);
        socket->send = NULL;
        free(send);
    }
}

static void go_on(void)
{
    for (int i = 0; i < SOCKETS_MAX; i++) {
        struct fake_socket *socket = &fake.sockets[i];
        while (socket->fd != 0 && socket->receives && happens(50)) {
            go_on_receiving(socket);
        }
        if (socket->fd != 0 && socket->polls && happens(50)) {
            go_on_polling(socket);
        }
        if (socket->fd != 0 && socket->send != NULL && happens(50)) {
            go_on_sending(socket);
        }
    }
}

/* The buffers are the kernel's until it tells of them: who still looks finds something else. */
static void spoil_buffers(void)
{
    for (uint16_t at = fake.buffer_head; at != fake.buffers->tail; at++) {
        const struct io_uring_buf *buffer = &fake.buffers->bufs[at & (fake.buffer_count - 1)];
        void *bytes = (void *)(uintptr_t)buffer->addr; // NOLINT(performance-no-int-to-ptr)
        memset(bytes, 0x5a, 64);
    }
}

static int fake_submit_and_wait(struct io_uring *ring, int64_t timeout_us)
{
    (void)timeout_us;
    bool fails = happens(fake.chances.failed_wait);
    if (fails && happens(30)) {
        return -ENOMEM; // Before anything is done.
    }
    int count = fake_submit(ring);
    spoil_buffers();
    go_on();
    flush_backlog();
    return fails ? (happens(50) ? -ENOMEM : -EINTR) : count;
}

static int fake_get_events(struct io_uring *ring)
{
    (void)ring;
    flush_backlog();
    return happens(fake.chances.failed_wait) ? -ENOMEM : 0;
}

static void fake_cancel_all(struct io_uring *ring)
{
    (void)ring;
}

const struct loop_kernel fake_kernel = {
    .realloc = fake_realloc,
    .recv = fake_recv,
    .send = fake_send,
    .sendmsg = fake_sendmsg,
    .shutdown = fake_shutdown,
    .close = fake_close,
    .epoll_create = fake_epoll_create,
    .epoll_ctl = fake_epoll_ctl,
    .epoll_wait = fake_epoll_wait,
    .uring_init = fake_uring_init,
    .uring_exit = fake_uring_exit,
    .uring_register_buffers = fake_register_buffers,
    .uring_cancel_all = fake_cancel_all,
    .uring_submit = fake_submit,
    .uring_submit_and_wait = fake_submit_and_wait,
    .uring_get_events = fake_get_events,
};
