/* option.h - a module's settings as a table of rows.
 *
 *   rows of log, runtime, server ... ──> server/config: flags, --help, CONFIG GET and SET
 *
 * A row says what a setting is called, what it may be and which field of its module's settings it
 * is. The fields of all kinds but paths and others are `option_value`s, so that live ones
 * may change while other threads read them.
 *
 * Threads: pure functions, but for the fields: see option_copy.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTION_TEXT_MAX = 2048, OPTION_ERROR_MAX = 192 };

/* Read with relaxed order: a reader sees a change soon. */
typedef _Atomic uint64_t option_value;

enum option_kind {
    OPTION_NUMBER, // From min to max.
    OPTION_SIZE,   // Bytes, from min to max; 1k is 1000, 1kb is 1024, and so on to tb.
    OPTION_WORD,   // One of `words`; its place among them is stored.
    OPTION_PATH,   // A field of characters, ends in NUL.
    OPTION_OTHER,  // parse and print know.
};

struct option {
    const char *name;     // As a flag, without "--", and for CONFIG.
    const char *argument; // What --help calls its argument.
    const char *standard; // Its default, as --help shows it.
    const char *help;
    enum option_kind kind;
    bool is_live;        // CONFIG SET changes it.
    size_t offset, size; // Of the field in the module's settings.
    uint64_t min, max;
    const char *const *words; // Ends in NULL.
    /* Take the text in; false with what is wrong in one line. */
    bool (*parse)(void *field, const char *text, char error_out[OPTION_ERROR_MAX]);
    void (*print)(const void *field, char out[OPTION_TEXT_MAX]);
};

/* Rows, in the order in which --help shows them. */
struct option_group {
    const struct option *rows;
    size_t count;
};

/* The columns of a field: OPTION_FIELD(struct log_settings, level). */
#define OPTION_FIELD(type, field)                                                                  \
    .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)

/* Borrow the row of this name, in any case; NULL when there is none. */
const struct option *option_find(const struct option_group *group, struct bytes name);

/* Read `text` into the option's field of `settings`. False, with what is wrong in one line and the
 * field as it was or half changed. */
NODISCARD bool option_parse(const struct option *option, void *settings, const char *text,
                            char error_out[OPTION_ERROR_MAX]);

/* Write the field as text, such that option_parse reads the same. */
void option_print(const struct option *option, const void *settings, char out[OPTION_TEXT_MAX]);

/* Copy the option's field, a live one while other threads read it (but not paths and others, which
 * need a lock). */
void option_copy(const struct option *option, void *to_settings, const void *from_settings);

/* Read a number of bytes with a unit. False when it is none, or above 2^63. */
NODISCARD bool option_parse_size(struct bytes text, uint64_t *bytes_out);
