/* floor.h - what both floors share: options, the listening socket, the replies.
 *
 * A floor is the least that a server on one kernel interface can do: receive, and
 * answer each request with the same 32 bytes. It parses nothing; how many replies
 * it owes follows from the bytes received and --request-bytes. It stands on the
 * kernel's interface alone, not on this project's loop, so that the distance
 * between the two can be measured.
 *
 * Threads: one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FLOOR_REPLY_SIZE = 32,
    FLOOR_SEND_MAX = 2048 * FLOOR_REPLY_SIZE,
    FLOOR_CONNECTIONS_MAX = 65536, // Indexed by descriptor.
};

struct floor_connection {
    uint64_t owed;      // Bytes of replies not yet given to the kernel.
    uint32_t remainder; // Bytes received of a request that is not complete.
    uint32_t sending;   // Bytes of the send under way.
    bool is_ready;      // In the list of this turn's ready connections.
    bool is_full;       // The socket's buffer is full; sending goes on when it drains.
    bool has_ended;     // The peer is gone; to be closed when nothing is under way.
};

struct floor_options {
    int listener;
    uint32_t request_bytes;
};

/* Read the options, listen, print "port N"; SIGTERM and SIGINT end the process
 * with 0 from now on. Exits with a message when anything is wrong. */
struct floor_options floor_start(int argc, char **argv);

/* Say what failed (`error` a positive errno) and exit. */
__attribute__((noreturn, cold)) void floor_fail(const char *what, int error);

/* Borrow what to send next, at most FLOOR_SEND_MAX bytes of replies in a row. */
const char *floor_next_bytes(const struct floor_connection *connection, uint32_t *size_out);

/* Count `size` bytes received as replies owed. */
static inline void floor_receive(struct floor_connection *connection, uint32_t size,
                                 uint32_t request_bytes)
{
    uint32_t bytes = connection->remainder + size;
    connection->owed += (uint64_t)(bytes / request_bytes) * FLOOR_REPLY_SIZE;
    connection->remainder = bytes % request_bytes;
}
