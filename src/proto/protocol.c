#include "proto/protocol.h"

#include "proto/codec_internal.h"
#include "proto/detect_internal.h"
#include "proto/http_internal.h"
#include "proto/protocol_internal.h"
#include "proto/resp_internal.h"
#include "proto/text_internal.h"

#include <errno.h>

const struct protocol_row protocol_rows[] = {
    [PROTOCOL_UNKNOWN] = {"unknown", detect_parse, &codec_resp2},
    [PROTOCOL_TEXT] = {"text", text_parse, &codec_text},
    [PROTOCOL_HTTP] = {"http", http_parse, NULL},
    [PROTOCOL_RESP2] = {"resp2", resp_parse, &codec_resp2},
    [PROTOCOL_RESP3] = {"resp3", resp_parse, &codec_resp3},
};

const char *protocol_name(enum protocol protocol)
{
    return protocol_rows[protocol].name;
}

unsigned protocol_version(enum protocol protocol)
{
    return protocol == PROTOCOL_RESP3 ? 3 : 2;
}

int protocol_hello(enum protocol *protocol, int64_t version)
{
    if ((*protocol != PROTOCOL_RESP2 && *protocol != PROTOCOL_RESP3) ||
        (version != 2 && version != 3)) {
        return -EPROTONOSUPPORT;
    }
    *protocol = version == 3 ? PROTOCOL_RESP3 : PROTOCOL_RESP2;
    return 0;
}
