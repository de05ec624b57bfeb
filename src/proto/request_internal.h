/* request_internal.h - how the codecs fill in a result.
 *
 * Threads: pure functions.
 */
#pragma once

#include "proto/request.h"

/* Incomplete: at least `needed` bytes, counted from the request's first, must be there. */
static inline void parse_more(struct parser *parser, size_t needed, struct parse_result *result_out)
{
    parser->needed = needed;
    result_out->status = PARSE_MORE;
    result_out->size = 0;
}

/* The first `size` bytes are done with: the parser begins anew. */
static inline void parse_used(struct parser *parser, enum parse_status status, size_t size,
                              struct parse_result *result_out)
{
    *parser = (struct parser){0};
    result_out->status = status;
    result_out->size = size;
}

/* The same for a mistake in them, with its text. */
__attribute__((cold)) void parse_error(struct parser *parser, enum parse_status status, size_t size,
                                       struct parse_result *result_out, const char *text);
