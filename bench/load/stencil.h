/* stencil.h - a command to be sent many times, each time with other numbers.
 *
 *   ZADD board __rand__ member:__key__
 *
 * becomes, once, the bytes of the request with holes at fixed places; a request
 * is then one copy and a few patches. Every placeholder has a fixed width, so
 * all requests of a template have the same size.
 *
 *   __key__             a key number, zero-padded to key_digits
 *   __rand__            an integer of 10 digits
 *   __rand:LOW:HIGH__   an integer from LOW to HIGH, which have equally many digits
 *   __same+N__          the integer drawn last, plus N
 *   __score__           a number with 6 digits before and 9 behind the point
 *   __value__           value_size letters and digits
 *
 * Words are separated by blanks; "double" or 'single' quotes keep blanks inside
 * a word.
 *
 * Worked example, in RESP, with 4 digits and key number 7: `GET k__key__` is
 * "*2 CRLF $3 CRLF GET CRLF $5 CRLF k0007 CRLF".
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/error.h"
#include "base/random.h"
#include "load/key_choice.h"
#include "load/problem.h"
#include "load/reply_scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STENCIL_HOLES_MAX = 128, STENCIL_WORDS_MAX = 1024 };

enum hole_kind { HOLE_KEY, HOLE_INTEGER, HOLE_SAME, HOLE_SCORE, HOLE_VALUE };

struct hole {
    enum hole_kind kind;
    size_t offset; // From the beginning of the frame.
    size_t width;  // Bytes.
    uint64_t low;  // HOLE_INTEGER: the smallest; HOLE_SAME: what is added.
    uint64_t span; // HOLE_INTEGER: how many integers there are.
};

struct stencil {
    char *frame;
    size_t size;
    unsigned hole_count;
    struct hole holes[STENCIL_HOLES_MAX];
};

struct stencil_shape {
    enum load_protocol protocol;
    unsigned key_digits;
    size_t value_size;
};

/* Where the numbers and payloads come from. */
struct draw {
    struct random random;
    const struct key_choice *keys;
    bool sequential;     // Key numbers count up instead of being drawn.
    uint64_t next_key;   // The next one then.
    uint64_t last;       // The integer drawn last.
    const char *payload; // Letters and digits; payload_starts of them begin a value.
    uint64_t payload_starts;
};

/* Compile `text`. 0, or -1 with the reason in *problem. */
NODISCARD int stencil_compile(struct stencil *stencil, const char *text,
                              const struct stencil_shape *shape, struct problem *problem);

/* Free the frame. */
void stencil_deinit(struct stencil *stencil);

/* Write one request of stencil->size bytes to `out`. */
void stencil_write(const struct stencil *stencil, struct draw *draw, char *out);

/* Lengthen the frame to `size` bytes; what it then says is no valid request. For
 * servers that count bytes instead of parsing. 0 or -1. */
NODISCARD int stencil_pad(struct stencil *stencil, size_t size, struct problem *problem);
