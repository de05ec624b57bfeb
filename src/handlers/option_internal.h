/* option_internal.h - options that several commands take.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "command/args.h"

#include <stdbool.h>
#include <stdint.h>

enum expiry_unit {
    EXPIRY_SECONDS,
    EXPIRY_MILLISECONDS,
    EXPIRY_AT_SECONDS,
    EXPIRY_AT_MILLISECONDS,
    EXPIRY_UNITS
};

/* Flags of the options that set a deadline: 1 << enum expiry_unit. Those of a command's own
 * options are above. */
enum { OPTION_EXPIRY = (1 << EXPIRY_UNITS) - 1 };

/* Their rows, for a table of options; each excludes the others and `also`. */
#define EXPIRY_OPTION(word_, unit, also)                                                           \
    {                                                                                              \
        .word = (word_), .flag = 1 << (unit), .values = 1,                                         \
        .excludes = (OPTION_EXPIRY ^ 1 << (unit)) | (also)                                         \
    }
#define EXPIRY_OPTIONS(also)                                                                       \
    EXPIRY_OPTION("EX", EXPIRY_SECONDS, also), EXPIRY_OPTION("PX", EXPIRY_MILLISECONDS, also),     \
        EXPIRY_OPTION("EXAT", EXPIRY_AT_SECONDS, also),                                            \
        EXPIRY_OPTION("PXAT", EXPIRY_AT_MILLISECONDS, also)

/* The deadline that the options found say; untouched when there is none among them. False: its
 * value is no integer, not positive or too large (answered). */
NODISCARD bool expiry_of_options(struct call *call, const struct args_found *found,
                                 uint64_t *deadline_ms_out);

/* The deadline that `amount` means, at most INT64_MAX; a time before 1970 becomes 1.
 * False when it is beyond what 64 bits hold. */
NODISCARD bool expiry_deadline(enum expiry_unit unit, int64_t amount, uint64_t now_ms,
                               uint64_t *deadline_ms_out);
