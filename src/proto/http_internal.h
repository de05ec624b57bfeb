/* http_internal.h - requests in HTTP/1.x.
 *
 * Threads: one at a time for a parser.
 */
#pragma once

#include "proto/request.h"

/* See request_parse: says PARSE_MORE or, at the end of a head, PARSE_HTTP. */
void http_parse(struct parser *parser, struct bytes input, const struct parse_space *space,
                struct parse_result *result_out);
