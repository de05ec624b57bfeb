/* reply_scan.h - count replies in a stream without keeping any.
 *
 * Replies arrive cut anywhere. The scanner keeps what it needs to go on: where
 * in a line it is, how many bytes of a bulk are to be skipped, and how many
 * elements are missing until the reply is whole. Nested arrays need no stack:
 * an array of n just replaces one missing element by n.
 *
 *     *2 CRLF  *1 CRLF  :1 CRLF  $2 CRLF hi CRLF
 *     missing  1 -> 2   2 -> 2   2 -> 1   1 -> 0: one reply
 *
 * RESP (version 2) and the native text protocol. Both agree on `-`, `:` and `*`;
 * in RESP a bulk is `$n CRLF bytes CRLF`, in text `+VALUE n LF bytes LF`.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_protocol { LOAD_RESP, LOAD_TEXT };

enum { REPLY_ERROR_SIZE_MAX = 120 };

/* What a run of scanning saw; the caller clears and sums it. */
struct reply_tally {
    uint64_t replies;   // Whole replies, errors among them.
    uint64_t errors;    // Replies that are an error (not errors inside arrays).
    uint64_t bytes;     // All bytes received.
    bool broken;        // Bytes that are no reply; scanning stopped.
    uint8_t error_size; // Of the first error's line, without the `-`.
    char error[REPLY_ERROR_SIZE_MAX];
};

struct reply_scan {
    enum load_protocol protocol;
    char kind;        // First byte of the line that is being read; 0: at its beginning.
    char second;      // Its second byte, or 0.
    bool negative;    // A '-' came before the number.
    bool nested;      // Inside an array.
    uint64_t number;  // The digits read so far in this line.
    uint64_t skip;    // Bytes of a bulk, and of its line end, still to come.
    uint64_t missing; // Elements until the reply is whole; 0: between replies.
};

/* Between two replies. */
void reply_scan_init(struct reply_scan *scan, enum load_protocol protocol);

/* Take the next bytes and add what they complete to `tally`. */
void reply_scan_feed(struct reply_scan *scan, struct bytes input, struct reply_tally *tally);
