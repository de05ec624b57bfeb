/* workload.h - what is asked, request after request.
 *
 * Either GET and SET in a given share, or one command template; see stencil.h.
 * A workload draws its own numbers from its own seed, so every server that is
 * compared gets the same sequence of requests.
 *
 * Floor servers answer by counting bytes, so all requests to one must have the
 * same size. Where GETs and SETs are mixed, a floor is sent GETs padded to the
 * mean size of the mix, rounded to the byte: the kernel then moves the same
 * number of bytes for it, which is all that a floor's cost depends on.
 *
 * Threads: one at a time.
 */
#pragma once

#include "load/stencil.h"

enum workload_kind {
    WORKLOAD_MEASURED,
    WORKLOAD_POPULATE, // Keys 0, 1, 2 ... once each.
    WORKLOAD_FLOOR,    // The measured one, in requests of one size.
};

struct workload_spec {
    enum load_protocol protocol;
    uint64_t keys;
    double theta; // Of the Zipf distribution; 0: uniform.
    size_t key_size;
    size_t value_size;
    double read_share;
    const char *command;          // NULL: GET and SET.
    const char *populate_command; // NULL: SET.
    uint64_t seed;
};

struct workload {
    struct stencil stencils[2];
    uint64_t first_below; // A 32-bit draw below it picks stencils[0], any other [1].
    struct key_choice keys;
    struct draw draw;
    char *payload;
    size_t request_size_max;
};

/* Get ready. 0, or -1 with the reason in *problem and nothing to close. */
NODISCARD int workload_open(struct workload *workload, const struct workload_spec *spec,
                            enum workload_kind kind, struct problem *problem);

/* NULL is fine. */
void workload_close(struct workload *workload);

/* Write the next request to out[request_size_max]; its size. */
size_t workload_write(struct workload *workload, char *out);

/* Whether a WORKLOAD_POPULATE has written every key. */
bool workload_is_done(const struct workload *workload);
