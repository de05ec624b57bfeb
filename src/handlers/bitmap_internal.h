/* bitmap_internal.h - what the commands on bits share.
 *
 * Threads: as command/call.h.
 */
#pragma once

#include "base/error.h"
#include "command/call.h"

#include <stdbool.h>
#include <stdint.h>

/* Read argument `index` as the place of the first of `width` bits, which a string may have.
 * With `counts_fields`, "#n" is the place of the n-th field of that width. False: it is none
 * (answered). */
NODISCARD bool bit_offset(struct call *call, uint32_t index, bool counts_fields, unsigned width,
                          uint64_t *offset_out);
