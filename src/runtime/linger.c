/* Closing a connection whose peer may still be sending: the body of a request of HTTP, what
 * follows a mistake that closes. The kernel answers bytes that nobody reads with a reset, and
 * a reset may overtake the answer. So the stream is ended first; what still comes is dropped
 * until the peer ends its own, for a bounded time and number of bytes.
 *
 *   closing ──all sent──► lingering ──the peer's end, LINGER_MS, LINGER_BYTES_MAX──► shut
 */
#include "runtime/worker_internal.h"

enum {
    LINGER_MS = 2000,
    LINGER_BYTES_MAX = 1024 * 1024,
};

void worker_close(struct worker *worker, struct client *client)
{
    if (!client->lingers || client->has_ended || worker->stops) {
        worker_shut(worker, client);
        return;
    }
    if (client->phase == CLIENT_LINGERING) {
        return;
    }
    client->phase = CLIENT_LINGERING;
    client->active_ms = worker->home.monotonic_ms;
    worker_move(client, &worker->lingering);
    loop_finish(&client->stream);
    if (client->is_paused) {
        client->is_paused = false;
        loop_resume(worker->home.loop, &client->stream);
    }
}

static void end_lingering(struct worker *worker, struct client *client)
{
    worker_move(client, &worker->clients);
    worker_shut(worker, client);
}

void worker_drop_input(struct worker *worker, struct client *client, size_t size)
{
    client->dropped += size;
    if (client->phase == CLIENT_LINGERING && client->dropped > LINGER_BYTES_MAX) {
        end_lingering(worker, client);
    }
}

uint64_t worker_linger_until_ms(const struct worker *worker)
{
    const struct client *first = worker->lingering.next;
    return first == &worker->lingering ? 0 : first->active_ms + LINGER_MS;
}

void worker_end_lingering(struct worker *worker, bool all)
{
    struct client *client = worker->lingering.next;
    while (client != &worker->lingering &&
           (all || client->active_ms + LINGER_MS <= worker->home.monotonic_ms)) {
        struct client *next = client->next;
        end_lingering(worker, client);
        client = next;
    }
}
