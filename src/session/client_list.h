/* client_list.h - what is told of a client, and what it tells of itself.
 *
 *   id=3 addr=127.0.0.1:53120 laddr=127.0.0.1:1234 fd=8 name=a age=2 idle=0 flags=N db=0 ...
 *
 * One line a client, as CLIENT INFO and CLIENT LIST of Redis 7.2 have it.
 *
 * Threads: the one that owns the client: others ask it by its mailbox.
 */
#pragma once

#include "session/client.h"

#include <stdio.h>

/* Write the client's line, which ends in LF. */
void client_print(const struct client *client, FILE *out);

/* What a client says of itself. */
enum client_text { CLIENT_NAME, CLIENT_LIB_NAME, CLIENT_LIB_VERSION };
_Static_assert(CLIENT_LIB_VERSION + 1 == CLIENT_TEXTS, "a field for each");

/* Keep a copy of `text`. 0; -EINVAL: it has blanks or characters that are not printable;
 * -E2BIG: it is longer than CLIENT_TEXT_MAX; -ENOMEM. */
NODISCARD int client_set_text(struct client *client, enum client_text which, struct bytes text);
