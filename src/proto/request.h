/* request.h - one request as the codecs hand it over, and how they are called.
 *
 * A codec reads requests off the front of the bytes that a connection has
 * received. It never writes to them: the same bytes may be parsed again and give
 * the same request. Arguments point into those bytes, so nothing is copied or
 * allocated, however large the request; only quoted words, which stand for other
 * bytes than their own, are decoded into memory that the caller lends.
 *
 *   input       GET "a\x21" key\n
 *   args        [GET] [a!] [key]
 *   points to   input text input
 *
 * An incomplete request leaves its progress in
 * `struct parser`, so that bytes which drip in one by one are each looked at
 * once, and the next call gets the same bytes again with more behind them.
 *
 * Limits: PROTO_LINE_MAX bytes a line, PROTO_ARGS_MAX arguments, PROTO_VALUE_MAX
 *         bytes a value. A size that is announced costs nothing until the bytes
 *         are there.
 * Threads: one connection at a time; no globals.
 */
#pragma once

#include "base/bytes.h"
#include "proto/http.h"
#include "proto/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROTO_LINE_MAX = 64 * 1024,
    PROTO_ARGS_MAX = 1024 * 1024,
    PROTO_VALUE_MAX = 512 * 1024 * 1024,
};

enum parse_status {
    PARSE_DONE,     // A request; `size` bytes are used.
    PARSE_EMPTY,    // `size` bytes are used (an empty line), no request in them.
    PARSE_MORE,     // Incomplete; `size` is 0. Call again with more bytes.
    PARSE_SPACE,    // Complete, but the space is too small: `argc` and `text_size` say what it
                    // takes at most. Call again with the same bytes and more space. `size`
                    // says how many bytes it has; none of them is used.
    PARSE_INVALID,  // A mistake that is answered with `error`; `size` bytes are used.
    PARSE_FATAL,    // The same, and the connection must be closed after the answer.
    PARSE_PROTOCOL, // The connection's first line says that it speaks `protocol`; `size` is 0.
                    // Call again with it.
    PARSE_HTTP,     // `http` must be answered with http_answer and the connection closed; what
                    // follows the `size` bytes is dropped, too.
};

/* Progress inside an incomplete request. All zero between requests. */
struct parser {
    size_t scanned;     // Bytes of it that are understood.
    size_t needed;      // It cannot be complete with fewer bytes than this.
    uint32_t args_left; // RESP: arguments still to come.
    uint32_t args_seen;
    bool inside; // RESP: the array's header has been read.
};

/* Where a request's arguments go, lent by the caller: in use as long as the request is. */
struct parse_space {
    struct bytes *args;
    uint32_t args_max;
    char *text; // What its quoted words stand for: never more bytes than its line has.
    size_t text_max;
};

struct parse_result {
    enum parse_status status;
    uint32_t argc;               // PARSE_DONE, PARSE_SPACE
    size_t text_size;            // The same: bytes of the text, nearly always 0.
    size_t size;                 // Bytes used off the front of the input.
    enum protocol protocol;      // PARSE_PROTOCOL
    struct http_request http;    // PARSE_HTTP
    char error[PROTO_ERROR_MAX]; // PARSE_INVALID, PARSE_FATAL: text with its code, "ERR ...".
};

/* Read one request of a connection that speaks `protocol`, at first PROTOCOL_UNKNOWN, off the
 * front of `input`, which begins at a request's first
 * byte. Its arguments are in space->args when DONE, then argc >= 1; otherwise what
 * the space holds is not defined. Sets only the fields of *result_out that its
 * status names. */
void request_parse(enum protocol protocol, struct parser *parser, struct bytes input,
                   const struct parse_space *space, struct parse_result *result_out);

/* The name of the command that a request in RESP begins with, without reading on. False in
 * other protocols, or when it is not there as a whole. */
bool request_peek_name(enum protocol protocol, struct bytes input, struct bytes *name_out);
