#include "proto/words_internal.h"

#include "base/error.h"
#include "proto/request_internal.h"

static inline bool is_blank(char c, enum words_style style)
{
    if (style == WORDS_TEXT) {
        return c == ' ' || c == '\t';
    }
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Whether a plain word goes on at `c`. Redis skips VT and FF between words but does not
 * end a word at them. */
static inline bool is_plain(char c, enum words_style style)
{
    if ((unsigned char)c > ' ') {
        return true;
    }
    if (style == WORDS_TEXT) {
        return c != ' ' && c != '\t';
    }
    return c != ' ' && c != '\t' && c != '\r' && c != '\0';
}

static inline bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

// The closing quote's place for the quote at `at`; NULL when there is none.
static const char *find_closing(const char *at, const char *end)
{
    char quote = *at;
    for (at++; at < end; at++) {
        if (*at == quote) {
            return at;
        }
        // In single quotes a backslash means itself, except before a quote.
        if (*at == '\\' && at + 1 < end && (quote == '"' || at[1] == '\'')) {
            at++;
        }
    }
    return NULL;
}

/* The end of the word at `at`, whose size is added to *quoted_size when it has quotes; NULL
 * when they are not balanced. */
static const char *find_word_end(const char *at, const char *end, enum words_style style,
                                 size_t *quoted_size)
{
    const char *first = at;
    while (at < end && is_plain(*at, style)) {
        if (UNLIKELY(is_quote(*at)) && (style == WORDS_INLINE || at == first)) {
            const char *closing = find_closing(at, end);
            if (closing == NULL || (closing + 1 < end && !is_blank(closing[1], style))) {
                return NULL;
            }
            *quoted_size += (size_t)(closing + 1 - first);
            return closing + 1;
        }
        at++;
    }
    return at;
}

bool words_split(struct words *words, enum words_style style)
{
    const char *at = words->line.data;
    const char *end = at + words->line.size;
    words->count = 0;
    words->quoted_size = 0;
    for (;;) {
        while (at < end && is_blank(*at, style)) {
            at++;
        }
        if (at == end) {
            return true;
        }
        const char *word_end = find_word_end(at, end, style, &words->quoted_size);
        if (word_end == NULL) {
            return false;
        }
        if (word_end == at) { // A NUL in an inline command: Redis sees the end of the line.
            return true;
        }
        if (LIKELY(words->count < words->args_max)) {
            words->args[words->count] = bytes_make(at, (size_t)(word_end - at));
        }
        words->count++;
        at = word_end;
    }
}

static inline const char *find_line_end(struct parser *parser, struct bytes input,
                                        const char *too_long, struct parse_result *result_out)
{
    // What comes before parser->scanned is known not to be it.
    size_t limit = (size_t)PROTO_LINE_MAX + 1;
    size_t window = input.size < limit ? input.size : limit;
    const char *found = memchr(input.data + parser->scanned, '\n', window - parser->scanned);
    if (LIKELY(found != NULL)) {
        parser->scanned = (size_t)(found - input.data);
        return found;
    }
    if (window == limit) {
        parse_error(parser, PARSE_FATAL, window, result_out, too_long);
        return NULL;
    }
    parser->scanned = window;
    parse_more(parser, window + 1, result_out);
    return NULL;
}

const char *line_find_end(struct parser *parser, struct bytes input, const char *too_long,
                          struct parse_result *result_out)
{
    return find_line_end(parser, input, too_long, result_out);
}

bool words_find(struct parser *parser, struct bytes input, const struct words_rules *rules,
                struct words *words, struct parse_result *result_out)
{
    const char *found = find_line_end(parser, input, rules->too_long, result_out);
    if (UNLIKELY(found == NULL)) {
        return false;
    }
    size_t size = (size_t)(found - input.data);
    words->size = size + 1;
    words->line = bytes_make(input.data, size - (size > 0 && found[-1] == '\r'));
    if (UNLIKELY(!words_split(words, rules->style))) {
        parse_error(parser, rules->unbalanced_status, words->size, result_out, rules->unbalanced);
        return false;
    }
    if (UNLIKELY(words->count == 0)) {
        parse_used(parser, PARSE_EMPTY, words->size, result_out);
        return false;
    }
    return true;
}

void words_finish(struct parser *parser, const struct words *words, enum words_style style,
                  const struct parse_space *space, struct parse_result *result_out)
{
    result_out->argc = words->count;
    result_out->text_size = words->quoted_size;
    if (UNLIKELY(words->count > space->args_max || words->quoted_size > space->text_max)) {
        result_out->size = words->size;
        result_out->status = PARSE_SPACE;
        return;
    }
    if (UNLIKELY(words->quoted_size > 0)) {
        result_out->text_size = words_decode(words, style, space->text);
    }
    parse_used(parser, PARSE_DONE, words->size, result_out);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The byte behind the backslash at `at` in double quotes; returns the end of the escape.
static const char *decode_escape(const char *at, const char *end, char *byte_out)
{
    char c = at[1];
    if (c == 'x' && end - at >= 4 && hex_value(at[2]) >= 0 && hex_value(at[3]) >= 0) {
        *byte_out = (char)(unsigned char)(hex_value(at[2]) * 16 + hex_value(at[3]));
        return at + 4;
    }
    static const char letters[] = "nrtba";
    static const char meanings[] = "\n\r\t\b\a";
    const char *letter = c == '\0' ? NULL : strchr(letters, c);
    if (letter != NULL) {
        c = meanings[letter - letters];
    }
    *byte_out = c;
    return at + 2;
}

size_t word_decode(struct bytes word, enum words_style style, char *out)
{
    const char *at = word.data;
    const char *end = word.data + word.size;
    char *first = out;
    while (at < end && !(is_quote(*at) && (style == WORDS_INLINE || at == word.data))) {
        *out++ = *at++;
    }
    if (at == end) {
        return (size_t)(out - first);
    }
    char quote = *at++;
    end--; // The closing quote.
    while (at < end) {
        if (*at != '\\' || (quote == '\'' && at[1] != '\'')) {
            *out++ = *at++;
        } else if (quote == '\'') {
            *out++ = '\'';
            at += 2;
        } else {
            char byte;
            at = decode_escape(at, end, &byte);
            *out++ = byte;
        }
    }
    return (size_t)(out - first);
}

// Of a word that was found: a plain one has no quote at its first byte (WORDS_TEXT) or
// none at all, a quoted one ends with its closing quote.
static bool is_quoted(struct bytes word, enum words_style style)
{
    size_t place = style == WORDS_TEXT ? 0 : word.size - 1;
    return is_quote(word.data[place]);
}

size_t words_decode(const struct words *words, enum words_style style, char *text)
{
    size_t size = 0;
    for (uint32_t i = 0; i < words->count; i++) {
        struct bytes *word = &words->args[i];
        if (is_quoted(*word, style)) {
            *word = bytes_make(text + size, word_decode(*word, style, text + size));
            size += word->size;
        }
    }
    return size;
}
