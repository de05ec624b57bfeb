/* kernel.c - the kernel that runs us. */
#include "net/kernel.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

static int wait_for_epoll(int epoll, struct epoll_event *events, int events_max, int64_t timeout_us)
{
    if (timeout_us <= 0) {
        return epoll_wait(epoll, events, events_max, timeout_us < 0 ? -1 : 0);
    }
    struct timespec timeout = {.tv_sec = timeout_us / 1000000,
                               .tv_nsec = timeout_us % 1000000 * 1000};
    int count = epoll_pwait2(epoll, events, events_max, &timeout, NULL);
    if (count < 0 && errno == ENOSYS) { // Before Linux 5.11.
        int64_t timeout_ms = (timeout_us + 999) / 1000;
        count = epoll_wait(epoll, events, events_max,
                           timeout_ms < INT32_MAX ? (int)timeout_ms : INT32_MAX);
    }
    return count;
}

static int init_uring(unsigned entries, struct io_uring *ring, struct io_uring_params *params)
{
    int error = io_uring_queue_init_params(entries, ring, params);
    if (error == 0) {
        // Saves looking the descriptor up in each turn; works without as well.
        (void)io_uring_register_ring_fd(ring);
    }
    return error;
}

static int register_buffers(struct io_uring *ring, struct io_uring_buf_reg *registration)
{
    return io_uring_register_buf_ring(ring, registration, 0);
}

static void cancel_all(struct io_uring *ring)
{
    struct io_uring_sync_cancel_reg all = {.flags =
                                               IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
                                           .timeout = {.tv_sec = -1, .tv_nsec = -1}};
    (void)io_uring_register_sync_cancel(ring, &all);
}

static int submit_and_wait(struct io_uring *ring, int64_t timeout_us)
{
    if (timeout_us < 0) {
        return io_uring_submit_and_wait(ring, 1);
    }
    if (timeout_us == 0) {
        return io_uring_submit_and_get_events(ring);
    }
    struct __kernel_timespec timeout = {.tv_sec = timeout_us / 1000000,
                                        .tv_nsec = timeout_us % 1000000 * 1000};
    struct io_uring_cqe *first;
    return io_uring_submit_and_wait_timeout(ring, &first, 1, &timeout, NULL);
}

const struct loop_kernel loop_kernel_system = {
    .realloc = realloc,
    .recv = recv,
    .send = send,
    .sendmsg = sendmsg,
    .shutdown = shutdown,
    .close = close,
    .epoll_create = epoll_create1,
    .epoll_ctl = epoll_ctl,
    .epoll_wait = wait_for_epoll,
    .uring_init = init_uring,
    .uring_exit = io_uring_queue_exit,
    .uring_register_buffers = register_buffers,
    .uring_cancel_all = cancel_all,
    .uring_submit = io_uring_submit,
    .uring_submit_and_wait = submit_and_wait,
    .uring_get_events = io_uring_get_events,
};
