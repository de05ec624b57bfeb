/* kernel.h - what the loops ask of the operating system, as a table.
 *
 * Tests put a kernel of their own in its place: one that takes any number of bytes at
 * any time, refuses, and runs short of memory. The loops call through the table once
 * per system call.
 *
 * Memory, sockets and epoll: as libc's functions of these names, with errno.
 * io_uring: as liburing's, with negative errno; the rings' memory is read and written
 * directly.
 *
 * Threads: the loop's.
 */
#pragma once

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

struct epoll_event;
struct io_uring;
struct io_uring_buf_reg;
struct io_uring_params;

struct loop_kernel {
    void *(*realloc)(void *memory, size_t size);

    ssize_t (*recv)(int fd, void *buffer, size_t size, int flags);
    ssize_t (*send)(int fd, const void *buffer, size_t size, int flags);
    ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
    int (*shutdown)(int fd, int how);
    int (*close)(int fd);

    int (*epoll_create)(int flags);
    int (*epoll_ctl)(int epoll, int operation, int fd, struct epoll_event *event);
    /* As epoll_wait, with microseconds. */
    int (*epoll_wait)(int epoll, struct epoll_event *events, int events_max, int64_t timeout_us);

    int (*uring_init)(unsigned entries, struct io_uring *ring, struct io_uring_params *params);
    void (*uring_exit)(struct io_uring *ring);
    int (*uring_register_buffers)(struct io_uring *ring, struct io_uring_buf_reg *registration);
    /* Cancel all that is under way and wait for it. */
    void (*uring_cancel_all)(struct io_uring *ring);
    /* Submit what is queued. The number submitted, or negative errno. */
    int (*uring_submit)(struct io_uring *ring);
    /* The same, and wait for a completion, up to `timeout_us` (negative: for ever). */
    int (*uring_submit_and_wait)(struct io_uring *ring, int64_t timeout_us);
    /* Bring in completions that did not fit into the ring. 0 or negative errno. */
    int (*uring_get_events)(struct io_uring *ring);
};

/* The kernel that runs us. */
extern const struct loop_kernel loop_kernel_system;
