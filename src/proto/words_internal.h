/* words_internal.h - a line of words, some of them quoted.
 *
 * A word is first found as it stands in the line, quotes and all: the line may have
 * to be read again when its payload is incomplete or the caller's space too small.
 * Only when the request is complete are quoted words decoded, into the caller's
 * text. Decoding never makes a word longer.
 *
 *   line     GET "a b\x21" 'c d'
 *   found    [GET]["a b\x21"]['c d']
 *   decoded  [GET][a b!][c d]
 *
 * Threads: one at a time for a line.
 */
#pragma once

#include "base/bytes.h"
#include "proto/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum words_style {
    WORDS_TEXT,   // A quote is special at the start of a word; blanks are SP and TAB.
    WORDS_INLINE, // Redis: anywhere in a word; blanks are whatever isspace() says.
};

struct words_rules {
    enum words_style style;
    enum parse_status unbalanced_status;
    const char *unbalanced; // Error texts.
    const char *too_long;
};

struct words {
    struct bytes *args; // The caller's array,
    uint32_t args_max;  // and how many of the words it takes.
    uint32_t count;     // How many there are.
    size_t quoted_size; // Bytes of those that have quotes, the quotes included.
    struct bytes line;  // Without its line end.
    size_t size;        // Of the line with its end: LF or CR LF.
};

/* Find the first LF of `input`. NULL when it has not come, or when it is behind more than
 * PROTO_LINE_MAX other bytes, however they arrive; then the result is set. */
const char *line_find_end(struct parser *parser, struct bytes input, const char *too_long,
                          struct parse_result *result_out);

/* Find the first line of `input` and its words, at least one: true. Otherwise the
 * result is set: incomplete, empty, or one of the two errors. */
bool words_find(struct parser *parser, struct bytes input, const struct words_rules *rules,
                struct words *words, struct parse_result *result_out);

/* The request is these words and nothing else: decode them and set the result. */
void words_finish(struct parser *parser, const struct words *words, enum words_style style,
                  const struct parse_space *space, struct parse_result *result_out);

/* Find the words of words->line and write up to args_max of them; false when a quote is
 * not closed, or something other than a blank follows the closing one. */
bool words_split(struct words *words, enum words_style style);

/* Write the bytes that `word` stands for to `out`: at most word.size. Returns how many. */
size_t word_decode(struct bytes word, enum words_style style, char *out);

/* Write what the quoted words stand for to `text`, which takes words->quoted_size bytes, and
 * let their arguments point there. Returns how many it is. */
size_t words_decode(const struct words *words, enum words_style style, char *text);
