#include "proto/reply.h"

#include "base/error.h"
#include "base/number.h"
#include "proto/codec_internal.h"
#include "proto/protocol_internal.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    // The most that stands around a value or an integer: prefix, length, two line ends.
    FRAME_SIZE = 3 * PIECE_SIZE + NUMBER_INTEGER_SIZE_MAX,
    VERBATIM_FORMAT_SIZE = 3, // "txt", "mkd"
};

const struct reply_codec codec_text = {
    .ok = {"+OK\n", 4},
    .value = {"+VALUE ", 7},
    .nil = {"+NIL\n", 5},
    .nil_array = {"+NIL\n", 5},
    .line_end = {"\n", 1},
    .yes = {":1\n", 3},
    .no = {":0\n", 3},
    .map = '*',
    .set = '*',
    .push = '*',
};

const struct reply_codec codec_resp2 = {
    .ok = {"+OK\r\n", 5},
    .value = {"$", 1},
    .nil = {"$-1\r\n", 5},
    .nil_array = {"*-1\r\n", 5},
    .line_end = {"\r\n", 2},
    .yes = {":1\r\n", 4},
    .no = {":0\r\n", 4},
    .map = '*',
    .set = '*',
    .push = '*',
};

const struct reply_codec codec_resp3 = {
    .ok = {"+OK\r\n", 5},
    .value = {"$", 1},
    .nil = {"_\r\n", 3},
    .nil_array = {"_\r\n", 3},
    .line_end = {"\r\n", 2},
    .yes = {"#t\r\n", 4},
    .no = {"#f\r\n", 4},
    .map = '%',
    .set = '~',
    .push = '>',
    .has_types = true,
};

void reply_init(struct reply *reply, struct sink *sink, enum protocol protocol)
{
    const struct reply_codec *codec = protocol_rows[protocol].codec;
    ASSERT(codec != NULL);
    *reply = (struct reply){.sink = sink, .codec = codec};
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

void reply_bool(struct reply *reply, bool value)
{
    reply_piece(reply, value ? &reply->codec->yes : &reply->codec->no);
}

void reply_array(struct reply *reply, size_t count)
{
    reply_number(reply, '*', (int64_t)count);
}

void reply_map(struct reply *reply, size_t count)
{
    size_t elements = reply->codec->has_types ? count : 2 * count;
    reply_number(reply, reply->codec->map, (int64_t)elements);
}

void reply_set(struct reply *reply, size_t count)
{
    reply_number(reply, reply->codec->set, (int64_t)count);
}

void reply_push(struct reply *reply, size_t count)
{
    reply_number(reply, reply->codec->push, (int64_t)count);
}

void reply_pairs(struct reply *reply, size_t count)
{
    reply_array(reply, reply->codec->has_types ? count : 2 * count);
}

void reply_pair(struct reply *reply)
{
    if (reply->codec->has_types) {
        reply_array(reply, 2);
    }
}

// Needs FRAME_SIZE + NUMBER_DOUBLE_SIZE_MAX writable bytes.
static inline char *put_double_value(char *at, const struct reply_codec *codec, double value)
{
    char number[NUMBER_DOUBLE_SIZE_MAX];
    size_t size = number_format_double(value, number);
    at = put_value_header(at, codec, size);
    memcpy(at, number, sizeof(number)); // All of it: a size known here is copied faster.
    return put_piece(at + size, &codec->line_end);
}

// The same, in the form that doubles have.
static inline char *put_double(char *at, const struct reply_codec *codec, double value)
{
    if (LIKELY(!codec->has_types)) {
        return put_double_value(at, codec, value);
    }
    *at++ = ',';
    at += number_format_double(value, at);
    return put_piece(at, &codec->line_end);
}

void reply_double(struct reply *reply, double value)
{
    char *at = sink_reserve(reply->sink, FRAME_SIZE + NUMBER_DOUBLE_SIZE_MAX);
    if (LIKELY(at != NULL)) {
        commit_to(reply->sink, put_double(at, reply->codec, value));
    }
}

void reply_double_value(struct reply *reply, double value)
{
    char *at = sink_reserve(reply->sink, FRAME_SIZE + NUMBER_DOUBLE_SIZE_MAX);
    if (LIKELY(at != NULL)) {
        commit_to(reply->sink, put_double_value(at, reply->codec, value));
    }
}

void reply_member(struct reply *reply, struct bytes member, double score)
{
    char *at =
        sink_reserve(reply->sink, (size_t)3 * FRAME_SIZE + member.size + NUMBER_DOUBLE_SIZE_MAX);
    if (LIKELY(at != NULL)) {
        if (UNLIKELY(reply->codec->has_types)) {
            at = put_bytes(at, BYTES("*2\r\n"));
        }
        at = put_value_header(at, reply->codec, member.size);
        at = put_bytes(at, member);
        at = put_piece(at, &reply->codec->line_end);
        commit_to(reply->sink, put_double(at, reply->codec, score));
    }
}

void reply_verbatim(struct reply *reply, const char *format, struct bytes text)
{
    if (!reply->codec->has_types) {
        reply_value(reply, text);
        return;
    }
    char *at = sink_reserve(reply->sink, FRAME_SIZE + VERBATIM_FORMAT_SIZE + 1 + text.size);
    if (LIKELY(at != NULL)) {
        DEBUG_ASSERT(strlen(format) == VERBATIM_FORMAT_SIZE);
        *at++ = '=';
        at = put_length(at, VERBATIM_FORMAT_SIZE + 1 + text.size);
        at = put_piece(at, &reply->codec->line_end);
        at = put_bytes(at, bytes_make(format, VERBATIM_FORMAT_SIZE));
        *at++ = ':';
        at = put_bytes(at, text);
        commit_to(reply->sink, put_piece(at, &reply->codec->line_end));
    }
}

// A number that is given as its digits, behind the sign of its type in RESP3.
static void write_digits(struct reply *reply, char sign, struct bytes digits)
{
    if (!reply->codec->has_types) {
        reply_value(reply, digits);
        return;
    }
    char *at = sink_reserve(reply->sink, FRAME_SIZE + digits.size);
    if (LIKELY(at != NULL)) {
        *at++ = sign;
        at = put_bytes(at, digits);
        commit_to(reply->sink, put_piece(at, &reply->codec->line_end));
    }
}

void reply_big_number(struct reply *reply, struct bytes digits)
{
    write_digits(reply, '(', digits);
}

void reply_decimal(struct reply *reply, struct bytes digits)
{
    write_digits(reply, ',', digits);
}

struct reply_open reply_open(struct reply *reply)
{
    return (struct reply_open){.place = sink_place(reply->sink)};
}

// The header that was left out.
static void close_list(struct reply *reply, struct reply_open open, char type, size_t count)
{
    char header[FRAME_SIZE];
    header[0] = type;
    char *at = put_length(header + 1, count);
    at = put_piece(at, &reply->codec->line_end);
    sink_insert(reply->sink, open.place, bytes_make(header, (size_t)(at - header)));
}

void reply_close_array(struct reply *reply, struct reply_open open, size_t count)
{
    close_list(reply, open, '*', count);
}

void reply_close_set(struct reply *reply, struct reply_open open, size_t count)
{
    close_list(reply, open, reply->codec->set, count);
}

void reply_close_map(struct reply *reply, struct reply_open open, size_t count)
{
    close_list(reply, open, reply->codec->map, reply->codec->has_types ? count : 2 * count);
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
