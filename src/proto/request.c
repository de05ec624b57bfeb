#include "proto/request.h"

#include "base/error.h"
#include "proto/protocol_internal.h"
#include "proto/request_internal.h"
#include "proto/resp_internal.h"

#include <stdio.h>

void parse_error(struct parser *parser, enum parse_status status, size_t size,
                 struct parse_result *result_out, const char *text)
{
    parse_used(parser, status, size, result_out);
    snprintf(result_out->error, sizeof(result_out->error), "%s", text);
}

void request_parse(enum protocol protocol, struct parser *parser, struct bytes input,
                   const struct parse_space *space, struct parse_result *result_out)
{
    if (UNLIKELY(input.size == 0 || input.size < parser->needed)) {
        result_out->status = PARSE_MORE;
        result_out->size = 0;
    } else {
        protocol_rows[protocol].parse(parser, input, space, result_out);
    }
}

bool request_peek_name(enum protocol protocol, struct bytes input, struct bytes *name_out)
{
    bool is_resp = protocol == PROTOCOL_RESP2 || protocol == PROTOCOL_RESP3;
    return is_resp && input.size > 0 && input.data[0] == '*' && resp_peek_name(input, name_out);
}
