/* loop_internal.h - what both back-ends share: the list of a turn's events, and
 * queues of streams.
 *
 * A loop has two lists. While the caller reads the one lent by loop_wait, what
 * loop_send and loop_shut have to tell is added to the other, with which the next
 * turn begins. Room is reserved when a stream is added, for all that one turn of epoll can
 * have to tell. io_uring may bring more, and makes room before it takes it in.
 *
 * Threads: the loop's.
 */
#pragma once

#include "net/kernel.h"
#include "net/loop.h"

#include <errno.h>
#include <stdlib.h>

enum {
    // Of a stream in a turn: the end of its send or of itself, and data or its end.
    EVENTS_PER_STREAM = 2,
    EVENTS_BESIDE = 1, // LOOP_WAKE.
};

struct event_list {
    const struct loop_kernel *kernel;
    struct loop_event *items;
    size_t count;
    size_t capacity;
};

/* Streams in the order they came, each in at most one queue. */
struct stream_queue {
    struct stream *first;
    struct stream *last;
};

static inline void stream_queue_push(struct stream_queue *queue, struct stream *stream)
{
    stream->next = NULL;
    if (queue->last == NULL) {
        queue->first = stream;
    } else {
        queue->last->next = stream;
    }
    queue->last = stream;
}

/* The first stream; the queue must not be empty. */
static inline struct stream *stream_queue_pop(struct stream_queue *queue)
{
    struct stream *stream = queue->first;
    queue->first = stream->next;
    if (queue->first == NULL) {
        queue->last = NULL;
    }
    return stream;
}

/* Make room for `capacity` events in all. 0 or -ENOMEM. */
NODISCARD static inline int event_list_reserve(struct event_list *list, size_t capacity)
{
    if (LIKELY(capacity <= list->capacity)) {
        return 0;
    }
    size_t larger = list->capacity * 2 > capacity ? list->capacity * 2 : capacity;
    struct loop_event *items = list->kernel->realloc(list->items, larger * sizeof(*items));
    if (items == NULL) {
        return -ENOMEM;
    }
    list->items = items;
    list->capacity = larger;
    return 0;
}

/* Make room in both lists for what `stream_count` streams may have to tell. 0 or -ENOMEM. */
NODISCARD static inline int event_lists_reserve(struct event_list lists[2], size_t stream_count)
{
    size_t capacity = stream_count * EVENTS_PER_STREAM + EVENTS_BESIDE;
    int error = event_list_reserve(&lists[0], capacity);
    return error < 0 ? error : event_list_reserve(&lists[1], capacity);
}

/* Add an event of a kind, all else zero; there is room. */
static inline struct loop_event *event_list_add(struct event_list *list, enum loop_event_kind kind,
                                                struct stream *stream)
{
    ASSERT(list->count < list->capacity);
    struct loop_event *event = &list->items[list->count++];
    *event = (struct loop_event){.kind = kind, .stream = stream};
    return event;
}

/* Receive once into the target. Whether there may be more; LOOP_DATA, LOOP_END or nothing was
 * added to the list, and *has_ended_out says which end. */
static inline bool receive_to_target(struct event_list *list, struct stream *stream,
                                     bool *has_ended_out)
{
    size_t room = stream->target_size;
    ssize_t size = list->kernel->recv(stream->fd, stream->target, room, MSG_DONTWAIT);
    *has_ended_out = false;
    if (LIKELY(size > 0)) {
        event_list_add(list, LOOP_DATA, stream)->data = bytes_make(stream->target, (size_t)size);
        stream->target += size;
        stream->target_size -= (size_t)size;
        return (size_t)size == room;
    }
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
        return errno == EINTR;
    }
    *has_ended_out = true;
    event_list_add(list, LOOP_END, stream)->error = size < 0 ? -errno : 0;
    return false;
}
