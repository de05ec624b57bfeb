/* loop.c - choosing a back-end, and calling it. */
#include "net/loop.h"

#include "net/kernel.h"

#include <stddef.h>
#include <sys/socket.h>

int loop_open(enum loop_kind kind, struct loop **loop_out, int *refusal_out)
{
    return loop_open_with(&(struct loop_options){.kind = kind}, loop_out, refusal_out);
}

int loop_open_with(const struct loop_options *options, struct loop **loop_out, int *refusal_out)
{
    struct loop_options all = *options;
    if (all.kernel == NULL) {
        all.kernel = &loop_kernel_system;
    }
    int refusal = all.kind == LOOP_EPOLL ? 0 : loop_uring_ops.open(&all, loop_out);
    if (all.kind == LOOP_URING) {
        return refusal;
    }
    if (all.kind == LOOP_EPOLL || refusal < 0) {
        int error = loop_epoll_ops.open(&all, loop_out);
        if (error < 0) {
            return error;
        }
    }
    if (refusal_out != NULL) {
        *refusal_out = refusal;
    }
    return 0;
}

void loop_close(struct loop *loop)
{
    if (loop != NULL) {
        loop->ops->close(loop);
    }
}

const char *loop_name(const struct loop *loop)
{
    return loop->ops == &loop_uring_ops ? "io_uring" : "epoll";
}

int loop_watch(struct loop *loop, int fd)
{
    return loop->ops->watch(loop, fd);
}

int loop_add(struct loop *loop, struct stream *stream, int fd)
{
    return loop->ops->add(loop, stream, fd);
}

void loop_pause(struct loop *loop, struct stream *stream)
{
    loop->ops->pause(loop, stream);
}

void loop_resume(struct loop *loop, struct stream *stream)
{
    loop->ops->resume(loop, stream);
}

void loop_receive_into(struct loop *loop, struct stream *stream, char *target, size_t size)
{
    loop->ops->receive_into(loop, stream, target, size);
}

void loop_send(struct loop *loop, struct stream *stream, const struct iovec *parts, unsigned count,
               enum loop_send_mode mode)
{
    ASSERT(count > 0 && count <= LOOP_SEND_PARTS_MAX);
    loop->ops->send(loop, stream, parts, count, mode);
}

void loop_finish(struct stream *stream)
{
    (void)shutdown(stream->fd, SHUT_WR); // Fails when the peer is gone: the loop tells so, too.
}

void loop_shut(struct loop *loop, struct stream *stream)
{
    loop->ops->shut(loop, stream);
}

int loop_wait(struct loop *loop, int64_t timeout_us, const struct loop_event **events_out,
              size_t *count_out)
{
    return loop->ops->wait(loop, timeout_us, events_out, count_out);
}
