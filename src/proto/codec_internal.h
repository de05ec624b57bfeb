/* codec_internal.h - what the pieces of a reply look like in each protocol.
 *
 * Pieces are copied PIECE_SIZE bytes at a time, so that no length needs to be known;
 * what is too much is overwritten or not committed.
 *
 * Threads: read-only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { PIECE_SIZE = 8 };

struct piece {
    char text[PIECE_SIZE];
    size_t size;
};

struct reply_codec {
    struct piece ok;
    struct piece value; // Before a value's length.
    struct piece nil;
    struct piece nil_array;
    struct piece line_end;
    struct piece yes, no;
    char map, set, push; // Before their counts.
    bool has_types;      // RESP3: doubles, pairs and the like have forms of their own.
};

extern const struct reply_codec codec_text;
extern const struct reply_codec codec_resp2;
extern const struct reply_codec codec_resp3;
