#include "proto/resp_internal.h"

#include "base/error.h"
#include "base/number.h"
#include "proto/request_internal.h"
#include "proto/words_internal.h"

#include <stdio.h>
#include <string.h>

enum {
    LENGTH_DIGITS_MAX = 9, // Longer ones are above every limit.
};

_Static_assert(PROTO_VALUE_MAX < 1000000000 && PROTO_ARGS_MAX < 1000000000, "nine digits do");

/* read_header for whatever has not one digit or two. */
static __attribute__((noinline)) const char *read_any_header(const char *at, const char *end,
                                                             char mark, uint32_t *number_out)
{
    if (end - at < 4 || *at != mark) {
        return NULL;
    }
    const char *first = ++at;
    const char *last = end - at > LENGTH_DIGITS_MAX + 1 ? at + LENGTH_DIGITS_MAX : end - 2;
    uint32_t number = 0;
    for (; at < last; at++) {
        uint32_t digit = (uint32_t)(unsigned char)*at - '0';
        if (digit > 9) {
            break;
        }
        number = number * 10 + digit;
    }
    if (at == first || *at != '\r' || (*first == '0' && at != first + 1)) {
        return NULL;
    }
    *number_out = number;
    return at + 2;
}

/* Read "<mark><digits>\r\n" in its plain form at `at`. Returns the first byte behind it, or
 * NULL when it is incomplete or anything else: stop_at_... finds out what. As in Redis the
 * byte after CR is not looked at. */
static inline const char *read_header(const char *at, const char *end, char mark,
                                      uint32_t *number_out)
{
    if (UNLIKELY(end - at < 5)) {
        return read_any_header(at, end, mark, number_out);
    }
    // One or two digits, as nearly all have: four bytes at once.
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    uint32_t one = (word >> 8 & 0xff) - '0';
    if (LIKELY((word & 0xff00ff) == ((uint32_t)mark | '\r' << 16) && one <= 9)) {
        *number_out = one;
        return at + 4;
    }
    uint32_t two = (word >> 16 & 0xff) - '0';
    if (LIKELY((word & 0xff0000ff) == ((uint32_t)mark | '\r' << 24) && one - 1 < 9 && two <= 9)) {
        *number_out = 10 * one + two;
        return at + 5;
    }
    return read_any_header(at, end, mark, number_out);
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
    const char *at; // The first byte of an argument's header or, when that is known, behind it.
    uint32_t seen;  // Arguments before that.
    uint32_t count; // In all.
};

static void save_reading(struct parser *parser, struct bytes input, struct reading reading)
{
    parser->inside = true;
    parser->scanned = (size_t)(reading.at - input.data);
    parser->args_left = reading.count - reading.seen;
    parser->args_seen = reading.seen;
}

/* Read the rest of an array and write the arguments that fit. The first byte behind it, or
 * NULL: then the parser knows how far it was, and the result is set. */
static inline const char *read_arguments(struct parser *parser, struct bytes input,
                                         struct reading reading, const struct parse_space *space,
                                         struct parse_result *result_out)
{
    const char *end = input.data + input.size;
    while (reading.seen < reading.count) {
        uint32_t length = 0;
        const char *body = read_header(reading.at, end, '$', &length);
        if (UNLIKELY(body == NULL || length > PROTO_VALUE_MAX)) {
            save_reading(parser, input, reading);
            stop_at_argument(parser, input, result_out);
            return NULL;
        }
        if (LIKELY(reading.seen < space->args_max)) {
            space->args[reading.seen] = bytes_make(body, length);
        }
        reading.seen++;
        if (UNLIKELY((size_t)(end - body) < (size_t)length + 2)) {
            // The next call comes back when the whole argument is there.
            reading.at = body;
            save_reading(parser, input, reading);
            parser->scanned += (size_t)length + 2;
            parse_more(parser, parser->scanned, result_out);
            return NULL;
        }
        reading.at = body + length + 2;
    }
    return reading.at;
}

/* An array of `count` arguments up to `end` is complete, but there is no room for it. */
static void ask_for_space(struct parser *parser, struct bytes input, const char *end,
                          uint32_t count, struct parse_result *result_out)
{
    save_reading(parser, input, (struct reading){.at = end, .seen = count, .count = count});
    result_out->argc = count;
    result_out->text_size = 0;
    result_out->size = (size_t)(end - input.data);
    result_out->status = PARSE_SPACE;
}

/* Read a whole array from its first byte. */
static inline void read_array(struct parser *parser, struct bytes input,
                              const struct parse_space *space, struct parse_result *result_out)
{
    struct reading reading = {0};
    reading.at = read_header(input.data, input.data + input.size, '*', &reading.count);
    if (UNLIKELY(reading.at == NULL || reading.count == 0 || reading.count > PROTO_ARGS_MAX)) {
        stop_at_array(parser, input, result_out);
        return;
    }
    const char *end = read_arguments(parser, input, reading, space, result_out);
    if (UNLIKELY(end == NULL)) {
        return;
    }
    if (UNLIKELY(reading.count > space->args_max)) {
        ask_for_space(parser, input, end, reading.count, result_out);
        return;
    }
    result_out->argc = reading.count;
    result_out->text_size = 0;
    parse_used(parser, PARSE_DONE, (size_t)(end - input.data), result_out);
}

/* More has come for an array that was incomplete. Whether it is complete now and fits: then it
 * is read again from its first byte. */
static __attribute__((noinline)) bool complete_array(struct parser *parser, struct bytes input,
                                                     const struct parse_space *space,
                                                     struct parse_result *result_out)
{
    const struct parse_space none = {0};
    const struct reading reading = {
        .at = input.data + parser->scanned,
        .seen = parser->args_seen,
        .count = parser->args_seen + parser->args_left,
    };
    const char *end = read_arguments(parser, input, reading, &none, result_out);
    if (end != NULL && reading.count > space->args_max) {
        ask_for_space(parser, input, end, reading.count, result_out);
        return false;
    }
    return end != NULL;
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
    } else if (LIKELY(!parser->inside) || complete_array(parser, input, space, result_out)) {
        read_array(parser, input, space, result_out);
    }
}

bool resp_peek_name(struct bytes input, struct bytes *name_out)
{
    uint32_t count;
    uint32_t length;
    const char *end = input.data + input.size;
    const char *at = read_header(input.data, end, '*', &count);
    const char *name = at == NULL ? NULL : read_header(at, end, '$', &length);
    if (name == NULL || (size_t)(end - name) < length) {
        return false;
    }
    *name_out = bytes_make(name, length);
    return true;
}
