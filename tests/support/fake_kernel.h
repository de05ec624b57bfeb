/* fake_kernel.h - a kernel for the loops that does whatever a kernel may do.
 *
 * It takes any number of the bytes offered, when it likes, delivers what the peers wrote in
 * pieces, runs out of room, fails calls and connections, submits only part of a queue, and
 * reads what it was given as late as it may. Every byte that it takes is compared with what
 * the socket's owner must send: byte i of socket s is fake_byte(s->salt, i).
 *
 * One kernel per process; the tests of Check each run in their own.
 *
 * Threads: one.
 */
#pragma once

#include "base/random.h"
#include "net/kernel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_socket {
    int fd; // 0: free.
    unsigned salt;
    size_t taken;     // Bytes from the loop,
    size_t taken_max; // which takes no more than this, 0 bytes beyond it.
    size_t written;   // Bytes from the peer,
    size_t received;  // and how many of them the loop has.
    bool peer_ended;  // It sends no more.
    bool is_broken;   // Every operation fails.
    bool is_shut;

    // epoll's view.
    bool is_watched, wants_out;
    bool has_edge_in, has_edge_out;
    void *data;

    // io_uring's.
    bool receives; // Multishot, or
    bool polls;    // once.
    uint64_t receive_data;
    struct fake_send *send; // A waiting one.
};

/* Probabilities in percent. */
struct fake_chances {
    unsigned short_send;     // A send takes a part, or nothing.
    unsigned failed_wait;    // loop_wait's system call fails with ENOMEM.
    unsigned partial_submit; // Not all of the queue is submitted at once.
    unsigned no_memory;      // An allocation fails.
};

void fake_kernel_open(struct random *random, const struct fake_chances *chances);

/* A new socket. */
struct fake_socket *fake_socket_open(unsigned salt);

/* The peer writes. */
void fake_socket_write(struct fake_socket *socket, size_t size);

/* Byte `at` of what a socket of this salt receives or sends. */
static inline char fake_byte(unsigned salt, size_t at)
{
    return (char)(at * 31 + (at >> 8) * 7 + (at >> 16) + (size_t)salt * 13 + (salt >> 8));
}

extern const struct loop_kernel fake_kernel;
