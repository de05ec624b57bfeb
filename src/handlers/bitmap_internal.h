/* bitmap_internal.h - what the commands on bits share.
 *
 * Threads: as command/call.h.
 */
#pragma once

#include "base/error.h"
#include "command/args.h"

#include <stdbool.h>
#include <stdint.h>

/* Read argument `index` as the place of the first of `width` bits, which a string may have.
 * With `counts_fields`, "#n" is the place of the n-th field of that width. False: it is none
 * (answered). */
NODISCARD bool bit_offset(struct call *call, uint32_t index, bool counts_fields, unsigned width,
                          uint64_t *offset_out);

/* A range of BITCOUNT, BITPOS and BITRANGEINTARRAY, as the client gave it. */
struct bit_range {
    int64_t start;
    int64_t end;
    bool in_bits;
};

/* Read [start [end [BYTE | BIT]]]; what is missing stays. False: answered. */
NODISCARD bool bit_range_read(struct args *args, struct bit_range *range);

/* The bits of a string that a range means; false: none. */
NODISCARD bool bit_range_find(const struct bit_range *range, struct bytes string,
                              uint64_t *first_out, uint64_t *last_out);
