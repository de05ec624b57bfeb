/* detect_internal.h - the first line of a connection, which decides its protocol.
 *
 *   first line                        the connection speaks
 *   begins with `*`                   RESP
 *   two words or more and `HTTP/...`  HTTP, whatever its end
 *   `SET key expiry length ...`       native text, whatever its end
 *   ends in CR LF                     RESP: Redis's inline form
 *   ends in LF alone                  native text
 *
 * A line without words decides nothing. A first byte that no request begins with, such
 * as that of a TLS hello, is a mistake that closes.
 *
 * HTTP comes before the native SET, and its line is told by its last word, whatever the
 * words before it: no web page may send a line that is taken for a command. (`SET key
 * HTTP/1.1` as the first line of a connection is the price; in quotes it is a SET.)
 *
 * Threads: one at a time for a parser.
 */
#pragma once

#include "proto/request.h"

/* The parser of a connection whose protocol is unknown: says PARSE_PROTOCOL, PARSE_EMPTY,
 * PARSE_MORE or PARSE_FATAL. See request_parse. */
void detect_parse(struct parser *parser, struct bytes input, const struct parse_space *space,
                  struct parse_result *result_out);
