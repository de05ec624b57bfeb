/* protocol_internal.h - the table of protocols.
 *
 * Threads: read-only.
 */
#pragma once

#include "proto/protocol.h"
#include "proto/request.h"

#include <stddef.h>

struct reply_codec;

struct protocol_row {
    const char *name;
    // See request_parse; there is at least one byte of input.
    void (*parse)(struct parser *parser, struct bytes input, const struct parse_space *space,
                  struct parse_result *result_out);
    const struct reply_codec *codec; // NULL: nothing is answered through reply.h.
};

/* By enum protocol. */
extern const struct protocol_row protocol_rows[];
