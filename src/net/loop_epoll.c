/* loop_epoll.c - the loop on epoll, where io_uring is not to be had.
 *
 * Interest is edge-triggered: the loop remembers what it has not used up yet, and a
 * stream that is paused, hung up or half closed costs nothing.
 *
 *   edge ──> READABLE, in the list ──> recv until short ──> not readable
 *                 ▲        │ paused: out of the list, still READABLE
 *     loop_resume └────────┘
 *
 * A turn receives into one area, densely, so that small requests of many streams
 * share cache lines that are warm. When the area is full, the rest of the list waits
 * for the next turn, which then does not sleep.
 *
 * Sends happen in loop_send. What a waiting send has left is kept in stream->unsent
 * and goes on at EPOLLOUT, which is asked for only meanwhile: unix sockets would
 * report it for every reply that the peer reads.
 */
#include "net/loop_internal.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    KERNEL_EVENTS = 512,
    INPUT_SIZE = 1024 * 1024,
    RECEIVE_MAX = 256 * 1024,
    INPUT_ALIGNMENT = 64,
};

enum state {
    PAUSED = 1,
    READABLE = 2, // An edge was seen and what it told of is not used up.
    HUNG_UP = 4,  // The end is near: receive until it is seen.
    LISTED = 8,   // In the list of those to receive from.
    ENDED = 16,
    SHUT = 32,
};

/* What a waiting send has left. */
struct unsent {
    size_t sent;
    unsigned first; // Part to go on with.
    unsigned count;
    struct iovec parts[];
};

struct loop_epoll {
    struct loop loop;
    int epoll;
    int watched_fd;
    struct event_list *filling; // Not the one that is lent.
    struct event_list lists[2];
    size_t stream_count;
    uint32_t turn; // A stream's in_kernel is the turn that added its last LOOP_SENT.
    struct stream_queue to_receive;
    char *input;
    size_t input_used;
    unsigned ready_max;
    struct epoll_event ready[KERNEL_EVENTS];
};

static struct loop_epoll *epoll_of(struct loop *loop)
{
    return (struct loop_epoll *)loop;
}

static const struct loop_kernel *kernel_of(const struct loop_epoll *epoll)
{
    return epoll->loop.kernel;
}

static void list_push(struct loop_epoll *epoll, struct stream *stream)
{
    stream->state |= LISTED;
    stream_queue_push(&epoll->to_receive, stream);
}

static struct stream *list_pop(struct loop_epoll *epoll)
{
    struct stream *stream = stream_queue_pop(&epoll->to_receive);
    stream->state &= ~(uint32_t)LISTED;
    return stream;
}

static int control(struct loop_epoll *epoll, int operation, struct stream *stream, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLIN | EPOLLRDHUP | EPOLLET,
                                .data.ptr = stream};
    return kernel_of(epoll)->epoll_ctl(epoll->epoll, operation, stream->fd, &event) < 0 ? -errno
                                                                                        : 0;
}

static int epoll_watch(struct loop *loop, int fd)
{
    struct loop_epoll *epoll = epoll_of(loop);
    ASSERT(epoll->watched_fd < 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (kernel_of(epoll)->epoll_ctl(epoll->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        return -errno;
    }
    epoll->watched_fd = fd;
    return event_lists_reserve(epoll->lists, epoll->stream_count);
}

static int epoll_add(struct loop *loop, struct stream *stream, int fd)
{
    struct loop_epoll *epoll = epoll_of(loop);
    if (event_lists_reserve(epoll->lists, epoll->stream_count + 1) < 0) {
        return -ENOMEM;
    }
    *stream = (struct stream){.fd = fd, .in_kernel = epoll->turn - 1};
    int error = control(epoll, EPOLL_CTL_ADD, stream, 0);
    if (error == 0) {
        epoll->stream_count++;
    }
    return error;
}

static void epoll_pause(struct loop *loop, struct stream *stream)
{
    (void)loop;
    stream->state |= PAUSED;
}

static void epoll_resume(struct loop *loop, struct stream *stream)
{
    stream->state &= ~(uint32_t)PAUSED;
    if ((stream->state & (READABLE | LISTED | ENDED | SHUT)) == READABLE) {
        list_push(epoll_of(loop), stream);
    }
}

static void epoll_receive_into(struct loop *loop, struct stream *stream, char *target, size_t size)
{
    (void)loop;
    stream->target = target;
    stream->target_size = size;
}

static void add_sent(struct loop_epoll *epoll, struct stream *stream, size_t sent, int error)
{
    struct loop_event *event = event_list_add(epoll->filling, LOOP_SENT, stream);
    event->sent = sent;
    event->error = error;
    stream->in_kernel = epoll->turn;
}

/* Take back what was added about a stream since the last turn. */
static void drop_events(struct event_list *list, const struct stream *stream)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].stream != stream) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

/* The bytes taken, 0 if the socket is full, or negative errno. */
static ssize_t try_send(const struct loop_kernel *kernel, int fd, struct iovec *parts,
                        unsigned count)
{
    enum { FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent;
    do {
        sent = count == 1 ? kernel->send(fd, parts->iov_base, parts->iov_len, FLAGS)
                          : kernel->sendmsg(fd, &message, FLAGS);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        return sent;
    }
    return errno == EAGAIN ? 0 : -errno;
}

static size_t size_of_parts(const struct iovec *parts, unsigned count)
{
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    return size;
}

/* Take `sent` bytes off the front of what is left. */
static void advance(struct unsent *unsent, size_t sent)
{
    unsent->sent += sent;
    while (unsent->first < unsent->count && sent >= unsent->parts[unsent->first].iov_len) {
        sent -= unsent->parts[unsent->first++].iov_len;
    }
    if (sent > 0) {
        struct iovec *part = &unsent->parts[unsent->first];
        part->iov_base = (char *)part->iov_base + sent;
        part->iov_len -= sent;
    }
}

/* Wait for room to send what is left of the parts. 0 or negative errno. */
static int begin_waiting(struct loop_epoll *epoll, struct stream *stream, const struct iovec *parts,
                         unsigned count, size_t sent)
{
    struct unsent *unsent =
        kernel_of(epoll)->realloc(NULL, sizeof(*unsent) + count * sizeof(*parts));
    if (unsent == NULL) {
        return -ENOMEM;
    }
    *unsent = (struct unsent){.count = count};
    memcpy(unsent->parts, parts, count * sizeof(*parts));
    advance(unsent, sent);
    int error = control(epoll, EPOLL_CTL_MOD, stream, EPOLLOUT);
    if (error < 0) {
        free(unsent);
        return error;
    }
    stream->unsent = unsent;
    return 0;
}

static void epoll_send(struct loop *loop, struct stream *stream, const struct iovec *parts,
                       unsigned count, enum loop_send_mode mode)
{
    struct loop_epoll *epoll = epoll_of(loop);
    if ((stream->state & SHUT) != 0) {
        return;
    }
    ASSERT(stream->unsent == NULL);
    struct iovec copy[LOOP_SEND_PARTS_MAX];
    memcpy(copy, parts, count * sizeof(*parts));
    ssize_t sent = try_send(kernel_of(epoll), stream->fd, copy, count);
    size_t size = size_of_parts(parts, count);
    bool whole = sent == (ssize_t)size;
    if (mode == LOOP_SEND_ONCE && whole) {
        return;
    }
    if (mode == LOOP_SEND_ONCE || whole || sent < 0) {
        add_sent(epoll, stream, sent < 0 ? 0 : (size_t)sent, sent < 0 ? (int)sent : 0);
        return;
    }
    int error = begin_waiting(epoll, stream, parts, count, (size_t)sent);
    if (error < 0) {
        add_sent(epoll, stream, (size_t)sent, error);
    }
}

/* Go on with a waiting send: there is room, or the connection has failed. */
static void go_on_sending(struct loop_epoll *epoll, struct stream *stream)
{
    struct unsent *unsent = stream->unsent;
    ssize_t sent;
    do {
        sent = try_send(kernel_of(epoll), stream->fd, unsent->parts + unsent->first,
                        unsent->count - unsent->first);
        if (sent == 0) {
            return;
        }
        advance(unsent, sent < 0 ? 0 : (size_t)sent);
    } while (sent > 0 && unsent->first < unsent->count);

    add_sent(epoll, stream, unsent->sent, sent < 0 ? (int)sent : 0);
    stream->unsent = NULL;
    free(unsent);
    // Fails only for want of memory; then an event too many may come, and is ignored.
    (void)control(epoll, EPOLL_CTL_MOD, stream, 0);
}

static void list_remove(struct loop_epoll *epoll, struct stream *stream)
{
    struct stream *before = NULL;
    for (struct stream *at = epoll->to_receive.first; at != stream; at = at->next) {
        before = at;
    }
    if (before == NULL) {
        epoll->to_receive.first = stream->next;
    } else {
        before->next = stream->next;
    }
    if (epoll->to_receive.last == stream) {
        epoll->to_receive.last = before;
    }
}

static void epoll_shut(struct loop *loop, struct stream *stream)
{
    struct loop_epoll *epoll = epoll_of(loop);
    if ((stream->state & SHUT) != 0) {
        return;
    }
    if ((stream->state & LISTED) != 0) {
        list_remove(epoll, stream);
    }
    if (stream->in_kernel == epoll->turn) {
        drop_events(epoll->filling, stream);
    }
    stream->state = SHUT;
    free(stream->unsent);
    stream->unsent = NULL;
    // Closing removes it too, but not while another process has a copy.
    (void)kernel_of(epoll)->epoll_ctl(epoll->epoll, EPOLL_CTL_DEL, stream->fd, NULL);
    (void)kernel_of(epoll)->shutdown(stream->fd, SHUT_RDWR);
    (void)kernel_of(epoll)->close(stream->fd);
    stream->fd = -1;
    epoll->stream_count--;
    event_list_add(epoll->filling, LOOP_CLOSED, stream);
}

/* Take in what the kernel says about a stream. */
static void on_ready(struct loop_epoll *epoll, struct stream *stream, uint32_t events)
{
    if (stream->unsent != NULL && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        go_on_sending(epoll, stream);
    }
    if ((events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) {
        stream->state |= HUNG_UP | READABLE;
    }
    if ((events & EPOLLIN) != 0) {
        stream->state |= READABLE;
    }
    if ((stream->state & (READABLE | PAUSED | LISTED | ENDED)) == READABLE) {
        list_push(epoll, stream);
    }
}

/* Receive once. Whether there may be more. */
static bool receive(struct loop_epoll *epoll, struct stream *stream)
{
    if (UNLIKELY(stream->target_size > 0)) {
        bool has_ended;
        bool has_more = receive_to_target(epoll->filling, stream, &has_ended);
        stream->state |= has_ended ? (uint32_t)ENDED : 0;
        return !has_ended && (has_more || (stream->state & HUNG_UP) != 0);
    }
    char *input = epoll->input + epoll->input_used;
    ssize_t size = kernel_of(epoll)->recv(stream->fd, input, RECEIVE_MAX, MSG_DONTWAIT);
    if (LIKELY(size > 0)) {
        event_list_add(epoll->filling, LOOP_DATA, stream)->data = bytes_make(input, (size_t)size);
        epoll->input_used += ((size_t)size + INPUT_ALIGNMENT - 1) & ~(size_t)(INPUT_ALIGNMENT - 1);
        // A short one has emptied the socket, but what follows the last byte is still to come.
        return size == RECEIVE_MAX || (stream->state & HUNG_UP) != 0;
    }
    if (size < 0 && errno == EINTR) {
        return true;
    }
    if (size < 0 && errno == EAGAIN) {
        return false;
    }
    stream->state |= ENDED;
    event_list_add(epoll->filling, LOOP_END, stream)->error = size < 0 ? -errno : 0;
    return false;
}

/* Receive once from each in the list, as long as there is room. */
static void receive_from_listed(struct loop_epoll *epoll)
{
    struct stream *last = epoll->to_receive.last;
    struct stream *stream = NULL;
    while (epoll->to_receive.first != NULL && stream != last &&
           epoll->input_used + RECEIVE_MAX <= INPUT_SIZE) {
        stream = list_pop(epoll);
        if ((stream->state & PAUSED) != 0) {
            continue;
        }
        if (receive(epoll, stream)) {
            list_push(epoll, stream);
        } else {
            stream->state &= ~(uint32_t)READABLE;
        }
    }
}

static void on_watched(struct loop_epoll *epoll)
{
    uint64_t value;
    if (read(epoll->watched_fd, &value, sizeof(value)) > 0) {
        event_list_add(epoll->filling, LOOP_WAKE, NULL);
    }
}

/* The number of kernel events, or negative errno. */
static int wait_for_kernel(struct loop_epoll *epoll, int64_t timeout_us)
{
    int count =
        kernel_of(epoll)->epoll_wait(epoll->epoll, epoll->ready, (int)epoll->ready_max, timeout_us);
    if (count < 0) {
        return errno == EINTR ? 0 : -errno;
    }
    return count;
}

/* Fails only before the kernel has told anything: there is room for all events. */
static int epoll_loop_wait(struct loop *loop, int64_t timeout_us,
                           const struct loop_event **events_out, size_t *count_out)
{
    struct loop_epoll *epoll = epoll_of(loop);
    epoll->input_used = 0;
    bool has_work = epoll->filling->count > 0 || epoll->to_receive.first != NULL;
    int count = wait_for_kernel(epoll, has_work ? 0 : timeout_us);
    if (count < 0) {
        return count;
    }
    for (int i = 0; i < count; i++) {
        struct stream *stream = epoll->ready[i].data.ptr;
        if (UNLIKELY(stream == NULL)) {
            on_watched(epoll);
        } else {
            on_ready(epoll, stream, epoll->ready[i].events);
        }
    }
    receive_from_listed(epoll);
    struct event_list *lent = epoll->filling;
    epoll->filling = lent == &epoll->lists[0] ? &epoll->lists[1] : &epoll->lists[0];
    epoll->filling->count = 0;
    epoll->turn++;
    *events_out = lent->items;
    *count_out = lent->count;
    return 0;
}

static int epoll_open(const struct loop_options *options, struct loop **loop_out)
{
    struct loop_epoll *epoll = calloc(1, sizeof(*epoll));
    char *input = malloc(INPUT_SIZE);
    int fd = options->kernel->epoll_create(EPOLL_CLOEXEC);
    if (epoll == NULL || input == NULL || fd < 0) {
        int error = fd < 0 ? -errno : -ENOMEM;
        free(epoll);
        free(input);
        if (fd >= 0) {
            (void)options->kernel->close(fd);
        }
        return error;
    }
    epoll->loop = (struct loop){.ops = &loop_epoll_ops, .kernel = options->kernel};
    epoll->epoll = fd;
    epoll->watched_fd = -1;
    epoll->lists[0].kernel = epoll->lists[1].kernel = options->kernel;
    epoll->filling = &epoll->lists[0];
    unsigned entries = options->queue_entries;
    epoll->ready_max = entries != 0 && entries < KERNEL_EVENTS ? entries : KERNEL_EVENTS;
    epoll->input = input;
    *loop_out = &epoll->loop;
    return 0;
}

static void epoll_close(struct loop *loop)
{
    struct loop_epoll *epoll = epoll_of(loop);
    (void)kernel_of(epoll)->close(epoll->epoll);
    free(epoll->input);
    free(epoll->lists[0].items);
    free(epoll->lists[1].items);
    free(epoll);
}

const struct loop_ops loop_epoll_ops = {
    .open = epoll_open,
    .close = epoll_close,
    .watch = epoll_watch,
    .add = epoll_add,
    .pause = epoll_pause,
    .resume = epoll_resume,
    .receive_into = epoll_receive_into,
    .send = epoll_send,
    .shut = epoll_shut,
    .wait = epoll_loop_wait,
};
