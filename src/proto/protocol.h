/* protocol.h - which language a connection speaks.
 *
 * One table in proto/ has a row per protocol: its name, its parser, its codec of
 * replies. Whoever reads requests (request.h) or answers them (reply.h) hands over
 * what its connection speaks and looks no closer; only where a connection's
 * protocol is chosen is one named.
 *
 *   unknown ──first line──┬──► text
 *                         ├──► resp2 ◄──HELLO──► resp3
 *                         └──► http, and closed after the answer
 *
 * Threads: pure functions.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

enum { PROTO_ERROR_MAX = 256 }; // Bytes of an error's text.

enum protocol {
    PROTOCOL_UNKNOWN, // Nothing has been said yet.
    PROTOCOL_TEXT,
    PROTOCOL_HTTP,
    PROTOCOL_RESP2,
    PROTOCOL_RESP3,
};

/* "unknown", "text", "http", "resp2", "resp3". */
const char *protocol_name(enum protocol protocol);

/* The version of RESP that the connection's replies have, as HELLO and CLIENT LIST tell it:
 * 3 or, in every other protocol too, 2. */
unsigned protocol_version(enum protocol protocol);

/* What `HELLO version` makes of a connection that speaks *protocol: RESP of that version.
 * 0, or -EPROTONOSUPPORT: there is no such version, or the connection does not speak RESP. */
NODISCARD int protocol_hello(enum protocol *protocol, int64_t version);
