/* text_internal.h - requests in the native text protocol (docs/protocol.md).
 *
 * Threads: one at a time for a parser.
 */
#pragma once

#include "proto/request.h"

/* See request_parse. */
void text_parse(struct parser *parser, struct bytes input, const struct parse_space *space,
                struct parse_result *result_out);

/* Whether the line, without its end, is a SET whose value follows: `SET key expiry length`,
 * the last two being integers, and perhaps options. Redis's SET is never of this form. */
bool text_is_set(struct bytes line);
