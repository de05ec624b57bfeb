/* loop.h - one thread's event loop over sockets, on io_uring or epoll.
 *
 *   for (;;) {
 *       loop_wait(loop, timeout, &events, &count)    one system call a turn (io_uring)
 *       handle the events; loop_send() each connection's replies
 *   }
 *
 * A turn: loop_wait submits every send that was queued, takes back the input
 * buffers lent by the turn before, sleeps if nothing is ready, and lends the
 * events. Data in an event is valid until the next loop_wait, which may also
 * return early without any event.
 *
 * Sending: the bytes must stay in place, and at most one send per stream is under
 * way. The two ways differ in when a send is over:
 *
 *   LOOP_SEND_ONCE   Tried once, at the latest by the next loop_wait, and over when
 *                    that returns. Only if the kernel did not take everything, a
 *                    LOOP_SENT says how much it took (0 and more) or what failed;
 *                    such events stand before all data. A send taken whole, as
 *                    nearly all are, wakes nobody and costs no event.
 *   LOOP_SEND_WAIT   Over with its LOOP_SENT, which always comes. With an error the
 *                    connection failed. Otherwise `sent` bytes were taken, at least one
 *                    and nearly always all: busy kernels were seen to stop in between.
 *
 * Closing: loop_shut shuts the stream down, after trying what was sent before it in
 * the same turn, and answers with LOOP_CLOSED when the kernel holds nothing of the
 * stream any more; only then may it, and what it sends, be freed. Nothing else
 * about the stream is told from the next turn on.
 *
 * Ownership: streams are the caller's, embedded in its connections; the loop owns
 *            the file descriptor from loop_add on.
 * Threads:   a loop belongs to the thread that opened it.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { LOOP_SEND_PARTS_MAX = 64 };

struct stream {
    int fd;
    uint32_t state;      // Private to the back-end.
    uint32_t in_kernel;  // Operations under way; private to the back-end.
    struct stream *next; // Private to the back-end.
    void *unsent;        // Private to the back-end.
    char *target;        // Where the next bytes go; see loop_receive_into.
    size_t target_size;
};

enum loop_event_kind {
    LOOP_DATA,   // `data` arrived (at least one byte).
    LOOP_END,    // The peer will send no more (error 0), or receiving failed.
    LOOP_SENT,   // A send is over: `sent` bytes were taken, or `error` (see above).
    LOOP_CLOSED, // Nothing of the stream is in the kernel; it may be freed.
    LOOP_WAKE,   // The watched descriptor (loop_watch) became readable.
};

struct loop_event {
    enum loop_event_kind kind;
    int error; // 0 or negative errno.
    struct stream *stream;
    struct bytes data;
    size_t sent;
};

enum loop_send_mode { LOOP_SEND_ONCE, LOOP_SEND_WAIT };

struct loop;
struct loop_kernel;

enum loop_kind { LOOP_AUTO, LOOP_URING, LOOP_EPOLL };

/* How to open a loop; zeroes are the usual. */
struct loop_options {
    enum loop_kind kind;
    unsigned queue_entries;           // A power of two: of io_uring's submission queue,
                                      // or events that epoll tells at once.
    const struct loop_kernel *kernel; // See net/kernel.h.
};

struct loop_ops {
    int (*open)(const struct loop_options *options, struct loop **loop_out);
    void (*close)(struct loop *loop);
    int (*watch)(struct loop *loop, int fd);
    int (*add)(struct loop *loop, struct stream *stream, int fd);
    void (*pause)(struct loop *loop, struct stream *stream);
    void (*resume)(struct loop *loop, struct stream *stream);
    void (*receive_into)(struct loop *loop, struct stream *stream, char *target, size_t size);
    void (*send)(struct loop *loop, struct stream *stream, const struct iovec *parts,
                 unsigned count, enum loop_send_mode mode);
    void (*shut)(struct loop *loop, struct stream *stream);
    int (*wait)(struct loop *loop, int64_t timeout_us, const struct loop_event **events_out,
                size_t *count_out);
};

/* The common head of both back-ends' loops. */
struct loop {
    const struct loop_ops *ops;
    const struct loop_kernel *kernel;
};

extern const struct loop_ops loop_uring_ops;
extern const struct loop_ops loop_epoll_ops;

/* Open a loop. LOOP_AUTO takes epoll where io_uring is refused and says why in
 * *refusal_out (0 or negative errno; may be NULL). 0 or negative errno. */
NODISCARD int loop_open(enum loop_kind kind, struct loop **loop_out, int *refusal_out);

/* The same with all options. */
NODISCARD int loop_open_with(const struct loop_options *options, struct loop **loop_out,
                             int *refusal_out);

/* Close it; its streams must have been closed before. NULL is fine. */
void loop_close(struct loop *loop);

/* "io_uring" or "epoll". */
const char *loop_name(const struct loop *loop);

/* Tell with LOOP_WAKE whenever `fd`, an eventfd, has a count; the loop reads it.
 * One per loop. 0 or negative errno. */
NODISCARD int loop_watch(struct loop *loop, int fd);

/* Take over a connected non-blocking socket and begin to receive. 0, or negative
 * errno: then the descriptor stays the caller's. */
NODISCARD int loop_add(struct loop *loop, struct stream *stream, int fd);

/* Stop receiving; data already on the way, and the end, may still come. */
void loop_pause(struct loop *loop, struct stream *stream);

/* Receive again. */
void loop_resume(struct loop *loop, struct stream *stream);

/* Receive the next `size` bytes into `target` instead of memory of the loop, as far as that
 * can be had: LOOP_DATA may point there, in order, or elsewhere as before. Both count for what
 * is next, so a caller that was lent other memory sets the target anew. It is written only in
 * loop_wait, until it is full or another takes its place; `size` 0 takes it away. Pays for
 * some ten thousand bytes on. */
void loop_receive_into(struct loop *loop, struct stream *stream, char *target, size_t size);

/* Send up to LOOP_SEND_PARTS_MAX parts in order. The array is copied. */
void loop_send(struct loop *loop, struct stream *stream, const struct iovec *parts, unsigned count,
               enum loop_send_mode mode);

/* Nothing more is sent, no send is under way: let the peer see the end of the stream. What it
 * sends is still received. */
void loop_finish(struct stream *stream);

/* Give the stream up: cancel what is under way, close the descriptor, then
 * LOOP_CLOSED. Calling it twice is harmless. */
void loop_shut(struct loop *loop, struct stream *stream);

/* One turn. Sleeps up to `timeout_us` (negative: for ever; 0: not at all) unless
 * something is ready. 0 or negative errno: then the turn is not over, no send is either,
 * and nothing is lost. It goes on when loop_wait is called again, and nothing else may be
 * called before, but loop_close. -ENOMEM may pass. */
NODISCARD int loop_wait(struct loop *loop, int64_t timeout_us, const struct loop_event **events_out,
                        size_t *count_out);
