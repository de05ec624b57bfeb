/* reply.h - what a command answers; the codec of the connection says how.
 *
 * A handler calls these in order: an array of n is followed by its n elements.
 * All write to the sink given at reply_init, in native text, RESP2 (later RESP3).
 * When the sink fails, the rest is swallowed (see sink.h).
 *
 *                      native text          RESP2
 *   reply_ok           +OK                  +OK
 *   reply_status       +text                +text
 *   reply_value        +VALUE n, bytes      $n, bytes
 *   reply_nil          +NIL                 $-1
 *   reply_nil_array    +NIL                 *-1
 *   reply_integer      :n                   :n
 *   reply_double       +VALUE n, shortest   $n, shortest
 *   reply_array        *n                   *n
 *   reply_error        -CODE text           -CODE text
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/bytes.h"
#include "base/sink.h"
#include "proto/request.h"

#include <stdbool.h>
#include <stdint.h>

struct reply_codec; // Private to proto/.

struct reply {
    struct sink *sink;
    const struct reply_codec *codec;
    uint64_t errors; // Errors written so far; the dispatcher counts failed calls by it.
};

void reply_init(struct reply *reply, struct sink *sink, enum protocol protocol);

void reply_ok(struct reply *reply);
void reply_status(struct reply *reply, const char *text);
void reply_value(struct reply *reply, struct bytes value);
/* The same for bytes that a reference to `owner` keeps alive: lent to the sink where it can
 * borrow. True when the reference went to the sink (also when that failed then); false when
 * it is still the caller's, the bytes having been copied or swallowed. */
bool reply_value_lent(struct reply *reply, struct bytes value, void *owner);
void reply_nil(struct reply *reply);
void reply_nil_array(struct reply *reply);
void reply_integer(struct reply *reply, int64_t value);
void reply_double(struct reply *reply, double value);
void reply_array(struct reply *reply, size_t count);

/* An error with its code first: "ERR no such key". CR and LF in what the format
 * fills in become blanks; the whole is cut at PROTO_ERROR_MAX. */
__attribute__((format(printf, 2, 3))) void reply_error(struct reply *reply, const char *format,
                                                       ...);

/* A member and its score as two elements: the inner loop of ZRANGE WITHSCORES. */
void reply_member(struct reply *reply, struct bytes member, double score);
