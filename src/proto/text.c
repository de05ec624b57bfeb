#include "proto/text_internal.h"

#include "base/error.h"
#include "base/number.h"
#include "proto/request_internal.h"
#include "proto/words_internal.h"

enum {
    SET_WORDS_MIN = 4, // SET key expiry length
    SET_EXPIRY = 2,
    SET_LENGTH = 3,
};

enum { SCRATCH_SIZE = 64 };

#define SET_FORM ", it is: SET key expiry length, and the value on the next line"

/* What a word of a SET line stands for: itself, or decoded into `scratch`. A quoted word
 * that is too long for that is no number either. */
static inline struct bytes word_meaning(struct bytes word, char *scratch)
{
    if (LIKELY(word.data[0] != '"' && word.data[0] != '\'')) {
        return word;
    }
    if (word.size > SCRATCH_SIZE) {
        return bytes_make(scratch, 0);
    }
    return bytes_make(scratch, word_decode(word, WORDS_TEXT, scratch));
}

static inline bool is_set(struct bytes word)
{
    if (LIKELY(word.size == 3)) {
        return (word.data[0] | 0x20) == 's' && (word.data[1] | 0x20) == 'e' &&
               (word.data[2] | 0x20) == 't';
    }
    char scratch[SCRATCH_SIZE];
    return bytes_is_word(word_meaning(word, scratch), "SET");
}

/* Whether the payload of `length` bytes from `at` on is there with its line end: then the
 * request's size is set, otherwise the whole result. */
static bool find_payload(struct parser *parser, struct bytes input, size_t at, size_t length,
                         struct parse_result *result_out)
{
    size_t end = at + length; // Both are limited far below SIZE_MAX.
    if (input.size <= end) {
        parse_more(parser, end + 1, result_out);
        return false;
    }
    if (input.data[end] == '\r') {
        end++;
        if (input.size == end) {
            parse_more(parser, end + 1, result_out);
            return false;
        }
    }
    if (input.data[end] != '\n') {
        parse_error(parser, PARSE_FATAL, end + 1, result_out,
                    "ERR Protocol error: the value must be followed by a line end");
        return false;
    }
    result_out->size = end + 1;
    return true;
}

/* The words SET key expiry length [options] become SET key value [EX expiry] [options]. */
static uint32_t arrange_set(struct bytes *args, uint32_t words, struct bytes payload, bool expires)
{
    struct bytes *options = args + SET_WORDS_MIN;
    size_t options_size = (words - SET_WORDS_MIN) * sizeof(*options);
    if (!expires) {
        memmove(options - 1, options, options_size);
        args[2] = payload;
        return words - 1;
    }
    memmove(options + 1, options, options_size);
    args[4] = args[SET_EXPIRY];
    args[3] = BYTES("EX");
    args[2] = payload;
    return words + 1;
}

static void parse_set(struct parser *parser, struct bytes input, const struct words *words,
                      const struct parse_space *space, struct parse_result *result_out)
{
    if (words->count < SET_WORDS_MIN) {
        parse_error(parser, PARSE_INVALID, words->size, result_out,
                    "ERR wrong number of words" SET_FORM);
        return;
    }
    struct bytes first[SET_WORDS_MIN];
    struct words set = {.args = first, .args_max = SET_WORDS_MIN, .line = words->line};
    if (LIKELY(words->args_max >= SET_WORDS_MIN)) {
        set.args = words->args;
    } else {
        words_split(&set, WORDS_TEXT);
    }
    char scratch[SCRATCH_SIZE];
    uint64_t length;
    if (!number_parse_unsigned(word_meaning(set.args[SET_LENGTH], scratch), &length) ||
        length > PROTO_VALUE_MAX) {
        parse_error(parser, PARSE_FATAL, words->size, result_out,
                    "ERR Protocol error: invalid length of the value" SET_FORM);
        return;
    }
    if (!find_payload(parser, input, words->size, length, result_out)) {
        return;
    }
    bool expires = !bytes_equal(word_meaning(set.args[SET_EXPIRY], scratch), BYTES("0"));
    result_out->argc = words->count + expires;
    result_out->text_size = words->quoted_size;
    if (UNLIKELY(result_out->argc > space->args_max || words->quoted_size > space->text_max)) {
        result_out->status = PARSE_SPACE; // The size is set already.
        return;
    }
    if (UNLIKELY(words->quoted_size > 0)) {
        result_out->text_size = words_decode(words, WORDS_TEXT, space->text);
    }
    struct bytes payload = bytes_make(input.data + words->size, length);
    result_out->argc = arrange_set(words->args, words->count, payload, expires);
    parse_used(parser, PARSE_DONE, result_out->size, result_out);
}

bool text_is_set(struct bytes line)
{
    struct bytes args[SET_WORDS_MIN];
    struct words words = {.args = args, .args_max = SET_WORDS_MIN, .line = line};
    char scratch[SCRATCH_SIZE];
    int64_t number;
    return words_split(&words, WORDS_TEXT) && words.count >= SET_WORDS_MIN && is_set(args[0]) &&
           number_parse_integer(word_meaning(args[SET_EXPIRY], scratch), &number) &&
           number_parse_integer(word_meaning(args[SET_LENGTH], scratch), &number);
}

void text_parse(struct parser *parser, struct bytes input, const struct parse_space *space,
                struct parse_result *result_out)
{
    static const struct words_rules rules = {
        .style = WORDS_TEXT,
        .unbalanced_status = PARSE_INVALID,
        .unbalanced = "ERR unbalanced quotes",
        .too_long = "ERR Protocol error: too big a line",
    };
    struct words words = {.args = space->args, .args_max = space->args_max};
    if (!words_find(parser, input, &rules, &words, result_out)) {
        return;
    }
    if (words.args_max > 0 && is_set(words.args[0])) {
        parse_set(parser, input, &words, space, result_out);
    } else {
        words_finish(parser, &words, WORDS_TEXT, space, result_out);
    }
}
