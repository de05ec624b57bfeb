#include "proto/resp_internal.h"

#include "base/error.h"
#include "base/number.h"
#include "proto/request_internal.h"
#include "proto/words_internal.h"

#include <stdio.h>

enum {
    LENGTH_DIGITS_MAX = 9, // Longer ones are above every limit.
};

_Static_assert(PROTO_VALUE_MAX < 1000000000 && PROTO_ARGS_MAX < 1000000000, "nine digits do");

/* Read "<digits>\r\n" in its plain form at `at`. Returns the first byte behind it, or NULL
 * when it is incomplete or anything else: stop_at_... finds out what. As in Redis the
 * byte after CR is not looked at. */
static inline const char *read_length(const char *at, const char *end, uint32_t *length_out)
{
    if (UNLIKELY(end - at < 3)) {
        return NULL;
    }
    // One or two digits, as nearly all have: without a loop.
    uint32_t one = (uint32_t)(unsigned char)at[0] - '0';
    if (LIKELY(one <= 9 && at[1] == '\r')) {
        *length_out = one;
        return at + 3;
    }
    uint32_t two = (uint32_t)(unsigned char)at[1] - '0';
    if (LIKELY(one >= 1 && one <= 9 && two <= 9 && at[2] == '\r' && end - at > 3)) {
        *length_out = 10 * one + two;
        return at + 4;
    }
    const char *first = at;
    const char *last = end - at > LENGTH_DIGITS_MAX + 1 ? at + LENGTH_DIGITS_MAX : end - 2;
    uint32_t length = (uint32_t)(unsigned char)*at - '0';
    if (UNLIKELY(length > 9)) {
        return NULL;
    }
    for (at++; at < last; at++) {
        uint32_t digit = (uint32_t)(unsigned char)*at - '0';
        if (digit > 9) {
            break;
        }
        length = length * 10 + digit;
    }
    if (UNLIKELY(*at != '\r' || (*first == '0' && at != first + 1))) {
        return NULL;
    }
    *length_out = length;
    return at + 2;
}

/* The CR of the header at `at`, with a byte behind it; otherwise NULL, and the result is
 * set. `what` is the word for the header in Redis's error. */
static const char *find_header_end(struct parser *parser, struct bytes input, const char *at,
                                   const char *what, struct parse_result *result_out)
{
    size_t begin = (size_t)(at - input.data);
    size_t limit = begin + PROTO_LINE_MAX + 1;
    size_t window = input.size < limit ? input.size : limit;
    // A header without CR was said to need two bytes more than there were, one that ends
    // in CR one more: what lies before these two need not be looked at again.
    size_t known = parser->needed >= begin + 2 ? parser->needed - 2 : begin;
    const char *cr = memchr(input.data + known, '\r', window - known);
    if (cr == NULL && window == limit) {
        char text[64];
        snprintf(text, sizeof(text), "ERR Protocol error: too big %s count string", what);
        parse_error(parser, PARSE_FATAL, window, result_out, text);
    } else if (cr == NULL) {
        parse_more(parser, input.size + 2, result_out);
    } else if (cr + 1 == input.data + input.size) {
        parse_more(parser, input.size + 1, result_out);
        cr = NULL;
    }
    return cr;
}

/* The header of the array is not one of a request that can be read: say why. */
static void stop_at_array(struct parser *parser, struct bytes input,
                          struct parse_result *result_out)
{
    const char *cr = find_header_end(parser, input, input.data, "mbulk", result_out);
    if (cr == NULL) {
        return;
    }
    size_t size = (size_t)(cr - input.data) + 2;
    int64_t count;
    if (number_parse_integer(bytes_make(input.data + 1, size - 3), &count) && count <= 0) {
        parse_used(parser, PARSE_EMPTY, size, result_out);
        return;
    }
    parse_error(parser, PARSE_FATAL, size, result_out,
                "ERR Protocol error: invalid multibulk length");
}

/* The same for the header of the argument at parser->scanned. */
static void stop_at_argument(struct parser *parser, struct bytes input,
                             struct parse_result *result_out)
{
    const char *at = input.data + parser->scanned;
    const char *cr = find_header_end(parser, input, at, "bulk", result_out);
    if (cr == NULL) {
        return;
    }
    char text[64] = "ERR Protocol error: invalid bulk length";
    if (*at != '$') {
        snprintf(text, sizeof(text), "ERR Protocol error: expected '$', got '%c'", *at);
    }
    parse_error(parser, PARSE_FATAL, (size_t)(cr - input.data) + 2, result_out, text);
}

/* Where reading an array has come to. */
struct reading {
    const char *at; // The first byte of an argument's header, or the end.
    uint32_t left;  // Arguments still to come.
    uint32_t seen;
    struct bytes *args;
    uint32_t args_max;
};

static void save_reading(struct parser *parser, struct bytes input, const struct reading *reading)
{
    parser->inside = true;
    parser->scanned = (size_t)(reading->at - input.data);
    parser->args_left = reading->left;
    parser->args_seen = reading->seen;
}

/* Read on and write the arguments that fit. True when the last one is there; otherwise
 * the parser knows how far it was, and the result is set. */
static inline bool read_arguments(struct parser *parser, struct bytes input,
                                  struct reading *reading, struct parse_result *result_out)
{
    const char *end = input.data + input.size;
    while (reading->left > 0) {
        const char *at = reading->at;
        const char *body = NULL;
        uint32_t length = 0;
        if (LIKELY(at < end && *at == '$')) {
            body = read_length(at + 1, end, &length);
        }
        if (UNLIKELY(body == NULL || length > PROTO_VALUE_MAX)) {
            save_reading(parser, input, reading);
            stop_at_argument(parser, input, result_out);
            return false;
        }
        if (LIKELY(reading->seen < reading->args_max)) {
            reading->args[reading->seen] = bytes_make(body, length);
        }
        reading->seen++;
        reading->left--;
        if (UNLIKELY((size_t)(end - body) < (size_t)length + 2)) {
            // The next call comes back when the whole argument is there.
            reading->at = body;
            save_reading(parser, input, reading);
            parser->scanned += (size_t)length + 2;
            parse_more(parser, parser->scanned, result_out);
            return false;
        }
        reading->at = body + length + 2;
    }
    return true;
}

/* Read a whole array from its first byte. */
static void read_array(struct parser *parser, struct bytes input, const struct parse_space *space,
                       struct parse_result *result_out)
{
    uint32_t count = 0;
    const char *first = read_length(input.data + 1, input.data + input.size, &count);
    if (UNLIKELY(first == NULL || count == 0 || count > PROTO_ARGS_MAX)) {
        stop_at_array(parser, input, result_out);
        return;
    }
    struct reading reading = {
        .at = first,
        .left = count,
        .args = space->args,
        .args_max = space->args_max,
    };
    if (UNLIKELY(!read_arguments(parser, input, &reading, result_out))) {
        return;
    }
    result_out->argc = count;
    result_out->text_size = 0;
    if (UNLIKELY(count > space->args_max)) {
        save_reading(parser, input, &reading);
        result_out->status = PARSE_SPACE;
        return;
    }
    parse_used(parser, PARSE_DONE, (size_t)(reading.at - input.data), result_out);
}

/* More has come for an array that was incomplete. */
static void resume_array(struct parser *parser, struct bytes input, const struct parse_space *space,
                         struct parse_result *result_out)
{
    struct reading reading = {
        .at = input.data + parser->scanned,
        .left = parser->args_left,
        .seen = parser->args_seen,
    };
    if (!read_arguments(parser, input, &reading, result_out)) {
        return;
    }
    if (reading.seen > space->args_max) {
        save_reading(parser, input, &reading);
        result_out->argc = reading.seen;
        result_out->text_size = 0;
        result_out->status = PARSE_SPACE;
        return;
    }
    read_array(parser, input, space, result_out);
}

static void read_inline(struct parser *parser, struct bytes input, const struct parse_space *space,
                        struct parse_result *result_out)
{
    static const struct words_rules rules = {
        .style = WORDS_INLINE,
        .unbalanced_status = PARSE_FATAL,
        .unbalanced = "ERR Protocol error: unbalanced quotes in request",
        .too_long = "ERR Protocol error: too big inline request",
    };
    struct words words = {.args = space->args, .args_max = space->args_max};
    if (words_find(parser, input, &rules, &words, result_out)) {
        words_finish(parser, &words, WORDS_INLINE, space, result_out);
    }
}

void resp_parse(struct parser *parser, struct bytes input, const struct parse_space *space,
                struct parse_result *result_out)
{
    if (UNLIKELY(*input.data != '*')) {
        read_inline(parser, input, space, result_out);
    } else if (LIKELY(!parser->inside)) {
        read_array(parser, input, space, result_out);
    } else {
        resume_array(parser, input, space, result_out);
    }
}
