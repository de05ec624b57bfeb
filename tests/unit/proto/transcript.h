/* transcript.h - feed a stream to request_parse in pieces and write down what comes out.
 *
 * Whatever the pieces and the size of the caller's array, the transcript of a stream
 * must be the same: one line for each result,
 *
 *   DONE 14 [GET] [key]        EMPTY 2        INVALID 9 ERR ...        FATAL 9 ERR ...
 *
 * Every call gets its input in a block of exactly its size, so that a sanitizer sees
 * a read behind the end.
 *
 * Threads: one at a time.
 */
#pragma once

#include "proto/request.h"

#include <stddef.h>

struct transcript {
    char *text; // NUL-terminated.
    size_t size;
    size_t used; // Bytes of the stream that the results used.
};

/* Pieces end before each of `cuts` (ascending) and at the end of the stream. With
 * `args_max` 0 the array is always large enough at once, otherwise it begins with so
 * many arguments and grows as asked. */
struct transcript transcript_of(enum protocol protocol, struct bytes stream, const size_t *cuts,
                                size_t cut_count, uint32_t args_max);

void transcript_free(struct transcript *transcript);

/* Fail the test unless `stream` gives `expected` in one piece, cut at every place, in single
 * bytes, and with arrays that begin with one argument. */
void assert_transcript(enum protocol protocol, struct bytes stream, const char *expected);
