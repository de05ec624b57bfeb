/* transcript.h - feed a stream to request_parse in pieces and write down what comes out.
 *
 * However long the pieces and however small the caller's space at first, the transcript
 * of a stream must be the same: one line for each result,
 *
 *   DONE 14 [GET] [key]        EMPTY 2        INVALID 9 ERR ...        FATAL 9 ERR ...
 *   PROTOCOL resp2             HTTP 37 404 [/path]                     HTTP 38 200 HEAD [/health]
 *
 * Every call gets its input in a block of exactly its size, so that a sanitizer sees
 * a read behind the end. A request is parsed twice. What no result may look like, a changed
 * input and a second request unlike the first abort the process.
 *
 * Threads: one at a time.
 */
#pragma once

#include "proto/request.h"

#include <stddef.h>
#include <stdint.h>

struct transcript_pieces {
    size_t first;      // Bytes of the first piece
    size_t next;       // and of each that follows.
    uint32_t args_max; // The caller's space at first.
    size_t text_max;
};

struct transcript {
    char *text; // NUL-terminated; its owner frees it.
    size_t size;
};

struct transcript transcript_of(enum protocol protocol, struct bytes stream,
                                struct transcript_pieces pieces);

/* Print both and abort unless they are the same. */
void transcript_expect(const struct transcript *transcript, struct bytes expected);

/* The same for `stream` in one piece, cut at every place, and in single bytes, each with a
 * large space and with ones that have no room at first. */
void assert_transcript(enum protocol protocol, struct bytes stream, const char *expected);
