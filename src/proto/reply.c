#include "proto/reply.h"

#include "base/error.h"
#include "base/number.h"

#include <stdarg.h>
#include <stdio.h>

/* What a reply's pieces look like. Pieces are copied PIECE_SIZE bytes at a time, so that no
 * length needs to be known; what is too much is overwritten or not committed. */
enum {
    PIECE_SIZE = 8,
    // The most that stands around a value or an integer: prefix, length, two line ends.
    FRAME_SIZE = 3 * PIECE_SIZE + NUMBER_INTEGER_SIZE_MAX,
};

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
};

static const struct reply_codec text_codec = {
    .ok = {"+OK\n", 4},
    .value = {"+VALUE ", 7},
    .nil = {"+NIL\n", 5},
    .nil_array = {"+NIL\n", 5},
    .line_end = {"\n", 1},
};

static const struct reply_codec resp2_codec = {
    .ok = {"+OK\r\n", 5},
    .value = {"$", 1},
    .nil = {"$-1\r\n", 5},
    .nil_array = {"*-1\r\n", 5},
    .line_end = {"\r\n", 2},
};

void reply_init(struct reply *reply, struct sink *sink, enum protocol protocol)
{
    // Nobody has asked anything yet on a connection whose protocol is unknown.
    ASSERT(protocol != PROTOCOL_UNKNOWN);
    *reply = (struct reply){
        .sink = sink,
        .codec = protocol == PROTOCOL_RESP2 ? &resp2_codec : &text_codec,
    };
}

// Needs PIECE_SIZE writable bytes at `at`.
static inline char *put_piece(char *at, const struct piece *piece)
{
    memcpy(at, piece->text, PIECE_SIZE);
    return at + piece->size;
}

static inline char *put_bytes(char *at, struct bytes bytes)
{
    if (LIKELY(bytes.size > 0)) {
        memcpy(at, bytes.data, bytes.size);
    }
    return at + bytes.size;
}

static inline char *put_length(char *at, size_t length)
{
    if (LIKELY(length < 10)) {
        *at = (char)('0' + length);
        return at + 1;
    }
    if (LIKELY(length < 100)) {
        at[0] = (char)('0' + length / 10);
        at[1] = (char)('0' + length % 10);
        return at + 2;
    }
    return at + number_format_unsigned(length, at);
}

static inline char *put_value_header(char *at, const struct reply_codec *codec, size_t size)
{
    at = put_piece(at, &codec->value);
    at = put_length(at, size);
    return put_piece(at, &codec->line_end);
}

static inline void commit_to(struct sink *sink, const char *at)
{
    sink_commit(sink, (size_t)(at - sink->at));
}

static void reply_piece(struct reply *reply, const struct piece *piece)
{
    char *at = sink_reserve(reply->sink, PIECE_SIZE);
    if (LIKELY(at != NULL)) {
        commit_to(reply->sink, put_piece(at, piece));
    }
}

void reply_ok(struct reply *reply)
{
    reply_piece(reply, &reply->codec->ok);
}

void reply_nil(struct reply *reply)
{
    reply_piece(reply, &reply->codec->nil);
}

void reply_nil_array(struct reply *reply)
{
    reply_piece(reply, &reply->codec->nil_array);
}

void reply_status(struct reply *reply, const char *text)
{
    struct bytes bytes = bytes_of_string(text);
    char *at = sink_reserve(reply->sink, FRAME_SIZE + bytes.size);
    if (LIKELY(at != NULL)) {
        *at++ = '+';
        at = put_bytes(at, bytes);
        commit_to(reply->sink, put_piece(at, &reply->codec->line_end));
    }
}

void reply_value(struct reply *reply, struct bytes value)
{
    char *at = sink_reserve(reply->sink, FRAME_SIZE + value.size);
    if (LIKELY(at != NULL)) {
        at = put_value_header(at, reply->codec, value.size);
        at = put_bytes(at, value);
        commit_to(reply->sink, put_piece(at, &reply->codec->line_end));
    }
}

bool reply_value_lent(struct reply *reply, struct bytes value, void *owner)
{
    struct sink *sink = reply->sink;
    if (sink->ops->lend == NULL) {
        reply_value(reply, value);
        return false;
    }
    char *at = sink_reserve(sink, FRAME_SIZE);
    if (at == NULL) {
        return false;
    }
    commit_to(sink, put_value_header(at, reply->codec, value.size));
    if (sink->ops->lend(sink, value, owner) < 0) {
        // Half a reply is in the sink: nothing can follow it.
        sink->failed = true;
        sink->end = sink->at;
        return true;
    }
    reply_piece(reply, &reply->codec->line_end);
    return true;
}

static void reply_number(struct reply *reply, char type, int64_t value)
{
    char *at = sink_reserve(reply->sink, FRAME_SIZE);
    if (LIKELY(at != NULL)) {
        *at++ = type;
        if (LIKELY(value >= 0)) {
            at = put_length(at, (size_t)value);
        } else {
            at += number_format_integer(value, at);
        }
        commit_to(reply->sink, put_piece(at, &reply->codec->line_end));
    }
}

void reply_integer(struct reply *reply, int64_t value)
{
    reply_number(reply, ':', value);
}

void reply_array(struct reply *reply, size_t count)
{
    reply_number(reply, '*', (int64_t)count);
}

// Needs FRAME_SIZE + NUMBER_DOUBLE_SIZE_MAX writable bytes.
static inline char *put_double(char *at, const struct reply_codec *codec, double value)
{
    char number[NUMBER_DOUBLE_SIZE_MAX];
    size_t size = number_format_double(value, number);
    at = put_value_header(at, codec, size);
    memcpy(at, number, sizeof(number)); // All of it: a size known here is copied faster.
    return put_piece(at + size, &codec->line_end);
}

void reply_double(struct reply *reply, double value)
{
    char *at = sink_reserve(reply->sink, FRAME_SIZE + NUMBER_DOUBLE_SIZE_MAX);
    if (LIKELY(at != NULL)) {
        commit_to(reply->sink, put_double(at, reply->codec, value));
    }
}

void reply_member(struct reply *reply, struct bytes member, double score)
{
    char *at =
        sink_reserve(reply->sink, (size_t)2 * FRAME_SIZE + member.size + NUMBER_DOUBLE_SIZE_MAX);
    if (LIKELY(at != NULL)) {
        at = put_value_header(at, reply->codec, member.size);
        at = put_bytes(at, member);
        at = put_piece(at, &reply->codec->line_end);
        commit_to(reply->sink, put_double(at, reply->codec, score));
    }
}

void reply_error(struct reply *reply, const char *format, ...)
{
    char text[PROTO_ERROR_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    reply->errors++;
    struct bytes bytes = bytes_of_string(text);
    char *at = sink_reserve(reply->sink, FRAME_SIZE + bytes.size);
    if (at == NULL) {
        return;
    }
    *at++ = '-';
    for (size_t i = 0; i < bytes.size; i++) {
        if (text[i] == '\r' || text[i] == '\n') {
            text[i] = ' ';
        }
    }
    at = put_bytes(at, bytes);
    commit_to(reply->sink, put_piece(at, &reply->codec->line_end));
}
