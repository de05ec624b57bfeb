/* resp_internal.h - requests in RESP: arrays of bulk strings, and Redis's inline commands.
 *
 * Threads: one at a time for a parser.
 */
#pragma once

#include "proto/request.h"

/* See request_parse. */
void resp_parse(struct parser *parser, struct bytes input, const struct parse_space *space,
                struct parse_result *result_out);

/* See request_peek_name. */
bool resp_peek_name(struct bytes input, struct bytes *name_out);
