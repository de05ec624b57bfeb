/* reply.h - what a command answers; the codec of the connection says how.
 *
 * A handler calls these in order: an array of n is followed by its n elements.
 * All write to the sink given at reply_init. When the sink fails, the rest is
 * swallowed (see sink.h).
 *
 *                       native text          RESP2                RESP3
 *   reply_ok            +OK                  +OK                  +OK
 *   reply_status        +text                +text                +text
 *   reply_value         +VALUE n, bytes      $n, bytes            $n, bytes
 *   reply_nil           +NIL                 $-1                  _
 *   reply_nil_array     +NIL                 *-1                  _
 *   reply_integer       :n                   :n                   :n
 *   reply_bool          :1 or :0             :1 or :0             #t or #f
 *   reply_double        +VALUE n, shortest   $n, shortest         ,shortest
 *   reply_double_value  +VALUE n, shortest   $n, shortest         $n, shortest
 *   reply_big_number    +VALUE n, digits     $n, digits           (digits
 *   reply_decimal       +VALUE n, digits     $n, digits           ,digits
 *   reply_verbatim      +VALUE n, bytes      $n, bytes            =n+4, format:bytes
 *   reply_array         *n                   *n                   *n
 *   reply_set           *n                   *n                   ~n
 *   reply_push          *n                   *n                   >n
 *   reply_map           *2n                  *2n                  %n
 *   reply_pairs         *2n                  *2n                  *n
 *   reply_pair          nothing              nothing              *2
 *   reply_error         -CODE text           -CODE text           -CODE text
 *
 * A map and pairs differ in RESP3 only: a map (HGETALL, CONFIG GET) becomes one, pairs
 * are an array of arrays of two, as Redis answers to ZRANGE WITHSCORES, ZPOPMIN with a
 * count, HRANDFIELD and ZRANDMEMBER WITHVALUES. What Redis answers as a flat array in
 * both versions is a reply_array: ZPOPMIN without a count, SCAN and its kin (with
 * reply_double_value for the scores of ZSCAN).
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/bytes.h"
#include "base/sink.h"
#include "proto/protocol.h"

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
void reply_bool(struct reply *reply, bool value);
void reply_double(struct reply *reply, double value);
/* A double that is a value in every protocol: INCRBYFLOAT, GEODIST, ZSCAN. */
void reply_double_value(struct reply *reply, double value);
/* An integer of any size, as its digits with '-' before a negative one. */
void reply_big_number(struct reply *reply, struct bytes digits);
/* A double of more precision than a double has, as its digits. */
void reply_decimal(struct reply *reply, struct bytes digits);
/* Text for people; `format` has three letters, "txt" or "mkd". */
void reply_verbatim(struct reply *reply, const char *format, struct bytes text);

/* The next `count` replies are its elements. */
void reply_array(struct reply *reply, size_t count);
void reply_set(struct reply *reply, size_t count);
/* What the client has not asked for: published messages, invalidations. */
void reply_push(struct reply *reply, size_t count);
/* A key and a value `count` times. */
void reply_map(struct reply *reply, size_t count);
/* `count` times a reply_pair and two elements, or a reply_member. */
void reply_pairs(struct reply *reply, size_t count);
void reply_pair(struct reply *reply);

/* An array, set or map whose count is not known before its elements:
 *
 *   struct reply_open open = reply_open(reply);
 *   ... the elements, which may be such arrays themselves, closed before it ...
 *   reply_close_array(reply, open, count);
 *
 * The header is put in before the elements, which move by a few bytes for it: where the count
 * can be had cheaply, reply_array is better. */
struct reply_open {
    size_t place;
};

struct reply_open reply_open(struct reply *reply);
void reply_close_array(struct reply *reply, struct reply_open open, size_t count);
void reply_close_set(struct reply *reply, struct reply_open open, size_t count);
void reply_close_map(struct reply *reply, struct reply_open open, size_t count);

/* An error with its code first: "ERR no such key". CR and LF in what the format
 * fills in become blanks; the whole is cut at PROTO_ERROR_MAX. */
__attribute__((format(printf, 2, 3))) void reply_error(struct reply *reply, const char *format,
                                                       ...);

/* A pair of a member and its score: the inner loop of ZRANGE WITHSCORES. */
void reply_member(struct reply *reply, struct bytes member, double score);
