/* option_internal.h - options that several commands take.
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum expiry_unit {
    EXPIRY_SECONDS,
    EXPIRY_MILLISECONDS,
    EXPIRY_AT_SECONDS,
    EXPIRY_AT_MILLISECONDS,
};

/* "EX", "PX", "EXAT", "PXAT" in any case. False for any other word. */
NODISCARD bool expiry_unit_parse(struct bytes word, enum expiry_unit *unit_out);

/* The deadline that `amount` means, at most INT64_MAX; a time before 1970 becomes 1.
 * False when it is beyond what 64 bits hold. */
NODISCARD bool expiry_deadline(enum expiry_unit unit, int64_t amount, uint64_t now_ms,
                               uint64_t *deadline_ms_out);
