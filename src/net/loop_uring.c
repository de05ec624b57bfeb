/* loop_uring.c - the loop on io_uring; needs Linux 6.1.
 *
 * One io_uring_enter a turn submits what was queued and waits. The ring belongs to
 * one thread (SINGLE_ISSUER) and completions are made only while that thread waits
 * (DEFER_TASKRUN). Receiving is multishot, into a ring of buffers that the kernel
 * takes from in turn:
 *
 *   loop_wait n      buffers lent in turn n-1 go back ─> ring ─> kernel fills some
 *   events of n      data points into them; lent[] remembers which
 *
 * From Linux 6.12 on the buffers are large, and each receive takes as much of the first one
 * as it has bytes for; the buffer is lent when it is full. Before, each receive takes a
 * buffer, and so they are small.
 *
 * When the ring runs dry, receives end with -ENOBUFS; no data is lost. They are begun
 * again in the turns to come, each turn as many as there are buffers, since one begun
 * without a buffer would end at once.
 *
 * LOOP_SEND_ONCE asks for everything (MSG_WAITALL), at once (MSG_DONTWAIT), and for
 * no completion on success. The kernel runs such a send while it submits, counts a
 * short one as failed, and so posts a completion, holding the bytes taken, just for
 * those. Hence waiting for one completion sleeps if all sends went through, and does
 * not if one of them did not.
 *
 * user_data is the stream's address with the operation in its low bits. A stream
 * counts the operations whose completions are still to come; ONCE sends are not
 * counted, as theirs are here when the submission is over.
 */
#include "net/loop_internal.h"

#include <assert.h>
#include <liburing.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    // More completions wait in the kernel (IORING_FEAT_NODROP).
    SUBMISSIONS = 1024,
    COMPLETIONS = 8192,
    // Where RLIMIT_MEMLOCK is low: some kernels count the queues, 200 KiB and 35 KiB.
    SUBMISSIONS_SMALL = 256,
    COMPLETIONS_SMALL = 1024,
    // Where the kernel fills buffers piece by piece,
    BUFFERS_SHARED = 32,
    BUFFER_SHARED_SIZE = 64 * 1024,
    // and where each receive takes one of its own.
    BUFFERS_WHOLE = 256,
    BUFFER_WHOLE_SIZE = 4096,
    BUFFERS_MAX = BUFFERS_WHOLE,
    MESSAGES = 128, // Sends of several parts between two submissions,
    PARTS = 1024,   // and their parts.
    PREFETCH_DISTANCE = 4,
    TARGET_MIN = 32 * 1024,
};

// Linux 6.12; older headers do not name them.
enum { BUFFER_RING_INCREMENTAL = 2, COMPLETION_BUFFER_MORE = 1 << 4 };

enum operation { RECEIVE, SEND_ONCE, SEND_WAIT, CANCEL, WATCH, OPERATION_MASK = 7 };

enum state {
    RECEIVING = 1, // A multishot receive is under way.
    PAUSED = 2,
    ENDED = 4,
    SHUT = 8,
    TO_RECEIVE = 16, // Queued there.
    POLLING = 32,    // Instead of the multishot receive: it is RECEIVING, too.
};

struct loop_uring {
    struct loop loop;
    struct io_uring ring;
    struct io_uring_buf_ring *buffer_ring;
    char *buffers;
    unsigned buffer_count, buffer_size;
    struct event_list *filling; // Not the one that is lent.
    size_t failed_sends;        // LOOP_SENT at the beginning of `filling`.
    struct event_list lists[2];
    size_t stream_count;
    struct stream_queue to_receive; // Their receives are over and to be begun again.
    unsigned once_queued;           // ONCE sends not yet submitted.
    unsigned lent_count;            // Buffers that events point into,
    unsigned finished_count;        // the first of which were lent by the turn before.
    unsigned message_count;
    unsigned part_count;
    int watched_fd;
    uint64_t watched_value; // The kernel reads the eventfd into it.
    uint16_t lent[BUFFERS_MAX];
    uint32_t filled[BUFFERS_MAX]; // Bytes of each buffer that were received into.
    struct msghdr messages[MESSAGES];
    struct iovec parts[PARTS];
};

static_assert(_Alignof(struct stream) > OPERATION_MASK, "user_data has room for the operation");
static_assert((int)PARTS >= (int)LOOP_SEND_PARTS_MAX, "one send fits");

static struct loop_uring *uring_of(struct loop *loop)
{
    return (struct loop_uring *)loop;
}

static const struct loop_kernel *kernel_of(const struct loop_uring *uring)
{
    return uring->loop.kernel;
}

static bool is_transient(int error)
{
    return error == -EINTR || error == -EAGAIN || error == -EBUSY || error == -ETIME;
}

/* Submit without waiting. Only when all is submitted do the kept messages go: each belongs to
 * its entry until then. 0 or negative errno. */
static int submit(struct loop_uring *uring)
{
    while (io_uring_sq_ready(&uring->ring) > 0) {
        int submitted = kernel_of(uring)->uring_submit(&uring->ring);
        if (submitted < 0 && !is_transient(submitted)) {
            return submitted;
        }
    }
    uring->once_queued = 0;
    uring->message_count = 0;
    uring->part_count = 0;
    return 0;
}

/* An entry, and room for a message of `parts` parts with it (0: it needs none). Nothing is
 * submitted between here and the next call, so the caller may fill both in any order. */
static struct io_uring_sqe *take_sqe(struct loop_uring *uring, unsigned parts)
{
    bool fits =
        io_uring_sq_space_left(&uring->ring) > 0 &&
        (parts == 0 || (uring->message_count < MESSAGES && uring->part_count + parts <= PARTS));
    if (UNLIKELY(!fits)) {
        int error = submit(uring);
        ASSERT(error == 0);
    }
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
    ASSERT(sqe != NULL);
    return sqe;
}

static uint64_t tagged(const struct stream *stream, enum operation operation)
{
    return (uint64_t)(uintptr_t)stream | operation;
}

static void begin_receive(struct loop_uring *uring, struct stream *stream)
{
    struct io_uring_sqe *sqe = take_sqe(uring, 0);
    if (UNLIKELY(stream->target_size > 0)) {
        io_uring_prep_poll_add(sqe, stream->fd, POLLIN);
        stream->state |= POLLING;
    } else {
        io_uring_prep_recv_multishot(sqe, stream->fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = 0;
    }
    sqe->user_data = tagged(stream, RECEIVE);
    stream->state |= RECEIVING;
    stream->in_kernel++;
}

/* The receive answers with its last completion. */
static void cancel_receive(struct loop_uring *uring, const struct stream *stream)
{
    struct io_uring_sqe *sqe = take_sqe(uring, 0);
    io_uring_prep_cancel64(sqe, tagged(stream, RECEIVE), 0);
    sqe->user_data = CANCEL;
}

static void begin_watch(struct loop_uring *uring)
{
    struct io_uring_sqe *sqe = take_sqe(uring, 0);
    io_uring_prep_read(sqe, uring->watched_fd, &uring->watched_value, sizeof(uring->watched_value),
                       0);
    sqe->user_data = WATCH;
}

static int uring_watch(struct loop *loop, int fd)
{
    struct loop_uring *uring = uring_of(loop);
    ASSERT(uring->watched_fd < 0);
    uring->watched_fd = fd;
    begin_watch(uring);
    return 0;
}

static int uring_add(struct loop *loop, struct stream *stream, int fd)
{
    struct loop_uring *uring = uring_of(loop);
    if (event_lists_reserve(uring->lists, uring->stream_count + 1) < 0) {
        return -ENOMEM;
    }
    *stream = (struct stream){.fd = fd};
    uring->stream_count++;
    begin_receive(uring, stream);
    return 0;
}

static void uring_pause(struct loop *loop, struct stream *stream)
{
    if ((stream->state & (PAUSED | SHUT)) != 0) {
        return;
    }
    stream->state |= PAUSED;
    if ((stream->state & RECEIVING) != 0) {
        cancel_receive(uring_of(loop), stream);
    }
}

static void uring_resume(struct loop *loop, struct stream *stream)
{
    if ((stream->state & PAUSED) == 0) {
        return;
    }
    stream->state &= ~(uint32_t)PAUSED;
    // While a cancelled receive has not ended, its end begins the next.
    if ((stream->state & (RECEIVING | TO_RECEIVE | ENDED | SHUT)) == 0) {
        begin_receive(uring_of(loop), stream);
    }
}

/* The multishot receive gives way to polling, which costs a turn: not for little. */
static void uring_receive_into(struct loop *loop, struct stream *stream, char *target, size_t size)
{
    bool begins = size >= TARGET_MIN && stream->target_size == 0;
    stream->target = target;
    stream->target_size = size >= TARGET_MIN ? size : 0;
    if (begins && (stream->state & (RECEIVING | POLLING | PAUSED | SHUT)) == RECEIVING) {
        cancel_receive(uring_of(loop), stream);
    }
}

/* A copy of the parts that stays until the next submission; take_sqe made room for it. */
static const struct msghdr *keep_message(struct loop_uring *uring, const struct iovec *parts,
                                         unsigned count)
{
    ASSERT(uring->message_count < MESSAGES && uring->part_count + count <= PARTS);
    struct iovec *kept = &uring->parts[uring->part_count];
    struct msghdr *message = &uring->messages[uring->message_count++];
    memcpy(kept, parts, count * sizeof(*parts));
    *message = (struct msghdr){.msg_iov = kept, .msg_iovlen = count};
    uring->part_count += count;
    return message;
}

static void uring_send(struct loop *loop, struct stream *stream, const struct iovec *parts,
                       unsigned count, enum loop_send_mode mode)
{
    struct loop_uring *uring = uring_of(loop);
    if ((stream->state & SHUT) != 0) {
        return;
    }
    bool once = mode == LOOP_SEND_ONCE;
    int flags = MSG_NOSIGNAL | MSG_WAITALL | (once ? MSG_DONTWAIT : 0);
    struct io_uring_sqe *sqe = take_sqe(uring, count > 1 ? count : 0);
    if (count == 1) {
        io_uring_prep_send(sqe, stream->fd, parts->iov_base, parts->iov_len, flags);
    } else {
        const struct msghdr *message = keep_message(uring, parts, count);
        io_uring_prep_sendmsg(sqe, stream->fd, message, (unsigned)flags);
    }
    if (once) {
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = tagged(stream, SEND_ONCE);
        uring->once_queued++;
    } else {
        sqe->user_data = tagged(stream, SEND_WAIT);
        stream->in_kernel++;
    }
}

static void finish(struct loop_uring *uring, struct stream *stream)
{
    (void)kernel_of(uring)->close(stream->fd);
    stream->fd = -1;
    uring->stream_count--;
    event_list_add(uring->filling, LOOP_CLOSED, stream);
}

static void uring_shut(struct loop *loop, struct stream *stream)
{
    struct loop_uring *uring = uring_of(loop);
    if ((stream->state & SHUT) != 0) {
        return;
    }
    unsigned receives = (stream->state & (RECEIVING | TO_RECEIVE)) != 0;
    if (uring->once_queued > 0 || stream->in_kernel > receives) {
        int error = submit(uring); // What was sent before goes before.
        ASSERT(error == 0);
    }
    stream->state |= SHUT;
    (void)kernel_of(uring)->shutdown(stream->fd, SHUT_RDWR); // Fails a waiting send.
    if (stream->in_kernel == 0) {
        finish(uring, stream);
    } else if ((stream->state & RECEIVING) != 0) {
        cancel_receive(uring, stream);
    }
}

static char *buffer_at(const struct loop_uring *uring, uint16_t buffer)
{
    return uring->buffers + (size_t)buffer * uring->buffer_size;
}

/* Events that a failed wait left behind keep theirs. */
static void take_back_buffers(struct loop_uring *uring)
{
    unsigned count = uring->finished_count;
    int mask = io_uring_buf_ring_mask(uring->buffer_count);
    for (unsigned i = 0; i < count; i++) {
        uint16_t buffer = uring->lent[i];
        uring->filled[buffer] = 0;
        io_uring_buf_ring_add(uring->buffer_ring, buffer_at(uring, buffer), uring->buffer_size,
                              buffer, mask, (int)i);
    }
    io_uring_buf_ring_advance(uring->buffer_ring, (int)count);
    uring->lent_count -= count;
    uring->finished_count = 0;
    memmove(uring->lent, uring->lent + count, uring->lent_count * sizeof(uring->lent[0]));
}

/* Begin to receive in the next turn. Until then it counts as an operation under way, so
 * that the stream stays. */
static void receive_later(struct loop_uring *uring, struct stream *stream)
{
    stream->state |= TO_RECEIVE;
    stream->in_kernel++;
    stream_queue_push(&uring->to_receive, stream);
}

// Begin those that wait longest, as many as there are buffers.
static void begin_receives(struct loop_uring *uring)
{
    for (unsigned i = 0; i < uring->buffer_count && uring->to_receive.first != NULL; i++) {
        struct stream *stream = stream_queue_pop(&uring->to_receive);
        stream->state &= ~(uint32_t)TO_RECEIVE;
        stream->in_kernel--;
        if ((stream->state & (PAUSED | SHUT)) == 0) {
            begin_receive(uring, stream);
        } else if ((stream->state & SHUT) != 0 && stream->in_kernel == 0) {
            finish(uring, stream);
        }
    }
}

static void on_receive_over(struct loop_uring *uring, struct stream *stream, int result)
{
    stream->state &= ~(uint32_t)RECEIVING;
    stream->in_kernel--;
    if ((stream->state & SHUT) != 0) {
        return;
    }
    if (result > 0 || result == -ENOBUFS || result == -ECANCELED || is_transient(result)) {
        if ((stream->state & PAUSED) == 0) {
            receive_later(uring, stream);
        }
        return;
    }
    stream->state |= ENDED;
    event_list_add(uring->filling, LOOP_END, stream)->error = result;
}

/* Bytes of a stream: with those before them in one event where they follow in memory. Buffers
 * lie in the order in which the kernel takes them. */
static void add_data(struct loop_uring *uring, struct stream *stream, struct bytes data)
{
    struct event_list *list = uring->filling;
    struct loop_event *last = list->count > 0 ? &list->items[list->count - 1] : NULL;
    if (last != NULL && last->stream == stream && last->kind == LOOP_DATA &&
        last->data.data + last->data.size == data.data) {
        last->data.size += data.size;
    } else {
        event_list_add(list, LOOP_DATA, stream)->data = data;
    }
}

/* There is something to receive for one that polls. The bytes are taken here, not by the kernel
 * later: so the target may be taken away between two turns. */
static void on_readable(struct loop_uring *uring, struct stream *stream, int result)
{
    stream->state &= ~(uint32_t)POLLING;
    bool has_ended = false;
    if (result > 0 && stream->target_size > 0 && (stream->state & (PAUSED | SHUT)) == 0) {
        (void)receive_to_target(uring->filling, stream, &has_ended);
    }
    if (has_ended) {
        stream->state = (stream->state & ~(uint32_t)RECEIVING) | ENDED;
        stream->in_kernel--;
    } else {
        on_receive_over(uring, stream, result);
    }
}

static void on_receive(struct loop_uring *uring, struct stream *stream,
                       const struct io_uring_cqe *cqe)
{
    if (UNLIKELY((stream->state & POLLING) != 0)) {
        on_readable(uring, stream, cqe->res);
        return;
    }
    if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
        uint16_t buffer = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        const char *data = buffer_at(uring, buffer) + uring->filled[buffer];
        if ((cqe->flags & COMPLETION_BUFFER_MORE) == 0) {
            uring->lent[uring->lent_count++] = buffer;
        }
        if (cqe->res > 0) {
            uring->filled[buffer] += (uint32_t)cqe->res;
            if ((stream->state & SHUT) == 0) {
                add_data(uring, stream, bytes_make(data, (size_t)cqe->res));
            }
        }
    }
    if (UNLIKELY((cqe->flags & IORING_CQE_F_MORE) == 0)) {
        on_receive_over(uring, stream, cqe->res);
    }
}

/* A ONCE send that was not taken whole: its event goes before all others. */
static void on_send_failed(struct loop_uring *uring, struct stream *stream, int result)
{
    if ((stream->state & SHUT) != 0) {
        return;
    }
    struct event_list *list = uring->filling;
    event_list_add(list, LOOP_SENT, stream);
    struct loop_event *event = &list->items[uring->failed_sends];
    memmove(event + 1, event, (list->count - 1 - uring->failed_sends) * sizeof(*event));
    *event = (struct loop_event){.kind = LOOP_SENT,
                                 .stream = stream,
                                 .sent = result > 0 ? (size_t)result : 0,
                                 .error = result < 0 && result != -EAGAIN ? result : 0};
    uring->failed_sends++;
}

static void on_send_over(struct loop_uring *uring, struct stream *stream, int result)
{
    stream->in_kernel--;
    if ((stream->state & SHUT) == 0) {
        struct loop_event *event = event_list_add(uring->filling, LOOP_SENT, stream);
        event->sent = result > 0 ? (size_t)result : 0;
        event->error = result < 0 ? result : 0;
    }
}

static void on_watch(struct loop_uring *uring, int result)
{
    if (result > 0) {
        event_list_add(uring->filling, LOOP_WAKE, NULL);
    }
    if (result > 0 || is_transient(result)) {
        begin_watch(uring);
    }
}

static void on_completion(struct loop_uring *uring, const struct io_uring_cqe *cqe)
{
    uintptr_t address = (uintptr_t)(cqe->user_data & ~(uint64_t)OPERATION_MASK);
    struct stream *stream = (struct stream *)address; // NOLINT(performance-no-int-to-ptr)
    switch ((enum operation)(cqe->user_data & OPERATION_MASK)) {
    case RECEIVE:
        on_receive(uring, stream, cqe);
        break;
    case SEND_ONCE:
        on_send_failed(uring, stream, cqe->res);
        return; // Not counted, so it is never what a shut stream waited for.
    case SEND_WAIT:
        on_send_over(uring, stream, cqe->res);
        break;
    case WATCH:
        on_watch(uring, cqe->res);
        return;
    default:
        return;
    }
    if (UNLIKELY((stream->state & SHUT) != 0 && stream->in_kernel == 0)) {
        finish(uring, stream);
    }
}

/* Turn all completions into events, also those that overflowed the ring: a failed
 * send must not stay behind. 0 or negative errno. */
static int collect(struct loop_uring *uring)
{
    struct io_uring *ring = &uring->ring;
    for (;;) {
        unsigned ready = io_uring_cq_ready(ring);
        // A completion adds two events at most: what it says, and LOOP_CLOSED.
        int error = event_list_reserve(uring->filling, uring->filling->count + 2 * (size_t)ready);
        if (error < 0) {
            return error;
        }
        unsigned head = *ring->cq.khead;
        unsigned mask = *ring->cq.kring_mask;
        for (unsigned i = 0; i < ready; i++) {
            const struct io_uring_cqe *ahead =
                &ring->cq.cqes[(head + i + PREFETCH_DISTANCE) & mask];
            __builtin_prefetch(
                (const void *)(uintptr_t)ahead->user_data); // NOLINT(performance-no-int-to-ptr)
            on_completion(uring, &ring->cq.cqes[(head + i) & mask]);
        }
        io_uring_cq_advance(ring, ready);
        if (LIKELY(!io_uring_cq_has_overflow(ring))) {
            return 0;
        }
        error = kernel_of(uring)->uring_get_events(ring);
        if (error < 0 && !is_transient(error)) {
            return error;
        }
    }
}

/* The system call of the turn. 0 or negative errno. */
static int enter(struct loop_uring *uring, int64_t timeout_us)
{
    int result = kernel_of(uring)->uring_submit_and_wait(&uring->ring, timeout_us);
    if (UNLIKELY(result < 0 && !is_transient(result))) {
        return result;
    }
    return submit(uring); // Nothing is left but where the kernel was short of memory.
}

static int uring_wait(struct loop *loop, int64_t timeout_us, const struct loop_event **events_out,
                      size_t *count_out)
{
    struct loop_uring *uring = uring_of(loop);
    take_back_buffers(uring);
    begin_receives(uring);
    bool sleeps = uring->filling->count == 0 && uring->to_receive.first == NULL;
    int error = enter(uring, sleeps ? timeout_us : 0);
    if (UNLIKELY(error < 0)) {
        return error;
    }
    error = collect(uring);
    if (UNLIKELY(error < 0)) {
        return error;
    }
    struct event_list *lent = uring->filling;
    uring->filling = lent == &uring->lists[0] ? &uring->lists[1] : &uring->lists[0];
    uring->filling->count = 0;
    uring->failed_sends = 0;
    uring->finished_count = uring->lent_count;
    *events_out = lent->items;
    *count_out = lent->count;
    return 0;
}

static size_t buffer_ring_size(const struct loop_uring *uring)
{
    return uring->buffer_count * sizeof(struct io_uring_buf);
}

static size_t buffers_size(const struct loop_uring *uring)
{
    return buffer_ring_size(uring) + (size_t)uring->buffer_count * uring->buffer_size;
}

/* The ring of buffers and the buffers, which take memory as they are first used.
 * 0 or negative errno. */
static int open_buffers(struct loop_uring *uring, unsigned count, unsigned size, uint16_t flags)
{
    uring->buffer_count = count;
    uring->buffer_size = size;
    char *memory =
        mmap(NULL, buffers_size(uring), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return -errno;
    }
    (void)madvise(memory, buffers_size(uring), MADV_NOHUGEPAGE);
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)memory, .ring_entries = count, .pad = flags};
    int error = kernel_of(uring)->uring_register_buffers(&uring->ring, &registration);
    if (error < 0) {
        munmap(memory, buffers_size(uring));
        return error;
    }
    uring->buffer_ring = (struct io_uring_buf_ring *)(void *)memory;
    uring->buffers = memory + buffer_ring_size(uring);
    for (unsigned buffer = 0; buffer < count; buffer++) {
        uring->lent[uring->lent_count++] = (uint16_t)buffer;
    }
    uring->finished_count = count;
    return 0;
}

static int open_ring(struct loop_uring *uring, unsigned submissions, unsigned completions)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL,
        .cq_entries = completions,
    };
    int error = kernel_of(uring)->uring_init(submissions, &uring->ring, &params);
    if (error < 0) {
        return error;
    }
    error = open_buffers(uring, BUFFERS_SHARED, BUFFER_SHARED_SIZE, BUFFER_RING_INCREMENTAL);
    if (error == -EINVAL) {
        error = open_buffers(uring, BUFFERS_WHOLE, BUFFER_WHOLE_SIZE, 0);
    }
    if (error < 0) {
        kernel_of(uring)->uring_exit(&uring->ring);
    }
    return error;
}

static int uring_open(const struct loop_options *options, struct loop **loop_out)
{
    struct loop_uring *uring = calloc(1, sizeof(*uring));
    if (uring == NULL) {
        return -ENOMEM;
    }
    uring->loop = (struct loop){.ops = &loop_uring_ops, .kernel = options->kernel};
    unsigned entries = options->queue_entries != 0 ? options->queue_entries : SUBMISSIONS;
    int error = open_ring(uring, entries, COMPLETIONS);
    if (error == -ENOMEM && entries > SUBMISSIONS_SMALL) {
        error = open_ring(uring, SUBMISSIONS_SMALL, COMPLETIONS_SMALL);
    }
    if (error < 0) {
        free(uring);
        return error;
    }
    uring->lists[0].kernel = uring->lists[1].kernel = options->kernel;
    uring->filling = &uring->lists[0];
    uring->watched_fd = -1;
    *loop_out = &uring->loop;
    return 0;
}

static void uring_close(struct loop *loop)
{
    struct loop_uring *uring = uring_of(loop);
    // The kernel must be done with our memory before it goes.
    kernel_of(uring)->uring_cancel_all(&uring->ring);
    kernel_of(uring)->uring_exit(&uring->ring);
    munmap(uring->buffer_ring, buffers_size(uring));
    free(uring->lists[0].items);
    free(uring->lists[1].items);
    free(uring);
}

const struct loop_ops loop_uring_ops = {
    .open = uring_open,
    .close = uring_close,
    .watch = uring_watch,
    .add = uring_add,
    .pause = uring_pause,
    .resume = uring_resume,
    .receive_into = uring_receive_into,
    .send = uring_send,
    .shut = uring_shut,
    .wait = uring_wait,
};
